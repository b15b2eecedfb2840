"""A name server with wrong answers: its own, or changed answers of a `Dns` behind it.

    bad = BadDns(lab, dns)                                forwards every question to `dns`, and returns its answer
    bad.spoil("lame.example.test", refused)               but for that name, of every type
    bad.spoil("mx.example.test", silent, "AAAA")          or for one type
    bad.spoil("*", without_signatures)                    or for all names without a fault of their own
    bad.mend("lame.example.test")
    bad.max_ttl = 0                                       maximum time that forwarded records may be cached
    bad.questions                                         the received questions: Question(name, type, transport)

A fault is a function that takes a Question and returns the datagrams to send for it, or None for the answer of `dns`.
It may raise ConnectionResetError, which resets the connection of a question over TCP.
"""

import random
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from .dns import Dns
from .lab import Lab

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "OPT": 41, "DS": 43, "RRSIG": 46,
         "DNSKEY": 48, "TLSA": 52}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
HEADER = struct.Struct("!HHHHHH")
RESPONSE, AUTHORITATIVE, TRUNCATED, DESIRED, AVAILABLE = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
OPT = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)


@dataclass(frozen=True)
class Question:
    name: str  # lower case, without trailing dot
    type: str
    transport: str  # "udp" or "tcp"
    message: bytes = field(repr=False)
    upstream: Dns | None = field(repr=False)

    def answer(self, *, rcode: int = 0, flags: int = 0, answers: Sequence[bytes] = (),
               authority: Sequence[bytes] = ()) -> bytes:
        """An answer to this question, with records made by record()."""
        number = HEADER.unpack_from(self.message)[0]
        head = HEADER.pack(number, RESPONSE | AUTHORITATIVE | DESIRED | AVAILABLE | flags | rcode, 1, len(answers),
                           len(authority), 1)
        return head + self.section() + b"".join(answers) + b"".join(authority) + OPT

    def section(self) -> bytes:
        """The question as it was received."""
        return self.message[HEADER.size:_end_of_name(self.message, HEADER.size) + 4]


Fault = Callable[[Question], Sequence[bytes] | None]


def wire_name(name: str) -> bytes:
    """A name in wire format, without compression."""
    labels = [label.encode("latin-1") for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(owner: str, type_name: str, rdata: bytes, ttl: int = 60) -> bytes:
    """A record in wire format, with any data."""
    return wire_name(owner) + struct.pack("!HHIH", TYPES[type_name], 1, ttl, len(rdata)) + rdata


def rcode(number: int) -> Fault:
    return lambda question: [question.answer(rcode=number)]


formerr, servfail, notimp, refused = rcode(1), rcode(2), rcode(4), rcode(5)


def silent(_: Question) -> list[bytes]:
    return []


def garbage(question: Question) -> list[bytes]:
    """Bytes that begin like an answer to the question."""
    return [question.message[:2] + struct.pack("!H", RESPONSE) + random.Random(1).randbytes(200)]


def cut_short(question: Question) -> list[bytes]:
    """An answer that is cut within a record."""
    return [question.answer(answers=[record(question.name, question.type, b"\0\x0a\x02mx")])[:-len(OPT) - 3]]


def wrong_id(question: Question) -> list[bytes]:
    answer = question.answer(answers=[record(question.name, "A", b"\xc0\0\2\1")])
    return [bytes([answer[0] ^ 0xFF]) + answer[1:]]


def other_question(question: Question) -> list[bytes]:
    """An answer to a question that was not asked."""
    answer = question.answer(answers=[record("elsewhere.test", "A", b"\xc0\0\2\1")])
    return [answer.replace(question.section(), wire_name("elsewhere.test") + question.section()[-4:], 1)]


def lame(question: Question) -> list[bytes]:
    """A referral upwards, as from a server that does not serve the zone."""
    answer = question.answer(authority=[record(".", "NS", wire_name("ns.root.test"))])
    return [answer[:2] + struct.pack("!H", RESPONSE | DESIRED) + answer[4:]]


def truncated(question: Question) -> list[bytes] | None:
    """An empty truncated answer to each datagram; answers over TCP are correct."""
    return [question.answer(flags=TRUNCATED)] if question.transport == "udp" else None


def truncated_without_tcp(question: Question) -> list[bytes]:
    return [question.answer(flags=TRUNCATED)] if question.transport == "udp" else []


def without_signatures(question: Question) -> list[bytes]:
    """Answers as a forwarder without EDNS and DNSSEC does: without the signatures that were requested."""
    number, flags = HEADER.unpack_from(question.message)[:2]
    plain = HEADER.pack(number, flags & ~0x0010, 1, 0, 0, 0) + question.section()
    answers = _ask(question.upstream, plain, "tcp")
    return [answer[:2] + bytes([answer[2], answer[3] & ~0x20 | AVAILABLE]) + answer[4:] for answer in answers]


def truncated_then_reset(question: Question) -> list[bytes]:
    """An empty truncated answer to each datagram; a question over TCP resets the connection."""
    if question.transport == "tcp":
        raise ConnectionResetError
    return [question.answer(flags=TRUNCATED)]


def records(*answers: bytes) -> Fault:
    """Only these records, made by record()."""
    return lambda question: [question.answer(answers=answers)]


def delayed(seconds: float) -> Fault:
    """The right answer, this many seconds late."""
    def fault(question: Question) -> None:
        time.sleep(seconds)

    return fault


def altered(question: Question) -> list[bytes]:
    """The right answer with one octet of its first record changed, so that its signature is wrong."""
    answers = []
    for answer in _ask(question.upstream, question.message, "tcp"):
        first = next(at for at in _records_of(answer) if at.type != "RRSIG")
        # The preference of an MX record; in other records the last octet, which is part of an address, digest, key or
        # bit map.
        at = first.data + (1 if first.type == "MX" else first.length - 1)
        answers.append(answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1:])
    return answers


