"""Mail servers pass reports to tlsrpt-report as in the guides. A mail that arrives that way never bounces."""

import json
import os
import pwd
import re
import shutil
import smtplib
import subprocess
import unittest
from pathlib import Path

from lab import Lab, command, documents, program
from lab.postfix import Receiver
from lab.sendmail import SendmailReceiver
from reports import Reader, mail, packed, report

SERVICE = "games"  # in place of the user starttls-toolkit
HOST = "mx.example.test"
REPORT = mail(packed(report()))
SPAM = b"From: a@evil.test\nSubject: buy\n\nnothing\n"
POSTFIX = documents.Steps("docs/reports.md").take("install -o starttls-toolkit")
SENDMAIL = documents.Steps("docs/sendmail.md", "Take in the reports of others").take("include(")


class Store(Reader):
    """A store of reports that belongs to the service's user, and the installed program of the host."""

    def __init__(self, lab: Lab, configuration: str = "") -> None:
        super().__init__(lab, configuration)
        self.environment = {}
        self.owner = pwd.getpwnam(SERVICE)
        self.state.mkdir(mode=0o750)
        self.give()
        # Other users may have no access to the build.
        shutil.copy(program.path_of("tlsrpt-report"), self.folder / "real")
        self.program = self.folder / "tlsrpt-report"
        self.program.write_text(f'#!/bin/sh\n[ ! -e {self.folder}/ids ] || id -u -r >>{self.folder}/ids\n'
                                f'[ ! -e {self.folder}/ids ] || id -u >>{self.folder}/ids\n'
                                f'exec {self.folder}/real -c {self.configuration} "$@"\n')
        self.program.chmod(0o755)

    def give(self, uid: int | None = None) -> None:
        """Give the state directory and all in it to this user; without an argument to the service."""
        for path in [self.state, *self.state.rglob("*")]:
            os.chown(path, self.owner.pw_uid if uid is None else uid, self.owner.pw_gid if uid is None else uid)

    def reports(self) -> int:
        done = self.run("--json", "summary", "--by", "reporter", "--since", "2026-11-01", "--until", "2026-11-30")
        return sum(one["reports"] for one in json.loads(done.stdout)["reporters"])

    def set_aside(self) -> int:
        return len(list((self.state / "rejected").glob("*")))

    def called(self, content: bytes, *options: str, user: str = SERVICE) -> subprocess.CompletedProcess[bytes]:
        """Run it as an alias does."""
        return subprocess.run([self.program, *(options or ("-q", "read", "-"))], input=content, capture_output=True,
                              user=user, group=user if user != "nobody" else "nogroup", extra_groups=(), timeout=60,
                              check=False)


def send(server: Receiver | SendmailReceiver, recipient: str, content: bytes, sender: str = "bounces@sender.test") -> str:
    """The queue id of a mail that was accepted."""
    with smtplib.SMTP(server.address, server.port, local_hostname="out.sender.test", timeout=60) as connection:
        connection.ehlo()
        connection.mail(sender)
        code, reply = connection.rcpt(recipient)
        assert code == 250, reply
        code, reply = connection.data(content.replace(b"\n", b"\r\n"))
        assert code == 250, reply
    found = re.search(rb"queued as (\w+)|(\w+) Message accepted", reply)
    return (found[1] or found[2]).decode()


