"""Only sessions from other mail servers are recorded, unless the configuration asks for more."""

import unittest
from collections.abc import Mapping

from lab import Lab
from lab.policy_server import netstring
from lab.postfix import Listener
from lab.sasl import SaslServer
from lab.smtp_client import plaintext_mail, tls13_mail
from lab.smtp_dialogue import Client, Dialogue, TLS13, greeted, tls
from recording import QUICK, Milter, client, end_and_read, read, receiver, sendmail_receiver, sessions_in

NO_NAMES = {"smtpd_peername_lookup": "no"}
XCLIENT = NO_NAMES | {"smtpd_authorized_xclient_hosts": "127.0.0.0/8"}


class Proxies(unittest.TestCase):
    def test_show_the_client_behind_them_once(self) -> None:
        with Lab() as lab:
            milter = Milter(lab, settings=QUICK | {"local_networks": ["127.0.0.0/8"]})
            haproxy = Listener(lab.address(), lab.smtp_port, lab.ca.issue("mx.example.test"),
                               parameters={"smtpd_upstream_proxy_protocol": "haproxy"})
            mx = receiver(lab, milter, parameters=XCLIENT | {"inet_protocols": "all"}, listeners=[haproxy])
            with greeted(client(lab, mx)) as dialogue:
                dialogue.command("XCLIENT NAME=out.sender.test ADDR=192.0.2.55 PORT=4711 HELO=x.test PROTO=ESMTP", 220)
                dialogue.ehlo()
                dialogue.starttls(tls(TLS13))
                dialogue.ehlo()
                dialogue.mail()
                dialogue.mail()
                dialogue.quit()
            with greeted(client(lab, mx)) as dialogue:
                dialogue.command("XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:DB8::7", 220)
                dialogue.ehlo()
                dialogue.mail()
                dialogue.quit()
            with Dialogue(Client(haproxy.address, haproxy.port, source=lab.address())) as dialogue:
                dialogue.socket.sendall(f"PROXY TCP4 192.0.2.77 {haproxy.address} 4000 25\r\n".encode())
                dialogue.banner()
                dialogue.ehlo()
                dialogue.mail()
                dialogue.quit()

            rows = end_and_read(mx, milter)

            self.assertEqual(sorted(rows), ["192.0.2.55", "192.0.2.77", "2001:db8::7"])
            self.assertEqual(sessions_in(rows), 3)
            (behind_xclient,) = rows["192.0.2.55"]
            self.assertEqual((behind_xclient.outcome, behind_xclient.client_name, behind_xclient.messages),
                             ("tls", "out.sender.test", 2))
            self.assertEqual(rows["2001:db8::7"][0].outcome, "plaintext")

    def test_that_forward_change_no_session(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters=NO_NAMES | {"smtpd_authorized_xforward_hosts": "127.0.0.0/8"})
            one = client(lab, mx)
            with greeted(one) as dialogue:
                dialogue.command("XFORWARD NAME=out.sender.test ADDR=192.0.2.66 PROTO=ESMTP", 250)
                dialogue.mail()
                dialogue.quit()

            self.assertEqual(list(end_and_read(mx, milter)), [one.source])


class IPv6(unittest.TestCase):
    def test_clients_are_recorded_by_their_addresses(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters=NO_NAMES | {"inet_protocols": "all"}, listeners=[
                Listener("[::1]", lab.smtp_port, lab.ca.issue("mx.example.test"))])
            tls13_mail(Client("::1", mx.port, source="::1"))

            (row,) = end_and_read(mx, milter)["::1"]

            self.assertEqual((row.outcome, row.messages), ("tls", 1))


