"""What an MTA sends to the milter: no more than what is recorded, and nothing from any message."""

import unittest
from collections.abc import Iterable, Mapping

from lab import Lab
from lab.postfix import Receiver
from lab.sendmail import SendmailReceiver
from lab.smtp_dialogue import TLS13, UnexpectedReply, greeted, tls
from wire_capture import WireCapture
from recording import Milter, client, end_and_read, receiver, sendmail_receiver

WITHOUT_TLS = {"j", "{client_name}", "{client_port}", "{daemon_name}", "{daemon_port}"}
OF_TLS = {"{tls_version}", "{cipher}", "{cipher_bits}", "{cert_subject}", "{verify}"}
WANTED = {b"C": WITHOUT_TLS | OF_TLS, b"H": OF_TLS, b"M": OF_TLS | {"{auth_type}"}}

# Negotiation, macros, connect, helo, mail, recipient, end of message, abort, quit.
COMMANDS = set(b"ODCHMREAQ")


class Wire(unittest.TestCase):
    def assert_only_what_is_needed(self, packets: Iterable[tuple[bytes, bytes]]) -> None:
        seen: dict[bytes, set[str]] = {}
        for command, content in packets:
            self.assertIn(command[0], COMMANDS)
            self.assertNotIn(b"Hello", content)
            self.assertNotIn(b"Subject", content)
            if command == b"E":
                self.assertEqual(content, b"")
            elif command == b"D":
                names = {name.decode() for name in content[1:].split(b"\0")[:-1:2]}
                seen.setdefault(content[:1], set()).update(names)
        self.assertTrue(seen[b"C"] >= WITHOUT_TLS)
        self.assertTrue(seen[b"H"] >= {"{tls_version}", "{cipher}", "{cipher_bits}"})
        self.assertEqual({stage: names - WANTED.get(stage, set()) for stage, names in seen.items()},
                         {stage: set() for stage in seen})

    def talk(self, lab: Lab, mx: Receiver | SendmailReceiver) -> str:
        """A message, a transaction that is aborted, and a recipient that is refused; returns the client's address."""
        one = client(lab, mx, certificate=lab.ca.issue("client.test"))
        with greeted(one) as dialogue:
            dialogue.starttls(tls(TLS13, one.certificate))
            dialogue.ehlo()
            dialogue.mail()
            dialogue.envelope()
            with self.assertRaises(UnexpectedReply):
                dialogue.command("RCPT TO:<nosuch@example.test>", 250)
            dialogue.command("RSET", 250)
            dialogue.mail()
            dialogue.quit()
        return one.source

    def assert_all_recorded(self, rows: Mapping[str, list], address: str) -> None:
        (row,) = rows[address]
        self.assertEqual((row.outcome, row.messages, row.domains, row.client_certificate),
                         ("tls", 2, {"example.test": (1, 2)}, "trusted"))

    def test_from_postfix_has_only_what_is_needed(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            wire = WireCapture(lab, milter)
            mx = receiver(lab, wire, parameters={"smtpd_peername_lookup": "no"})
            address = self.talk(lab, mx)
            self.assert_all_recorded(end_and_read(mx, milter), address)
            self.assert_only_what_is_needed(wire.packets())

    def test_from_sendmail_has_only_what_is_needed(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            wire = WireCapture(lab, milter)
            mx = sendmail_receiver(lab, wire)
            address = self.talk(lab, mx)
            mx.wait_until_idle()
            self.assert_all_recorded(end_and_read(mx, milter), address)
            self.assert_only_what_is_needed(wire.packets())


if __name__ == "__main__":
    unittest.main()
