"""`tlsrpt-report read imaps://...` with a real IMAP server: each report once, whatever breaks in between."""

import contextlib
import json
import os
import shlex
import socket
import sqlite3
import ssl
import threading
import unittest
from pathlib import Path

from lab import Lab, documents, program
from lab.ca import CA, Certificate
from lab.dovecot import HOST, PASSWORD, USER, Dovecot
from lab.process import Process
from reports import Reader, mail, packed, report

SEEN = {"\\Seen"}
SPAM = b"From: a@evil.test\nSubject: buy\n\nnothing\n"


def numbered(number: int, **more: object) -> bytes:
    return mail(packed(report(report_id=f"r{number}", **more)))


class Relay:
    """Passes what a client and the server say to each other, over TLS on both sides, up to a command of the client: then it
    holds it back (`held`), or cuts the connection."""

    def __init__(self, lab: Lab, server: Dovecot, certificate: Certificate, command: bytes, *, occurrence: int = 1,
                 cut: bool = False) -> None:
        self.held = threading.Event()
        self._server, self._command, self._left, self._cut = server, command, occurrence, cut
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate.certificate, certificate.key)
        self._trusting = ssl.create_default_context(cafile=str(lab.ca.certificate))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        lab.at_end(self._end)

    def url(self, folder: str = "") -> str:
        return f"imaps://{USER}@{HOST}:{self.port}/{folder}"

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            plain, _ = self._listening.accept()
            client = self._context.wrap_socket(plain, server_side=True)
            server = self._trusting.wrap_socket(socket.create_connection((self._server.address, self._server.port)),
                                                server_hostname=HOST)
            with client, server:
                back = threading.Thread(target=self._pass_back, args=(server, client), daemon=True)
                back.start()
                self._pass_on(client, server)
                # The thread must not read from a descriptor that is closed, and then another file's.
                for one in (client, server):
                    with contextlib.suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)
                back.join()

    def _pass_on(self, client: ssl.SSLSocket, server: ssl.SSLSocket) -> None:
        with contextlib.suppress(OSError):
            while line := client.recv(65536):
                if self._command in line:
                    self._left -= 1
                    if self._left == 0:
                        self.held.set()
                        if not self._cut:
                            self._ended.wait()
                        return
                server.sendall(line)

    @staticmethod
    def _pass_back(server: ssl.SSLSocket, client: ssl.SSLSocket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while bytes_in := server.recv(65536):
                client.sendall(bytes_in)

    def _end(self) -> None:
        self._ended.set()
        self._listening.close()
        self._thread.join(10)


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.certificate = self.lab.ca.issue(HOST)
        self.server = Dovecot(self.lab, self.certificate)
        self.reader = Reader(self.lab)
        self.password = self.reader.write("password", PASSWORD.encode() + b"\n")
        self.password.chmod(0o600)

    def arguments(self, url: str | None, *options: str | Path) -> list[str | Path]:
        return ["read", "--password-file", self.password, "--ca-file", self.lab.ca.certificate, *options,
                self.server.url() if url is None else url]

    def run_read(self, *options: str | Path, url: str | None = None):
        return self.reader.run(*self.arguments(url, *options))

    def read(self, *options: str | Path, url: str | None = None, status: int = 0) -> dict[str, int]:
        done = self.reader.run("--json", *self.arguments(url, *options))
        self.assertEqual(done.returncode, status, done.stderr)
        self.answer = json.loads(done.stdout)
        return {name: self.answer[name] for name in ("read", "duplicates", "rejected") if self.answer[name]}

    def reports(self) -> int:
        done = self.reader.run("--json", "summary", "--by", "reporter", "--since", "2026-11-01", "--until", "2026-11-30")
        return sum(one["reports"] for one in json.loads(done.stdout)["reporters"]) if done.returncode == 0 else 0

    def rejected(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.reader.state / "rejected").glob("*"))]


