"""The dialogue of smtp::Prober: polite to every server, also to one that refuses, closes or does not know its TLS."""

import unittest

from lab import Lab, program
from lab.smtp_server import Peer, SmtpServer, server_tls
from probing import SNI, ProbeCase, Talk, over_tls, probe, probe_all


class Dialogue(ProbeCase):
    def test_a_probe_goes_from_the_greeting_to_quit(self) -> None:
        def talk(peer: Peer) -> None:
            peer.say("220-mx.example.test ESMTP\r\n220-of several\r\n220 lines\r\n")
            peer.hello("STARTTLS", "8BITMIME")
            peer.hear("STARTTLS")
            peer.say("220 2.0.0 Ready\r\n")
            peer.start_tls(context)
            peer.serve()
            peer.read_to_the_end()

        with Lab() as lab:
            context = server_tls(lab.ca.issue(SNI))
            facts, heard = self.probe_of(lab, talk, "--ca", str(lab.ca.certificate))
            self.assert_stop(facts, "done", "none")
            self.assertEqual(facts["reason"], "")
            self.assertEqual(heard, ["EHLO probe.client.test", "STARTTLS", "EHLO probe.client.test", "QUIT"])
            self.assertEqual(facts["greeting"]["lines"], ["mx.example.test ESMTP", "of several", "lines"])
            self.assertEqual(facts["extensions"], ["STARTTLS", "8BITMIME", "SIZE"])
            self.assertEqual(facts["starttls"]["enhanced"], "2.0.0")
            self.assertEqual(facts["quit"]["code"], 221)
            self.assertFalse(facts["offers_starttls_inside_tls"])
            tls = facts["tls"]
            self.assertEqual(tls["version"], "TLSv1.3")
            self.assertEqual(tls["chain"][0]["names"], [SNI])
            self.assertEqual((tls["chain_fault"], tls["chain_is_cut"]), ("none", False))

    def test_ipv6(self) -> None:
        with Lab() as lab:
            server = SmtpServer(lab, over_tls(server_tls(lab.ca.issue(SNI))), ipv6=True)
            facts = probe(lab, server.address, port=server.port)
            self.assert_stop(facts, "done", "none")
            self.assertEqual(facts["address"], "::1")

    def test_nothing_is_said_before_the_greeting(self) -> None:
        quiet: list[bool] = []

        def talk(peer: Peer) -> None:
            quiet.append(peer.is_quiet(0.3))
            peer.say("220-mx.example.test ESMTP\r\n")
            quiet.append(peer.is_quiet(0.3))
            peer.say("220 that is all\r\n")
            peer.hello()
            peer.serve()

        with Lab() as lab:
            facts, heard = self.probe_of(lab, talk)
            self.assertEqual(quiet, [True, True])
            self.assert_stop(facts, "ehlo", "no-starttls", "the server does not offer STARTTLS")
            # Its time begins when it knows of the connection, which the server may have known before.
            self.assertGreaterEqual(facts["greeting_time"], 300)
            self.assertEqual(heard, ["EHLO probe.client.test", "QUIT"])

    def test_quit_follows_every_refusal(self) -> None:
        def refuses(step: str, reply: str) -> Talk:
            def talk(peer: Peer) -> None:
                if step == "greeting":
                    peer.say(reply)
                else:
                    peer.say("220 mx.example.test ESMTP\r\n")
                    if step == "ehlo":
                        peer.hear("EHLO")
                    else:
                        peer.hello("STARTTLS")
                        peer.hear("STARTTLS")
                    peer.say(reply)
                peer.hear("QUIT")
                peer.say("221 Bye\r\n")
                peer.read_to_the_end()
            return talk

        for step, reply, stop, reason in (
                ("greeting", "421 4.7.0 Too many connections", "deferred",
                 "the greeting: 421 4.7.0 Too many connections"),
                ("greeting", "450 later", "deferred", "the greeting: 450 later"),
                ("greeting", "554 No SMTP service here", "rejected", "the greeting: 554 No SMTP service here"),
                ("greeting", "550 blocked", "rejected", "the greeting: 550 blocked"),
                ("greeting", "354 go on", "protocol", "the greeting: 354 go on"),
                ("ehlo", "421 later", "deferred", "the reply to EHLO: 421 later"),
                ("ehlo", "554 no", "rejected", "the reply to EHLO: 554 no"),
                ("ehlo", "502 Command not implemented", "no-starttls",
                 "the server does not know EHLO: 502 Command not implemented"),
                ("starttls", "454 4.7.0 TLS not available", "starttls-rejected",
                 "the reply to STARTTLS: 454 4.7.0 TLS not available"),
                ("starttls", "501 no", "starttls-rejected", "the reply to STARTTLS: 501 no"),
                ("starttls", "421 later", "deferred", "the reply to STARTTLS: 421 later")):
            with self.subTest(f"{step} {reply}"), Lab() as lab:
                facts, heard = self.probe_of(lab, refuses(step, reply + "\r\n"))
                self.assert_stop(facts, step, stop, reason)
                self.assertEqual(facts[step]["code"], int(reply[:3]))
                self.assertEqual(heard[-1], "QUIT")
                self.assertEqual(facts["quit"]["code"], 221)
                self.assertNotIn("tls", facts)

    def test_an_address_that_has_deferred_is_left_alone(self) -> None:
        def talk(peer: Peer) -> None:
            peer.say("421 Too many connections\r\n")
            peer.read_to_the_end()

        with Lab() as lab:
            server = SmtpServer(lab, talk)
            found = probe_all([f"{server.address} {server.port} {name}.test" for name in "abc"], "--quit", "100")
            server.end()
            self.assertEqual(len(server.heard), 1)
            self.assertEqual(sorted(facts["is_skipped"] for facts in found), [False, True, True])
            self.assertEqual({facts["sni"] for facts in found}, {"a.test", "b.test", "c.test"})
            for facts in found:
                self.assertEqual((facts["stop"], facts["reason"]),
                                 ("deferred", "the greeting: 421 Too many connections"))

    def test_a_server_that_is_silent_after_quit_costs_only_its_limit(self) -> None:
        def talk(peer: Peer) -> None:
            peer.to_starttls()
            peer.start_tls(context)
            peer.hello()
            peer.read_to_the_end()

        with Lab() as lab:
            context = server_tls(lab.ca.issue(SNI))
            facts, heard = self.probe_of(lab, talk, "--quit", "200")
            self.assert_stop(facts, "quit", "none")
            self.assertEqual(heard[-1], "QUIT")
            self.assertNotIn("quit", facts)
            self.assertLess(facts["total_time"], 12_000)

    def test_starttls_inside_tls_is_reported(self) -> None:
        def talk(peer: Peer) -> None:
            peer.to_starttls()
            peer.start_tls(context)
            peer.hello("STARTTLS")
            peer.serve()

        with Lab() as lab:
            context = server_tls(lab.ca.issue(SNI))
            facts, _ = self.probe_of(lab, talk)
            self.assert_stop(facts, "done", "none")
            self.assertTrue(facts["offers_starttls_inside_tls"])

    def test_private_addresses_are_refused_by_default(self) -> None:
        with Lab() as lab:
            server = SmtpServer(lab, Peer.welcome)
            done = program.run("smtp_probe", text_in=f"{server.address} {server.port}\n::1 {server.port}\n")
            self.assertEqual(done.stdout.count('"stop":"not-allowed"'), 2, done.stdout)
            self.assertIn(f"{server.address} is no address of the public Internet", done.stdout)
            server.end()
            self.assertEqual(server.heard, [])


