"""An address from which a report came back gets no more reports for a while; forged bounces change nothing."""

import os
import pwd
import shutil
import unittest
from pathlib import Path

from lab import Lab, program
from lab.dns import Dns
from lab.mailbox import Mailbox
from lab.postfix import Receiver, Sender
from outbound_results import OutboundReader, datagram

DAY, NEXT_DAY, THIRD_DAY = "2026-11-26", "2026-11-27", "2026-11-28"
HOST = "out.sender.test"
SERVICE = "games"  # in place of the user starttls-toolkit
GONE = "gone@a.test"


def bounce(returned: bytes, recipient: str, *, action: str = "failed", status: str = "5.1.1", original: str = "",
           part: str = "message/rfc822") -> bytes:
    """As a mail server writes it, for the mail that comes back or its header."""
    if part != "message/rfc822":
        returned = returned.partition(b"\r\n\r\n")[0] + b"\r\n"
    named = f"Original-Recipient: rfc822;{original}\r\n" if original else ""
    return (b"From: MAILER-DAEMON@mx.a.test\r\nTo: tls@sender.test\r\nSubject: Undelivered Mail\r\n"
            b"MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"B1\"\r\n\r\n"
            b"--B1\r\nContent-Type: text/plain\r\n\r\nYour mail could not be delivered.\r\n\r\n"
            b"--B1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.a.test\r\n\r\n" +
            f"{named}Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n"
            f"Diagnostic-Code: smtp; 550 5.1.1 no such\r\n user \x1b[31m\r\n\r\n"
            f"--B1\r\nContent-Type: {part}\r\n\r\n".encode() + returned + b"\r\n--B1--\r\n")


def qmail_bounce(returned: bytes, recipient: str, *, reason: str = "no such user") -> bytes:
    """As qmail writes it: text alone."""
    return (b"From: MAILER-DAEMON@mx.a.test\r\nTo: tls@sender.test\r\nSubject: failure notice\r\n\r\n"
            b"Hi. This is the qmail-send program at mx.a.test.\r\nIt did not work.\r\n\r\n" +
            f"<{recipient}>:\r\n192.0.2.25 does not like it.\r\n{reason}\r\n\r\n".encode() +
            b"--- Below this line is a copy.\r\n\r\nReturn-Path: <tls@sender.test>\r\n" + returned)


def named_bounce(returned: bytes, recipients: str, *, subject: str = "Mail delivery failed") -> bytes:
    """With X-Failed-Recipients, as Exim wrote it before it wrote a delivery status."""
    return (f"X-Failed-Recipients: {recipients}\r\nAuto-Submitted: auto-replied\r\nTo: tls@sender.test\r\n"
            f"Subject: {subject}\r\n\r\nIt did not work:\r\n\r\n  {recipients}\r\n    550 no such user\r\n\r\n"
            "------ This is a copy ------\r\n\r\n").encode() + returned