def denial_of_another(question: Question) -> list[bytes]:
    """The right and signed answer that another name of the same length does not exist."""
    at = HEADER.size + question.message[HEADER.size]  # the last letter of the first label
    other = question.message[:at] + b"~" + question.message[at + 1:]
    return [answer[:at] + question.message[at:at + 1] + answer[at + 1:]
            for answer in _ask(question.upstream, other, "tcp")]


class BadDns:
    def __init__(self, lab: Lab, upstream: Dns | None = None) -> None:
        """Without `upstream`, every question without a fault is answered SERVFAIL."""
        self.upstream = upstream
        self.address = lab.address()
        self.port = lab.free_port(self.address)
        self.questions: list[Question] = []
        self.max_ttl: int | None = None
        self._faults: dict[tuple[str, str | None], Fault] = {}
        for kind in (_Udp, _Tcp):
            server = kind((self.address, self.port), self)
            threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
            lab.at_end(server.server_close)
            lab.at_end(server.shutdown)

    @property
    def server(self) -> str:
        """The address in libunbound's form: "127.93.41.1@5353"."""
        return f"{self.address}@{self.port}"

    def spoil(self, name: str, fault: Fault, type_name: str | None = None) -> None:
        self._faults[name, type_name] = fault

    def mend(self, name: str, type_name: str | None = None) -> None:
        del self._faults[name, type_name]

    def asked(self, name: str, type_name: str) -> list[str]:
        """The transports over which this was asked."""
        return [asked.transport for asked in self.questions if (asked.name, asked.type) == (name, type_name)]

    def respond(self, message: bytes, transport: str) -> Sequence[bytes]:
        """The answer to a question: datagrams, or messages over TCP."""
        question = Question(*_read_question(message), transport, message, self.upstream)
        self.questions.append(question)
        keys = [(question.name, question.type), (question.name, None), ("*", question.type), ("*", None)]
        fault = next((self._faults[key] for key in keys if key in self._faults), lambda _: None)
        answers = fault(question)
        if answers is not None:
            return answers
        if not self.upstream:
            return servfail(question)
        return [self._short_lived(answer) for answer in _ask(self.upstream, message, transport)]

    def _short_lived(self, answer: bytes) -> bytes:
        """With TTLs of at most max_ttl, as from a resolver that has cached the records for some time."""
        if self.max_ttl is None:
            return answer
        changed = bytearray(answer)
        for found in _records_of(answer):
            if found.type != "OPT":
                struct.pack_into("!I", changed, found.data - 6, min(self.max_ttl, found.ttl))
        return bytes(changed)


class _Quiet(socketserver.BaseServer):
    def handle_error(self, *of_request: object) -> None:
        """Print nothing if the upstream server or the client has closed before the exchange."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(*of_request)


class _Udp(_Quiet, socketserver.ThreadingUDPServer):
    daemon_threads = True
    max_packet_size = 65535

    def __init__(self, address: tuple[str, int], bad: BadDns) -> None:
        self.bad = bad
        super().__init__(address, _UdpExchange)


class _UdpExchange(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        message, sock = self.request
        for answer in self.server.bad.respond(message, "udp"):
            sock.sendto(answer, self.client_address)


class _Tcp(_Quiet, socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 100

    def __init__(self, address: tuple[str, int], bad: BadDns) -> None:
        self.bad = bad
        super().__init__(address, _TcpExchange)


class _TcpExchange(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while len(head := self.rfile.read(2)) == 2:
            message = self.rfile.read(int.from_bytes(head, "big"))
            try:
                for answer in self.server.bad.respond(message, "tcp"):
                    self.wfile.write(len(answer).to_bytes(2, "big") + answer)
            except ConnectionError:  # a fault resets the connection, or the client has disconnected
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.rfile.close()
                self.connection.close()
                return


def _read_question(message: bytes) -> tuple[str, str]:
    end = _end_of_name(message, HEADER.size)
    number = int.from_bytes(message[end:end + 2], "big")
    labels, at = [], HEADER.size
    while length := message[at]:
        labels.append(message[at + 1:at + 1 + length].decode("latin-1").lower())
        at += 1 + length
    return ".".join(labels), TYPE_NAMES.get(number, str(number))


def _end_of_name(message: bytes, at: int) -> int:
    while message[at]:
        if message[at] >= 0xC0:  # a pointer to the rest
            return at + 2
        at += 1 + message[at]
    return at + 1


@dataclass(frozen=True)
class _Found:
    type: str
    ttl: int
    data: int  # where its data begins in the message
    length: int


def _records_of(answer: bytes) -> Iterator[_Found]:
    """The records of all sections of an answer to one question."""
    at = _end_of_name(answer, HEADER.size) + 4
    for _ in range(sum(HEADER.unpack_from(answer)[3:])):
        at = _end_of_name(answer, at)
        number, _, ttl, length = struct.unpack_from("!HHIH", answer, at)
        yield _Found(TYPE_NAMES.get(number, str(number)), ttl, at + 10, length)
        at += 10 + length


def _ask(upstream: Dns | None, message: bytes, transport: str) -> list[bytes]:
    assert upstream, "this fault needs a server to ask"
    if transport == "udp":
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.connect((upstream.address, upstream.port))
            sock.send(message)
            return [sock.recv(65535)]
    with socket.create_connection((upstream.address, upstream.port), 5) as sock, sock.makefile("rb") as stream:
        sock.sendall(len(message).to_bytes(2, "big") + message)
        return [stream.read(int.from_bytes(stream.read(2), "big"))]
