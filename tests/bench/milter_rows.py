"""The rows of the bench about the milter: it is compared with a filter on libmilter that does nothing."""

import contextlib
import json
import os
import socket
import statistics
import struct
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import Lab, wait
from lab.postfix import Listener, Receiver
from lab.program import Program, path_of

from programs import Command, Failed, run
from services import MICROSECONDS, Measured
from socketmap_rows import MIB, Comparison, Figures, Target

OURS = "tlsrpt-milter"
NOOP = "no-op libmilter"
WITHOUT = "no milter"
SENDERS = 10_000
LONGEST_LOAD = 900  # seconds
CONNECTIONS = {10: 1.0, 100: 1.2, 500: 1.2}  # at once; the sessions/s that are aimed at, in those of the no-op
IDLE = 1000


@dataclass(frozen=True)
class Amount:
    """How much is measured, and how often."""
    sessions: int = 30_000  # in each round
    rounds: int = 5
    growth: Sequence[int] = (100_000, 500_000, 1_000_000)
    folded: int = 1_000_000
    messages: int = 2_000
    idle: int = IDLE


QUICK = Amount(sessions=500, rounds=1, growth=(500, 1_000), folded=5_000, messages=40, idle=50)


class Milter(Measured):
    """A filter under load. If `pinned`, it runs on the first processor, and the load program on the last."""

    def __init__(self, lab: Lab, name: str, *, pinned: bool = True) -> None:
        self.name = name
        folder = lab.new_folder(name.replace(" ", "-"))
        self.socket = f"unix:{folder}/socket"
        if name == OURS:
            (folder / "tlsrpt.toml").write_text("[milter]\nlocal_networks = []\n")
            program = Program(lab, "tlsrpt-milter", "-f", "-c", folder / "tlsrpt.toml", "-s", self.socket,
                              "--state-dir", folder / "state")
            program.stderr.wait_for("listens on", process=program.popen)
        else:
            program = Program(lab, "noop-milter", self.socket)
            _wait_for_socket(folder / "socket", program)
            (folder / "socket").chmod(0o666)  # for Postfix
        self._program = program
        self.pid = program.pid
        self._processors = sorted(os.sched_getaffinity(0))
        for thread in self.threads() if pinned else ():
            os.sched_setaffinity(thread, {self._processors[0]})

    def load(self, sessions: int, connections: int) -> Figures:
        before = self.processor_seconds()
        argv = [path_of("milter-load"), "-s", self.socket, "-n", str(sessions), "-c", str(connections), "--senders",
                str(SENDERS), "--json"]
        last = {self._processors[-1]}
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LONGEST_LOAD, check=False,
                              preexec_fn=lambda: os.sched_setaffinity(0, last))
        if done.returncode:
            raise Failed(f"milter-load against {self.name}: {done.stderr}")
        told = json.loads(done.stdout)
        cpu = self.processor_seconds() - before
        return Figures(per_second=told["sessions"] / told["seconds"], cpu_us=cpu / told["sessions"] * MICROSECONDS,
                       p99_us=told["reply_p99_ms"] * 1000, resident=self.resident(), peak=self.peak())

    def stop(self) -> None:
        self._program.kill()


