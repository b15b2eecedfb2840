"""What smtp::Prober makes of servers that are slow, broken or hostile: it is polite, bounded, and says what it saw."""

import contextlib
import itertools
import socket
import ssl
import subprocess
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path

from lab import Lab, command, program, wait
from lab.ca import Certificate
from lab.smtp_dialogue import TLS12, TLS13
from lab.smtp_server import Peer, SmtpServer, server_tls
from probing import PATIENT, SNI, Facts, probe, probe_all

Talk = Callable[[Peer], object]

ALERTS = {
    10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure",
    42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
    46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
    51: "decrypt_error", 60: "export_restriction", 70: "protocol_version", 71: "insufficient_security",
    80: "internal_error", 86: "inappropriate_fallback", 109: "missing_extension", 110: "unsupported_extension",
    112: "unrecognized_name", 113: "bad_certificate_status_response", 115: "unknown_psk_identity",
    116: "certificate_required", 120: "no_application_protocol", 99: "unknown",
}


def over_tls(context: ssl.SSLContext) -> Talk:
    """A server that does nothing strange."""
    def talk(peer: Peer) -> None:
        peer.to_starttls()
        peer.start_tls(context)
        peer.serve()
        peer.read_to_the_end()
    return talk


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Pass bytes on until one of them has closed."""
    with contextlib.suppress(OSError):
        while received := source.recv(65536):
            target.sendall(received)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def answer_ehlo_by_renegotiation(server: subprocess.Popen[bytes]) -> None:
    """Reads what s_server prints until it reports that the connection has ended."""
    assert server.stdin and server.stdout
    for line in server.stdout:
        if b"EHLO" in line:
            server.stdin.write(b"R\n")
            server.stdin.flush()
        if b"no renegotiation" in line:
            return


class ProbeCase(unittest.TestCase):
    def assert_stop(self, facts: Facts, reached: str, stop: str, reason: str = "") -> None:
        self.assertEqual((facts["reached"], facts["stop"]), (reached, stop), facts)
        if reason:
            self.assertRegex(facts["reason"], f"^{reason}$")

    def probe_of(self, lab: Lab, talk: Talk, *options: str, sni: str = SNI) -> tuple[Facts, list[str]]:
        """The facts, and what the server heard."""
        server = SmtpServer(lab, talk)
        facts = probe(lab, server.address, *options, sni=sni)
        server.end()
        self.assertEqual(len(server.heard), 1)
        return facts, server.heard[0]


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
            self.assertGreaterEqual(facts["greeting_time"], 600)
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
            self.assertLess(facts["total_time"], 5_000)

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
                time.sleep(0.1)
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


class Limits(ProbeCase):
    def test_each_limit_stops_a_server_of_its_own(self) -> None:
        def endless_lines(peer: Peer) -> None:
            while True:
                peer.say("220-still greeting\r\n" * 100)

        def long_line(peer: Peer) -> None:
            peer.say("220 " + "x" * 1_000_000)

        def trickle(peer: Peer) -> None:
            for byte in itertools.cycle(b"220-slow\r\n"):
                peer.say(bytes([byte]))
                time.sleep(0.02)

        def silent(peer: Peer) -> None:
            peer.read_to_the_end()

        def silent_after_ehlo(peer: Peer) -> None:
            peer.say("220 mx.example.test\r\n")
            peer.read_to_the_end()

        def silent_after_half_a_greeting(peer: Peer) -> None:
            peer.say("220-mx.example.test\r\n220 ")
            peer.read_to_the_end()

        def trickle_after_ehlo(peer: Peer) -> None:
            peer.say("220 mx.example.test\r\n")
            peer.hear("EHLO")
            trickle(peer)

        for talk, options, reached, stop, reason, heard in (
                (endless_lines, (), "greeting", "protocol", "the greeting: a reply of more than 100 lines", []),
                (long_line, (), "greeting", "protocol", "the greeting: a line of more than 2048 bytes", []),
                (trickle, ("--whole", "400"), "greeting", "too-slow", "no whole greeting within 0.4 s", []),
                (silent, ("--silence", "200"), "greeting", "timeout", "no greeting within 0.2 s", []),
                (silent, ("--whole", "200"), "greeting", "too-slow", "no whole greeting within 0.2 s", []),
                (silent_after_half_a_greeting, ("--silence", "200"), "greeting", "timeout",
                 "no greeting within 0.2 s", []),
                (silent_after_ehlo, ("--silence", "200", "--quit", "100"), "ehlo", "timeout",
                 "no reply to EHLO within 0.2 s", ["EHLO probe.client.test", "QUIT"]),
                (trickle_after_ehlo, ("--whole", "400"), "ehlo", "too-slow",
                 "no whole reply to EHLO within 0.4 s", ["EHLO probe.client.test"])):
            with self.subTest(reason), Lab() as lab:
                facts, really_heard = self.probe_of(lab, talk, *options)
                self.assert_stop(facts, reached, stop, reason)
                self.assertEqual(really_heard, heard)
                self.assertLess(facts["total_time"], 5_000)

    def test_the_handshake_has_limits_of_its_own(self) -> None:
        def silent(peer: Peer) -> None:
            peer.to_starttls()
            peer.wait_for_bytes()
            peer.read_to_the_end()

        def half_a_record(peer: Peer) -> None:
            peer.to_starttls()
            peer.wait_for_bytes()
            peer.say(b"\x16\x03\x03\x40\x00")
            peer.read_to_the_end()

        def trickle(peer: Peer) -> None:
            peer.to_starttls()
            peer.wait_for_bytes()
            peer.say(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
            while True:
                peer.say(b"\0")
                time.sleep(0.02)

        for talk in (silent, half_a_record, trickle):
            with self.subTest(talk.__name__), Lab() as lab:
                facts, _ = self.probe_of(lab, talk, "--handshake", "300")
                self.assert_stop(facts, "handshake", "timeout", "no TLS handshake within 0.3 s")

    def test_an_endless_stream_inside_tls_is_stopped(self) -> None:
        def endless(peer: Peer) -> None:
            peer.to_starttls()
            peer.start_tls(context)
            peer.hear("EHLO")
            while True:
                peer.say(b"250-x\r\n" * 1000)

        with Lab() as lab:
            context = server_tls(lab.ca.issue(SNI))
            facts, _ = self.probe_of(lab, endless)
            self.assert_stop(facts, "second-ehlo", "protocol",
                             "the reply to EHLO inside TLS: a reply of more than 100 lines")

    def test_more_addresses_than_descriptors_wait_for_their_turn(self) -> None:
        def good(peer: Peer) -> None:
            peer.welcome()
            peer.serve()

        with Lab() as lab:
            servers = [SmtpServer(lab, good) for _ in range(60)]
            requests = [f"{server.address} {server.port}" for server in servers]
            found = probe_all(requests, *PATIENT, descriptors=48)
            for facts in found:
                self.assert_stop(facts, "ehlo", "no-starttls")

    def test_slow_servers_delay_no_other(self) -> None:
        def slow(peer: Peer) -> None:
            peer.read_to_the_end()

        def good(peer: Peer) -> None:
            peer.welcome()
            peer.serve()

        with Lab() as lab:
            slow_ones = [SmtpServer(lab, slow) for _ in range(20)]
            fast = SmtpServer(lab, good)
            found = probe_all([f"{server.address} {server.port}" for server in (*slow_ones, fast)], *PATIENT,
                              "--silence", "1000")
            for facts in found[:-1]:
                self.assert_stop(facts, "greeting", "timeout")
            self.assert_stop(found[-1], "ehlo", "no-starttls")
            self.assertLess(found[-1]["total_time"], 500)


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


class Tls(ProbeCase):
    def test_alerts_have_the_names_of_the_registry(self) -> None:
        def answers(alert: int) -> Talk:
            def talk(peer: Peer) -> None:
                peer.to_starttls()
                peer.wait_for_bytes()
                peer.say(bytes([0x15, 3, 3, 0, 2, 2, alert]))
                peer.read_to_the_end()
            return talk

        with Lab() as lab:
            servers = {alert: SmtpServer(lab, answers(alert)) for alert in ALERTS}
            found = probe_all([f"{server.address} {server.port} {SNI}" for server in servers.values()], *PATIENT)
            for (alert, name), facts in zip(ALERTS.items(), found, strict=True):
                self.assert_stop(facts, "handshake", "handshake")
                self.assertEqual(facts["tls_error"], f"alert {name} ({alert})")
                self.assertEqual(facts["reason"], facts["tls_error"])

    def test_what_is_no_tls_is_reported(self) -> None:
        def garbage(peer: Peer) -> None:
            peer.to_starttls()
            peer.wait_for_bytes()
            peer.say("500 What?\r\n")
            peer.read_to_the_end()

        with Lab() as lab:
            facts, heard = self.probe_of(lab, garbage)
            self.assert_stop(facts, "handshake", "handshake", "wrong version number")
            self.assertNotIn("QUIT", heard)

    def test_old_versions_are_reached_only_if_they_are_asked_for(self) -> None:
        with Lab() as lab:
            certificate = lab.ca.issue(SNI)
            for version, word in ((ssl.TLSVersion.TLSv1, "TLSv1"), (ssl.TLSVersion.TLSv1_1, "TLSv1.1")):
                with self.subTest(word):
                    talk = over_tls(server_tls(certificate, versions=[version]))
                    facts, _ = self.probe_of(lab, talk)
                    self.assert_stop(facts, "handshake", "handshake")
                    self.assertEqual(facts["tls_error"], "alert protocol_version (70)")
                    facts, _ = self.probe_of(lab, talk, "--min", "TLSv1", "--max", "TLSv1.1")
                    self.assert_stop(facts, "done", "none")
                    self.assertEqual(facts["tls"]["version"], word)

    def test_suites_and_groups_are_those_asked_for(self) -> None:
        with Lab() as lab:
            context = server_tls(lab.ca.issue(SNI), versions=[TLS12, TLS13])
            for options, version, suite, group in (
                    (("--max", "TLSv1.2", "--suites", "ECDHE-ECDSA-AES128-SHA", "--groups", "P-256"),
                     "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "secp256r1"),
                    (("--max", "TLSv1.2", "--suites", "ECDHE-ECDSA-CHACHA20-POLY1305"),
                     "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "X25519"),
                    (("--min", "TLSv1.3", "--suites", "TLS_CHACHA20_POLY1305_SHA256", "--groups", "P-256"),
                     "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256", "secp256r1"),
                    (("--suites", "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384", "--groups", "X448"),
                     "TLSv1.3", "TLS_AES_128_GCM_SHA256", "X448")):
                with self.subTest(suite):
                    facts, _ = self.probe_of(lab, over_tls(context), *options)
                    self.assert_stop(facts, "done", "none")
                    tls = facts["tls"]
                    self.assertEqual((tls["version"], tls["suite"], tls["group"]), (version, suite, group))
                    self.assertTrue(tls["secure_renegotiation"] and tls["extended_master_secret"])
            facts, _ = self.probe_of(lab, over_tls(context), "--max", "TLSv1.2", "--suites", "AES256-SHA")
            self.assertEqual(facts["tls_error"], "alert handshake_failure (40)")

    def test_what_openssl_cannot_offer_is_our_own_error(self) -> None:
        def talk(peer: Peer) -> None:
            peer.welcome("STARTTLS")
            peer.serve()

        with Lab() as lab:
            for options, reason in ((("--suites", "NONE"), "OpenSSL cannot offer these cipher suites: .*"),
                                    (("--suites", "TLS_NONE"), "OpenSSL cannot offer these cipher suites: .*"),
                                    (("--groups", "P-1"), "OpenSSL cannot offer these groups: .*"),
                                    (("--suites", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"),
                                     "more than 64 cipher suites in one ClientHello")):
                with self.subTest(options):
                    facts, heard = self.probe_of(lab, talk, *options)
                    self.assert_stop(facts, "ehlo", "local-error", reason)
                    self.assertEqual(heard, ["EHLO probe.client.test", "QUIT"])

    def test_the_certificate_depends_on_the_name(self) -> None:
        with Lab() as lab:
            names: list[str | None] = []
            context = server_tls(lab.ca.issue("default.test"))
            other = server_tls(lab.ca.issue(SNI))

            def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
                names.append(name)
                if name == SNI:
                    connection.context = other

            context.sni_callback = choose
            for sni, expected in ((SNI, SNI), ("other.example.test", "default.test"), ("", "default.test")):
                facts, _ = self.probe_of(lab, over_tls(context), sni=sni)
                self.assertEqual(facts["tls"]["chain"][0]["names"], [expected])
            self.assertEqual(names, [SNI, "other.example.test", None])

    def test_a_renegotiation_is_refused(self) -> None:
        """By openssl s_server, which asks for one when it gets the line R; `talk` passes bytes on."""
        def talk(peer: Peer) -> None:
            peer.to_starttls()
            inner = socket.create_connection((address, port))
            passing = threading.Thread(target=pass_on, args=(inner, peer.socket), daemon=True)
            passing.start()
            pass_on(peer.socket, inner)
            passing.join()
            inner.close()

        with Lab() as lab:
            certificate = lab.ca.issue(SNI)
            address = lab.address()
            port = lab.free_port(address)
            server = subprocess.Popen(
                ["openssl", "s_server", "-accept", f"{address}:{port}", "-tls1_2", "-cert", certificate.certificate,
                 "-key", certificate.key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            lab.at_end(server.communicate)
            lab.at_end(server.kill)
            wait.for_listener(address, port, process=server)
            log = threading.Thread(target=answer_ehlo_by_renegotiation, args=(server,), daemon=True)
            log.start()
            facts, _ = self.probe_of(lab, talk)
            self.assertEqual(facts["reached"], "second-ehlo", facts)
            self.assertIn(facts["stop"], ("closed", "handshake"), facts)
            self.assertEqual(facts["tls"]["version"], "TLSv1.2")
            log.join(timeout=10)
            self.assertFalse(log.is_alive(), "s_server reported no refused renegotiation")

    def test_a_client_certificate_that_is_demanded_is_an_alert(self) -> None:
        with Lab() as lab:
            for version, reached in ((TLS12, "handshake"), (TLS13, "second-ehlo")):
                context = server_tls(lab.ca.issue(SNI), versions=[version])
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(lab.ca.certificate)
                facts, _ = self.probe_of(lab, over_tls(context))
                self.assert_stop(facts, reached, "handshake")
                self.assertRegex(facts["tls_error"], r"^alert (handshake_failure \(40\)|certificate_required \(116\))$")


class Certificates(ProbeCase):
    def chain(self, lab: Lab, copies: int) -> Certificate:
        certificate = lab.ca.issue(SNI)
        chain = certificate.certificate.with_name("chain.pem")
        chain.write_bytes(certificate.certificate.read_bytes() + lab.ca.certificate.read_bytes() * copies)
        return Certificate(certificate.key, chain)

    def self_signed(self, folder: Path, *extensions: str, key: str = "ed25519") -> Certificate:
        made = Certificate(folder / "key.pem", folder / "cert.pem")
        config = folder / "openssl.cnf"
        config.write_text("[req]\ndistinguished_name = none\n[none]\n[own]\n" + "\n".join(extensions) + "\n")
        command.run("openssl", "req", "-x509", "-config", config, "-newkey", key, "-nodes", "-keyout", made.key,
                    "-out", made.certificate, "-subj", "/CN=mx", "-days", "2", "-extensions", "own")
        return made

    def test_a_long_chain_is_cut_and_an_endless_one_is_refused(self) -> None:
        with Lab() as lab:
            ca = ("--ca", str(lab.ca.certificate))
            for copies, cut in ((19, False), (20, True), (100, True)):
                facts, _ = self.probe_of(lab, over_tls(server_tls(self.chain(lab, copies))), *ca)
                self.assert_stop(facts, "done", "none")
                self.assertEqual((len(facts["tls"]["chain"]), facts["tls"]["chain_is_cut"]), (20, cut))
                self.assertEqual(facts["tls"]["chain_fault"], "none")
            facts, _ = self.probe_of(lab, over_tls(server_tls(self.chain(lab, 1_000))), *ca)
            self.assert_stop(facts, "handshake", "handshake", "excessive message size")

    def test_a_certificate_with_thousands_of_names_is_read_up_to_a_limit(self) -> None:
        with Lab() as lab:
            names = [f"m{number}.example.test" for number in range(3_000)]
            extension = "subjectAltName = " + ",".join(f"DNS:{name}" for name in names)
            bomb = self.self_signed(lab.new_folder("bomb"), extension)
            facts, _ = self.probe_of(lab, over_tls(server_tls(bomb)))
            self.assert_stop(facts, "done", "none")
            self.assertEqual(facts["tls"]["chain"][0]["names"], names[:2_000])

    def test_a_name_with_a_nul_is_reported_and_left_out(self) -> None:
        with Lab() as lab:
            bad, good = b"mx.example.test\0.attacker.test", b"good.example.test"
            entries = b"".join(bytes([0x82, len(name)]) + name for name in (bad, good))
            made = self.self_signed(lab.new_folder("nul"),
                                    "subjectAltName = DER:" + (bytes([0x30, len(entries)]) + entries).hex(":"))
            facts, _ = self.probe_of(lab, over_tls(server_tls(made)), "--ca", str(lab.ca.certificate))
            leaf = facts["tls"]["chain"][0]
            self.assertEqual((leaf["names"], leaf["has_bad_name"]), ([good.decode()], True))
            self.assertEqual(facts["tls"]["chain_fault"], "self-signed")

    def test_a_large_key_is_read(self) -> None:
        with Lab() as lab:
            made = self.self_signed(lab.new_folder("large"), "basicConstraints = CA:FALSE", key="rsa:4096")
            facts, _ = self.probe_of(lab, over_tls(server_tls(made)))
            self.assertEqual((facts["tls"]["chain"][0]["key"], facts["tls"]["chain"][0]["key_bits"]), ("RSA", 4096))


if __name__ == "__main__":
    unittest.main()
