"""How http::Fetcher handles policy hosts: those that answer as RFC 8461 section 3.3 demands, and all others."""

import collections
import itertools
import json
import os
import socket
import ssl
import threading
import unittest
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab import Lab, program
from lab.acceptor import Acceptor
from lab.ca import CA, Certificate
from lab.https import Answer, HttpsServer, Request
from test_fetch import OPENSSL_CONF

HOST = "mta-sts.example.test"
PATH = "/.well-known/mta-sts.txt"
POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mx.example.test\r\nmax_age: 604800\r\n"
FAR = ("--total", "9000", "--connect", "9000")  # limits that do not stop a transfer

Page = dict[str, str | int]


class Fetched:
    """What http_fetch_many printed: the pages in the order of arrival, and their cost."""

    def __init__(self, output: str) -> None:
        *self.pages, self.cost = map(json.loads, output.splitlines())


class Web:
    """A server with one valid policy host, and the fetcher that asks it."""

    def __init__(self, lab: Lab, **options: ssl.TLSVersion) -> None:
        self.lab = lab
        self.server = HttpsServer(lab, **options)
        self.server.add_host(HOST, lab.ca.issue(HOST))
        self.answer(Answer(body=POLICY.encode()))

    def answer(self, answer: Answer | Callable[[Request], Answer]) -> None:
        self.server.answer(HOST, PATH, answer)

    def fetch(self, *arguments: str, host: str = HOST, environment: Mapping[str, str] | None = None) -> Page:
        return fetch(self.lab, self.server.port, *arguments, host=host, addresses=[self.server.address],
                     environment=environment)


def fetch_all(lab: Lab, port: int, requests: Sequence[str], *arguments: str, ca: Path | None = None,
              environment: Mapping[str, str] | None = None) -> Fetched:
    """The pages of lines "HOST PATH ADDRESS..."; within ten seconds, whatever the servers do."""
    done = program.run("http_fetch_many", "--private", "--port", str(port), "--ca", ca or lab.ca.certificate,
                       *arguments, environment=environment, timeout=60,
                       text_in="".join(f"{line}\n" for line in requests))
    if done.returncode:
        raise AssertionError(done.stderr)
    return Fetched(done.stdout)


def fetch(lab: Lab, port: int, *arguments: str, addresses: Sequence[str], host: str = HOST,
          environment: Mapping[str, str] | None = None) -> Page:
    return fetch_all(lab, port, [" ".join((host, PATH, *addresses))], *arguments, environment=environment).pages[0]


class RawServer:
    """Does with every connection what the test wants, in a thread of the test; over TLS if it has a certificate."""

    def __init__(self, lab: Lab, talk: Callable[[socket.socket], object],
                 certificate: Certificate | None = None) -> None:
        self._talk = talk
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._tls and certificate:
            self._tls.load_cert_chain(certificate.certificate, certificate.key)
        listener = socket.create_server((lab.address(), 0))
        self.address, self.port = listener.getsockname()
        lab.at_end(Acceptor(listener, self._serve).end)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with self._tls.wrap_socket(connection, server_side=True) if self._tls else connection as peer:
                self._talk(peer)
        except OSError:
            pass  # clients that close early are part of the tests


def wait_for_the_end(peer: socket.socket) -> None:
    while peer.recv(65536):
        pass


def says(*pieces: bytes) -> Callable[[socket.socket], None]:
    """Answer the request with these bytes and close the connection as TLS demands."""
    def talk(peer: socket.socket) -> None:
        peer.recv(65536)
        for piece in pieces:
            peer.sendall(piece)
        if isinstance(peer, ssl.SSLSocket):
            peer.unwrap()
    return talk