class Bounces(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.mailbox = Mailbox(self.lab)
        self.reader = OutboundReader(self.lab, f'mail = "{self.mailbox.url}"\n')
        self.reader.collect(DAY, datagram("a.test", f"mailto:{GONE},mailto:There@a.test"))
        self.assertEqual(self.reader.run("send").returncode, 0)
        self.sent = {mail["to"]: raw for mail, raw in zip(self.mailbox.messages(), self.mailbox.mails, strict=True)}

    def read(self, *contents: bytes, options: tuple[str, ...] = ()) -> list[dict]:
        folder = self.lab.new_folder("bounces")
        for number, content in enumerate(contents):
            (folder / f"{number:03}").write_bytes(content)
        answer = self.reader.read(*options, folder)
        self.assertEqual({name: answer[name] for name in ("exit", "read", "rejected", "bounces")},
                         {"exit": 0, "read": 0, "rejected": 0, "bounces": len(contents)}, answer["stderr"])
        self.assertEqual(self.reader.stored_reports(), 0, "the report that came back is ours")
        return answer["inputs"]

    def test_the_address_gets_no_more_reports(self) -> None:
        (one,) = self.read(bounce(self.sent[GONE], GONE))
        self.assertEqual((one["status"], one["suppressed"]), ("bounce", [GONE]))
        reason = r"550 5.1.1 no such user \x1b[31m"
        self.assertEqual(self.reader.suppressed(), {GONE: reason})
        self.assertEqual({one["state"] for one in self.reader.queue()}, {"sent"})

        self.reader.collect(NEXT_DAY, *[datagram("a.test", f"mailto:{GONE},mailto:there@a.test")] * 5,
                            *[datagram("b.test", f"mailto:Gone@A.test")] * 2)
        self.reader.at("2026-11-28T06:00:00Z")
        done = self.reader.run("send")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 domain without a report: mail to each destination came back", done.stdout)
        self.assertEqual([mail["to"] for mail in self.mailbox.messages()][2:], ["there@a.test"])

        shown = self.reader.run("queue").stdout
        self.assertRegex(shown, rf"{GONE} +2026-12-27T06:00:00")
        self.assertIn(reason, shown)
        done = self.reader.run("queue", "--resume", "Gone@a.test")
        self.assertEqual((done.returncode, done.stdout), (0, "Gone@a.test: gets reports again\n"))
        self.assertEqual(self.reader.suppressed(), {})
        self.assertNotIn("came back", self.reader.run("queue").stdout)
        done = self.reader.run("queue", "--resume", GONE)
        self.assertEqual((done.returncode, done.stdout), (1, f"{GONE}: no mail from there came back\n"))
        self.assertEqual(self.reader.run("send").returncode, 0)
        self.assertEqual(sorted(mail["to"] for mail in self.mailbox.messages()[3:]), ["Gone@a.test", GONE])

    def test_it_is_tried_again_after_30_days(self) -> None:
        self.read(bounce(self.sent[GONE], GONE))
        self.assertEqual(list(self.reader.at("2026-12-27T05:59:59Z").suppressed()), [GONE])
        self.assertEqual(self.reader.at("2026-12-27T06:00:00Z").suppressed(), {})

    def test_forms_of_bounces(self) -> None:
        raw = self.sent[GONE]
        forms = {"headers": bounce(raw, GONE, part="text/rfc822-headers"),
                 "forwarded there": bounce(raw, "user@elsewhere.test", original=GONE),
                 "upper case": bounce(raw, GONE.upper()),
                 "mbox": b"From MAILER-DAEMON Fri Nov 27 06:00:00 2026\n" + bounce(raw, GONE),
                 "qmail": qmail_bounce(raw, GONE),
                 "qmail, its status": qmail_bounce(raw, GONE, reason="no such user (#5.1.1)"),
                 "X-Failed-Recipients": named_bounce(raw, GONE),
                 "one of two": named_bounce(raw, f"victim@a.test, {GONE}")}
        for name, content in forms.items():
            with self.subTest(name):
                (one,) = self.read(content)
                self.assertEqual(one["suppressed"], [GONE])
                self.assertEqual(list(self.reader.suppressed()), [GONE])
                self.assertEqual(self.reader.run("queue", "--resume", GONE).returncode, 0)

    def test_other_bounces_change_nothing(self) -> None:
        raw = self.sent[GONE]
        other = raw.replace(b"Message-Id: <", b"Message-Id: <x").replace(b"Message-ID: <", b"Message-ID: <x")
        self.assertNotEqual(raw, other)
        unknown = "no report was sent to that address under that Message-ID"
        forged = [form(*mail) for form in (bounce, qmail_bounce, named_bounce)
                  for mail in ((raw, "victim@a.test"), (other, GONE), (raw, "gone@a.test.b.test"))]
        cases = {unknown: forged,
                 "nothing in it has failed permanently": [
                     qmail_bounce(raw, GONE, reason="no connection (#4.4.1)"), named_bounce(raw, ""),
                     named_bounce(raw, GONE, subject="Delivery Status Notification (Delay)"),
                     bounce(raw, GONE, action="delayed", status="4.4.1"), bounce(raw, GONE, status="4.4.7"),
                     bounce(raw, GONE, action="delivered"), bounce(raw, "")],
                 "it does not name the mail that came back": [
                     form(b"Subject: x\r\n\r\n", GONE) for form in (bounce, qmail_bounce, named_bounce)]}
        for reason, contents in cases.items():
            for one in self.read(*contents):
                self.assertEqual((one["status"], one["suppressed"], one["reason"]), ("bounce", [], reason))
        for one in self.read(bounce(raw, GONE), options=("--no-store",)):
            self.assertEqual((one["suppressed"], one["reason"]), ([], "nothing is stored"))
        self.reader.at("2026-12-12T06:00:00Z")  # more than 14 days later
        for one in self.read(bounce(raw, GONE)):
            self.assertEqual((one["suppressed"], one["reason"]), ([], unknown))
        self.assertEqual(self.reader.suppressed(), {})

    def test_among_reports_and_on_standard_input(self) -> None:
        folder = self.lab.new_folder("mixed")
        content = bounce(self.sent[GONE], GONE)
        box = self.reader.write("box", b"".join(
            b"From x Fri Nov 27 06:00:00 2026\n" + one.replace(b"\r\n", b"\n") + b"\n"
            for one in (self.sent[GONE], content, self.sent["There@a.test"])))
        done = self.reader.run("read", "--no-lookup", box)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"box: mail 2: bounce: no more reports to {GONE} for 30 days: 550 5.1.1 no such", done.stdout)
        self.assertIn("1 report read, 1 duplicate, 0 rejected, 1 bounce\n", done.stdout)
        (folder / "one").write_bytes(content)
        for option in ("--json", "-q"):
            done = program.run("tlsrpt-report", "-c", self.reader.configuration, option, "read", "-",
                               environment=self.reader.environment, text_in=content.decode())
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse((self.reader.state / "rejected").exists())

    def test_destinations_that_are_looked_up_later_are_left_out_too(self) -> None:
        self.read(bounce(self.sent[GONE], GONE))
        dns = Dns(self.lab, {".": {}, "test": {}, "logged.test": {
            "_smtp._tls": [f'TXT "v=TLSRPTv1; rua=mailto:{GONE},mailto:tls@logged.test"']}, "none.test": {
            "_smtp._tls": [f'TXT "v=TLSRPTv1; rua=mailto:{GONE}"']}}, port=0)
        with self.reader.configuration.open("a") as file:
            file.write(f'[dns]\nservers = ["{dns.address}@{dns.port}"]\ndnssec = false\n')
        unknown = {"policy-domain": "", "failure-details": [], "t": 0, "f": 0}
        self.reader.log(NEXT_DAY, datagram("logged.test", "", unknown), datagram("none.test", "", unknown))
        done = self.reader.at("2026-11-28T06:00:00Z").run("send")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 domain without a report: mail to each destination came back", done.stdout)
        self.assertEqual([mail["to"] for mail in self.mailbox.messages()][2:], ["tls@logged.test"])