def under_load(lab: Lab, amount: Amount) -> list[Comparison]:
    """Sessions over TLS whose client disconnects after one recipient, from this many senders."""
    comparisons = []
    for connections, faster in CONNECTIONS.items():
        figures: dict[str, list[Figures]] = {OURS: [], NOOP: []}
        with _both(lab) as milters:
            for milter in milters:
                milter.load(amount.sessions // 5, connections)  # warms up
            for number in range(amount.rounds):
                for milter in milters if number % 2 else reversed(milters):
                    figures[milter.name].append(milter.load(amount.sessions, connections))
        medians = {name: median(of) for name, of in figures.items()}
        comparisons.append(Comparison(f"milter, {connections} connections", OURS, medians, [
            Target(f"sessions/s of {NOOP}", faster, "x", lambda of: of[OURS].per_second / of[NOOP].per_second,
                   at_least=True),
            Target(f"CPU of {NOOP}", 0.8, "x", lambda of: of[OURS].cpu_us / of[NOOP].cpu_us),
            Target(f"p99 of a reply of {NOOP}", 1.0, "x", lambda of: of[OURS].p99_us / of[NOOP].p99_us)]))
    return comparisons


def memory(lab: Lab, amount: Amount) -> list[Comparison]:
    """The memory after this many sessions, and with idle connections."""
    milter = Milter(lab, OURS)
    figures, done = {}, 0
    for sessions in amount.growth:
        figures[f"after {sessions} sessions"] = milter.load(sessions - done, 100)
        done = sessions
    milter.stop()
    first, last = next(iter(figures)), list(figures)[-1]
    grown = Comparison("milter-memory", last, figures, [
        Target(f"resident {first}", 1.1, "x", lambda of: of[last].resident / of[first].resident)])
    idle = {}
    with _both(lab) as milters:
        for one in milters:
            with idle_connections(one.socket, amount.idle):
                idle[one.name] = Figures(resident=one.resident(), peak=one.peak())
    return [grown, Comparison(f"milter-idle, {amount.idle} connections", OURS, idle, [
        Target(f"resident of {NOOP}", 1.3, "x", lambda of: of[OURS].resident / of[NOOP].resident)])]


def fold(lab: Lab, amount: Amount) -> list[Comparison]:
    """Fold a waiting journal into the store, which is SQLite."""
    name = f"fold of {amount.folded} sessions"
    program = path_of("journal-sessions")
    told = []
    for _ in range(min(3, amount.rounds)):
        state = lab.new_folder("fold")
        run(Command("write", [program, "write", state, str(amount.folded), str(SENDERS)]))
        of = run(Command(name, [program, "fold", state]))
        told.append(Figures(per_second=amount.folded / of.seconds, cpu_us=of.processor_seconds / amount.folded * MICROSECONDS,
                            peak=of.peak))
    return [Comparison("milter-fold", name, {name: median(told)}, [
        Target("time", 10, "s", lambda figures: amount.folded / figures[name].per_second),
        Target("peak", 100, "MiB", lambda figures: figures[name].peak / MIB)])]


def end_to_end(lab: Lab, amount: Amount) -> list[Comparison]:
    """Messages that Postfix accepts over TLS in 20 sessions at the same time: on a port with our milter, on one with
    the no-op, which shows the cost of Postfix and libmilter themselves, and on one without a milter."""
    milters = [Milter(lab, name, pinned=False) for name in (OURS, NOOP)]
    certificate = lab.ca.issue("mx.example.test")
    watched = {milter.name: Listener(lab.address(), lab.smtp_port, certificate,
                                     parameters={"smtpd_milters": milter.socket}) for milter in milters}
    mx = Receiver(lab, "mx.example.test", ["example.test"], certificate,
                  {"smtpd_peername_lookup": "no", "default_process_limit": "200"}, listeners=list(watched.values()))
    places = {name: (of.address, of.port) for name, of in watched.items()} | {WITHOUT: (mx.address, mx.port)}
    told: dict[str, list[Figures]] = {name: [] for name in places}
    processes = {milter.name: milter for milter in milters}
    for number in range(amount.rounds + 1):
        for name in places if number % 2 else reversed(places):
            address, port = places[name]
            before = processes[name].processor_seconds() if name in processes else 0
            done = subprocess.run([path_of("smtp-load"), address, str(port), "20", str(amount.messages)],
                                  capture_output=True, text=True, timeout=LONGEST_LOAD, check=False)
            if done.returncode:
                raise Failed(f"smtp-load: {done.stderr}")
            if number:  # the first round warms up
                used = processes[name].processor_seconds() - before if name in processes else None
                told[name].append(Figures(per_second=amount.messages / float(done.stdout),
                                          cpu_us=used and used / amount.messages * MICROSECONDS))
    for milter in milters:
        milter.stop()
    return [Comparison("milter-postfix", OURS, {name: median(of) for name, of in told.items()}, [
        Target(f"messages/s with {WITHOUT}", 0.92, "x", lambda of: of[OURS].per_second / of[WITHOUT].per_second,
               at_least=True),
        Target(f"CPU of {NOOP}", 0.8, "x", lambda of: of[OURS].cpu_us / of[NOOP].cpu_us)])]


MILTER_ROWS: Mapping[str, Callable[[Lab, Amount], list[Comparison]]] = {
    "milter": under_load,
    "milter-memory": memory,
    "milter-fold": fold,
    "milter-postfix": end_to_end,
}


def median(of_rounds: Sequence[Figures]) -> Figures:
    columns = zip(*(vars(figures).values() for figures in of_rounds))
    return Figures(*(None if None in column else statistics.median(column) for column in columns))


@contextlib.contextmanager
def _both(lab: Lab) -> Iterator[list[Milter]]:
    milters = [Milter(lab, OURS), Milter(lab, NOOP)]
    yield milters
    for milter in milters:
        milter.stop()


@contextlib.contextmanager
def idle_connections(milter: str, number: int) -> Iterator[None]:
    """Sessions that have sent HELO over TLS and then nothing more."""
    def packet(command: bytes, content: bytes = b"") -> bytes:
        return struct.pack("!I", 1 + len(content)) + command + content

    greeting = (packet(b"O", struct.pack("!III", 6, 0x1FF, 0x1FFFFF)),
                packet(b"D", b"C{client_name}\0client.test\0j\0mx.example.test\0")
                + packet(b"C", b"client.test\0" + b"4" + struct.pack("!H", 25) + b"192.0.2.1\0"),
                packet(b"D", b"H{tls_version}\0TLSv1.3\0{cipher}\0TLS_AES_256_GCM_SHA384\0{cipher_bits}\000256\0")
                + packet(b"H", b"client.test\0"))
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            connection.settimeout(30)
            connection.connect(milter.removeprefix("unix:"))
            for step in greeting:
                connection.sendall(step)
                size = struct.unpack("!I", _exactly(connection, 4))[0]
                _exactly(connection, size)
        yield


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        more = connection.recv(size - len(received))
        if not more:
            raise Failed("the milter hung up")
        received += more
    return received


def _wait_for_socket(path: Path, program: Program) -> None:
    with wait.Changes([path.parent]) as changes:
        while not path.exists():
            changes.wait(1, program.popen)