class LocalMail(unittest.TestCase):
    def test_that_postfix_shows_as_a_session_is_never_one(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            qmqp = Listener(lab.address(), lab.smtp_port, program="qmqpd",
                            parameters={"qmqpd_authorized_clients": "127.0.0.0/8"})
            mx = receiver(lab, milter, listeners=[qmqp],
                          parameters=NO_NAMES | {"non_smtpd_milters": milter.for_postfix})
            mx.submit_locally("alice@example.test", "bob@example.test")
            self.submit_by_qmqp(lab, qmqp)
            one = client(lab, mx)
            plaintext_mail(one)

            rows = end_and_read(mx, milter)

            self.assertEqual(list(rows), [one.source])
            self.assertEqual(sessions_in(rows), 1)


    def submit_by_qmqp(self, lab: Lab, qmqp: Listener) -> None:
        message = b"".join(map(netstring, ("Subject: test\n\nHello.\n", "alice@example.test", "bob@example.test")))
        with Dialogue(Client(qmqp.address, qmqp.port, source=lab.address())) as dialogue:
            dialogue.socket.sendall(netstring(message.decode()))
            self.assertRegex(dialogue.socket.recv(100), rb"\d+:KOk: queued as ")


class Daemons(unittest.TestCase):
    """Postfix takes the name of a daemon from milter_macro_daemon_name, Sendmail from DAEMON_OPTIONS."""

    def recorded(self, settings: Mapping[str, object]) -> set[str]:
        """Of the daemons named mx (the default of all), other and ORIGINATING, those whose sessions are recorded."""
        with Lab() as lab:
            milter = Milter(lab, settings=QUICK | settings)
            named = {name: Listener(lab.address(), lab.smtp_port, lab.ca.issue("mx.example.test"),
                                    parameters={"milter_macro_daemon_name": name})
                     for name in ("mx", "other", "ORIGINATING")}
            mx = receiver(lab, milter, parameters=NO_NAMES, listeners=list(named.values()))
            sources = {}
            for name, listener in named.items():
                one = Client(listener.address, listener.port, source=lab.address())
                tls13_mail(one)
                sources[one.source] = name
            rows = end_and_read(mx, milter)
            return {sources[address] for address in rows}

    def test_of_our_own_users_are_excluded_by_default(self) -> None:
        self.assertEqual(self.recorded({}), {"mx", "other"})

    def test_can_be_chosen_by_name(self) -> None:
        self.assertEqual(self.recorded({"daemons": ["other"]}), {"other"})
        self.assertEqual(self.recorded({"exclude_daemons": ["MX"]}), {"other", "ORIGINATING"})

    def test_can_be_chosen_by_port(self) -> None:
        with Lab() as lab:
            certificate = lab.ca.issue("mx.example.test")
            second = Listener(lab.address(), lab.free_port("127.0.0.1"), certificate)
            milter = Milter(lab, settings=QUICK | {"exclude_ports": [second.port]})
            only = Milter(lab, settings=QUICK | {"ports": [second.port]})
            mx = receiver(lab, milter, only, parameters=NO_NAMES, listeners=[second])
            first_client, second_client = client(lab, mx), Client(second.address, second.port, source=lab.address())
            tls13_mail(first_client)
            tls13_mail(second_client)

            self.assertEqual(list(end_and_read(mx, milter)), [first_client.source])
            only.stop()
            self.assertEqual(list(read(only.state)), [second_client.source])

    def test_of_sendmail_are_chosen_by_name_and_port(self) -> None:
        with Lab() as lab:
            milter = Milter(lab, settings=QUICK | {"exclude_daemons": ["TLSMTA"]})
            others = Milter(lab, settings=QUICK | {"exclude_ports": [lab.smtp_port]})
            mx = sendmail_receiver(lab, milter, others)
            one, implicit = client(lab, mx), Client(mx.address, mx.implicit_tls_port, source=lab.address())
            tls13_mail(one)
            with Dialogue(implicit) as dialogue:
                dialogue.handshake(tls(TLS13))
                dialogue.banner()
                dialogue.ehlo()
                dialogue.mail()
                dialogue.quit()
            mx.wait_until_idle()

            self.assertEqual(list(end_and_read(mx, milter)), [one.source])
            others.stop()
            self.assertEqual(list(read(others.state)), [implicit.source])


class Authentication(unittest.TestCase):
    """Our own users are recorded only if that is configured."""

    def assert_left_out(self, milter: Milter, all_of_them: Milter, mx: object, stranger: str, user: str) -> None:
        self.assertEqual(list(end_and_read(mx, milter)), [stranger])
        self.assertIn("sessions with SMTP AUTH are not recorded; see 'record_authenticated'", milter.stderr.text())
        all_of_them.stop()
        self.assertEqual({address: (row.outcome, row.messages) for address, (row,) in read(all_of_them.state).items()},
                         {stranger: ("tls", 1), user: ("tls", 2)})

    def test_of_postfix_is_respected(self) -> None:
        with Lab() as lab:
            milter, all_of_them = Milter(lab), Milter(lab, settings=QUICK | {"record_authenticated": True})
            sasl = SaslServer(lab)
            mx = receiver(lab, milter, all_of_them, parameters=NO_NAMES | sasl.parameters)
            stranger, user = client(lab, mx), client(lab, mx)
            tls13_mail(stranger)
            with greeted(user) as dialogue:
                dialogue.starttls(tls(TLS13))
                dialogue.ehlo()
                dialogue.command(f"AUTH PLAIN {sasl.credentials}", 235)
                dialogue.mail()
                dialogue.mail()
                dialogue.quit()
            self.assert_left_out(milter, all_of_them, mx, stranger.source, user.source)

    def test_of_sendmail_is_respected(self) -> None:
        # The client's certificate authenticates it: no password is necessary.
        macros = "define(`confAUTH_MECHANISMS', `EXTERNAL')dnl\nTRUST_AUTH_MECH(`EXTERNAL')dnl\n"
        with Lab() as lab:
            milter, all_of_them = Milter(lab), Milter(lab, settings=QUICK | {"record_authenticated": True})
            mx = sendmail_receiver(lab, milter, all_of_them, macros=macros)
            stranger, user = client(lab, mx), client(lab, mx, certificate=lab.ca.issue("client.test"))
            tls13_mail(stranger)
            with greeted(user) as dialogue:
                dialogue.starttls(tls(TLS13, user.certificate))
                dialogue.ehlo()
                dialogue.command("AUTH EXTERNAL =", 235)
                dialogue.mail()
                dialogue.mail()
                dialogue.quit()
            mx.wait_until_idle()
            self.assert_left_out(milter, all_of_them, mx, stranger.source, user.source)

    def test_at_a_proxy_that_reports_it_is_respected(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            all_of_them = Milter(lab, settings=QUICK | {"record_authenticated": True})
            mx = receiver(lab, milter, all_of_them, parameters=XCLIENT)
            for address, login in (("192.0.2.1", ""), ("192.0.2.2", " LOGIN=bob")):
                with greeted(client(lab, mx)) as dialogue:
                    dialogue.command(f"XCLIENT ADDR={address}{login}", 220)
                    dialogue.ehlo()
                    dialogue.mail()
                    dialogue.quit()

            with_mail = [address for address, (row,) in end_and_read(mx, milter).items() if row.messages]
            self.assertEqual(with_mail, ["192.0.2.1"])
            self.assertIn("sessions with SMTP AUTH are not recorded; see 'record_authenticated'", milter.stderr.text())
            all_of_them.stop()
            with_mail = [address for address, (row,) in read(all_of_them.state).items() if row.messages]
            self.assertEqual(sorted(with_mail), ["192.0.2.1", "192.0.2.2"])
