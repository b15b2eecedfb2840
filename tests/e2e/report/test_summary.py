"""tlsrpt-report summary: its tables, their width, and the message if there is no data."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
import unittest

from lab import Lab, program
from page_data import HOSTILE, fill_busy
from reports import RecordedReader, failure, report


class Summary(unittest.TestCase):
    def out(self, reader: RecordedReader, *options: str) -> str:
        done = reader.run("summary", *options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def sentence(self, reader: RecordedReader, *options: str) -> str:
        return " ".join(self.out(reader, *options).split())

    def rows(self, reader: RecordedReader, *options: str) -> list[list[str]]:
        lines = self.out(reader, *options).split("\n\n")[1].splitlines()
        return [line.split() for line in lines[1:]]

    def on_terminal(self, reader: RecordedReader, columns: int, *options: str, **environment: str) -> list[str]:
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        process = subprocess.Popen([program.path_of("tlsrpt-report"), "-c", reader.configuration, "summary", *options],
                                   stdin=subprocess.DEVNULL, stdout=its, env=inherited | reader.environment | environment)
        os.close(its)
        written = b""
        try:
            while piece := os.read(ours, 65536):
                written += piece
        except OSError:  # EIO: the other end is closed
            pass
        os.close(ours)
        self.assertEqual(process.wait(60), 0)
        return written.decode().replace("\r\n", "\n").splitlines()


class Groups(Summary):
    def test_by_version_shows_who_uses_old_ones(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            fill_busy(reader)
            self.assertEqual([row[0] for row in self.rows(reader, "--by", "version")], ["TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1.0"])
            out = self.out(reader, "--by", "version")
            self.assertRegex(out, r"TLSv1.0: branch-office.example \(\d+\)\n")
            self.assertRegex(out, r"TLSv1.1: insurance.example \(\d+\)\n")
            self.assertIn("tlsrpt-report summary --tls-version TLSv1.0 --by sender", out)
            groups = json.loads(reader.run("--json", "summary", "--by", "version").stdout)["groups"]
            self.assertEqual([group["group"] for group in groups], ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"])
            self.assertEqual([group["senders"] for group in groups], [1, 1, 2, 2])
            self.assertEqual({group["last_day"] for group in groups}, {"2026-11-27"})

    def test_of_one_version_lists_who_uses_it(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            fill_busy(reader)
            for spelling in ("TLSv1.0", "TLSv1", "1.0"):
                [row] = self.rows(reader, "--tls-version", spelling, "--by", "sender")
                self.assertEqual(row[0], "branch-office.example")
            hosts = [row[0] for row in self.rows(reader, "--tls-version", "1.0", "--by", "host")]
            self.assertEqual(sorted(hosts), [f"printer{n}.branch-office.example" for n in (1, 2, 3)])
            self.assertEqual({row[0] for row in self.rows(reader, "--tls-version", "1.1", "--by", "domain")},
                             {"example.org", "example.net"})
            done = reader.run("summary", "--tls-version", "1.7")
            self.assertEqual(done.returncode, 64)
            self.assertIn("'1.7' is none of TLSv1.0", done.stderr)
            self.assertEqual(reader.run("summary", "--tls-version", "1.0", "--by", "failure").returncode, 64)
            self.assertEqual(reader.run("summary", "--tls-version", "1.0", "--by", "reporter").returncode, 64)

    def test_by_sender_host_and_address_differ(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                for n, name in enumerate(("a.mail.sender.co.uk", "b.sender.co.uk", "c.other.co.uk", "", "")):
                    reader.session("2026-11-25", "plaintext", 5 - n, name=name, address=f"192.0.2.{n}")
            self.assertEqual([row[:2] for row in self.rows(reader, "--by", "host")],
                             [["a.mail.sender.co.uk", "5"], ["b.sender.co.uk", "4"], ["c.other.co.uk", "3"], ["[192.0.2.3]", "2"],
                              ["[192.0.2.4]", "1"]])
            self.assertEqual([row[:2] for row in self.rows(reader, "--by", "address")],
                             [[f"192.0.2.{n}", str(5 - n)] for n in range(5)])
            answer = json.loads(reader.run("--json", "summary", "--by", "sender").stdout)
            self.assertEqual([(group["group"], group["plaintext"]) for group in answer["groups"]],
                             [("(no host name)", 3), ("other.co.uk", 3), ("sender.co.uk", 9)])
            self.assertEqual(list(answer["groups"][0]), ["group", "sessions", "tls", "plaintext", "no_mail", "no_helo", "failed",
                                                         "messages"])

    def test_failed_handshakes_are_in_the_right_row(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                reader.session("2026-11-25", "tls", 10, version="TLSv1.3")
                reader.session("2026-11-25", "failed", 3, failed="bad-certificate")
            out = self.out(reader)
            self.assertRegex(out, r"TLS handshake failed +3 ")
            domains = out.split("\n\n")[2].splitlines()[0].split()
            self.assertNotIn("Failed", domains)
            self.assertIn("3 sessions with a failed TLS handshake had no recipient", " ".join(out.split()))
            self.assertIn("3 sessions with a failed TLS handshake", " ".join(self.out(reader, "--domain", "example.test").split()))
            self.assertIn("Failed", self.out(reader, "--by", "day"))
            self.assertNotIn("Failed", self.out(reader, "--by", "day", "--domain", "example.test"))
            self.assertEqual(self.rows(reader, "--by", "failure"), [["bad-certificate", "certificate-host-mismatch", "3"]])

    def test_by_failure_says_what_each_reason_means(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                reader.session("2026-11-25", "failed", 3, failed="not-tls")
                reader.session("2026-11-25", "failed", 1, failed="certificate-expired")
            legend = self.out(reader, "--by", "failure").split("\n\n")[2:]
            self.assertEqual(legend, ["certificate-expired: The certificate of the MX host has expired.\n"
                                      "not-tls: The client sent something other than TLS after STARTTLS.",
                                      "The result type is what a report of the sender would call the failure.\n"
                                      "tlsrpt-report html shows likely causes, and what to do.\n"])
            self.assertNotIn("something other than TLS", self.out(reader, "--by", "failure", "--csv"))
            self.assertNotIn("something other than TLS", reader.run("--json", "summary", "--by", "failure").stdout)
            self.assertEqual(len(self.out(reader, "--by", "failure", "--since", "2026-11-26").split("\n\n")), 1)

    def test_without_mta_log_a_note_says_that_failures_are_unknown(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                reader.session("2026-11-25", "tls", 10, version="TLSv1.3")
                reader.session("2026-11-25", "no-mail", 4)
            self.assertIn("mta_log is not set in tlsrpt.toml(5): TLS handshakes that failed are counted with other sessions "
                          "without TLS and mail (4).", self.sentence(reader))
            self.assertIn("set mta_log in tlsrpt.toml(5) to count them", self.sentence(reader, "--by", "failure"))
            log = lab.new_folder("log") / "mail.log"
            log.touch()
            configured = RecordedReader(lab, f'[milter]\nmta_log = "{log}"\n')
            with configured.recorded():
                configured.session("2026-11-25", "no-mail", 4)
            self.assertNotIn("mta_log", self.sentence(configured))
            self.assertIn("has no failed TLS handshake", self.sentence(configured, "--by", "failure"))


class Width(Summary):
    def fill(self, reader: RecordedReader) -> None:
        with reader.recorded():
            reader.session("2026-11-25", "plaintext", 1234, name="mail." + "long-name." * 20 + "sender.test")
            reader.session("2026-11-25", "plaintext", 12, name="mx.universität-beispielstadt.example")
            reader.session("2026-11-25", "plaintext", 9, name=HOSTILE)

    def test_is_that_of_the_terminal(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            self.fill(reader)
            for columns in (30, 60, 80, 132, 300):
                for by in ("host", "sender", "day", "version", "protection", "failure", "reporter"):
                    lines = self.on_terminal(reader, columns, "--by", by)
                    self.assertLessEqual(max(len(line) for line in lines if not line.startswith("Inbound")), columns, (by, columns, lines))
            self.assertEqual(len(self.on_terminal(reader, 400, "--by", "host")), 6)
            self.assertTrue(any(line.endswith("...") for line in self.on_terminal(reader, 60, "--by", "host")))
            self.assertEqual(self.on_terminal(reader, 60, "--by", "host", COLUMNS="400"), self.on_terminal(reader, 400, "--by", "host"))
            self.assertEqual(self.on_terminal(reader, 60, "--by", "host", COLUMNS="none"), self.on_terminal(reader, 60, "--by", "host"))
            self.assertEqual(self.on_terminal(reader, 0, "--by", "host"), self.on_terminal(reader, 80, "--by", "host"))

    def test_has_no_limit_in_a_pipe(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            self.fill(reader)
            for columns in ("", "40"):
                reader.environment["COLUMNS"] = columns
                rows = self.rows(reader, "--by", "host")
                self.assertEqual(rows[0][:2], ["mail." + "long-name." * 20 + "sender.test", "1234"])
                self.assertEqual(len(rows), 3)
                self.assertNotIn("...", self.out(reader, "--by", "host"))


class Nothing(Summary):
    def test_was_ever_recorded(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            for options in ((), ("--by", "day"), ("--by", "version"), ("--domain", "example.test"), ("--tls-version", "1.0")):
                said = self.sentence(reader, *options)
                self.assertIn(f"No sessions were ever recorded in {reader.state}. tlsrpt-report doctor shows", said)
                self.assertNotIn("Sessions", said)
            self.assertIn("No report of others was ever read", self.sentence(reader, "--by", "reporter"))
            self.assertIn("No report of others", self.sentence(reader, "--by", "result-type"))
            self.assertEqual(self.out(reader, "--by", "day", "--csv").count("\n"), 1)
            answer = json.loads(reader.run("--json", "summary").stdout)
            self.assertEqual((answer["total"]["sessions"], answer["protection"], answer["domains"]), (0, [], []))

    def test_is_of_these_days(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                reader.session("2026-11-10", "tls", 3, version="TLSv1.3")
            self.assertIn("No sessions were recorded from 2026-11-21 to 2026-11-27. The last one is of 2026-11-10. "
                          "tlsrpt-report doctor shows whether the milter still runs", self.sentence(reader))
            self.assertIn("No sessions were recorded on 2026-11-01. The first one is of 2026-11-10.",
                          self.sentence(reader, "--since", "2026-11-01", "--until", "2026-11-01"))
            with reader.recorded():
                reader.session("2026-11-20", "tls", 3, version="TLSv1.3")
            self.assertIn("Sessions were recorded before and after, from 2026-11-10 to 2026-11-20.",
                          self.sentence(reader, "--since", "2026-11-15", "--until", "2026-11-16"))
            reader.write("r", report(failure("certificate-expired"), day="2026-11-10"))
            reader.run("read", reader.folder / "r")
            self.assertIn("the newest is of 2026-11-10", self.sentence(reader, "--by", "reporter"))
            self.assertIn("newest is of 2026-11-10", " ".join(reader.run("reconcile", "--since", "2026-11-20").stdout.split()))

    def test_is_of_this_domain_or_version(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                reader.session("2026-11-25", "tls", 3, version="TLSv1.3")
                reader.session("2026-11-01", "tls", 3, version="TLSv1.3", domain="moved.test")
            self.assertIn("None of the 3 sessions from 2026-11-21 to 2026-11-27 had an accepted recipient in typo.test. There were "
                          "recipients in example.test.", self.sentence(reader, "--domain", "typo.test"))
            self.assertIn("the last such session is of 2026-11-01", self.sentence(reader, "--domain", "moved.test"))
            self.assertIn("None of the 3 sessions from 2026-11-21 to 2026-11-27 used TLSv1.0.",
                          self.sentence(reader, "--tls-version", "1.0"))
            self.assertIn("used TLSv1.0 with a recipient in example.test.",
                          self.sentence(reader, "--tls-version", "1.0", "--domain", "example.test", "--by", "host"))
            self.assertIn("so it belongs to no policy domain", self.sentence(reader, "--by", "failure", "--domain", "example.test"))
            with reader.recorded():
                reader.session("2026-10-25", "plaintext", 3)
            self.assertIn("None of the 3 sessions on 2026-10-25 used TLS.",
                          self.sentence(reader, "--by", "version", "--since", "2026-10-25", "--until", "2026-10-25"))

    def test_for_advice_has_its_reason(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            said = " ".join(reader.run("advise", "typo.test").stdout.split())
            self.assertIn("No sessions were ever recorded", said)
            with reader.recorded():
                reader.session("2026-11-25", "tls", 3, version="TLSv1.3")
            said = " ".join(reader.run("advise", "typo.test").stdout.split())
            self.assertIn("had an accepted recipient in typo.test. There were recipients in example.test.", said)
            self.assertNotIn("recipients in", reader.run("advise", "example.test").stdout)

    def test_of_downgrades_if_there_are_no_sessions(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            self.assertIn("No sessions were ever recorded", reader.run("downgrades").stdout)
            with reader.recorded():
                reader.session("2026-11-25", "tls", 3, version="TLSv1.3")
            self.assertEqual(reader.run("downgrades").stdout,
                             "No sender that used TLS before came without it from 2026-10-31 to 2026-11-27.\n")


if __name__ == "__main__":
    unittest.main()
