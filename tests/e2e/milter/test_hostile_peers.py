"""Whatever connects to the milter's socket, the daemon runs on and records the MTA's sessions."""

import contextlib
import random
import struct
import time
import unittest
from collections.abc import Callable

from lab import Lab
from lab.milter_peer import (
    CONNECT,
    END_OF_MESSAGE,
    HELO,
    MAIL,
    NEGOTIATION,
    QUIT,
    RCPT,
    Peer,
    macros,
    packet,
)
from lab.program import memory_limit
from lab.smtp_client import tls13_mail
from recording import Milter, client, end_and_read, most_memory, read, receiver, sessions_in

NO_NAMES = {"smtpd_peername_lookup": "no"}


def drop(_: Peer) -> None:
    """Send nothing."""


def half_a_negotiation(peer: Peer) -> None:
    peer.send(NEGOTIATION[:9])


def garbage(peer: Peer) -> None:
    peer.send(random.Random(1).randbytes(70_000))


def http(peer: Peer) -> None:
    peer.send(b"GET / HTTP/1.1\r\nHost: milter\r\n\r\n")


def claims_two_gigabytes(peer: Peer) -> None:
    peer.send(struct.pack("!I", 0x7FFFFFFF) + b"O" + bytes(1000))


def claims_two_gigabytes_after_negotiation(peer: Peer) -> None:
    peer.send(NEGOTIATION + struct.pack("!I", 0x7FFFFFFF) + b"C" + bytes(1000))


def claims_nothing(peer: Peer) -> None:
    peer.send(struct.pack("!I", 0) * 100)


def old_protocol(peer: Peer) -> None:
    peer.send(packet(b"O", struct.pack("!III", 1, 0, 0)))


def wrong_order(peer: Peer) -> None:
    peer.send(NEGOTIATION + END_OF_MESSAGE + RCPT + MAIL + HELO + packet(b"A") + CONNECT + QUIT)


def cut_content(peer: Peer) -> None:
    """Texts without their end, a connection without an address, numbers cut in the middle."""
    peer.send(NEGOTIATION + packet(b"C", b"client.test") + packet(b"C", b"c\0" + b"4\0") + packet(b"H", b"x")
                 + packet(b"M") + packet(b"R", b"<") + packet(b"D") + packet(b"D", b"Hname") + QUIT)


def unknown_commands(peer: Peer) -> None:
    peer.send(NEGOTIATION + CONNECT + packet(b"\xff", bytes(100)) + packet(b"Z") + QUIT)


PEERS: list[Callable[[Peer], None]] = [
    drop, half_a_negotiation, garbage, http, claims_two_gigabytes, claims_two_gigabytes_after_negotiation,
    claims_nothing, old_protocol, wrong_order, cut_content, unknown_commands]
TELL_OF_A_CONNECTION = [wrong_order, unknown_commands]


def try_to(misbehave: Callable[[Peer], None], peer: Peer) -> None:
    """The daemon may have closed the connection before everything was sent."""
    with contextlib.suppress(ConnectionError):
        misbehave(peer)


class Peers(unittest.TestCase):
    def test_that_use_no_milter_protocol_cost_no_session(self) -> None:
        with Lab() as lab, contextlib.ExitStack() as lasting:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            for misbehave in PEERS:
                with self.subTest(misbehave.__name__):
                    with Peer(milter) as peer:
                        try_to(misbehave, peer)
                    with Peer(milter) as peer:
                        try_to(misbehave, peer)
                        peer.hang_up()
                    try_to(misbehave, lasting.enter_context(Peer(milter)))  # and this one never closes
                    tls13_mail(client(lab, mx))
            self.assertTrue(milter.running())
            self.assertLess(most_memory(milter), memory_limit(60_000, "tlsrpt-milter"))

            rows = end_and_read(mx, milter)

            honest = {address: of for address, of in rows.items() if address.startswith("127.")}
            self.assertEqual(len(honest), len(PEERS))
            self.assertEqual(sessions_in(honest), len(PEERS))
            self.assertEqual({row.messages for of in honest.values() for row in of}, {1})
            # Of the others, those that announced a connection had a session with neither TLS nor mail, at most one.
            strangers = {address: of for address, of in rows.items() if address not in honest}
            self.assertLessEqual(set(strangers), {"192.0.2.1"})
            self.assertLessEqual(sessions_in(strangers), 3 * len(TELL_OF_A_CONNECTION))
            for row in strangers.get("192.0.2.1", []):
                self.assertEqual((row.outcome, row.messages, row.domains, row.client_name), ("no-helo", 0, {}, ""))

    def test_that_are_many_and_silent_delay_no_session(self) -> None:
        with Lab() as lab, contextlib.ExitStack() as lasting:
            milter = Milter(lab)
            for _ in range(300):
                lasting.enter_context(Peer(milter)).send(NEGOTIATION[:9])
            mx = receiver(lab, milter, parameters=NO_NAMES)
            tls13_mail(client(lab, mx))
            self.assertEqual(sessions_in(end_and_read(mx, milter)), 1)

    def test_that_lie_in_the_protocol_do_not_damage_the_store(self) -> None:
        # Text that is no UTF-8, that is long or has control characters, and more recipient domains than an MTA hosts.
        with Lab() as lab:
            milter = Milter(lab)
            nasty = b"\xff\xfe\x1b[2J\r\n" + b"x" * 12_000
            with Peer(milter) as peer:
                peer.send(NEGOTIATION)
                peer.send(macros(b"C", {b"j": nasty, b"{client_name}": nasty}) + CONNECT)
                peer.send(macros(b"H", {b"{tls_version}": nasty, b"{cipher}": nasty, b"{verify}": nasty,
                                           b"{cipher_bits}": b"-99999999999999999999"}) + packet(b"H", nasty + b"\0"))
                peer.send(MAIL)
                for number in range(3000):
                    peer.send(packet(b"R", b"<bob@d%d.test>\0" % number))
                    peer.socket.recv(65536)
                for recipient in (b"<bob@" + nasty + b">\0", b"@\0", b"<>\0", b"<bob@[192.0.2.1]>\0", b"\0"):
                    peer.send(packet(b"R", recipient))
                peer.send(END_OF_MESSAGE + QUIT)
                peer.hang_up()
            milter.stop()

            rows = read(milter.state)

            self.assertEqual(list(rows), ["192.0.2.1"])
            (row,) = rows["192.0.2.1"]
            self.assertEqual((row.outcome, row.sessions, row.messages, len(row.domains)), ("tls", 1, 1, 1000))
            self.assertEqual((row.client_name, row.cipher_bits, row.client_certificate), ("", 0, "none"))
            for text in (row.receiving_mx, row.tls_version, row.cipher, *row.domains):
                self.assertLessEqual(len(text), 300)
                self.assertTrue(text.isprintable(), repr(text))

    def test_that_hang_do_not_keep_it_from_exiting(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            with Peer(milter) as half, Peer(milter) as whole:
                half.send(NEGOTIATION[:9])
                whole.send(NEGOTIATION + CONNECT)
                whole.socket.recv(65536)
                begun = time.monotonic()
                self.assertEqual(milter.stop(), 0)
                self.assertLess(time.monotonic() - begun, 20)


if __name__ == "__main__":
    unittest.main()
