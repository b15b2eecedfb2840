"""How the http component handles servers that answer, and servers that answer wrongly, slowly, for ever or not at
all."""

import gzip
import itertools
import socket
import ssl
import unittest
import zlib
from collections.abc import Mapping
from pathlib import Path

from lab import Lab, program
from lab.ca import CA
from lab.https import Answer, HttpsServer, Request

TEMPORARY, DATA, CONFIG = 75, 65, 78
HOST = "lists.localhost"  # libcurl resolves names in .localhost to the loopback interface


class Fetched(dict[str, str]):
    """What http_fetch printed about one URL, and the content of its file."""
    body: bytes = b""


class Web:
    """A server with one valid host."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.server = self.new_server()
        self.server.add_host(HOST, lab.ca.issue(HOST))

    def new_server(self, **options: ssl.TLSVersion) -> HttpsServer:
        return HttpsServer(self.lab, address="127.0.0.1", **options)

    def url(self, path: str = "/list", host: str = HOST) -> str:
        return f"https://{host}:{self.server.port}{path}"

    def answer(self, answer: Answer, path: str = "/list") -> None:
        self.server.answer(HOST, path, answer)

    def redirect(self, target: str, path: str = "/list", status: int = 302) -> None:
        self.answer(Answer(status, {"Location": target}), path)


# Debian's OpenSSL refuses old versions of TLS by its security level; with this, only our own rule decides.
OPENSSL_CONF = """\
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = lax
[lax]
MinProtocol = TLSv1
CipherString = DEFAULT@SECLEVEL=0
"""


def fetch_all(lab: Lab, *arguments: str, ca: Path | str | None = None, proxy: str = "",
              environment: Mapping[str, str] | None = None) -> list[Fetched]:
    """The result of every URL; within ten seconds, whatever the server does. With ca="" the system's are trusted."""
    output = lab.new_folder("fetched") / "body"
    done = program.run("http_fetch", "--ca", lab.ca.certificate if ca is None else ca, "--output", output, *arguments,
                       environment={"https_proxy": proxy, "no_proxy": "" if proxy else "*", **(environment or {})},
                       timeout=60)
    results = [Fetched(field.split("=", 1) for field in line.split("\t")) for line in done.stdout.splitlines()]
    for result in results:
        result.body = output.read_bytes()
    return results


def fetch(lab: Lab, *arguments: str, ca: Path | str | None = None, proxy: str = "",
          environment: Mapping[str, str] | None = None) -> Fetched:
    return fetch_all(lab, *arguments, ca=ca, proxy=proxy, environment=environment)[0]


class FetchCase(unittest.TestCase):
    def assert_fails(self, result: Fetched, fault: int, reason: str) -> None:
        self.assertEqual(result.get("fault"), str(fault), result)
        self.assertRegex(result["error"], reason)


