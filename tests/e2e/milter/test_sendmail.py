"""Each way a session with Sendmail can go is recorded exactly once, as what it was."""

import unittest
from dataclasses import replace

from lab import Lab
from lab.ca import CA
from lab.smtp_client import (CERTIFICATE_SCENARIOS, IMPLICIT_TLS_SCENARIOS, SCENARIOS, tls13_client_certificate,
                             tls13_mail)
from recording import Milter, client, end_and_read, sendmail_receiver
from test_classification import EXPECTED, NO_HELO, NO_MAIL, TLS_1_3, with_mail

# Where Sendmail differs from Postfix.
DIFFERENT = {
    "implicit_tls_refused": NO_HELO,  # Sendmail reports to a milter also sessions whose handshake fails at once
}


class Sessions(unittest.TestCase):
    maxDiff = None

    def test_each_is_recorded_once_and_as_what_it_was(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = sendmail_receiver(lab, milter)
            certificate = lab.ca.issue("client.test")
            names = {}
            for name, scenario in (SCENARIOS | CERTIFICATE_SCENARIOS | IMPLICIT_TLS_SCENARIOS).items():
                one = client(lab, mx, certificate=certificate)
                if name in IMPLICIT_TLS_SCENARIOS:
                    one = replace(one, port=mx.implicit_tls_port)
                scenario(one)
                names[one.source] = name
                # One process for each session, which exits when its filters have the end of the session.
                mx.log.wait_for(rf"connect from \[{one.source}\]")
            mx.wait_until_idle()

            rows = end_and_read(mx, milter)

            recorded = {name: rows.pop(address, []) for address, name in names.items()}
            expected = EXPECTED | DIFFERENT
            self.assertEqual(recorded, {name: [row] if row else [] for name, row in expected.items()})
            self.assertEqual(rows, {}, "from nobody else")

    def test_a_certificate_of_an_unknown_ca_is_distinguished(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = sendmail_receiver(lab, milter)
            stranger = CA(lab.new_folder("stranger"), "Untrusted CA")
            trusted = client(lab, mx, certificate=lab.ca.issue("client.test"))
            untrusted = client(lab, mx, certificate=stranger.issue("client.test"))
            none = client(lab, mx)
            tls13_client_certificate(trusted)
            tls13_client_certificate(untrusted)
            tls13_mail(none)
            mx.wait_until_idle()

            self.assertEqual(end_and_read(mx, milter), {
                trusted.source: [with_mail(TLS_1_3, certificate="trusted")],
                untrusted.source: [with_mail(TLS_1_3, certificate="untrusted")],
                none.source: [with_mail(TLS_1_3)],
            })
