"""A mail server that does to its client what a test wants: for clients that must bear hostile servers.

    def talk(peer: Peer) -> None:
        peer.say("220-two\\r\\n220 lines\\r\\n")
        peer.hear("EHLO")
        peer.say("421 Too many connections\\r\\n")

    server = SmtpServer(lab, talk)
    ... a client connects to server.address, lab.smtp_port ...
    server.heard                                     what each client said, line by line

`talk` runs in a thread, one connection after the other. It ends when the client closes the connection: then hear()
raises Gone. What a client may still say is read before the server closes, so that `heard` is complete.
"""

import contextlib
import select
import socket
import ssl
import struct
import warnings
from collections.abc import Callable, Sequence

from .acceptor import Acceptor
from .ca import Certificate
from .lab import Lab

TIMEOUT = 60


class Gone(Exception):
    """The client has closed the connection."""


class Peer:
    """The client of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(TIMEOUT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connection
        self.heard: list[str] = []
        self.received = b""  # beyond the last line

    def say(self, text: str | bytes) -> None:
        try:
            self.socket.sendall(text.encode() if isinstance(text, str) else text)
        except (ConnectionError, ssl.SSLError):
            raise Gone from None

    def hear(self, verb: str = "") -> str:
        """The next line of the client, which must begin with that verb."""
        while b"\n" not in self.received:
            self.received += self._receive()
        line, _, self.received = self.received.partition(b"\n")
        self.heard.append(line.decode("latin-1").rstrip("\r"))
        if not self.heard[-1].startswith(verb):
            raise AssertionError(f"{verb} was expected: {self.heard[-1]!r}")
        return self.heard[-1]

    def is_quiet(self, seconds: float) -> bool:
        """Whether the client says nothing for this time."""
        return not select.select([self.socket], [], [], seconds)[0]

    def wait_until_it_speaks(self) -> None:
        """Until the client has sent something more, which stays unread."""
        if self.is_quiet(TIMEOUT):
            raise TimeoutError(f"the client says nothing for {TIMEOUT} s")

    def wait_for_bytes(self) -> bytes:
        """Whatever the client sends next."""
        return self._receive()

    def welcome(self, *extensions: str) -> None:
        """Greet, and answer EHLO."""
        self.say("220 mx.example.test ESMTP\r\n")
        self.hello(*extensions)

    def hello(self, *extensions: str) -> None:
        self.hear("EHLO ")
        self.say("".join(f"250-{line}\r\n" for line in ("mx.example.test", *extensions)) + "250 SIZE 1000\r\n")

    def to_starttls(self) -> None:
        """Up to the reply to STARTTLS."""
        self.welcome("STARTTLS")
        self.hear("STARTTLS")
        self.say("220 2.0.0 Ready to start TLS\r\n")

    def start_tls(self, context: ssl.SSLContext, *, keeps_plaintext: bool = False) -> None:
        """The handshake. `keeps_plaintext`: lines in the clear are taken for commands inside TLS (CVE-2011-0411)."""
        if not keeps_plaintext:
            self.received = b""
        try:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        except (ConnectionError, ssl.SSLError):
            raise Gone from None

    def serve(self) -> None:
        """Answer EHLO, NOOP and QUIT until the client goes."""
        while True:
            line = self.hear()
            if line == "QUIT":
                self.say("221 2.0.0 Bye\r\n")
                return
            self.say("250-mx.example.test\r\n250 SIZE 1000\r\n" if line.startswith("EHLO") else "250 2.0.0 Ok\r\n")

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        raise Gone

    def read_to_the_end(self) -> None:
        """Hear all that the client says until it closes."""
        with contextlib.suppress(Gone):
            while True:
                self.hear()

    def _receive(self) -> bytes:
        try:
            received = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError, TimeoutError):
            raise Gone from None
        if not received:
            raise Gone
        return received


class SmtpServer:
    """Listens on an address of its own, at the lab's port for SMTP; with `ipv6` on ::1, at a port of its own."""

    def __init__(self, lab: Lab, talk: Callable[[Peer], object], *, ipv6: bool = False) -> None:
        self._talk = talk
        if ipv6:
            listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
        else:
            listener = socket.create_server((lab.address(), lab.smtp_port))
        self.address, self.port = listener.getsockname()[:2]
        self.heard: list[list[str]] = []
        self._acceptor = Acceptor(listener, self._serve)
        lab.at_end(self._acceptor.end)

    def end(self) -> None:
        """Serve the connections that there are, and accept no more."""
        self._acceptor.end()

    def _serve(self, connection: socket.socket) -> None:
        peer = Peer(connection)
        self.heard.append(peer.heard)
        with contextlib.suppress(Gone, ConnectionError):  # a reset of this connection does not end the others
            self._talk(peer)
        with contextlib.suppress(OSError):
            peer.socket.close()


def server_tls(certificate: Certificate, *, versions: Sequence[ssl.TLSVersion] = (),
               ciphers: str = "") -> ssl.SSLContext:
    """A server's TLS: by default that of Python; the first and the last of `versions` are its oldest and newest."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if versions:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version, context.maximum_version = versions[0], versions[-1]
    if ciphers:
        context.set_ciphers(ciphers)
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context