class Fetching(FetchCase):
    def test_returns_the_body_and_its_headers(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            body = bytes(range(256)) * 2000
            web.answer(Answer(headers={"ETag": 'W/"17"', "Last-Modified": "Sun, 22 Nov 2026 14:48:59 GMT",
                                       "Content-Type": "application/json"}, body=body))
            result = fetch(lab, web.url())
            self.assertEqual(result, {"status": "200", "etag": 'W/"17"', "bytes": str(len(body)), "url": web.url(),
                                      "last_modified": "Sun, 22 Nov 2026 14:48:59 GMT",
                                      "content_type": "application/json"})
            self.assertEqual(result.body, body)
            asked = web.server.requests[0].headers
            self.assertRegex(asked["User-Agent"], r"^starttls-toolkit/\d")
            self.assertEqual(set(asked), {"Host", "User-Agent", "Accept"})

    def test_asks_whether_there_is_a_newer_version(self) -> None:
        def conditional(request: Request) -> Answer:
            known = (request.headers.get("If-None-Match"), request.headers.get("If-Modified-Since"))
            return Answer(304, {"ETag": '"1"'}) if known == ('"1"', "then") else Answer(body=b"new")

        with Lab() as lab:
            web = Web(lab)
            web.answer(conditional)
            result = fetch(lab, "--etag", '"1"', "--last-modified", "then", web.url())
            self.assertEqual((result["status"], result["etag"], result.body), ("304", '"1"', b""))
            result = fetch(lab, "--etag", '"0"', web.url())
            self.assertEqual((result["status"], result["etag"], result.body), ("200", "", b"new"))

    def test_not_modified_is_an_error_if_nobody_asked(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.answer(Answer(304, {}))
            self.assert_fails(fetch(lab, web.url()), DATA, r"\"not modified\" \(status 304\) without having been asked")

    def test_validators_that_could_break_a_file_or_a_request_are_neither_stored_nor_sent(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.answer(Answer(headers={"ETag": '"a\x01b"', "Last-Modified": "x" * 600}))
            result = fetch(lab, "--etag", '"a\r\nX-Evil: 1"', "--last-modified", "x" * 600, web.url())
            self.assertEqual((result["etag"], result["last_modified"]), ("", ""))
            self.assertEqual(set(web.server.requests[0].headers), {"Host", "User-Agent", "Accept"})

    def test_an_error_names_the_status_and_keeps_no_body(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            for status, fault, reason in ((404, DATA, "there is no such file"), (410, DATA, "withdrawn"),
                                          (403, DATA, "denies access"), (206, DATA, "no file"),
                                          (300, DATA, "not followed"), (500, TEMPORARY, "cannot answer now"),
                                          (503, TEMPORARY, "cannot answer now"), (429, TEMPORARY, "cannot answer now")):
                for body in (Answer(status, body=b"<html>"), Answer(status), Answer(status, body=b"x" * 500_000)):
                    with self.subTest(status=status, size=len(body.body)):
                        web.answer(body)
                        result = fetch(lab, "--bytes", "1000", web.url())
                        self.assert_fails(result, fault, rf"^{web.url()}: .*{reason}.* \(status {status}\)$")
                        self.assertEqual(result.body, b"")

    def test_an_error_page_without_an_end_is_not_read_to_its_end(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.answer(Answer(500, chunks=itertools.repeat(b"x" * 1000)))
            self.assert_fails(fetch(lab, web.url()), TEMPORARY, "status 500")

    def test_user_name_password_and_query_are_never_shown(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            result = fetch(lab, f"https://user:secret@{HOST}:{web.server.port}/none?token=secret")
            self.assert_fails(result, DATA, rf"^{web.url('/none')}: there is no such file")
            web.answer(Answer(body=b"x"))
            result = fetch(lab, f"https://user:secret@{HOST}:{web.server.port}/list")
            self.assertEqual(result["url"], web.url())

    def test_the_size_limit_is_valid_for_every_kind_of_body(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            endless = itertools.repeat(b"x" * 1000)
            for answer in (Answer(body=b"x" * 10_001), Answer(chunks=endless), Answer(chunks=endless, chunked=True),
                           Answer(headers={"Content-Length": "10001"}, body=b"x", hold=True)):
                web.answer(answer)
                result = fetch(lab, "--bytes", "10000", web.url())
                self.assert_fails(result, DATA, "larger than the limit of 10000 bytes")
                self.assertLessEqual(len(result.body), 10_000)
            for answer in (Answer(body=b"x" * 10_000), Answer(chunks=[b"x" * 5000] * 2, chunked=True)):
                web.answer(answer)
                self.assertEqual(fetch(lab, "--bytes", "10000", web.url())["bytes"], "10000")

    def test_a_body_that_breaks_off_is_an_error(self) -> None:
        def broken(_: Request) -> Answer:
            raise ConnectionResetError("the server gave up")

        with Lab() as lab:
            web = Web(lab)
            web.answer(Answer(chunks=(broken(None) for _ in range(1)), chunked=True, body=b"half"))
            # The second words, twice: where OpenSSL reports that the server did not say that it closes (curl 8.14).
            self.assert_fails(fetch(lab, web.url()), TEMPORARY, "transfer closed|unexpected eof while reading")
            web.answer(broken)
            self.assert_fails(fetch(lab, web.url()), TEMPORARY, "Empty reply from server|unexpected eof while reading")

    def test_a_coding_that_was_not_asked_for_is_refused(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.answer(Answer(headers={"Content-Encoding": "gzip"}, body=b"\x1f\x8b"))
            self.assert_fails(fetch(lab, web.url()), DATA, 'in the coding "gzip"')

    def test_gzip_is_asked_for_and_decoded_where_the_request_allows_it(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            body = b"a list " * 1000
            for coding in ("gzip", "GZIP", "x-gzip"):
                web.answer(Answer(headers={"Content-Encoding": coding}, body=gzip.compress(body)))
                result = fetch(lab, "--gzip", web.url())
                self.assertEqual((result.body, result["bytes"]), (body, "7000"))
            web.answer(Answer(body=body))
            self.assertEqual(fetch(lab, "--gzip", web.url()).body, body)
            self.assertEqual([request.headers.get("Accept-Encoding") for request in web.server.requests], ["gzip"] * 4)
            fetch(lab, web.url())
            self.assertNotIn("Accept-Encoding", web.server.requests[-1].headers)

    def test_other_codings_than_gzip_are_refused(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            for coding, body in (("deflate", zlib.compress(b"x")), ("gzip, gzip", gzip.compress(gzip.compress(b"x")))):
                web.answer(Answer(headers={"Content-Encoding": coding}, body=body))
                self.assert_fails(fetch(lab, "--gzip", web.url()), DATA, f'in the coding "{coding}"')
            web.answer(Answer(headers={"Content-Encoding": "gzip"}, body=b"no gzip"))
            self.assert_fails(fetch(lab, "--gzip", web.url()), DATA, "does not speak HTTP as it should")

    def test_the_limit_counts_decoded_bytes(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.answer(Answer(headers={"Content-Encoding": "gzip"}, body=gzip.compress(bytes(50_000_000))))
            result = fetch(lab, "--gzip", "--bytes", "100000", web.url())
            self.assert_fails(result, DATA, "larger than the limit of 100000 bytes")
            self.assertLessEqual(len(result.body), 100_000)

    def test_a_file_may_be_missing_if_the_request_allows_it(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.answer(Answer(404, body=b"not found"))
            result = fetch(lab, "--may-be-missing", web.url())
            self.assertEqual((result["status"], result["bytes"], result.body), ("404", "0", b""))
            for status in (403, 410):
                web.answer(Answer(status))
                self.assert_fails(fetch(lab, "--may-be-missing", web.url()), DATA, f"status {status}")

    def test_a_sink_that_fails_stops_the_transfer_with_its_error(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.answer(Answer(chunks=itertools.repeat(b"x" * 1000)))
            result = program.run("http_fetch", "--ca", lab.ca.certificate, "--output", "/dev/full", web.url())
            self.assertIn("error=/dev/full: cannot write: No space left on device", result.stdout)


class Redirects(FetchCase):
    def test_are_followed_from_https_to_https(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.redirect(web.url("/b?v=1"), "/list", 301)
            web.redirect("/c", "/b?v=1", 307)
            web.answer(Answer(body=b"here"), "/c")
            result = fetch(lab, "--redirects", "2", web.url())
            self.assertEqual((result["url"], result.body), (web.url("/c"), b"here"))

    def test_an_error_names_their_target(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.redirect(f"https://user:secret@{HOST}:{web.server.port}/none?token=secret")
            self.assert_fails(fetch(lab, web.url()), DATA,
                              rf"^{web.url()}, redirected to {web.url('/none')}: there is no such file")

    def test_away_from_https_are_refused(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            for target in ("http://lists.localhost/list", "file:///etc/hostname", "ftp://lists.localhost/list",
                           "HTTP://user:secret@lists.localhost/"):
                with self.subTest(target):
                    web.redirect(target)
                    result = fetch(lab, web.url())
                    self.assert_fails(result, DATA, "the server redirects away from https, which is refused$")
                    self.assertNotIn("secret", result["error"])
                    self.assertEqual(result.body, b"")

    def test_have_a_limit(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.redirect(web.url())
            self.assert_fails(fetch(lab, "--redirects", "3", web.url()), DATA, ": more than 3 redirects$")
            self.assertEqual(len(web.server.requests), 4)
            self.assert_fails(fetch(lab, "--redirects", "0", web.url()), DATA,
                              r"in a way that is not followed \(status 302\)$")

    def test_without_a_valid_target_are_errors(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.redirect("https://[::/")
            self.assert_fails(fetch(lab, web.url()), DATA, "to what is no URL$")
            web.answer(Answer(302))
            self.assert_fails(fetch(lab, web.url()), DATA, "not followed")


class Slowness(FetchCase):
    """Each limit is tried while the others are high, so that no other limit can stop the transfer."""

    def test_a_server_without_a_handshake_is_given_up(self) -> None:
        with Lab() as lab, socket.create_server(("127.0.0.1", 0)) as mute:
            url = f"https://{HOST}:{mute.getsockname()[1]}/list"
            self.assert_fails(fetch(lab, "--connect", "300", url), TEMPORARY, "too slow")
            self.assert_fails(fetch(lab, "--total", "300", url), TEMPORARY, "too slow")

    def test_a_body_that_never_comes_or_comes_slowly_ends_with_the_total_time(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            for answer in (Answer(hold=True), Answer(body=b"half", hold=True),
                           Answer(chunks=itertools.repeat(b"x"), pause=0.05)):
                web.answer(answer)
                self.assert_fails(fetch(lab, "--total", "600", web.url()), TEMPORARY, "too slow")

    def test_a_body_that_comes_slowly_ends_with_the_lowest_speed(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.answer(Answer(chunks=itertools.repeat(b"x"), pause=0.05, chunked=True))
            self.assert_fails(fetch(lab, "--least-speed", "1000", "--slow", "1", web.url()), TEMPORARY,
                              "too slow: .*Less than 1000 bytes/sec")

    def test_a_closed_port_and_an_unknown_name_are_temporary_errors(self) -> None:
        with Lab() as lab:
            port = lab.free_port("127.0.0.1")
            self.assert_fails(fetch(lab, f"https://{HOST}:{port}/list"), TEMPORARY, "Failed to connect")
            self.assert_fails(fetch(lab, "https://no-such-name.invalid/list"), TEMPORARY, "Could not resolve host")


class Trust(FetchCase):
    def test_a_certificate_that_is_expired_untrusted_or_for_another_name_is_refused(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            stranger = CA(lab.new_folder("ca"), "Untrusted CA")
            for host, certificate, reason in (
                    ("old.localhost", lab.ca.issue("old.localhost", expired=True), "has expired"),
                    ("strange.localhost", stranger.issue("strange.localhost"), "unable to get local issuer"),
                    ("other.localhost", lab.ca.issue("elsewhere.localhost"), "no alternative certificate subject name"),
                    # RFC 8461 section 3.3 demands a DNS-ID: the common name does not count.
                    ("common.localhost", lab.ca.issue("common.localhost", sans=[]), "hostname mismatch"),
                    ("mail.localhost", lab.ca.issue("mail.localhost", sans=["email:a@mail.localhost"]),
                     "hostname mismatch")):
                with self.subTest(host):
                    web.server.add_host(host, certificate)
                    web.server.answer(host, "/list", Answer(body=b"x"))
                    self.assert_fails(fetch(lab, web.url(host=host)), DATA,
                                      f"^https://{host}.*: the server's certificate cannot be trusted, .*{reason}")
            self.assertEqual(web.server.requests, [])

    def test_a_ca_file_is_the_only_authority_and_must_exist(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.answer(Answer(body=b"x"))
            stranger = CA(lab.new_folder("ca"), "Another CA")
            self.assert_fails(fetch(lab, web.url(), ca=stranger.certificate), DATA, "cannot be trusted")
            self.assert_fails(fetch(lab, web.url(), ca=lab.folder / "none.pem"), CONFIG, "the CA file cannot be used")
            self.assert_fails(fetch(lab, web.url(), ca=""), DATA, "cannot be trusted")

    def test_tls_before_1_2_is_refused(self) -> None:
        with Lab() as lab:
            certificate = lab.ca.issue(HOST)
            lax = lab.folder / "openssl.cnf"
            lax.write_text(OPENSSL_CONF)
            for version, works in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
                web = Web(lab)
                web.server = web.new_server(newest_tls=version)
                web.server.add_host(HOST, certificate)
                web.answer(Answer(body=b"x"))
                result = fetch(lab, web.url(), environment={"OPENSSL_CONF": str(lax)})
                if works:
                    self.assertEqual(result["status"], "200")
                else:
                    self.assert_fails(result, TEMPORARY, "handshake failed .TLS 1.2 or later is needed")

    def test_the_authorities_are_read_once_for_many_connections(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            authorities = lab.new_folder("trusted") / "ca.pem"
            authorities.write_bytes(lab.ca.certificate.read_bytes())

            def last_use(_: Request) -> Answer:
                authorities.unlink()
                return Answer(body=b"x")

            web.answer(last_use)
            web.server.add_host("b.localhost", lab.ca.issue("b.localhost"))
            web.server.answer("b.localhost", "/list", Answer(body=b"y"))
            results = fetch_all(lab, web.url(), web.url(host="b.localhost"), ca=authorities)
            self.assertEqual([result.get("status") for result in results], ["200", "200"], results)
            self.assertEqual(web.server.connections, 2)


class Connections(FetchCase):
    def test_one_connection_serves_a_list_and_its_signature(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            web.answer(Answer(body=b"list"))
            web.answer(Answer(body=b"signature"), "/list.minisig")
            results = fetch_all(lab, web.url(), web.url("/list.minisig"))
            self.assertEqual([result["bytes"] for result in results], ["4", "9"])
            self.assertEqual(web.server.connections, 1)

    def test_a_proxy_of_the_environment_is_used_and_its_password_not_shown(self) -> None:
        with Lab() as lab:
            web = Web(lab)
            port = lab.free_port("127.0.0.1")
            for proxy in (f"http://user:secret@127.0.0.1:{port}", "http://user:secret@127.0.0.1:x",
                          "http://user:secret@no-such-name.invalid:1"):
                with self.subTest(proxy):
                    result = fetch(lab, web.url(), proxy=proxy)
                    self.assertEqual(result["fault"], str(TEMPORARY), result)
                    self.assertNotIn("secret", result["error"])
            self.assertEqual(web.server.connections, 0)


if __name__ == "__main__":
    unittest.main()