class Injection(ProbeCase):
    def talk(self, keeps_plaintext: bool, replies_in_the_clear: bool = False) -> Talk:
        def talk(peer: Peer) -> None:
            peer.welcome("STARTTLS")
            peer.hear("STARTTLS")
            peer.say("220 Ready\r\n")
            if replies_in_the_clear:
                peer.hear("NOOP")
                # The ClientHello: then the client has read the reply to STARTTLS, and this one comes by itself.
                peer.wait_until_it_speaks()
                peer.say("250 Ok\r\n")
            peer.start_tls(self.context, keeps_plaintext=keeps_plaintext)
            peer.serve()
            peer.read_to_the_end()
        return talk

    def test_a_command_in_the_clear_behind_starttls_is_detected_if_it_is_answered_inside_tls(self) -> None:
        with Lab() as lab:
            self.context = server_tls(lab.ca.issue(SNI))
            for keeps_plaintext, in_the_clear in ((True, False), (False, False), (False, True)):
                with self.subTest(keeps_plaintext=keeps_plaintext, in_the_clear=in_the_clear):
                    facts, heard = self.probe_of(lab, self.talk(keeps_plaintext, in_the_clear), "--inject")
                    self.assert_stop(facts, "done", "none")
                    self.assertEqual(facts["accepts_injected_command"], keeps_plaintext)
                    self.assertEqual(facts["second_ehlo"]["lines"][0], "mx.example.test")
                    self.assertEqual(facts["quit"]["code"], 221)
                    self.assertEqual(heard[-1], "QUIT")

    def test_without_the_test_nothing_is_injected(self) -> None:
        with Lab() as lab:
            self.context = server_tls(lab.ca.issue(SNI))
            facts, heard = self.probe_of(lab, self.talk(keeps_plaintext=True))
            self.assertFalse(facts["accepts_injected_command"])
            self.assertNotIn("NOOP", heard)