class Reading(Case):
    def test_unseen_messages_are_read_and_marked_each_once(self) -> None:
        for number in range(3):
            self.server.deliver(numbered(number))
        self.assertEqual(self.read(), {"read": 3})
        self.assertEqual([one["input"] for one in self.answer["inputs"]],
                         [f"{self.server.url()}INBOX;UID={uid}" for uid in (1, 2, 3)])
        self.assertEqual(self.server.flags(), {1: SEEN, 2: SEEN, 3: SEEN})
        self.assertEqual(self.read(), {})
        self.server.deliver(numbered(1))
        self.server.deliver(numbered(4))
        self.assertEqual(self.read(), {"read": 1, "duplicates": 1})
        self.assertEqual(self.read("--all"), {"duplicates": 5})
        self.assertEqual(self.reports(), 4)

    def test_messages_are_moved_whether_seen_or_not(self) -> None:
        self.server.create("Done")
        self.server.deliver(numbered(0))
        self.assertEqual(self.read(), {"read": 1})
        self.server.deliver(numbered(1))
        self.server.deliver(SPAM)
        self.assertEqual(self.read("--move-to", "Done", status=65), {"read": 1, "duplicates": 1, "rejected": 1})
        self.assertEqual(self.server.flags(), {})
        self.assertEqual(len(self.server.flags("Done")), 3)
        self.assertEqual(self.read("--move-to", "Done"), {})

    def test_without_the_store_nothing_is_changed(self) -> None:
        self.server.deliver(numbered(0))
        self.server.create("Done")
        for options in ([], ["--move-to", "Done"]):
            self.assertEqual(self.read("--no-store", *options), {"read": 1})
        self.assertEqual(self.server.flags(), {1: set()})
        self.assertFalse((self.reader.state / "reports.sqlite").exists())

    def test_what_is_no_report_does_not_stop_the_others_and_is_kept(self) -> None:
        for content in (SPAM, b"", b"\0\r\n\xff", numbered(1), mail(b"{"), numbered(2)):
            self.server.deliver(content)
        self.assertEqual(self.read(status=65), {"read": 2, "rejected": 4})
        self.assertEqual(set(map(frozenset, self.server.flags().values())), {frozenset(SEEN)})
        kept = self.rejected()
        self.assertEqual(len(kept), 4)
        self.assertTrue(any(b"Subject: buy" in one for one in kept))
        self.assertEqual(self.read(), {})

    def test_a_huge_message_is_not_fetched(self) -> None:
        self.server.deliver(b"Subject: huge\n\n" + b"x" * 76 + b"\n" + (b"y" * 76 + b"\n") * 900_000)
        self.server.deliver(numbered(1))
        self.assertEqual(self.read(status=65), {"read": 1, "rejected": 1})
        self.assertIn("larger than the limit of 67108864 bytes", self.answer["inputs"][0]["reason"])
        self.assertEqual(self.server.flags(), {1: SEEN, 2: SEEN})
        self.assertEqual(self.rejected(), [])

    def test_a_large_report_is_read(self) -> None:
        large = report(report_id="large")
        large["policies"] = [report(domain=f"d{number}.example.test", strings=(os.urandom(100).hex(),))["policies"][0]
                             for number in range(800)]
        self.server.deliver(mail(packed(large)))
        self.assertEqual(self.read(), {"read": 1})

    def test_a_run_reads_so_many_messages(self) -> None:
        for _ in range(5_002):
            self.server.deliver(b"\n")
        done = self.run_read("--no-store")
        self.assertEqual(done.returncode, 65)
        self.assertIn("2 messages wait for the next run", done.stderr)
        self.assertIn("5000 rejected", done.stdout)

    def test_the_signature_that_our_server_checked_counts(self) -> None:
        self.reader.configuration.write_text(self.reader.configuration.read_text() +
                                             '[report]\ntrusted_authserv_ids = ["mx.example.test"]\n')
        self.server.deliver(b"Authentication-Results: mx.example.test; dkim=pass header.d=sender.test\n" + numbered(1))
        self.server.deliver(numbered(2))
        self.assertEqual(self.read(), {"read": 2})
        self.assertEqual([one["authenticated"] for one in self.answer["inputs"]], [True, False])

    def test_folders_with_any_name(self) -> None:
        for name, encoded, url in (("Berichte für TLS", "Berichte f&APw-r TLS", "Berichte%20f%C3%BCr%20TLS"),
                                   ("a & b", "a &- b", "a%20&%20b"), ("Tö.日本語", "T&APY-.&ZeVnLIqe-", "T%C3%B6.日本語")):
            with self.subTest(name):
                with contextlib.suppress(AssertionError):
                    self.server.create(encoded)
                self.server.deliver(numbered(len(name)), encoded)
                self.assertEqual(self.read("--move-to", "INBOX", url=self.server.url(url)), {"read": 1})
        self.assertEqual(len(self.server.flags()), 3)

    def test_as_the_guide_says(self) -> None:
        self.server.create("Read")
        self.server.deliver(numbered(1))
        (block,) = [one for one in documents.blocks("docs/reports.md") if one.startswith("runuser ")]
        words = shlex.split(block.replace("\\\n", "").replace("/etc/starttls-toolkit/imap.password", str(self.password))
                            .replace("imaps://tlsrpt@imap.example.org/", self.server.url()))
        self.assertEqual(words[:5], ["runuser", "-u", "starttls-toolkit", "--", "tlsrpt-report"])
        done = self.reader.run(*words[5:], "--ca-file", self.lab.ca.certificate)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((len(self.server.flags()), len(self.server.flags("Read"))), (0, 1))

    def test_mailboxes_and_files_together(self) -> None:
        self.server.create("Other")
        self.server.deliver(numbered(1))
        self.server.deliver(numbered(2), "Other")
        file = self.reader.write("r.json", report(report_id="r3"))
        arguments = self.arguments(None)
        done = self.reader.run(*arguments, file, self.server.url("Other"), file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.endswith("3 reports read, 1 duplicate, 0 rejected\n"), done.stdout)


