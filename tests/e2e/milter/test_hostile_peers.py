"""Whatever connects to the milter's socket, the daemon lives and goes on recording the MTA's sessions."""

import contextlib
import random
import socket
import struct
import time
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path

from lab import Lab
from lab.smtp_client import tls13_mail
from recording import Milter, client, end_and_read, read, receiver, sessions_in

NO_NAMES = {"smtpd_peername_lookup": "no"}


def packet(command: bytes, content: bytes = b"") -> bytes:
    return struct.pack("!I", 1 + len(content)) + command + content


def macros(stage: bytes, values: dict[bytes, bytes]) -> bytes:
    """The packet that comes before the one of the stage."""
    pairs = b"".join(name + b"\0" + value + b"\0" for name, value in values.items())
    return packet(b"D", stage + pairs)


# Version 6 of the protocol, all actions and all steps offered.
NEGOTIATION = packet(b"O", struct.pack("!III", 6, 0x1FF, 0x1FFFFF))
CONNECT = packet(b"C", b"client.test\0" + b"4" + struct.pack("!H", 25) + b"192.0.2.1\0")
HELO = packet(b"H", b"client.test\0")
MAIL = packet(b"M", b"<alice@sender.test>\0")
RCPT = packet(b"R", b"<bob@example.test>\0")
END_OF_MESSAGE = packet(b"E")
QUIT = packet(b"Q")


def drop(_: socket.socket) -> None:
    """Nothing at all."""


def half_a_negotiation(peer: socket.socket) -> None:
    peer.sendall(NEGOTIATION[:9])


def garbage(peer: socket.socket) -> None:
    peer.sendall(random.Random(1).randbytes(70_000))


def http(peer: socket.socket) -> None:
    peer.sendall(b"GET / HTTP/1.1\r\nHost: milter\r\n\r\n")


def claims_two_gigabytes(peer: socket.socket) -> None:
    peer.sendall(struct.pack("!I", 0x7FFFFFFF) + b"O" + bytes(1000))


def claims_two_gigabytes_after_negotiation(peer: socket.socket) -> None:
    peer.sendall(NEGOTIATION + struct.pack("!I", 0x7FFFFFFF) + b"C" + bytes(1000))


def claims_nothing(peer: socket.socket) -> None:
    peer.sendall(struct.pack("!I", 0) * 100)


def old_protocol(peer: socket.socket) -> None:
    peer.sendall(packet(b"O", struct.pack("!III", 1, 0, 0)))


def wrong_order(peer: socket.socket) -> None:
    peer.sendall(NEGOTIATION + END_OF_MESSAGE + RCPT + MAIL + HELO + packet(b"A") + CONNECT + QUIT)


def cut_content(peer: socket.socket) -> None:
    """Texts without their end, a connection without an address, numbers cut in the middle."""
    peer.sendall(NEGOTIATION + packet(b"C", b"client.test") + packet(b"C", b"c\0" + b"4\0") + packet(b"H", b"x")
                 + packet(b"M") + packet(b"R", b"<") + packet(b"D") + packet(b"D", b"Hname") + QUIT)


def unknown_commands(peer: socket.socket) -> None:
    peer.sendall(NEGOTIATION + CONNECT + packet(b"\xff", bytes(100)) + packet(b"Z") + QUIT)


PEERS: list[Callable[[socket.socket], None]] = [
    drop, half_a_negotiation, garbage, http, claims_two_gigabytes, claims_two_gigabytes_after_negotiation,
    claims_nothing, old_protocol, wrong_order, cut_content, unknown_commands]


@contextlib.contextmanager
def connected(milter: Milter) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(milter.socket.removeprefix("unix:"))
        yield peer


def wait_for_hangup(peer: socket.socket) -> None:
    """Until the milter has read all that it wants to of what was sent."""
    with contextlib.suppress(ConnectionError):
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass


