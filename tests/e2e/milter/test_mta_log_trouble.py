"""A log of the mail server without usable lines causes a warning, and mail is watched anyway."""

import contextlib
import http.client
import re
import shutil
import subprocess
import unittest
from collections.abc import Callable
from pathlib import Path

from lab import Lab, program, wait
from lab.smtp_client import SCENARIOS, tls13_mail
from recording import QUICK, Milter, client, configuration, receiver
from test_classification import NO_NAMES
from test_clock import SetClock

USER = "daemon"  # a user who may read neither


def readable_folder(lab: Lab) -> Path:
    """A directory that every user can enter, as are those above it."""
    folder = lab.new_folder("log")
    folder.chmod(0o755)
    return folder


def log_file(lab: Lab, mode: int, group: str = "adm") -> Path:
    log = readable_folder(lab) / "mail.log"
    log.touch()
    log.chmod(mode)
    shutil.chown(log, "root", group)
    return log


def journal_folder(lab: Lab) -> Path:
    """With a file in the form that journald(8) creates, which only root and two groups may read."""
    folder = readable_folder(lab)
    (folder / "system.journal").touch()
    (folder / "system.journal").chmod(0o640)
    (folder / "user-1.journal").touch()  # of that user, who may read it
    (folder / "user-1.journal").chmod(0o644)
    return folder


class MetricsPage:
    """The page of a daemon with `address` as its setting 'metrics'."""

    def __init__(self, lab: Lab) -> None:
        self._host = lab.address()
        self._port = lab.free_port(self._host)
        self.address = f"inet:{self._host}:{self._port}"

    def text(self) -> str:
        with contextlib.closing(http.client.HTTPConnection(self._host, self._port, timeout=60)) as connection:
            connection.request("GET", "/metrics")
            return "\n" + connection.getresponse().read().decode()

    def wait_for(self, *figures: str) -> None:
        """Wait until the page shows all of these at once; they have no prefix."""
        wait.until(lambda: all(f"\ntlsrpt_milter_{figure}\n" in page for page in [self.text()] for figure in figures))


class NotReadable(unittest.TestCase):
    """The message names the groups that may read it."""

    CASES: dict[str, tuple[Callable[[Lab], str], str]] = {
        "a file of group adm": (lambda lab: str(log_file(lab, 0o640)),
                                r"/mail\.log: may not be read by this user; group 'adm' may"),
        "a file of another group": (lambda lab: str(log_file(lab, 0o640, "mail")),
                                    r"/mail\.log: may not be read by this user; group 'mail' may"),
        "a file of root alone": (lambda lab: str(log_file(lab, 0o600)),
                                 r"/mail\.log: may not be read by this user; no group may, by its mode"),
        "a journal": (lambda lab: f"journal:{journal_folder(lab)}",
                      "the journal may not be read by this user; members of group 'adm' or 'systemd-journal' may"),
        "no file yet": (lambda lab: f"{readable_folder(lab)}/mail.log", r"/mail\.log: No such file or directory"),
        "no journal": (lambda lab: f"journal:{readable_folder(lab)}", r"there is no journal in \S+"),
    }

    def test_is_a_warning_of_the_daemon_which_starts(self) -> None:
        for name, (make, message) in self.CASES.items():
            with self.subTest(name), Lab() as lab:
                lab.require_root()
                milter = Milter(lab, socket=f"unix:{lab.new_folder('run')}/socket",
                                settings=QUICK | {"mta_log": make(lab), "user": USER})
                milter.stderr.wait_for(rf"warning: .*{message}; the reasons of failed handshakes are missing")
                milter.stop()

    def test_is_a_warning_of_the_check_for_the_user_that_the_daemon_becomes(self) -> None:
        for name, (make, message) in self.CASES.items():
            with self.subTest(name), Lab() as lab:
                lab.require_root()
                done = self.check(lab, mta_log=make(lab), user=USER)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stderr, rf"^tlsrpt-milter: warning: 'milter\.mta_log': .*{message}.* "
                                              rf"\(user '{USER}'\); the reasons of failed handshakes would be missing\n$")
                self.assertTrue(done.stdout.endswith(": OK\n"), done.stdout)

    def test_is_no_warning_if_it_can_be_read(self) -> None:
        with Lab() as lab:
            lab.require_root()
            done = self.check(lab, mta_log=log_file(lab, 0o644), user=USER)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def check(self, lab: Lab, **settings: object) -> subprocess.CompletedProcess[str]:
        own = {"state_dir": lab.folder / "state", "socket": f"unix:{lab.folder}/s"}
        file = configuration(lab.folder, own | settings)
        file.chmod(0o644)
        return program.run("tlsrpt-milter", "--check-config", "-c", file)