class Trouble(Case):
    def assert_fails(self, status: int, words: str, *options: str | Path, url: str | None = None) -> None:
        done = self.run_read(*options, url=url)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(words, done.stderr)
        self.assertNotIn(PASSWORD, done.stderr)
        self.assertEqual(self.server.flags(), {1: set()})
        self.assertEqual(self.reports(), 0)

    def setUp(self) -> None:
        super().setUp()
        self.server.deliver(numbered(1))

    def test_a_wrong_password(self) -> None:
        self.password.write_text("wrong\n")
        self.assert_fails(77, "the server denies the login")

    def test_a_certificate_that_is_not_trusted_gets_no_password(self) -> None:
        stranger = CA(self.lab.new_folder("ca"), "Untrusted CA")
        for certificate in (stranger.issue(HOST), self.lab.ca.issue(HOST, expired=True), self.lab.ca.issue("other.localhost")):
            other = Dovecot(self.lab, certificate)
            self.assert_fails(69, "certificate cannot be trusted", url=other.url())
            self.assertEqual(other.log.wait_for(r"imap-login: .* user=<(.*?)>")[1], "")
        # The lab's authority is none of the system.
        done = self.reader.run("read", "--password-file", self.password, self.server.url())
        self.assertEqual(done.returncode, 69, done.stderr)

    def test_folders_that_do_not_exist(self) -> None:
        self.assert_fails(69, "the folder 'Nowhere'", url=self.server.url("Nowhere"))
        self.assert_fails(69, "the folder 'Nowhere'", "--move-to", "Nowhere")

    def test_no_server(self) -> None:
        self.assert_fails(75, self.server.host, url=f"imaps://{USER}@{HOST}:{self.lab.free_port('127.0.0.1')}/")

    def test_the_file_of_the_password(self) -> None:
        self.password.chmod(0o644)
        self.assert_fails(78, "other users can read the password")
        self.password.chmod(0o640)
        os.chown(self.password, 0, 12345)
        self.assert_fails(78, "other users can read the password")
        os.chown(self.password, 0, 0)
        for content in ("", "\n", "one\ntwo\n"):
            self.password.write_text(content)
            self.assert_fails(78, "one line")
        self.password.unlink()
        self.assert_fails(74, str(self.password))
        self.password.write_text(PASSWORD + "\r\n")
        self.password.chmod(0o640)
        self.assertEqual(self.read(), {"read": 1})

    def test_the_command_line(self) -> None:
        url = self.server.url()
        secret = f"imaps://{USER}:not-to-be-shown@{HOST}/"
        for words, reason in (([url], "--password-file"),
                              (["--password-file", "x", secret], "has a password"),
                              (["--password-file", "x", f"imaps://{HOST}/"], "has no user"),
                              (["--password-file", "x", f"imaps://{USER}@{HOST}:0/"], "port"),
                              (["--password-file", "x", "--move-to", "INBOX", url], "is the folder that is read"),
                              (["--password-file", "x", "file"], "for imaps:// only"),
                              (["--all", "file"], "for imaps:// only")):
            with self.subTest(words):
                done = self.reader.run("read", *words)
                self.assertEqual(done.returncode, 64, done.stderr)
                self.assertIn(reason, done.stderr)
                self.assertNotIn("not-to-be-shown", done.stderr)