class Closing(ProbeCase):
    def test_a_server_may_close_at_each_step(self) -> None:
        def at_once(_: Peer) -> None:
            pass

        def after_half_a_greeting(peer: Peer) -> None:
            peer.say("220-mx.example")

        def after_greeting(peer: Peer) -> None:
            peer.say("220 mx.example.test\r\n")
            peer.hear("EHLO")

        def after_ehlo(peer: Peer) -> None:
            peer.welcome("STARTTLS")
            peer.hear("STARTTLS")

        def after_starttls(peer: Peer) -> None:
            peer.to_starttls()
            peer.wait_for_bytes()

        def after_handshake(peer: Peer) -> None:
            peer.to_starttls()
            peer.start_tls(self.context)
            peer.hear("EHLO")

        def with_close_notify(peer: Peer) -> None:
            peer.to_starttls()
            peer.start_tls(self.context)
            peer.hear("EHLO")
            peer.socket.unwrap()

        for talk, reached, stop, reason in (
                (at_once, "greeting", "closed", "the server closed the connection instead of the greeting"),
                (after_half_a_greeting, "greeting", "closed",
                 "the server closed the connection instead of the greeting"),
                (after_greeting, "ehlo", "closed", "the server closed the connection instead of the reply to EHLO"),
                (after_ehlo, "starttls", "closed",
                 "the server closed the connection instead of the reply to STARTTLS"),
                (after_starttls, "handshake", "handshake",
                 "the server closed the connection instead of the TLS handshake"),
                (after_handshake, "second-ehlo", "closed",
                 "the server closed the connection instead of the reply to EHLO inside TLS"),
                (with_close_notify, "second-ehlo", "closed",
                 "the server closed the connection instead of the reply to EHLO inside TLS")):
            for reset in (False, True):
                with self.subTest(talk.__name__, reset=reset), Lab() as lab:
                    self.context = server_tls(lab.ca.issue(SNI))

                    def ends(peer: Peer, talk: Talk = talk, reset: bool = reset) -> None:
                        talk(peer)
                        if reset:
                            peer.reset()

                    facts, _ = self.probe_of(lab, ends)
                    self.assert_stop(facts, reached, stop, reason)
                    self.assertEqual("tls" in facts, reached == "second-ehlo")

    def test_a_closed_port_is_reported(self) -> None:
        with Lab() as lab:
            address = lab.address()
            self.assert_stop(probe(lab, address, port=lab.free_port(address)), "connection", "refused",
                             "Connection refused")


if __name__ == "__main__":
    unittest.main()
