"""Servers that are slow or endless stop at the limits of smtp::Prober, and delay no other."""

import itertools
import time
import unittest

from lab import Lab
from lab.smtp_server import Peer, SmtpServer, server_tls
from probing import PATIENT, SNI, ProbeCase, probe_all


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
                (silent_after_ehlo, ("--silence", "1500", "--quit", "100"), "ehlo", "timeout",
                 "no reply to EHLO within 1.5 s", ["EHLO probe.client.test", "QUIT"]),
                (trickle_after_ehlo, ("--whole", "1500"), "ehlo", "too-slow",
                 "no whole reply to EHLO within 1.5 s", ["EHLO probe.client.test"])):
            with self.subTest(reason), Lab() as lab:
                facts, really_heard = self.probe_of(lab, talk, *options)
                self.assert_stop(facts, reached, stop, reason)
                self.assertEqual(really_heard, heard)
                self.assertLess(facts["total_time"], 12_000)

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
                              "--silence", "3000")
            for facts in found[:-1]:
                self.assert_stop(facts, "greeting", "timeout")
            self.assert_stop(found[-1], "ehlo", "no-starttls")
            self.assertLess(found[-1]["total_time"], min(facts["total_time"] for facts in found[:-1]))


if __name__ == "__main__":
    unittest.main()