class AliasReader(OutboundReader):
    """One whose state directory belongs to the service's user, who the alias of a mail server runs it as."""

    def __init__(self, lab: Lab, mail: str, contact: str) -> None:
        super().__init__(lab, f'mail = "{mail}"\n', contact=contact)
        self.owner = pwd.getpwnam(SERVICE)
        # Other users may have no access to the build.
        shutil.copy(program.path_of("tlsrpt-report"), self.folder / "real")
        self.program = self.folder / "tlsrpt-report"
        self.program.write_text(f"#!/bin/sh\nexport STARTTLS_TOOLKIT_NOW=$(cat {self.folder}/now)\n"
                                f'exec {self.folder}/real -c {self.configuration} "$@"\n')
        self.program.chmod(0o755)
        self.state.mkdir(mode=0o750)

    def give(self) -> None:
        """What the tests have written belongs to the service, too; its clock is that of the tests."""
        (self.folder / "now").write_text(self.environment["STARTTLS_TOOLKIT_NOW"])
        for path in [self.state, *self.state.rglob("*")]:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)


class Postfix(unittest.TestCase):
    def test_a_refused_recipient_comes_back_through_the_alias(self) -> None:
        with Lab() as lab:
            receiver = Receiver(lab, "mx.gone.test", ["gone.test"])
            dns = Dns(lab, {"gone.test": {"@": ["MX 10 mx"], "mx": [f"A {receiver.address}"]}})
            folder = lab.new_folder("aliases")
            people, alias = folder / "aliases", folder / "aliases-tlsrpt"
            sender = Sender(lab, dns, {"mydestination": HOST, "alias_maps": f"texthash:{people}, texthash:{alias}"},
                            hostname=HOST)
            reader = AliasReader(lab, f"smtp://{sender.address}:{sender.port}", f"tls-reports@{HOST}")
            people.write_text("postmaster /dev/null\ntls-reports postmaster, tlsrpt\n")
            alias.write_text(f'tlsrpt "|{reader.program} -q read -"\n')
            os.chown(alias, reader.owner.pw_uid, reader.owner.pw_gid)
            reader.collect(DAY, datagram("gone.test", "mailto:nosuch@gone.test"))

            def send(now: str) -> str:
                """What is printed. Where a report is sent, it returns when the bounce was read."""
                before = sender.log.mark()
                reader.at(now).give()
                done = reader.run("send")
                self.assertEqual(done.returncode, 0, done.stderr)
                reader.give()
                if " 0 reports " not in f" {done.stdout}":
                    sender.log.wait_for(r"to=<nosuch@gone\.test>.* status=bounced .*550", since=before)
                    line = sender.log.wait_for(r"relay=local.* status=(\w+) \(delivered to command: .*\)", since=before)
                    self.assertEqual(line[1], "sent")
                return done.stdout

            self.assertIn(f"1 report about {DAY} queued.", send("2026-11-27T06:00:00Z"))
            ((address, reason),) = reader.suppressed().items()
            self.assertEqual(address, "nosuch@gone.test")
            self.assertRegex(reason, "^550 5.1.1 <nosuch@gone.test>")
            self.assertEqual(reader.stored_reports(), 0)
            self.assertFalse((reader.state / "rejected").exists())
            self.assertIn("bounce: no more reports to nosuch@gone.test for 30 days", sender.syslog.path.read_text())

            reader.collect(NEXT_DAY, *[datagram("gone.test", "mailto:nosuch@gone.test")] * 3)
            said = send("2026-11-28T06:00:00Z")
            self.assertIn(f"0 reports about {NEXT_DAY} queued.\n", said)
            self.assertIn("1 domain without a report: mail to each destination came back", said)

            self.assertEqual(reader.run("queue", "--resume", "nosuch@gone.test").returncode, 0)
            self.assertIn(f"1 report about {NEXT_DAY} queued.", send("2026-11-28T07:00:00Z"))
            self.assertEqual(list(reader.suppressed()), ["nosuch@gone.test"])


if __name__ == "__main__":
    unittest.main()
