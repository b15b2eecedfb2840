"""Only sessions from other mail servers are recorded, unless the configuration asks for more."""

import unittest
from collections.abc import Mapping

from lab import Lab
from lab.postfix import Listener
from lab.smtp_client import plaintext_mail, tls13_mail
from lab.smtp_dialogue import Client, Dialogue, TLS13, greeted, tls
from recording import QUICK, Milter, client, end_and_read, read, receiver, sendmail_receiver, sessions_in

NO_NAMES = {"smtpd_peername_lookup": "no"}
XCLIENT = NO_NAMES | {"smtpd_authorized_xclient_hosts": "127.0.0.0/8"}


class Networks(unittest.TestCase):
    def test_that_are_local_are_left_out_by_default_which_is_told(self) -> None:
        with Lab() as lab:
            milter = Milter(lab, settings=QUICK | {"local_networks": ["127.0.0.0/8", "10.0.0.0/8"]})
            mx = receiver(lab, milter, parameters=XCLIENT)
            plaintext_mail(client(lab, mx))
            with greeted(client(lab, mx)) as dialogue:
                dialogue.command("XCLIENT ADDR=192.0.2.55 NAME=out.sender.test", 220)
                dialogue.ehlo()
                dialogue.mail()
                dialogue.quit()

            rows = end_and_read(mx, milter)

            self.assertEqual(list(rows), ["192.0.2.55"])
            self.assertRegex(milter.stderr.text(), r"sessions from 127\.0\.0\.0/8 are not recorded; see 'local_networks'")
            self.assertEqual(milter.stderr.text().count("are not recorded"), 1)


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

    def test_that_forward_change_nothing(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters=NO_NAMES | {"smtpd_authorized_xforward_hosts": "127.0.0.0/8"})
            one = client(lab, mx)
            with greeted(one) as dialogue:
                dialogue.command("XFORWARD NAME=out.sender.test ADDR=192.0.2.66 PROTO=ESMTP", 250)
                dialogue.mail()
                dialogue.quit()

            self.assertEqual(list(end_and_read(mx, milter)), [one.source])


class LocalMail(unittest.TestCase):
    def test_that_postfix_shows_as_a_session_is_never_one(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters=NO_NAMES | {"non_smtpd_milters": milter.for_postfix})
            mx.submit_locally("alice@example.test", "bob@example.test")
            one = client(lab, mx)
            plaintext_mail(one)

            rows = end_and_read(mx, milter)

            self.assertEqual(list(rows), [one.source])
            self.assertEqual(sessions_in(rows), 1)


class Daemons(unittest.TestCase):
    """Postfix' name of a daemon is milter_macro_daemon_name, Sendmail's that of DAEMON_OPTIONS."""

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

    def test_of_our_own_users_are_left_out_by_default(self) -> None:
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

    def test_of_sendmail_are_chosen_by_their_names(self) -> None:
        with Lab() as lab:
            milter = Milter(lab, settings=QUICK | {"exclude_daemons": ["TLSMTA"]})
            mx = sendmail_receiver(lab, milter)
            one, implicit = client(lab, mx), Client(mx.address, mx.implicit_tls_port, source=lab.address())
            tls13_mail(one)
            with Dialogue(implicit) as dialogue:
                dialogue.handshake(tls(TLS13))
                dialogue.banner()
                dialogue.ehlo()
                dialogue.mail()
                dialogue.quit()
            mx.log.wait_for(rf"relay=\[{implicit.source}\]")

            self.assertEqual(list(end_and_read(mx, milter)), [one.source])


class Authentication(unittest.TestCase):
    """A proxy hands the name of who logged in over with XCLIENT; Postfix then tells of it as of its own SMTP AUTH."""

    def test_marks_our_own_users_who_are_recorded_only_where_that_is_asked_for(self) -> None:
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