class Killed(Case):
    def setUp(self) -> None:
        super().setUp()
        for number in range(3):
            self.server.deliver(numbered(number))

    def kill_at(self, command: bytes, *options: str, occurrence: int = 1) -> None:
        """Kill a reader when it sends this command, which the server does not get."""
        relay = Relay(self.lab, self.server, self.certificate, command, occurrence=occurrence)
        process = Process([program.path_of("tlsrpt-report"), "-c", self.reader.configuration,
                           *self.arguments(relay.url(), *options)], folder=self.lab.new_folder("read"),
                          lab_folder=self.lab.folder, environment=self.reader.environment)
        self.assertTrue(relay.held.wait(60))
        process.kill()

    def test_between_the_commit_and_the_mark(self) -> None:
        self.kill_at(b"UID STORE")
        self.assertEqual(self.server.flags(), {1: set(), 2: set(), 3: set()})
        self.assertEqual(self.reports(), 3)
        self.assertEqual(self.read(), {"duplicates": 3})
        self.assertEqual(self.server.flags(), {1: SEEN, 2: SEEN, 3: SEEN})
        self.assertEqual(self.reports(), 3)

    def test_between_the_commit_and_the_move(self) -> None:
        self.server.create("Done")
        self.kill_at(b"UID MOVE", "--move-to", "Done")
        self.assertEqual(len(self.server.flags()), 3)
        self.assertEqual(self.read("--move-to", "Done"), {"duplicates": 3})
        self.assertEqual((len(self.server.flags()), len(self.server.flags("Done"))), (0, 3))
        self.assertEqual(self.reports(), 3)

    def test_before_the_commit(self) -> None:
        self.kill_at(b"BODY.PEEK", occurrence=3)
        self.assertEqual(self.server.flags(), {1: set(), 2: set(), 3: set()})
        self.assertEqual(self.reports(), 0)
        self.assertEqual(self.read(), {"read": 3})

    def test_a_connection_that_breaks_is_tried_again(self) -> None:
        relay = Relay(self.lab, self.server, self.certificate, b"BODY.PEEK", occurrence=2, cut=True)
        done = self.run_read(url=relay.url())
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertEqual(self.read(), {"read": 3})

    def test_while_another_process_writes_to_the_store_nothing_is_marked(self) -> None:
        self.read("--no-lookup", url=self.server.url())  # which creates the store
        self.server.deliver(numbered(9))
        with contextlib.closing(sqlite3.connect(self.reader.state / "reports.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            done = self.run_read()
            self.assertEqual(done.returncode, 75, done.stderr)
            other.execute("ROLLBACK")
        self.assertEqual(self.server.flags()[4], set())
        self.assertEqual(self.read(), {"read": 1})


if __name__ == "__main__":
    unittest.main()
