"""`tlsrpt-report receive` takes what is POSTed, as a web server passes it on: each report once, within limits."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import unittest
from pathlib import Path

from lab import Lab, documents, manual, program, web_server
from lab.process import Process
from lab.program import Program
from reports import Reader, failure, mail, packed, report

GZIP, JSON = "application/tlsrpt+gzip", "application/tlsrpt+json"
GUIDE = "docs/reports.md"
HOST = "mx.example.org"
FORGED = b"Authentication-Results: mx.example.test; dkim=pass header.d=sender.test\n"


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())

    def start(self, settings: str = "", now: str = "2026-11-27T06:00:00Z") -> None:
        self.address = self.lab.address()
        self.port = self.lab.free_port(self.address)
        self.reader = Reader(self.lab, f'[report]\nreceive = "inet:{self.address}:{self.port}"\n{settings}', now)
        self.restart()

    def restart(self) -> None:
        self.server = Program(self.lab, "tlsrpt-report", "-c", self.reader.configuration, "receive",
                              environment=self.reader.environment)
        self.server.stderr.wait_for("receives reports on", process=self.server.popen)

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self.address, self.port, timeout=60)
        self.addCleanup(connection.close)
        return connection

    def request(self, method: str, body: bytes | None, kind: str = GZIP, **fields: str) -> tuple[int, str]:
        connection = self.connect()
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request(method, "/tlsrpt", body, named | ({"Content-Type": kind} if kind else {}))
        self.answer = connection.getresponse()
        return self.answer.status, self.answer.read().decode()

    def post(self, content: dict | bytes, **fields: str) -> int:
        return self.request("POST", content if isinstance(content, bytes) else packed(content), **fields)[0]

    def sessions(self) -> int:
        """Of all reports in the store."""
        done = self.reader.run("--json", "summary", "--by", "reporter", "--since", "2026-11-01", "--until", "2026-11-30")
        self.assertEqual(done.returncode, 0, done.stderr)
        return sum(one["sessions"] for one in json.loads(done.stdout)["reporters"])

    def rejected(self) -> list[bytes]:
        return [path.read_bytes() for path in self.rejected_files()]

    def rejected_files(self) -> list[Path]:
        return list((self.reader.state / "rejected").iterdir())


class Answers(Case):
    def test_a_report_is_stored_before_it_is_answered(self) -> None:
        self.start()
        self.assertEqual(self.request("POST", packed(report(failure("certificate-expired", 3)))), (201, "received\n"))
        # A web server in front must not send the next report into a connection that just ends.
        self.assertEqual(self.answer.headers["Connection"], "close")
        self.server.kill()
        self.assertEqual(self.sessions(), 103)

    def test_both_types_are_taken_and_a_report_counts_once_however_it_arrives(self) -> None:
        self.start()
        content = report()
        plain = json.dumps(content).encode()
        self.assertEqual(self.request("POST", plain, "Application/TLSRPT+json; charset=utf-8")[0], 201)
        self.assertEqual(self.post(content), 201)
        self.assertEqual(self.reader.statuses(self.reader.write("report.json", content)), ["duplicate"])
        other = report(report_id="r2")
        self.assertEqual(self.reader.statuses(self.reader.write("other.eml", mail(packed(other)))), ["read"])
        self.assertEqual(self.post(other), 201)
        self.assertEqual(self.sessions(), 200)
        self.assertEqual(len(re.findall("duplicate: sender inc|duplicate: Sender Inc", self.server.stderr.text())), 2)

    def test_what_is_no_report_is_answered_with_the_reason_and_kept(self) -> None:
        self.start()
        for body in (b"no report", packed(report())[:-9], b"", b'{"policies": []}'):
            with self.subTest(body):
                status, reason = self.request("POST", body)
                self.assertEqual(status, 400)
                self.assertGreater(len(reason), 5)
        self.assertIn(b"no report", self.rejected())
        self.assertEqual(len(self.rejected()), 4)
        self.assertEqual(self.post(report()), 201)

    def test_only_so_much_is_kept_of_what_is_no_report(self) -> None:
        self.start("max_rejected_size = 1\nmax_posts_per_client = 1000\n")
        self.assertEqual(self.post(b"00" + b"x" * 100_000), 400)
        os.utime(self.rejected_files()[0], (0, 0))  # the oldest, however fast the others follow
        for number in range(1, 20):
            self.assertEqual(self.post(b"%02d" % number + b"x" * 100_000), 400)
        self.assertEqual(self.post(b"x" * 200_000), 400)  # more than its share
        kept = self.rejected()
        self.assertLessEqual(sum(map(len, kept)), 1 << 20)
        self.assertTrue(any(one.startswith(b"19") for one in kept))
        self.assertFalse(any(one.startswith(b"00") for one in kept))

    def test_a_mail_is_no_report_whatever_it_says(self) -> None:
        self.start('trusted_authserv_ids = ["mx.example.test"]\n')
        self.assertEqual(self.post(FORGED + mail(packed(report()))), 400)
        self.assertEqual(self.post(b"From a@b.test Thu Nov 26 00:00:00 2026\n" + FORGED + mail(packed(report()))), 400)
        self.assertEqual(self.post(report()), 201)
        self.server.stderr.wait_for("not authenticated and does not count")
        done = self.reader.run("advise", "example.test")
        self.assertIn("1 report of 1 reporter is not authenticated and does not count", done.stdout + done.stderr)

    def test_the_signed_mail_replaces_the_posted_report(self) -> None:
        self.start('trusted_authserv_ids = ["mx.example.test"]\n')
        self.assertEqual(self.post(report()), 201)
        signed = self.reader.write("signed.eml", FORGED + mail(packed(report())))  # which our server has written here
        (read,) = self.reader.read(signed)["inputs"]
        self.assertTrue(read["authenticated"])
        self.assertEqual(self.post(report()), 201)
        self.assertNotIn("not authenticated and does not count", self.reader.run("advise", "example.test").stdout)
        self.assertEqual(self.sessions(), 100)

    def test_other_methods_sizes_and_types(self) -> None:
        self.start()
        for method in ("GET", "PUT", "HEAD", "DELETE"):
            self.assertEqual(self.request(method, None)[0], 405)
            self.assertEqual(self.answer.headers["Allow"], "POST")
        for kind in ("text/plain", "", "application/gzip", "application/tlsrpt"):
            self.assertEqual(self.request("POST", packed(report()), kind)[0], 415)
        with socket.create_connection((self.address, self.port), timeout=60) as connection:
            connection.sendall(b"POST /tlsrpt HTTP/1.1\r\nHost: a\r\nContent-Type: application/tlsrpt+gzip\r\n"
                               b"Content-Length: 2000000000\r\n\r\n")
            self.assertIn(b" 413 ", connection.recv(4096))
        self.assertEqual(self.request("POST", json.dumps(report()).encode().ljust(4 << 20), JSON)[0], 201)
        self.assertEqual(self.sessions(), 100)

    def test_a_report_that_is_too_old_is_taken_and_not_stored(self) -> None:
        self.start()
        self.assertEqual(self.post(report(day="2020-01-01")), 201)
        self.server.stderr.wait_for("older than 400 days, not stored")
        self.assertEqual(self.sessions(), 0)


class Rate(Case):
    def numbered(self) -> dict:
        self.number = getattr(self, "number", 0) + 1
        return report(report_id=f"r{self.number}")

    def test_a_client_that_posts_too_often_must_wait_and_others_need_not(self) -> None:
        self.start("max_posts_per_client = 2\n")  # and the clock stands still
        statuses = [self.post(self.numbered(), X_Forwarded_For="192.0.2.1") for _ in range(4)]
        self.assertEqual(statuses, [201, 201, 429, 429])
        self.assertEqual(self.answer.headers["Retry-After"], "30")
        self.assertEqual(self.post(self.numbered(), X_Forwarded_For="192.0.2.2"), 201)
        # What the client itself has written before the web server's address does not matter.
        for forged in ("198.51.100.1, 192.0.2.1", "x,192.0.2.1"):
            self.assertEqual(self.post(self.numbered(), X_Forwarded_For=forged), 429)
        for one in ("2001:db8::1", "2001:db8::2", "2001:db8::3"):
            last = self.post(self.numbered(), X_Forwarded_For=one)
        self.assertEqual(last, 429)
        for _ in range(3):  # a web server that does not say for whom it is
            self.assertEqual(self.post(self.numbered()), 201)
        warnings = re.findall("posts too often", self.server.stderr.text())
        self.assertEqual(len(warnings), 1)

    def test_all_clients_together_are_limited(self) -> None:
        self.start("max_posts = 3\n")
        statuses = [self.post(self.numbered(), X_Forwarded_For=f"192.0.2.{one}") for one in range(5)]
        self.assertEqual(statuses, [201, 201, 201, 429, 429])
        self.assertEqual(self.answer.headers["Retry-After"], "20")
        self.assertEqual(self.sessions(), 300)

    def test_after_a_minute_it_may_post_again(self) -> None:
        clock = self.lab.new_folder("clock") / "now"
        clock.write_text("2026-11-27T06:00:00Z\n")
        self.start("max_posts_per_client = 1\n", str(clock))
        statuses = [self.post(self.numbered(), X_Forwarded_For="192.0.2.1") for _ in range(2)]
        clock.write_text("2026-11-27T06:01:00Z\n")
        statuses.append(self.post(self.numbered(), X_Forwarded_For="192.0.2.1"))
        self.assertEqual(statuses, [201, 429, 201])


class Life(Case):
    def test_while_the_store_is_locked_the_sender_must_try_again(self) -> None:
        self.start()
        with contextlib.closing(sqlite3.connect(self.reader.state / "reports.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            self.assertEqual(self.post(report()), 503)
            self.assertEqual(self.answer.headers["Retry-After"], "60")
            other.execute("ROLLBACK")
        self.assertEqual(self.post(report()), 201)
        self.assertEqual(self.sessions(), 100)

    def test_a_store_that_was_moved_away_is_made_again(self) -> None:
        self.start()
        self.assertEqual(self.post(report()), 201)
        aside = self.lab.new_folder("aside")
        for path in self.reader.state.glob("reports.sqlite*"):
            path.rename(aside / path.name)
        self.assertEqual(self.post(report()), 201)
        self.assertEqual(self.sessions(), 100)

    def test_a_store_that_cannot_be_opened_ends_it_at_the_start(self) -> None:
        reader = Reader(self.lab, f'[report]\nreceive = "unix:{self.lab.new_folder("socket")}/s"\n')
        reader.state.write_text("a file")
        done = reader.run("receive")
        self.assertIn(done.returncode, (69, 73, 74, 77))
        self.assertIn(str(reader.state), done.stderr)

    def test_readers_run_at_the_same_time(self) -> None:
        """Several mails at once, each also posted: every report counts once."""
        self.start("max_posts = 100000\n")
        contents = [report(report_id=f"r{number}") for number in range(30)]
        folders = []
        for reader in range(3):
            folders.append(self.reader.folder / f"mails{reader}")
            for number, content in enumerate(contents):
                self.reader.write(f"mails{reader}/{number}", mail(packed(content)))
        readers = [Process([program.path_of("tlsrpt-report"), "-c", self.reader.configuration, "read", folder],
                           folder=self.lab.new_folder("read"), lab_folder=self.lab.folder,
                           environment=self.reader.environment) for folder in folders]
        statuses = {self.post(content) for content in contents}
        self.assertEqual(statuses, {201})
        self.assertEqual([one.wait() for one in readers], [0, 0, 0])
        self.assertEqual(self.sessions(), 3000)

    def test_a_signal_ends_it_during_a_post_which_is_not_stored(self) -> None:
        self.start()
        body = packed(report())
        with socket.create_connection((self.address, self.port), timeout=60) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/tlsrpt+gzip\r\n"
                               b"Content-Length: %d\r\n\r\n" % len(body) + body[:20])
            # It serves others meanwhile.
            self.assertEqual(self.post(report(report_id="r2")), 201)
            self.server.signal(signal.SIGHUP)
            self.assertEqual(self.post(report(report_id="r3")), 201)
            self.assertEqual(self.server.stop(), 0)
            with contextlib.suppress(ConnectionError):
                self.assertEqual(connection.recv(100), b"")
        self.assertEqual(self.sessions(), 200)
        self.restart()
        self.assertEqual(self.post(body), 201)
        self.assertEqual(self.sessions(), 300)

    def test_more_connections_than_files_wait_and_are_answered(self) -> None:
        self.start()
        idle = [socket.create_connection((self.address, self.port), timeout=60) for _ in range(100)]
        waiting = self.connect()
        waiting.request("POST", "/tlsrpt", packed(report()), {"Content-Type": GZIP})
        for connection in idle:
            connection.close()
        self.assertEqual(waiting.getresponse().status, 201)

    def test_a_unix_socket_is_removed_at_the_end(self) -> None:
        path = self.lab.new_folder("socket") / "receive"
        self.reader = Reader(self.lab, f'[report]\nreceive = "unix:{path}"\nmax_posts_per_client = 1\n')
        self.restart()
        self.assertEqual(path.stat().st_mode & 0o777, 0o660)
        body = packed(report())
        for status in (b"201", b"429"):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(60)
                connection.connect(str(path))
                connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n"
                                   b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n" % (GZIP.encode(), len(body)) + body)
                self.assertIn(status, connection.recv(4096).split(b"\r\n")[0])
        self.assertEqual(self.server.stop(), 0)
        self.assertFalse(path.exists())


class WebServer(Case):
    """The parts of configurations in the guide, with the addresses of the lab."""

    def setUp(self) -> None:
        super().setUp()
        self.start("max_posts_per_client = 5\n")
        self.certificate = self.lab.ca.issue(HOST)
        self.web = self.lab.address()
        self.web_port = self.lab.free_port(self.web)

    def part(self, begin: str) -> str:
        (found,) = [block for block in documents.blocks(GUIDE) if block.startswith(begin)]
        self.assertIn("127.0.0.1:8464", found)
        return found.replace("127.0.0.1:8464", f"{self.address}:{self.port}")

    def send(self, body: bytes, *options: str, kind: str = GZIP, path: str = "/tlsrpt") -> str:
        file = self.reader.write("body", body)
        done = subprocess.run(
            ["curl", "--silent", "--cacert", self.lab.ca.certificate, "--resolve", f"{HOST}:{self.web_port}:{self.web}",
             "--header", f"Content-Type: {kind}", "--data-binary", f"@{file}", "--output", "/dev/null", "--write-out",
             "%{http_code}", *options, f"https://{HOST}:{self.web_port}{path}"],
            capture_output=True, text=True, timeout=60, check=False)
        return done.stdout  # curl fails where the server stops reading

    def check(self, too_large: set[str], away: set[str]) -> None:
        self.assertEqual(self.send(packed(report())), "201")
        self.assertEqual(self.send(json.dumps(report(report_id="r2")).encode(), kind=JSON), "201")
        self.assertEqual(self.send(b"no report"), "400")
        self.assertEqual(self.send(b"x", kind="text/plain"), "415")
        self.assertEqual(self.send(b"", "--request", "GET"), "405")
        self.assertIn(self.send(b"x" * 5_000_000), too_large)
        self.assertEqual(self.sessions(), 200)
        # The client cannot choose the address that is counted: the fourth and fifth post are the last ones.
        forged = [self.send(packed(report()), "--header", f"X-Forwarded-For: 192.0.2.{one}") for one in range(3)]
        self.assertEqual(forged, ["201", "201", "429"])
        self.server.kill()
        self.assertIn(self.send(packed(report())), away)  # so that the sender tries again
        self.restart()
        self.assertEqual(self.send(packed(report())), "201")

    def test_nginx(self) -> None:
        web_server.start_nginx(self.lab, (
            f"server {{\n  listen {self.web}:{self.web_port} ssl;\n  server_name {HOST};\n"
            f"  ssl_certificate {self.certificate.certificate};\n  ssl_certificate_key {self.certificate.key};\n"
            f"{self.part('location = /tlsrpt')}}}\n"), self.web, self.web_port)
        self.check({"413"}, {"502"})

    def test_caddy(self) -> None:
        web_server.start_caddy(self.lab, (
            f"{HOST} {{\n\tbind {self.web}\n\ttls {self.certificate.certificate} {self.certificate.key}\n"
            f"{self.part('handle /tlsrpt')}}}\n"), self.web, self.web_port)
        # Of a large body it has passed on a part (502). It answers 502 before it has read the body, and resets the stream of
        # HTTP/2; if that comes first, curl 7.88 shows no status (000).
        self.check({"413", "502", "000"}, {"502", "000"})

    def test_the_manual_has_the_same(self) -> None:
        examples = {one.kind: one.text for one in manual.pages()["tlsrpt-report-receive.1"].examples()}
        guide = documents.blocks(GUIDE)
        self.assertIn(examples["nginx"], guide)
        self.assertIn(examples["Caddyfile"], guide)
        self.assertIn(examples["shell"], guide)


if __name__ == "__main__":
    unittest.main()
