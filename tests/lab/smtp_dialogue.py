"""One SMTP session, command by command, for clients that do what a library does not allow.

    with greeted(Client(mx.address, mx.port)) as dialogue:
        dialogue.starttls(tls(TLS13))
        dialogue.command("NOOP", 250)

A reply other than the expected one raises UnexpectedReply. The functions at the end create the TLS clients:
opportunistic, verifying, ancient.
"""

import contextlib
import socket
import ssl
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from .ca import Certificate

TIMEOUT = 20


class UnexpectedReply(RuntimeError):
    """The server sent another reply than the scenario needs."""


@dataclass(frozen=True)
class Client:
    """The client and its server. `source` is the client's own address; `certificate` is for scenarios with a client
    certificate, which is trusted or not, depending on its issuer. `xclient` has the attributes of the client for
    XCLIENT (NAME=... ADDR=...), if the server accepts XCLIENT from us.
    """
    host: str
    port: int
    source: str = "127.0.0.1"
    sender: str = "alice@sender.test"
    recipients: tuple[str, ...] = ("bob@example.test",)
    helo: str = "client.sender.test"
    certificate: Certificate | None = None
    xclient: str = ""
    timeout: float = TIMEOUT  # seconds for each reply


class Dialogue:
    """A connection, command by command. The end of the `with` block closes it in any state."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.socket = socket.create_connection((client.host, client.port), client.timeout, (client.source, 0))
        self._received = b""

    def __enter__(self) -> "Dialogue":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def banner(self) -> None:
        self.expect(220)

    def ehlo(self) -> None:
        self.command(f"EHLO {self.client.helo}", 250)

    def command(self, line: str, code: int) -> None:
        """Send a command and expect that reply code."""
        self.socket.sendall(line.encode() + b"\r\n")
        self.expect(code)

    def expect(self, code: int) -> None:
        reply = self._reply()
        if not reply.startswith(str(code)):
            raise UnexpectedReply(f"expected {code}, got: {reply!r}")

    def starttls(self, context: ssl.SSLContext) -> None:
        """STARTTLS and the handshake, without an EHLO after it."""
        self.command("STARTTLS", 220)
        self.handshake(context)

    def handshake(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_hostname=self.client.host)

    def envelope(self) -> None:
        """MAIL and all RCPTs."""
        self.command(f"MAIL FROM:<{self.client.sender}>", 250)
        for recipient in self.client.recipients:
            self.command(f"RCPT TO:<{recipient}>", 250)

    def mail(self) -> None:
        """A whole message."""
        self.envelope()
        self.command("DATA", 354)
        self.command(f"From: <{self.client.sender}>\r\nSubject: test\r\n\r\nHello.\r\n.", 250)

    def quit(self) -> None:
        """QUIT, and wait until the server has closed."""
        self.command("QUIT", 221)
        self.wait_for_close()

    def wait_for_close(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while self.socket.recv(4096):
                pass

    def reset(self) -> None:
        """Close with RST instead of FIN, as a crash or a firewall does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _reply(self) -> str:
        """The last line of the next reply."""
        while True:
            line = self._line()
            if line[3:4] != "-":
                return line

    def _line(self) -> str:
        while b"\n" not in self._received:
            received = self.socket.recv(4096)
            if not received:
                raise UnexpectedReply("the server closed the connection instead of replying")
            self._received += received
        line, _, self._received = self._received.partition(b"\n")
        return line.decode("utf-8", "replace").rstrip("\r")


def tls(version: ssl.TLSVersion, certificate: Certificate | None = None) -> ssl.SSLContext:
    """A client that speaks only this version and verifies nothing, as opportunistic senders do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if certificate:
        context.load_cert_chain(certificate.certificate, certificate.key)
    return context


TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@contextlib.contextmanager
def greeted(client: Client) -> Iterator[Dialogue]:
    """A connection after the server's banner and our EHLO."""
    with Dialogue(client) as dialogue:
        dialogue.banner()
        dialogue.ehlo()
        if client.xclient:
            dialogue.command(f"XCLIENT {client.xclient}", 220)
            dialogue.ehlo()
        yield dialogue


def verifying(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that verifies the server's certificate and trusts no CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = context.maximum_version = version
    return context


def ancient(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that supports only a version which OpenSSL does not allow by default."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context = tls(version)
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context