def most_memory(milter: Milter) -> int:
    """The most that the daemon ever held, in KiB."""
    status = Path(f"/proc/{milter.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])


class Peers(unittest.TestCase):
    def test_that_speak_no_milter_protocol_cost_no_session(self) -> None:
        with Lab() as lab, contextlib.ExitStack() as lasting:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            for misbehave in PEERS:
                with self.subTest(misbehave.__name__):
                    with connected(milter) as peer, contextlib.suppress(BrokenPipeError):
                        misbehave(peer)
                    with connected(milter) as peer:
                        with contextlib.suppress(BrokenPipeError):
                            misbehave(peer)
                        wait_for_hangup(peer)
                    misbehave(lasting.enter_context(connected(milter)))  # and this one never goes away
                    tls13_mail(client(lab, mx))
            self.assertTrue(milter.running())
            self.assertLess(most_memory(milter), 60_000)

            rows = end_and_read(mx, milter)

            honest = {address: of for address, of in rows.items() if address.startswith("127.")}
            self.assertEqual(len(honest), len(PEERS))
            self.assertEqual(sessions_in(honest), len(PEERS))
            self.assertEqual({row.messages for of in honest.values() for row in of}, {1})

    def test_that_are_many_and_silent_hold_nobody_up(self) -> None:
        with Lab() as lab, contextlib.ExitStack() as lasting:
            milter = Milter(lab)
            for _ in range(300):
                lasting.enter_context(connected(milter)).sendall(NEGOTIATION[:9])
            mx = receiver(lab, milter, parameters=NO_NAMES)
            tls13_mail(client(lab, mx))
            self.assertEqual(sessions_in(end_and_read(mx, milter)), 1)

    def test_that_lie_in_the_protocol_leave_a_sound_store(self) -> None:
        # Text that is no UTF-8, is long or plays with terminals, and more recipient domains than an MTA hosts.
        with Lab() as lab:
            milter = Milter(lab)
            nasty = b"\xff\xfe\x1b[2J\r\n" + b"x" * 12_000
            with connected(milter) as peer:
                peer.sendall(NEGOTIATION)
                peer.sendall(macros(b"C", {b"j": nasty, b"{client_name}": nasty}) + CONNECT)
                peer.sendall(macros(b"H", {b"{tls_version}": nasty, b"{cipher}": nasty, b"{verify}": nasty,
                                           b"{cipher_bits}": b"-99999999999999999999"}) + packet(b"H", nasty + b"\0"))
                peer.sendall(MAIL)
                for number in range(3000):
                    peer.sendall(packet(b"R", b"<bob@d%d.test>\0" % number))
                    peer.recv(65536)
                for recipient in (b"<bob@" + nasty + b">\0", b"@\0", b"<>\0", b"<bob@[192.0.2.1]>\0", b"\0"):
                    peer.sendall(packet(b"R", recipient))
                peer.sendall(END_OF_MESSAGE + QUIT)
                wait_for_hangup(peer)
            milter.stop()

            rows = read(milter.state)

            self.assertEqual(list(rows), ["192.0.2.1"])
            (row,) = rows["192.0.2.1"]
            self.assertEqual((row.outcome, row.sessions, row.messages, len(row.domains)), ("tls", 1, 1, 1000))
            self.assertEqual((row.client_name, row.cipher_bits, row.client_certificate), ("", 0, "none"))
            for text in (row.receiving_mx, row.tls_version, row.cipher, *row.domains):
                self.assertLessEqual(len(text), 300)
                self.assertTrue(text.isprintable(), repr(text))

    def test_that_hang_do_not_keep_it_from_ending(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            with connected(milter) as half, connected(milter) as whole:
                half.sendall(NEGOTIATION[:9])
                whole.sendall(NEGOTIATION + CONNECT)
                whole.recv(65536)
                begun = time.monotonic()
                self.assertEqual(milter.stop(), 0)
                self.assertLess(time.monotonic() - begun, 3)


if __name__ == "__main__":
    unittest.main()
