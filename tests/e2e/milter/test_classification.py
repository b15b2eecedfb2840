"""Each way a session can go is recorded exactly once, as what it was."""

import unittest
from dataclasses import replace

from lab import Lab
from lab.ca import CA
from lab.dns import Dns
from lab.postfix import Listener
from lab.smtp_client import (CERTIFICATE_SCENARIOS, IMPLICIT_TLS_SCENARIOS, SCENARIOS, plaintext_mail,
                             tls13_client_certificate, tls13_mail, two_mails)
from lab.smtp_dialogue import TLS13, Client, UnexpectedReply, greeted, tls
from recording import Milter, Row, client, end_and_read, read, receiver

TLS_1_3 = Row("tls", "TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)
TLS_1_2 = Row("tls", "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", 256)
PLAINTEXT, NO_MAIL, NO_HELO = Row("plaintext"), Row("no-mail"), Row("no-helo")


def with_mail(row: Row, messages: int = 1, *, certificate: str = "none") -> Row:
    return replace(row, messages=messages, domains={"example.test": (1, messages)}, client_certificate=certificate)


EXPECTED = {
    "plaintext_mail": with_mail(PLAINTEXT),
    "tls13_mail": with_mail(TLS_1_3),
    "tls12_mail": with_mail(TLS_1_2),
    "two_mails": with_mail(TLS_1_3, 2),
    "starttls_without_ehlo_before": with_mail(TLS_1_3),
    "mail_without_ehlo_after_starttls": with_mail(TLS_1_3),
    "reset_then_mail": with_mail(PLAINTEXT),
    "old_version": NO_MAIL,
    "no_shared_cipher": NO_MAIL,
    "close_after_server_flight": NO_MAIL,
    "unknown_ca_tls12": NO_MAIL,
    "unknown_ca_tls13": NO_MAIL,
    "plaintext_instead_of_hello": NO_MAIL,
    "starttls_then_close": NO_MAIL,
    "starttls_then_reset": NO_MAIL,
    "handshake_then_close": NO_MAIL,
    "handshake_then_quit": NO_MAIL,
    "tls_ehlo_quit": TLS_1_3,
    "rejected_recipients": with_mail(TLS_1_3, 0),
    "close_in_transaction": with_mail(TLS_1_3, 0),
    "connect_then_close": NO_HELO,
    "banner_then_close": NO_HELO,
    "ehlo_quit": NO_MAIL,
    "ehlo_then_close": NO_MAIL,
    "ehlo_then_reset": NO_MAIL,
    "three_helos": NO_MAIL,
    "tls13_client_certificate": with_mail(TLS_1_3, certificate="trusted"),
    "tls12_client_certificate": with_mail(TLS_1_2, certificate="trusted"),
    "implicit_tls_mail": with_mail(TLS_1_3),
    "implicit_tls_refused": None,  # Postfix reports to a milter only sessions whose handshake succeeded
}

# Names are looked up in one test only; in the others each client is known by its address.
NO_NAMES = {"smtpd_peername_lookup": "no"}


class Sessions(unittest.TestCase):
    maxDiff = None

    def test_each_is_recorded_once_and_as_what_it_was(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            implicit = Listener(lab.address(), lab.smtp_port, lab.ca.issue("mx.example.test"), implicit_tls=True)
            mx = receiver(lab, milter, parameters=NO_NAMES, listeners=[implicit])
            certificate = lab.ca.issue("client.test")
            names = {}
            for name, scenario in (SCENARIOS | CERTIFICATE_SCENARIOS | IMPLICIT_TLS_SCENARIOS).items():
                one = client(lab, mx, certificate=certificate)
                if name in IMPLICIT_TLS_SCENARIOS:
                    one = replace(one, host=implicit.address)
                scenario(one)
                mx.log.wait_for(rf"disconnect from unknown\[{one.source}\]")
                names[one.source] = name

            rows = end_and_read(mx, milter)

            recorded = {name: rows.pop(address, []) for address, name in names.items()}
            self.assertEqual(recorded, {name: [row] if row else [] for name, row in EXPECTED.items()})
            self.assertEqual(rows, {}, "from nobody else")

    def test_sessions_of_one_kind_are_added(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            one = client(lab, mx)
            for scenario in (tls13_mail, two_mails, tls13_mail, plaintext_mail):
                scenario(one)

            rows = end_and_read(mx, milter)[one.source]

            self.assertCountEqual(rows, [
                replace(TLS_1_3, sessions=3, messages=4, domains={"example.test": (3, 4)}),
                replace(PLAINTEXT, messages=1, domains={"example.test": (1, 1)}),
            ])

    def test_a_certificate_of_an_unknown_ca_does_not_count(self) -> None:
        # Postfix passes a client's certificate to a milter only if it trusts it.
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            stranger = CA(lab.new_folder("stranger"), "Untrusted CA")
            one = client(lab, mx, certificate=stranger.issue("client.test"))
            tls13_client_certificate(one)

            self.assertEqual(end_and_read(mx, milter), {one.source: [with_mail(TLS_1_3)]})

    def test_tls_after_mail_in_plaintext_does_not_cover_that_mail(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            one = client(lab, mx)
            with greeted(one) as dialogue:
                dialogue.mail()
                dialogue.starttls(tls(TLS13))
                dialogue.ehlo()
                dialogue.mail()
                dialogue.quit()

            self.assertEqual(end_and_read(mx, milter), {one.source: [with_mail(PLAINTEXT, 2)]})

    def test_clients_are_recorded_with_their_verified_names(self) -> None:
        with Lab() as lab:
            named, liar = lab.address(), lab.address()

            def reverse(address: str) -> str:
                return ".".join(reversed(address.split(".")[1:]))

            dns = Dns(lab, {
                "127.in-addr.arpa": {reverse(named): ["PTR Out.Sender.test."], reverse(liar): ["PTR out.sender.test."]},
                "sender.test": {"out": [f"A {named}"]},
            })
            milter = Milter(lab)
            mx = receiver(lab, milter, dns=dns)
            for address in (named, liar):
                plaintext_mail(Client(mx.address, mx.port, source=address))

            rows = end_and_read(mx, milter)

            self.assertEqual([row.client_name for row in rows[named]], ["out.sender.test"])
            self.assertEqual([row.client_name for row in rows[liar]], [""])


class RecipientDomains(unittest.TestCase):
    def test_are_counted_separately_whatever_their_spelling(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, domains=["example.test", "example.org"], parameters=NO_NAMES)
            one = client(lab, mx, recipients=("bob@example.test", "carol@EXAMPLE.org", "dave@Example.Org"))
            two_mails(one)

            (row,) = end_and_read(mx, milter)[one.source]

            self.assertEqual(row.messages, 2)
            self.assertEqual(row.domains, {"example.test": (1, 2), "example.org": (1, 2)})

    def test_are_counted_if_they_are_ascii_but_no_a_labels(self) -> None:
        domains = ["xn--ls8h.la", "xn--mller-kva-de.mail.protection.outlook.com", "xn--a.test", "xn--bcher-kva.example"]
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, domains=domains, parameters=NO_NAMES)
            one = client(lab, mx, recipients=tuple(f"bob@{domain}" for domain in domains) + ("eve@XN--LS8H.LA",))
            two_mails(one)

            (row,) = end_and_read(mx, milter)[one.source]

            self.assertEqual(row.domains, {domain: (1, 2) for domain in domains})

    def test_of_refused_recipients_do_not_count(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, domains=["example.test", "example.org"], parameters=NO_NAMES)
            one = client(lab, mx, recipients=("bob@example.test",))
            with greeted(one) as dialogue:
                dialogue.command(f"MAIL FROM:<{one.sender}>", 250)
                for refused in ("someone@elsewhere.test", "nosuch@example.org"):
                    with self.assertRaises(UnexpectedReply):
                        dialogue.command(f"RCPT TO:<{refused}>", 250)
                dialogue.command("RCPT TO:<bob@example.test>", 250)
                dialogue.command("DATA", 354)
                dialogue.command("Subject: test\r\n\r\nHello.\r\n.", 250)
                dialogue.quit()

            (row,) = end_and_read(mx, milter)[one.source]

            self.assertEqual((row.messages, row.domains), (1, {"example.test": (1, 1)}))


class Privacy(unittest.TestCase):
    SECRETS = (b"alice", b"bob", b"nosuch", b"someone", b"sender.test")

    def test_no_mail_address_is_written_anywhere(self) -> None:
        # Neither in the journal, which stays if its store cannot be opened, nor in the store, nor in the log.
        with Lab() as lab:
            state = lab.new_folder("state")
            (state / "tlsrpt.sqlite").mkdir()
            milter = Milter(lab, state=state, settings={"log_level": "debug"})
            mx = receiver(lab, milter, parameters=NO_NAMES)
            clients = [client(lab, mx, helo="alice@client.test") for _ in SCENARIOS]
            for one, scenario in zip(clients, SCENARIOS.values(), strict=True):
                scenario(one)
                mx.log.wait_for(rf"disconnect from unknown\[{one.source}\]")
            mx.end()
            milter.stop()
            journal = list((state / "journal").glob("*.segment"))
            self.assert_no_secret_in([*journal, milter.stderr.path])
            self.assertIn(b"client.test", b"".join(file.read_bytes() for file in journal))

            (state / "tlsrpt.sqlite").rmdir()
            again = Milter(lab, state=state, settings={"log_level": "debug"})
            again.stop()
            self.assertEqual(list((state / "journal").glob("*.segment")), [])
            self.assertEqual(set(read(state)), {one.source for one in clients})
            self.assert_no_secret_in([*filter(lambda path: path.is_file(), state.rglob("*")), again.stderr.path])

    def assert_no_secret_in(self, files: list) -> None:
        for file in files:
            for secret in self.SECRETS:
                self.assertNotIn(secret, file.read_bytes(), file.name)


if __name__ == "__main__":
    unittest.main()
