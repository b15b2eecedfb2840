"""A sender that has used TLS and comes without it is detected, and can be refused temporarily."""

import os
import signal
import unittest

from lab import Lab, program
from lab.smtp_dialogue import TLS13, Client, UnexpectedReply, greeted, tls
from recording import EVERYBODY, QUICK, Milter, configuration, end_and_read, receiver

XCLIENT = {"smtpd_peername_lookup": "no", "smtpd_authorized_xclient_hosts": "127.0.0.0/8"}


class Downgrades(unittest.TestCase):
    def session(self, lab: Lab, mx: object, name: str, address: str = "192.0.2.1", *, encrypted: bool = True) -> None:
        """Mail from the client of that verified name; this machine is a proxy that passes the name to Postfix."""
        with greeted(Client(mx.address, mx.port)) as dialogue:
            dialogue.command(f"XCLIENT NAME={name} ADDR={address}", 220)
            dialogue.ehlo()
            if encrypted:
                dialogue.starttls(tls(TLS13))
                dialogue.ehlo()
            dialogue.mail()
            dialogue.quit()

    def start(self, lab: Lab, **settings: object) -> Milter:
        return Milter(lab, settings=QUICK | {"local_networks": ["127.0.0.0/8"], "downgrade_after": 3} | settings)

    def test_are_logged_listed_and_in_the_self_report(self) -> None:
        with Lab() as lab:
            milter = self.start(lab)
            mx = receiver(lab, milter, parameters=XCLIENT)
            for host in ("mx1", "mx2", "mx1"):
                self.session(lab, mx, f"{host}.sender.test")
            self.session(lab, mx, "out.stranger.test", encrypted=False)
            self.session(lab, mx, "mx3.sender.test", "192.0.2.33", encrypted=False)
            self.session(lab, mx, "mx4.sender.test", "192.0.2.44", encrypted=False)
            milter.stderr.wait_for(r"sender\.test came without TLS at \S+, after 3 sessions with up to TLSv1\.3")
            end_and_read(mx, milter)

            self.assertEqual(milter.stderr.text().count("came without TLS"), 1, "once a sender and day")
            (entry,) = milter.report("--json", "downgrades")["downgrades"]
            self.assertEqual((entry["sender"], entry["plaintext_sessions"], entry["tls_sessions"], entry["best_tls"]),
                             ("sender.test", 2, 3, "TLSv1.3"))
            self.assertEqual(entry["addresses"], ["192.0.2.33", "192.0.2.44"])
            self.assertLess(entry["last_tls"], entry["first_plaintext"])
            told = program.run("tlsrpt-report", "--state-dir", milter.state, "downgrades").stdout
            self.assertIn("sender.test\n  2 sessions in plaintext, first at ", told)
            (policy,) = milter.report("self", "--no-lookup")["policies"]
            reasons = {detail["sending-mta-ip"]: detail["failure-reason-code"].partition(":")[0]
                       for detail in policy["failure-details"]}
            self.assertEqual(reasons, {"192.0.2.1": "plaintext", "192.0.2.33": "downgrade", "192.0.2.44": "downgrade"})

    def test_are_refused_if_configured_until_the_sender_is_forgotten(self) -> None:
        with Lab() as lab:
            milter = self.start(lab, on_downgrade="tempfail")
            mx = receiver(lab, milter, parameters=XCLIENT)
            self.session(lab, mx, "mx1.sender.test", encrypted=False)
            for _ in range(3):
                self.session(lab, mx, "mx1.sender.test")
            self.until_refused(lab, mx, "mx2.sender.test")
            self.session(lab, mx, "mx2.sender.test")  # over TLS it is accepted
            self.obey(lab, mx, "mx2.sender.test")
            self.session(lab, mx, "mx1.stranger.test", encrypted=False)

            forgotten = program.run("tlsrpt-report", "--state-dir", milter.state, "forget", "Sender.Test", "no.test")
            self.assertEqual((forgotten.returncode, forgotten.stdout),
                             (1, "sender.test: forgotten\nno.test: no TLS history\n"))
            self.until_accepted(lab, mx, "mx1.sender.test")
            rows = end_and_read(mx, milter)["192.0.2.1"]
            refused = [row for row in rows if row.outcome == "plaintext" and row.messages < row.sessions]
            self.assertTrue(refused)
            self.assertEqual({domain for row in refused for domain in row.domains}, {"example.test"})
            self.assertRegex(milter.stderr.text(), "sender.test came without TLS, for which it is known: refused for now")

    def test_of_senders_who_are_exempt_are_accepted(self) -> None:
        with Lab() as lab:
            milter = self.start(lab, on_downgrade="tempfail", downgrade_exempt=["sender.test"])
            mx = receiver(lab, milter, parameters=XCLIENT)
            for _ in range(3):
                self.session(lab, mx, "mx1.sender.test")
                self.session(lab, mx, "mx1.other.test")
            self.until_refused(lab, mx, "mx1.other.test")
            self.session(lab, mx, "mx1.sender.test", encrypted=False)

    def test_the_first_mail_is_refused_already_after_a_start_and_after_a_reload(self) -> None:
        with Lab() as lab:
            milter = self.start(lab)
            mx = receiver(lab, milter, parameters=XCLIENT)
            for _ in range(3):
                self.session(lab, mx, "mx1.sender.test")
                self.session(lab, mx, "mx1.exempt.test")
            mx.end()
            milter.stop()

            refusing = {"on_downgrade": "tempfail", "downgrade_exempt": ["exempt.test"]}
            rarely = {"state_dir": milter.state, "fold_interval": 3600}
            started = self.start(lab, **rarely, **refusing)
            mx = receiver(lab, started, parameters=XCLIENT)
            self.assert_refused(lab, mx, "mx1.sender.test")
            self.session(lab, mx, "mx1.exempt.test", encrypted=False)
            mx.end()
            started.stop()

            reloaded = self.start(lab, **rarely)
            mx = receiver(lab, reloaded, parameters=XCLIENT)
            self.session(lab, mx, "mx1.sender.test", encrypted=False)
            configuration(reloaded.configuration.parent, EVERYBODY | QUICK | rarely | refusing | {
                "socket": reloaded.socket, "local_networks": ["127.0.0.0/8"], "downgrade_after": 3})
            os.kill(reloaded.pid, signal.SIGHUP)
            reloaded.stderr.wait_for("the configuration was read again")
            self.assert_refused(lab, mx, "mx1.sender.test")
            self.session(lab, mx, "mx1.exempt.test", encrypted=False)

    def test_sessions_that_are_still_in_the_journal_are_forgotten_too(self) -> None:
        with Lab() as lab:
            milter = self.start(lab, fold_interval=3600)
            milter.wait_for_first_fold()
            mx = receiver(lab, milter, parameters=XCLIENT)
            for _ in range(3):
                self.session(lab, mx, "mx1.sender.test")
                self.session(lab, mx, "mx1.other.test")
            mx.end()
            milter.wait_for_records(6)
            forget = ("tlsrpt-report", "--state-dir", milter.state, "forget")
            forgotten = program.run(*forget, "sender.test", "no.test")
            self.assertEqual((forgotten.returncode, forgotten.stdout),
                             (1, "sender.test: forgotten\nno.test: no TLS history\n"))

            mx = receiver(lab, milter, parameters=XCLIENT)
            for name in ("sender", "other"):
                self.session(lab, mx, f"mx1.{name}.test", encrypted=False)
            end_and_read(mx, milter)
            downgrades = milter.report("--json", "downgrades")["downgrades"]
            self.assertEqual([entry["sender"] for entry in downgrades], ["other.test"])
            self.assertEqual(program.run(*forget, "sender.test").returncode, 1)
            self.assertEqual(program.run(*forget, "other.test").returncode, 0)

    def assert_refused(self, lab: Lab, mx: object, name: str) -> None:
        with self.assertRaisesRegex(UnexpectedReply, r"451 4\.7\.10"):
            self.session(lab, mx, name, encrypted=False)

    def until_refused(self, lab: Lab, mx: object, name: str) -> None:
        """A sender is known once its sessions are in the store of the milter."""
        for _ in range(500):
            try:
                self.session(lab, mx, name, encrypted=False)
            except UnexpectedReply as refusal:
                self.assertRegex(str(refusal), r"451 4\.7\.10 .*Encryption needed: .*STARTTLS")
                return
        self.fail("never refused")

    def obey(self, lab: Lab, mx: object, name: str) -> None:
        """The sender does what the refusal demands, without a new connection."""
        with greeted(Client(mx.address, mx.port)) as dialogue:
            dialogue.command(f"XCLIENT NAME={name} ADDR=192.0.2.1", 220)
            dialogue.ehlo()
            with self.assertRaises(UnexpectedReply):
                dialogue.mail()
            dialogue.command("RSET", 250)
            dialogue.starttls(tls(TLS13))
            dialogue.ehlo()
            dialogue.mail()
            dialogue.quit()

    def until_accepted(self, lab: Lab, mx: object, name: str) -> None:
        for _ in range(500):
            try:
                return self.session(lab, mx, name, encrypted=False)
            except UnexpectedReply:
                continue
        self.fail("never accepted")