def says_for_ever(beginning: bytes, piece: bytes, pause: float = 0) -> Callable[[socket.socket], None]:
    def talk(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(beginning)
        while True:
            peer.sendall(piece)
            if pause:
                peer.settimeout(pause)
                try:
                    if not peer.recv(1):
                        return
                except TimeoutError:
                    peer.settimeout(None)
    return talk


class FetcherCase(unittest.TestCase):
    def assert_error(self, page: Page, error: str, reason: str, status: int = 0) -> None:
        self.assertEqual((page["error"], page["status"], page["body"]), (error, status, ""), page)
        self.assertRegex(str(page["reason"]), f"^{reason}$")

    def assert_page(self, page: Page, body: str = POLICY) -> None:
        self.assertEqual((page["error"], page["reason"], page["status"], page["body"]), ("none", "", 200, body), page)


class Fetching(FetcherCase):
    def test_returns_the_page_of_the_host_and_its_type(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            page = web.fetch()
            self.assert_page(page)
            self.assertEqual(page["content_type"], "text/plain")
            asked = web.server.requests[0]
            self.assertEqual((asked.method, asked.host, asked.path), ("GET", HOST, PATH))
            self.assertEqual(set(asked.headers), {"Host", "User-Agent", "Accept"})
            self.assertRegex(asked.headers["User-Agent"], r"^starttls-toolkit/\d")

    def test_the_caller_judges_the_content_type(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            for headers, shown in (({}, ""), ({"Content-Type": "text/html; charset=utf-8"}, "text/html; charset=utf-8"),
                                   ({"Content-Type": "text/\x1b[31mplain"}, r"text/\x1b[31mplain"),
                                   ({"Content-Type": "x" * 500}, "x" * 200 + "...")):
                web.answer(Answer(headers=headers, body=POLICY.encode()))
                page = web.fetch()
                self.assert_page(page)
                self.assertEqual(page["content_type"], shown)

    def test_any_status_but_200_is_an_error_and_its_page_is_not_waited_for(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            html = {"Content-Type": "text/html"}
            for status in (201, 203, 206, 400, 404, 410, 429, 500, 503):
                for answer in (Answer(status, html, b"<html>"), Answer(status, html, hold=True),
                               Answer(status, html, chunks=itertools.repeat(b"x" * 1000)),
                               Answer(status, {**html, "Content-Length": str(1 << 30)}, hold=True)):
                    with self.subTest(status=status):
                        web.answer(answer)
                        page = web.fetch(*FAR)
                        self.assert_error(page, "status", f"status {status}", status)
                        self.assertEqual(page["content_type"], "text/html")
            web.answer(Answer(204))
            self.assert_error(web.fetch(), "status", "status 204", 204)

    def test_redirects_are_not_followed(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            for status in (301, 302, 303, 307, 308):
                web.answer(Answer(status, {"Location": f"https://{HOST}:{web.server.port}/policy"}))
                self.assert_error(web.fetch(), "redirect",
                                    f"status {status}, a redirect to https://{HOST}:{web.server.port}/policy", status)
            web.answer(Answer(302, {"Location": "/\x1b[31m" + "x" * 500}))
            self.assert_error(web.fetch(), "redirect", r"status 302, a redirect to /\\x1b\[31mx{10,200}\.\.\.", 302)
            web.answer(Answer(302, hold=True))
            self.assert_error(web.fetch(*FAR), "redirect", "status 302", 302)
            web.answer(Answer(304))
            self.assert_error(web.fetch(), "redirect", "status 304", 304)
            self.assertEqual({request.path for request in web.server.requests}, {PATH})

    def test_a_coding_that_was_not_asked_for_is_refused(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.answer(Answer(headers={"Content-Encoding": "gzip"}, body=b"\x1f\x8b"))
            self.assert_error(web.fetch(), "status", 'sent in the coding "gzip", which was not asked for', 200)

    def test_nothing_is_carried_from_one_fetch_to_the_next(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.answer(Answer(headers={"Set-Cookie": "a=b", "Cache-Control": "max-age=9999", "ETag": '"1"',
                                       "Strict-Transport-Security": "max-age=9999"}, body=POLICY.encode()))
            requests = [f"{HOST} {PATH} {web.server.address}"] * 2
            for page in fetch_all(lab, web.server.port, requests, "--most-at-once", "1").pages:
                self.assert_page(page)
            self.assertEqual(web.server.connections, 2)
            self.assertEqual(set(web.server.requests[1].headers), {"Host", "User-Agent", "Accept"})

    def test_proxies_of_the_environment_are_not_used(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            proxy = f"http://{lab.address()}:1"
            names = ("https_proxy", "HTTPS_PROXY", "ALL_PROXY")
            self.assert_page(web.fetch(environment=dict.fromkeys(names, proxy)))


class Addresses(FetcherCase):
    def test_are_tried_in_turn(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            closed = lab.address()
            self.assert_page(fetch(lab, web.server.port, addresses=[closed, web.server.address, closed]))

    def test_are_those_of_this_fetch_even_if_the_host_had_others_before(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            moved = HttpsServer(lab, port=web.server.port)
            moved.add_host(HOST, lab.ca.issue(HOST))
            moved.answer(HOST, PATH, Answer(body=b"moved"))
            addresses = [web.server.address, moved.address, web.server.address, lab.address()]
            pages = fetch_all(lab, web.server.port, [f"{HOST} {PATH} {address}" for address in addresses],
                              "--most-at-once", "1").pages
            self.assertEqual([page["body"] for page in pages], [POLICY, "moved", POLICY, ""])
            self.assert_error(pages[3], "connection", "Connection refused")
            pages = fetch_all(lab, web.server.port, [f"{HOST} {PATH} {address}" for address in addresses]).pages
            self.assertCountEqual([page["body"] for page in pages], [POLICY, "moved", POLICY, ""])

    def test_that_are_not_public_are_not_connected_to(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            line = f"{HOST} {PATH} {web.server.address} ::1 ::ffff:{web.server.address} 10.0.0.1\n"
            done = program.run("http_fetch_many", "--port", str(web.server.port), "--ca", lab.ca.certificate,
                               text_in=line)
            page = Fetched(done.stdout).pages[0]
            self.assert_error(page, "address", f"no address of the public Internet: {web.server.address}")
            self.assertEqual(web.server.connections, 0)

    def test_a_closed_port_is_reported(self) -> None:
        with Lab() as lab:
            address = lab.address()
            page = fetch(lab, lab.free_port(address), addresses=[address])
            self.assert_error(page, "connection", "Connection refused")

    def test_a_host_without_any_is_an_error(self) -> None:
        with Lab() as lab:
            self.assert_error(fetch(lab, 443, addresses=[], host="localhost"), "address", "no address")


class Size(FetcherCase):
    def test_is_limited_for_every_kind_of_body(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            endless = itertools.repeat(b"x" * 1000)
            gigabyte = {"Content-Length": str(1 << 30)}
            for answer in (Answer(body=b"x" * 65_537), Answer(chunks=endless), Answer(chunks=endless, chunked=True),
                           Answer(headers=gigabyte, hold=True), Answer(headers=gigabyte, chunks=endless)):
                web.answer(answer)
                fetched = fetch_all(lab, web.server.port, [f"{HOST} {PATH} {web.server.address}"], *FAR)
                self.assert_error(fetched.pages[0], "too_large", "more than 65536 bytes", 200)
                self.assertLess(fetched.cost["seconds"], 30)
            for answer in (Answer(body=b"x" * 65_536), Answer(chunks=[b"x" * 32_768] * 2, chunked=True)):
                web.answer(answer)
                self.assert_page(web.fetch(), "x" * 65_536)

    def test_of_headers_is_limited(self) -> None:
        with Lab() as lab:
            certificate = lab.ca.issue(HOST)
            for beginning, piece in ((b"HTTP/1.1 200 OK\r\n", b"X-Header: x\r\n" * 100),
                                     (b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"x" * 20_000 + b"\r\n"),
                                     (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
                                     (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                                      b"X: x\r\n" * 100)):
                server = RawServer(lab, says_for_ever(beginning, piece), certificate)
                page = fetch(lab, server.port, *FAR, addresses=[server.address])
                self.assertEqual(page["error"], "too_large", page)
                # curl 8.14 has a limit for their number, too.
                self.assertRegex(page["reason"], "^(headers of more than 65536 bytes|Too many response headers, .*)$")

    def test_a_wrong_length_is_detected_if_bytes_are_missing(self) -> None:
        with Lab() as lab:
            certificate = lab.ca.issue(HOST)
            for length, body, error in ((b"10", b"12345", "connection"), (b"5", b"1234567890", "none"),
                                          (b"-5", b"12345", "status"), (b"many", b"12345", "status")):
                said = b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n" + body
                server = RawServer(lab, says(said), certificate)
                page = fetch(lab, server.port, *FAR, addresses=[server.address])
                self.assertEqual(page["error"], error, page)
                self.assertEqual(page["body"], "12345" if error == "none" else "", page)

    def test_a_body_that_breaks_off_is_no_page(self) -> None:
        with Lab() as lab:
            certificate = lab.ca.issue(HOST)
            for said, reason in ((b"", "Empty reply from server"),
                                 (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
                                  "transfer closed .*")):
                server = RawServer(lab, says(said), certificate)
                page = fetch(lab, server.port, *FAR, addresses=[server.address])
                self.assert_error(page, "connection", reason, 200 if said else 0)

    def test_a_server_without_http_is_reported(self) -> None:
        with Lab() as lab:
            server = RawServer(lab, says(b"220 mx.example.test ESMTP\r\n"), lab.ca.issue(HOST))
            self.assert_error(fetch(lab, server.port, *FAR, addresses=[server.address]), "status",
                                "the server does not speak HTTP as it should: .*HTTP/0.9.*")


class Time(FetcherCase):
    """Each limit is tried while the other is high, so that the other cannot stop the transfer."""

    def test_is_limited_before_and_after_the_handshake(self) -> None:
        with Lab() as lab:
            mute = RawServer(lab, wait_for_the_end)
            deaf = RawServer(lab, wait_for_the_end, lab.ca.issue(HOST))
            for server, limits in ((mute, ("--connect", "200")), (mute, ("--total", "200")),
                                   (deaf, ("--total", "200"))):
                page = fetch(lab, server.port, *FAR, *limits, addresses=[server.address])
                self.assert_error(page, "timeout", ".*(timeout|timed out).*")

    def test_is_limited_while_bytes_arrive(self) -> None:
        with Lab() as lab:
            certificate = lab.ca.issue(HOST)
            ok = b"HTTP/1.1 200 OK\r\n"
            interim = b"HTTP/1.1 100 Continue\r\n\r\n"
            for beginning, piece in ((interim, interim), (ok, b"X: x\r\n"), (ok + b"X: ", b"x"), (ok + b"\r\n", b"x"),
                                     (ok + b"Content-Length: 1000\r\n\r\n", b"x"),
                                     (ok + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n")):
                server = RawServer(lab, says_for_ever(beginning, piece, pause=0.02), certificate)
                page = fetch(lab, server.port, *FAR, "--total", "300", addresses=[server.address])
                self.assertEqual((page["error"], page["body"]), ("timeout", ""), page)


class Trust(FetcherCase):
    def test_a_certificate_that_is_not_valid_for_the_host_is_an_error_of_its_own_kind(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            stranger = CA(lab.new_folder("ca"), "Untrusted CA")
            alone = CA(lab.new_folder("ca"), "alone.example.test")
            itself = Certificate(alone.folder / "ca.key", alone.certificate)
            for host, certificate, reason in (
                    ("old.example.test", lab.ca.issue("old.example.test", expired=True), ".*certificate has expired"),
                    ("strange.example.test", stranger.issue("strange.example.test"),
                     ".*unable to get local issuer certificate"),
                    ("alone.example.test", itself, ".*self-signed certificate"),
                    ("other.example.test", lab.ca.issue("elsewhere.example.test"),
                     ".*no alternative certificate subject name matches target host ?name 'other.example.test'"),
                    ("a.b.example.test", lab.ca.issue("*.example.test", ["*.example.test"]), ".*no alternative .*")):
                with self.subTest(host):
                    web.server.add_host(host, certificate)
                    self.assert_error(web.fetch(host=host), "certificate", reason)
            self.assertEqual(web.server.requests, [])

    def test_a_handshake_that_fails_is_an_error_of_another_kind(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            self.assert_error(web.fetch(host="unknown.example.test"), "tls",
                                "the TLS handshake failed: .*unrecognized name.*")
            for said in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mx.example.test ESMTP\r\n"):
                server = RawServer(lab, says(said))
                self.assert_error(fetch(lab, server.port, addresses=[server.address]), "tls",
                                    "the TLS handshake failed: .*wrong version number.*")
            server = RawServer(lab, lambda peer: peer.recv(1))
            self.assert_error(fetch(lab, server.port, addresses=[server.address]), "tls",
                                "the TLS handshake failed: .*")

    def test_tls_before_1_2_is_refused(self) -> None:
        with Lab() as lab:
            lax = lab.folder / "openssl.cnf"
            lax.write_text(OPENSSL_CONF)
            for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2):
                page = Web(lab, newest_tls=version).fetch(environment={"OPENSSL_CONF": str(lax)})
                if version == ssl.TLSVersion.TLSv1_2:
                    self.assert_page(page)
                else:
                    self.assert_error(page, "tls", "the TLS handshake failed: .*protocol version.*")

    def test_the_authorities_are_read_once_and_are_the_only_ones(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            authorities = lab.new_folder("trusted") / "ca.pem"
            authorities.write_bytes(lab.ca.certificate.read_bytes())
            other = "mta-sts.other.test"
            web.server.add_host(other, lab.ca.issue(other))
            web.server.answer(other, PATH, Answer(body=POLICY.encode()))

            def last_use(_: Request) -> Answer:
                authorities.unlink()
                return Answer(body=POLICY.encode())

            web.answer(last_use)
            requests = [f"{host} {PATH} {web.server.address}" for host in (HOST, other)]
            for page in fetch_all(lab, web.server.port, requests, "--most-at-once", "1", ca=authorities).pages:
                self.assert_page(page)
            stranger = CA(lab.new_folder("ca"), "Another CA")
            page = fetch_all(lab, web.server.port, requests[:1], ca=stranger.certificate).pages[0]
            self.assert_error(page, "certificate", ".*unable to get local issuer certificate")


class Gathering:
    """Keeps answers back until this many requests are there at the same time, and counts the most at one time."""

    def __init__(self, size: int) -> None:
        self._changed = threading.Condition()
        self._size = size
        self._here: collections.Counter[str] = collections.Counter()
        self.most = 0
        self.most_of_one: collections.Counter[str] = collections.Counter()

    def join(self, place: str) -> Answer:
        with self._changed:
            self._here[place] += 1
            self.most = max(self.most, self._here.total())
            self.most_of_one[place] = max(self.most_of_one[place], self._here[place])
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= self._size, timeout=60)
            self._here[place] -= 1
        return Answer(body=POLICY.encode())


class Crowd(FetcherCase):
    """Hundreds of hosts under one certificate, on several addresses."""

    def fetch_crowd(self, lab: Lab, size: int, gathering: Gathering, addresses: int, *arguments: str) -> Fetched:
        certificate = lab.ca.issue("crowd.test", ["*.crowd.test"])
        servers: list[HttpsServer] = []
        for _ in range(addresses):
            servers.append(HttpsServer(lab, port=servers[0].port if servers else 0))
        requests = []
        for number, server in zip(range(size), itertools.cycle(servers)):
            host = f"h{number}.crowd.test"
            server.add_host(host, certificate)
            server.answer(host, PATH, lambda _, place=server.address: gathering.join(place))
            requests.append(f"{host} {PATH} {server.address}")
        return fetch_all(lab, servers[0].port, requests, *FAR, *arguments)

    def test_reaches_its_limits_and_does_not_exceed_them(self) -> None:
        with Lab() as lab:
            gathering = Gathering(30)
            fetched = self.fetch_crowd(lab, 300, gathering, 3, "--most-at-once", "30", "--most-per-address", "12")
            self.assertEqual(fetched.cost["pages"], 300)
            self.assertEqual(gathering.most, 30)
            gathering = Gathering(36)
            fetched = self.fetch_crowd(lab, 300, gathering, 3, "--most-at-once", "300", "--most-per-address", "12")
            self.assertEqual(fetched.cost["pages"], 300)
            self.assertEqual(set(gathering.most_of_one.values()), {12})

    @unittest.skipIf(os.environ.get("BUILD_DIR", "").endswith(("asan", "tsan")), "sanitizers take memory of their own")
    def test_hundreds_of_transfers_use_little_memory(self) -> None:
        with Lab() as lab:
            gathering = Gathering(300)
            fetched = self.fetch_crowd(lab, 300, gathering, 1, "--most-at-once", "300", "--most-per-address", "300")
            self.assertEqual((fetched.cost["pages"], gathering.most), (300, 300))
            self.assertLess(fetched.cost["most_memory_kib"], 60 * 1024)

    def test_an_address_that_does_not_answer_delays_no_other(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            hanging = socket.create_server((lab.address(), web.server.port))
            lab.at_end(hanging.close)
            requests = [f"h{number}.crowd.test {PATH} {hanging.getsockname()[0]}" for number in range(6)]
            requests.append(f"{HOST} {PATH} {web.server.address}")
            pages = fetch_all(lab, web.server.port, requests, "--most-at-once", "3", "--most-per-address", "2",
                              "--total", "300").pages
            self.assert_page(pages[0])
            self.assertEqual([page["error"] for page in pages[1:]], ["timeout"] * 6)


if __name__ == "__main__":
    unittest.main()