class UnknownForm(unittest.TestCase):
    LINES = {
        "epoch seconds": "1764175206.123 mx postfix/smtpd[7]: connect from a[192.0.2.1]",
        "JSON": '{"time": 1764175206, "program": "postfix/smtpd", "message": "connect from a[192.0.2.1]"}',
        "another date": "26/Nov/2026:16:40:06 mx postfix/smtpd[7]: disconnect from a[192.0.2.1] ehlo=1 starttls=0/1",
        "Sendmail": "2026/11/26 16:40:06 sm-mta[7]: STARTTLS=server, error: accept failed=-1, relay=[192.0.2.1]",
    }

    def test_is_logged_once_with_a_line(self) -> None:
        for name, line in self.LINES.items():
            with self.subTest(name), Lab() as lab:
                log = log_file(lab, 0o644)
                milter = Milter(lab, settings=QUICK | {"mta_log": log})
                with log.open("a") as file:
                    file.write(f"{line}\n" * 3)
                milter.stderr.wait_for(r"warning: .*mail\.log: its lines have an unknown form, .*"
                                       + re.escape(line[:30]))
                with log.open("a") as file:
                    file.write(f"{line}\n" * 30)
                wait.until_read(milter.pid, log)
                milter.stop()
                self.assertEqual(milter.stderr.text().count("its lines have an unknown form"), 1)

    def test_of_other_programs_is_logged_if_there_is_nothing_else(self) -> None:
        with Lab() as lab:
            log = log_file(lab, 0o644)
            milter = Milter(lab, settings=QUICK | {"mta_log": log})
            with log.open("a") as file:
                file.write("what is this?\n" * 19 + "Nov 26 16:40:06 mx cron[1]: x\n" + "what is this?\n" * 20)
            milter.stderr.wait_for("its lines have an unknown form, .*'what is this[?]'")


class SilentForADay(unittest.TestCase):
    def test_is_logged_if_there_were_sessions(self) -> None:
        with Lab() as lab:
            clock, page = SetClock(lab), MetricsPage(lab)
            log = log_file(lab, 0o644)
            milter = Milter(lab, environment=clock.environment, settings=QUICK | {"mta_log": log, "metrics": page.address})
            mx = receiver(lab, milter, parameters=NO_NAMES)
            with log.open("a") as file:
                file.write("Nov 22 11:00:00 mx dovecot[1]: imap-login: Login\n")
            tls13_mail(client(lab, mx))
            page.wait_for('sessions_total{outcome="tls"} 1', "open_connections 0")
            clock.set("2026-11-23T11:59:00Z")
            with log.open("a") as file:
                file.write("Nov 23 11:59:00 mx dovecot[1]: imap-login: Login\n")
            page.wait_for("log_lines_total 2", "log_session_lines_total 0")
            clock.set("2026-11-23T12:01:00Z")
            milter.stderr.wait_for(r"warning: 'mta_log' \(.*mail\.log\) has had no line about a session for a day "
                                   "in which there were sessions")

    def test_is_not_logged_if_the_log_has_them(self) -> None:
        with Lab() as lab:
            clock, page = SetClock(lab), MetricsPage(lab)
            log = log_file(lab, 0o644)
            milter = Milter(lab, environment=clock.environment | {"TZ": "UTC"},
                            settings=QUICK | {"mta_log": log, "metrics": page.address})
            mx = receiver(lab, milter, parameters=NO_NAMES)
            one = client(lab, mx)
            SCENARIOS["unknown_ca_tls13"](one)
            mx.log.wait_for(rf"disconnect from unknown\[{one.source}\]")
            page.wait_for('sessions_total{outcome="no-mail"} 1', "open_connections 0")
            with log.open("a") as file:
                file.writelines(self.written_at("Nov 22 12:00:00", line) for line in mx.log.lines())
            # A session and a failure are joined only if their times are those of one clock.
            page.wait_for("failed_handshakes_total 1", "log_failures_total 1", "log_failures_uncounted_total 0",
                          "log_session_lines_total 2")
            # The daemon looks for silence as often as it folds: it has done so when it has folded twice.
            for now in ("2026-11-23T12:01:00Z", "2026-11-23T12:02:00Z"):
                clock.set(now)
                page.wait_for("fold_lag_seconds 0.000")
            page.text()
            milter.stop()
            self.assertNotIn("no line about a session", milter.stderr.text())

    def written_at(self, stamp: str, line: str) -> str:
        """A line of Postfix' log with another timestamp in the old form: Postfix has the machine's clock."""
        return stamp + line[len(stamp):] + "\n"


if __name__ == "__main__":
    unittest.main()
