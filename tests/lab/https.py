"""An HTTPS server with programmable answers, its certificate chosen by SNI.

    web = HttpsServer(lab)
    web.add_host("mta-sts.example.test", lab.ca.issue("mta-sts.example.test"))
    web.answer("mta-sts.example.test", "/.well-known/mta-sts.txt", Answer(body=b"version: STSv1\\n..."))
    web.requests                           the requests so far

    web.answer("a.test", "/list", lambda request: Answer(304) if request.headers.get("If-None-Match") else Answer())

It runs in threads of the test. A host without a certificate fails the handshake (alert unrecognized_name); a path
without an answer gets 404. An answer is used for GET and POST; the content of a POST is in `requests`.

A client that resolves names itself reaches it without a name server at address="127.0.0.1", port 0, under names
that end in .localhost (RFC 6761 section 6.3; curl and glibc support them).
"""

import http.server
import itertools
import select
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .ca import Certificate
from .lab import Lab

OLD_TLS = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)


@dataclass(frozen=True)
class Answer:
    """One answer: its body as a whole, or in chunks for as long as `chunks` yields them.

    With chunks the end of the connection ends the body; itertools.repeat(b"x" * 1000) makes one that never ends.
    With `chunked` they are sent in the transfer coding of that name. With `pause` this many seconds pass before each
    chunk, or until the client disconnects: itertools.repeat(b"x") then trickles.
    With `hold` the body is incomplete, and nothing more is sent until the client disconnects.
    """
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/plain"})
    body: bytes = b""
    chunks: Iterable[bytes] | None = None
    chunked: bool = False
    pause: float = 0
    hold: bool = False


@dataclass(frozen=True)
class Request:
    """One request, as it was received."""
    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class HttpsServer:
    def __init__(self, lab: Lab, *, address: str | None = None, port: int = 0,
                 newest_tls: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> None:
        """Listen on a new address of the lab unless one is given; on a free port unless one is given (443 needs root).

        With `newest_tls` it supports no newer version than that, but also TLS 1.0 and 1.1.
        """
        self.requests: list[Request] = []
        self.connections = 0  # all of them, whether or not the handshake succeeded
        self._newest_tls = newest_tls
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._answers: dict[tuple[str, str], Answer | Callable[[Request], Answer]] = {}
        self._folders: dict[str, Path] = {}
        self._server = _Server((address or lab.address(), port), self, newest_tls)
        self.address, self.port = self._server.server_address[:2]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        lab.at_end(self._stop)

    def add_host(self, host: str, certificate: Certificate) -> None:
        """Use this certificate for clients that ask for this host."""
        context = _server_context(self._newest_tls)
        context.load_cert_chain(certificate.certificate, certificate.key)
        self._contexts[host] = context

    def has_host(self, host: str) -> bool:
        """Whether it has a certificate for this host."""
        return host in self._contexts

    def answer(self, host: str, path: str, answer: Answer | Callable[[Request], Answer]) -> None:
        """Give this answer from now on, or the result of this function for each request."""
        self._answers[host, path] = answer

    def serve_folder(self, host: str, folder: Path) -> None:
        """Answer with the files of this directory, which may be a symbolic link; NAME.gz to those who take gzip."""
        self._folders[host] = folder

    def choose_certificate(self, connection: ssl.SSLSocket, host: str | None, _: ssl.SSLContext) -> int | None:
        """The handshake contains the name of a host: use its certificate, or reject with an alert."""
        if host not in self._contexts:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = self._contexts[host]
        return None

    def answer_to(self, request: Request) -> Answer:
        """Store the request, and return the answer to it."""
        self.requests.append(request)
        answer = self._answers.get((request.host, request.path)) or self._file(request)
        return answer if isinstance(answer, Answer) else answer(request)

    def _file(self, request: Request) -> Answer:
        folder = self._folders.get(request.host)
        file = folder and folder / request.path.removeprefix("/")
        if not file or not file.is_file():
            return Answer(status=404, body=b"not found\n")
        packed = file.with_name(f"{file.name}.gz")
        if "gzip" in request.headers.get("Accept-Encoding", "") and packed.is_file():
            return Answer(headers={"Content-Encoding": "gzip"}, body=packed.read_bytes())
        return Answer(body=file.read_bytes())

    def _stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _server_context(newest_tls: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are used on purpose
        if newest_tls in OLD_TLS:
            context.set_ciphers("ALL:@SECLEVEL=0")  # OpenSSL 3 offers old versions only at this level
            context.minimum_version = newest_tls
        context.maximum_version = newest_tls
    return context


class _Server(http.server.ThreadingHTTPServer):
    """Makes the TLS handshake in the thread of the connection, so that no client can delay another."""
    daemon_threads = True
    request_queue_size = 1000  # hundreds may arrive at the same time

    def __init__(self, address: tuple[str, int], web: HttpsServer, newest_tls: ssl.TLSVersion) -> None:
        super().__init__(address, _Handler)
        self.web = web
        self._tls = _server_context(newest_tls)
        self._tls.sni_callback = web.choose_certificate

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        self.web.connections += 1
        super().process_request(request, client_address)

    def finish_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        with self._tls.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)

    def handle_error(self, *_: object) -> None:
        """Tests contain clients that disconnect early."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open for the next request
    # The body, which is written after the headers, would wait for the client's delayed acknowledgement of these: 40 ms.
    disable_nagle_algorithm = True

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
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.chunks is not None or answer.hold:
            self.send_header("Connection", "close")
        elif answer.status != http.HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self._send_body(answer)
        if answer.hold:
            self.rfile.read(1)

    def _send_body(self, answer: Answer) -> None:
        for number, chunk in enumerate(itertools.chain([answer.body], answer.chunks or ())):
            if number and answer.pause and select.select([self.connection], [], [], answer.pause)[0]:
                raise ConnectionResetError("the client gave up")
            if chunk:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if answer.chunked else chunk)
        if answer.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Requests are kept in HttpsServer.requests."""
