"""An HTTPS server with programmable answers, its certificate chosen by SNI.

    web = HttpsServer(lab)
    web.add_host("mta-sts.example.test", lab.ca.issue("mta-sts.example.test"))
    web.answer("mta-sts.example.test", "/.well-known/mta-sts.txt", Answer(body=b"version: STSv1\\n..."))
    web.requests                           what was asked so far

It runs in threads of the test. A host without a certificate fails the handshake (alert unrecognized_name); a path
without an answer gets 404. An answer serves GET and POST alike; what was posted is in `requests`.
"""

import http.server
import itertools
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .ca import Certificate
from .lab import Lab


@dataclass(frozen=True)
class Answer:
    """One answer: its body at once, or in chunks for as long as `chunks` yields them.

    With chunks the end of the connection ends the body; itertools.repeat(b"x" * 1000) makes one that never ends.
    With `hold` nothing follows after the body until the client gives up, while more seems to come.
    """
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/plain"})
    body: bytes = b""
    chunks: Iterable[bytes] | None = None
    hold: bool = False


@dataclass(frozen=True)
class Request:
    """One request as it came."""
    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class HttpsServer:
    def __init__(self, lab: Lab, *, address: str | None = None, port: int = 0) -> None:
        """Listen on a new address of the lab, or on this one; on a free port unless one is given (443 takes root)."""
        self.requests: list[Request] = []
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._answers: dict[tuple[str, str], Answer] = {}
        self._server = _Server((address or lab.address(), port), self)
        self.address, self.port = self._server.server_address[:2]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        lab.at_end(self._stop)

    def add_host(self, host: str, certificate: Certificate) -> None:
        """Present this certificate to clients that ask for this host."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        self._contexts[host] = context

    def answer(self, host: str, path: str, answer: Answer) -> None:
        """Give this answer from now on."""
        self._answers[host, path] = answer

    def choose_certificate(self, connection: ssl.SSLSocket, host: str | None, _: ssl.SSLContext) -> int | None:
        """The handshake names a host: take its certificate, or refuse with an alert."""
        if host not in self._contexts:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = self._contexts[host]
        return None

    def answer_to(self, request: Request) -> Answer:
        """Note the request; the answer to it."""
        self.requests.append(request)
        return self._answers.get((request.host, request.path), Answer(status=404, body=b"not found\n"))

    def _stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    """Makes the TLS handshake in the thread of the connection, so that no client can hold up another."""
    daemon_threads = True

    def __init__(self, address: tuple[str, int], web: HttpsServer) -> None:
        super().__init__(address, _Handler)
        self.web = web
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.sni_callback = web.choose_certificate

    def finish_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        with self._tls.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)

    def handle_error(self, *_: object) -> None:
        """Clients that leave early are part of the tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _serve(self, body: bytes) -> None:
        host = self.headers.get("Host", "").partition(":")[0]
        self._send(self.server.web.answer_to(Request(self.command, host, self.path, dict(self.headers), body)))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunks is None and not answer.hold:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        for chunk in itertools.chain([answer.body], answer.chunks or ()):
            self.wfile.write(chunk)
        if answer.hold:
            self.rfile.read(1)

    def log_message(self, *_: object) -> None:
        """Requests are kept in HttpsServer.requests."""