class Alias(unittest.TestCase):
    def assert_silent(self, done: subprocess.CompletedProcess[bytes], status: int) -> None:
        self.assertEqual((done.returncode, done.stdout, done.stderr), (status, b"", b""))

    def test_the_exit_status_means_delivered_or_try_again_and_nothing_is_printed(self) -> None:
        with Lab() as lab:
            lab.require_root()
            store = Store(lab)
            for dealt_with in (REPORT, REPORT, SPAM, b"", b"\x1f\x8b\x08", b"{", b"From x\n" + SPAM):
                self.assert_silent(store.called(dealt_with), 0)
            self.assertEqual((store.reports(), store.set_aside()), (1, 5))
            # Interactive use keeps its exit status and its messages.
            for options in (("read", "-"), ("-q", "--json", "read", "-")):
                done = store.called(SPAM, *options)
                self.assertEqual(done.returncode, 65)
                self.assertIn(b"rejected: a mail without a report", done.stderr)
            self.assertEqual(store.called(SPAM, "-q", "read", store.write("spam", SPAM)).returncode, 65)

    def test_what_cannot_be_stored_now_is_tried_again(self) -> None:
        with Lab() as lab:
            lab.require_root()
            store = Store(lab)
            self.assert_silent(store.called(REPORT, user="nobody"), 75)  # an alias in /etc/aliases
            self.assert_silent(store.called(REPORT), 0)
            store.give(0)
            self.assert_silent(store.called(REPORT), 75)
            store.give()
            (store.state / "rejected").mkdir(mode=0o000)
            self.assert_silent(store.called(SPAM), 75)
            (store.state / "rejected").rmdir()
            good = store.configuration.read_text()
            for bad in ("state_dir = 1\n", "[", "[report]\ntypo = 1\n"):
                store.configuration.write_text(bad)
                self.assert_silent(store.called(REPORT), 75)
            store.configuration.unlink()
            self.assert_silent(store.called(REPORT), 75)
            store.configuration.write_text(good)
            (store.state / "reports.sqlite").write_bytes(b"no database" * 1000)
            self.assert_silent(store.called(REPORT), 75)

    def test_postfix(self) -> None:
        with Lab() as lab:
            store = Store(lab)
            aliases = store.write("aliases", f'nobody-runs "|{store.program} -q read -"\n'.encode())
            receiver = Receiver(lab, HOST, [], None, {"mydestination": HOST, "alias_maps": f"texthash:{aliases}"})
            commands = POSTFIX
            for there, here in (("starttls-toolkit", SERVICE), ("/usr/bin/tlsrpt-report", store.program),
                                ("hash:/etc/aliases,", f"texthash:{aliases},"), ("/etc/postfix", receiver.config),
                                ("postconf ", f"postconf -c {receiver.config} "), ("postfix reload\n", "")):
                self.assertIn(there, commands)
                commands = commands.replace(there, str(here))
            command.run("/bin/sh", "-ec", commands)
            receiver.set("queue_run_delay", "5")  # a parameter, so that it reloads
            outcomes = {}
            for name, recipient, content in (("report", "tlsrpt", REPORT), ("spam", "tlsrpt", SPAM),
                                             ("as nobody", "nobody-runs", REPORT)):
                queue_id = send(receiver, f"{recipient}@{HOST}", content)
                outcomes[name] = receiver.log.wait_for(rf"{queue_id}: to=.*relay=local.* status=(\w+) \((.*)\)")
            self.assertEqual({name: line[1] for name, line in outcomes.items()},
                             {"report": "sent", "spam": "sent", "as nobody": "deferred"})
            self.assertEqual(outcomes["report"][2], f"delivered to command: {store.program} -q read -")
            self.assertEqual(outcomes["as nobody"][2], "temporary failure")
            self.assertEqual((store.reports(), store.set_aside()), (1, 1))
            # Once the reason for the failure is removed, it arrives.
            store.give(0)
            before = receiver.log.mark()
            queue_id = send(receiver, f"tlsrpt@{HOST}", mail(packed(report(report_id="late"))))
            receiver.log.wait_for(rf"{queue_id}: to=.*status=deferred \(temporary failure\)", since=before)
            store.give()
            before = receiver.log.mark()
            receiver.flush()
            receiver.log.wait_for(rf"{queue_id}: to=.*status=sent", since=before)
            self.assertEqual(store.reports(), 2)
            # A report that is too old counts as delivered, and the log says that it is not stored.
            before = receiver.log.mark()
            queue_id = send(receiver, f"tlsrpt@{HOST}", mail(packed(report(report_id="old", day="2020-01-01"))))
            receiver.log.wait_for(rf"{queue_id}: to=.*status=sent", since=before)
            self.assertEqual(store.reports(), 2)
            log = "\n".join(receiver.log.lines())
            self.assertNotIn("status=bounced", log)
            self.assertNotIn("non-delivery", log)
            self.assertIn("rejected: a mail without a report", receiver.syslog.path.read_text())
            self.assertIn("read, older than 400 days, not stored", receiver.syslog.path.read_text())

    def test_sendmail(self) -> None:
        with Lab() as lab:
            store = Store(lab)
            include = SENDMAIL
            built = Path(program.path_of("tlsrpt-report")).resolve().parents[1]
            [m4] = built.glob("packaging/sendmail/tlsrpt-report.m4")
            include = include.replace("/usr/share/starttls-toolkit/sendmail", str(m4.parent))
            macros = (f"define(`TLSRPT_USER', `{SERVICE}:{SERVICE}')dnl\n"
                      f"define(`TLSRPT_REPORT', `{store.program}')dnl\n{include}")
            (store.folder / "ids").touch()
            (store.folder / "ids").chmod(0o666)
            receiver = SendmailReceiver(lab, HOST, ["example.test"], lab.ca.issue(HOST), macros=macros)

            def outcome(content: bytes) -> str:
                before = receiver.log.mark()
                queue_id = send(receiver, f"tlsrpt@{HOST}", content)
                return receiver.log.wait_for(rf"{queue_id}: to=<tlsrpt@.*mailer=tlsrpt.* stat=(.*)", since=before)[1]

            self.assertEqual(outcome(REPORT), "Sent")
            self.assertEqual(outcome(SPAM), "Sent")
            self.assertEqual((store.reports(), store.set_aside()), (1, 1))
            # Neither root nor another user has run it.
            [aside] = (store.state / "rejected").iterdir()
            self.assertEqual((aside.stat().st_uid, aside.stat().st_gid), (store.owner.pw_uid, store.owner.pw_gid))
            self.assertEqual((store.folder / "ids").read_text().split(), [str(store.owner.pw_uid)] * 4)
            store.give(0)
            self.assertTrue(outcome(mail(packed(report(report_id="late")))).startswith("Deferred"))
            self.assertNotIn("DSN", "\n".join(receiver.log.lines()))

    def test_the_manual_has_the_same_recipe(self) -> None:
        manual = "".join(page.read_text() for page in Path(program.SOURCE_TREE, "man").glob("tlsrpt-report*.1"))
        manual = manual.replace("\\(aq", "'").replace("\\(ga", "`").replace("\\e\n", "\\\n")
        for line in (POSTFIX + SENDMAIL).splitlines():
            self.assertIn(f"\n{line}\n", manual)


if __name__ == "__main__":
    unittest.main()
