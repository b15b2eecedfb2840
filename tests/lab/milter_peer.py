"""The MTA's side of libmilter's protocol, by hand: what a test wants to send, well-formed or not.

    with Peer(milter) as peer:
        peer.negotiate()
        peer.step(macros(b"C", {b"j": b"mx.example.test"}), connect("192.0.2.1"))
        peer.step(HELO)
        peer.end()                                  QUIT, and the milter has taken note of it
"""

import contextlib
import socket
import struct
from typing import Protocol


def packet(command: bytes, content: bytes = b"") -> bytes:
    return struct.pack("!I", 1 + len(content)) + command + content


def macros(stage: bytes, values: dict[bytes, bytes]) -> bytes:
    """The macro packet that precedes the packet of the stage."""
    pairs = b"".join(name + b"\0" + value + b"\0" for name, value in values.items())
    return packet(b"D", stage + pairs)


def connect(address: str, family: bytes = b"4", name: bytes = b"client.test") -> bytes:
    return packet(b"C", name + b"\0" + family + struct.pack("!H", 25) + address.encode() + b"\0")


ALL_STEPS = 0x1FFFFF
NO_REPLY_TO_MAIL = 0x4000  # SMFIP_NR_MAIL


def negotiation(steps: int = ALL_STEPS & ~NO_REPLY_TO_MAIL) -> bytes:
    """Version 6 of the protocol, all actions and these steps offered. By default the peer waits for each answer."""
    return packet(b"O", struct.pack("!III", 6, 0x1FF, steps))


NEGOTIATION = negotiation()
CONNECT = connect("192.0.2.1")
HELO = packet(b"H", b"client.test\0")
TLS = {b"{tls_version}": b"TLSv1.3", b"{cipher}": b"TLS_AES_256_GCM_SHA384", b"{cipher_bits}": b"256"}
TLS_HELO = macros(b"H", TLS) + HELO
MAIL = packet(b"M", b"<alice@sender.test>\0")
RCPT = packet(b"R", b"<bob@example.test>\0")
END_OF_MESSAGE = packet(b"E")
ABORT = packet(b"A")
QUIT = packet(b"Q")

CONTINUE = b"c"


class Milter(Protocol):
    """A milter that listens on a unix socket; `socket` is in libmilter's form, unix:/path."""
    socket: str


class Peer:
    """One connection to a milter."""

    def __init__(self, milter: Milter) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(milter.socket.removeprefix("unix:"))

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *packets: bytes) -> None:
        self.socket.sendall(b"".join(packets))

    def reply(self) -> bytes:
        """The command of the milter's next packet; empty if it has closed the connection."""
        head = self._receive(4)
        if len(head) < 4:
            return b""
        return self._receive(struct.unpack("!I", head)[0])[:1]

    def step(self, *packets: bytes) -> bytes:
        """Send the packets of one step that is answered; returns the answer."""
        self.send(*packets)
        return self.reply()

    def negotiate(self, offer: bytes = NEGOTIATION) -> None:
        answer = self.step(offer)
        if answer != b"O":
            raise ConnectionError(f"the milter answered {answer!r} to the negotiation")

    def end(self) -> None:
        """QUIT, and wait until the milter is done with the session."""
        self.send(QUIT)
        self.hang_up()

    def hang_up(self) -> None:
        """Send no more, and wait until the milter has read as much as it wants of what was sent."""
        with contextlib.suppress(ConnectionError):
            self.socket.shutdown(socket.SHUT_WR)
            while self.socket.recv(65536):
                pass

    def _receive(self, size: int) -> bytes:
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while len(received) < size and (more := self.socket.recv(size - len(received))):
                received += more
        return received
