"""tlsrpt-collector with a state directory of its own, and what it has recorded.

    collector = Collector(lab)
    collector.send(datagram("example.test"), datagram("example.test", failure=EXPIRED))
    collector.stop()                                  folds everything
    collector.policies()["example.test"]              (1, 1): sessions that were successful, and that failed
    collector.day()                                   results, malformed datagrams, sessions that were left out

`send` waits while the queue of the socket is full; Postfix does not.
"""

import contextlib
import json
import re
import shutil
import socket
import sqlite3
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from . import wait
from .lab import Lab
from .process import Process
from .program import assert_no_sanitizer_spoke, path_of

# Fast enough that a test need not wait.
QUICK = {"sync_interval": 0.05, "fold_interval": 0.1}

STS, NO_POLICY_FOUND = 2, 9  # policy types
EXPIRED = 204  # a result type
SEGMENT_MAGIC = b"STKJRNL1"


def datagram(domain: str, *, failure: int | None = None, kind: int = STS, **detail: str) -> bytes:
    """What Postfix sends about one handshake. `detail` are members of the failure."""
    policy = {"policy-type": kind, "policy-domain": domain, "policy-string": ["version: STSv1", "mode: enforce"],
              "mx-host": [f"mx.{domain}"],
              "failure-details": [] if failure is None else [{"c": failure, "n": f"mx.{domain}", **detail}],
              "t": int(failure is not None), "f": int(failure is not None)}
    return json.dumps({"d": domain, "pr": f"v=TLSRPTv1;rua=mailto:reports@{domain}", "policies": [policy]}).encode()


@dataclass(frozen=True)
class Day:
    """What is counted of all days beside their policies."""
    results: int = 0
    malformed: int = 0
    left_out: int = 0


def configuration(folder: Path, settings: Mapping[str, object]) -> Path:
    """A configuration file with these keys in [collector]; `state_dir` and `store` precede that table."""
    def lines(keys: Iterator[str]) -> str:
        return "".join(f"{key} = {json.dumps(str(value) if isinstance(value := settings[key], Path) else value)}\n"
                       for key in keys)

    general = ("state_dir", "store")
    file = folder / "tlsrpt.toml"
    file.write_text(lines(key for key in settings if key in general) + "[collector]\n"
                    + lines(key for key in settings if key not in general))
    if "store" in settings:
        file.chmod(0o600)  # it may hold a password
    return file


class Collector(Process):
    """tlsrpt-collector in the foreground, ready."""

    def __init__(self, lab: Lab, *, state: Path | None = None, socket: Path | None = None,
                 settings: Mapping[str, object] = QUICK, metrics: bool = False,
                 within: Sequence[str | PathLike[str]] = (), environment: Mapping[str, str] | None = None) -> None:
        """Start it, through the command `within` if there is one, and wait until it receives."""
        folder = lab.new_folder("collector")
        self.state = state or lab.new_folder("state")
        self.socket = socket or folder / "collector.sock"
        own: dict[str, object] = {"state_dir": self.state, "socket": f"unix:{self.socket}"}
        if metrics:
            address = lab.address()
            self._metrics = f"{address}:{lab.free_port(address)}"
            own["metrics"] = f"inet:{self._metrics}"
        self.configuration = configuration(folder, own | dict(settings))
        super().__init__([*within, path_of("tlsrpt-collector"), "-f", "-c", self.configuration], folder=folder,
                         lab_folder=lab.folder, environment=environment)
        lab.watch(self.stderr)
        lab.at_end(lambda: assert_no_sanitizer_spoke(self))
        lab.at_end(self.kill)
        self.stderr.wait_for("receives on", process=self.popen)

    def sender(self, *, blocking: bool = True) -> socket.socket:
        """A socket that is connected to it."""
        return connect(self.socket, blocking=blocking)

    def send(self, *datagrams: bytes) -> None:
        """Each is received: this waits while the queue is full."""
        with self.sender() as to:
            for one in datagrams:
                to.send(one)

    def metrics_page(self) -> str:
        with urllib.request.urlopen(f"http://{self._metrics}/metrics", timeout=60) as answer:
            return answer.read().decode()

    def metrics(self) -> dict[str, float]:
        return {name: float(value) for name, value in
                re.findall(r"^tlsrpt_collector_(\w+) (\S+)$", self.metrics_page(), re.MULTILINE)}

    def wait_for_metric(self, name: str, value: float) -> None:
        wait.until_equal(lambda: self.metrics()[name], value)

    def policies(self) -> dict[str, tuple[int, int]]:
        return policies(self.state)

    def day(self) -> Day:
        return day(self.state)

    def most_memory(self) -> int:
        """Its peak memory, in KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)[1])


def connect(path: Path, *, blocking: bool = True) -> socket.socket:
    """A socket that sends datagrams to a path."""
    to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    to.setblocking(blocking)
    to.connect(str(path))
    return to


def policies(state: Path) -> dict[str, tuple[int, int]]:
    """Of each recipient domain in the store: the sessions that were successful, and that failed."""
    return {domain: (successful, failed) for domain, successful, failed in rows(
        state, "SELECT domain, sum(successful), sum(failed) FROM outbound_counts GROUP BY domain")}


def day(state: Path) -> Day:
    """The totals in the store."""
    ((results, malformed, left_out),) = rows(
        state, "SELECT coalesce(sum(results), 0), coalesce(sum(malformed), 0), coalesce(sum(left_out), 0) "
               "FROM outbound_days")
    return Day(results, malformed, left_out)


def rows(state: Path, query: str) -> list[tuple]:
    """The rows of the SQLite store; none where there is no store yet."""
    found = _rows_of_store(state, query) if (state / "outbound.sqlite").exists() else None
    if found is None:
        return [(0, 0, 0)] if "outbound_days" in query else []
    return found


def _rows_of_store(state: Path, query: str) -> list[tuple] | None:
    # SQLite itself cannot follow the path into another mount namespace that a Volume gives.
    if not state.is_relative_to("/proc"):
        try:
            return _query(f"file:{state}/outbound.sqlite?mode=ro", query)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xff != sqlite3.SQLITE_READONLY:
                raise
    # A killed collector may leave what only a writer can read. The next one is to find it as it is.
    with tempfile.TemporaryDirectory(prefix="lab.") as copy:
        for file in state.glob("outbound.sqlite*"):
            shutil.copy(file, copy)
        return _query(f"file:{copy}/outbound.sqlite", query)


def _query(uri: str, query: str) -> list[tuple] | None:
    """None while there are no tables: they are created all at once."""
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
        if database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            return None
        return database.execute(query).fetchall()


def journalled(state: Path) -> dict[str, list[bytes]]:
    """The datagrams in the segments of the journal, by the segment's id. A record that was cut off at the end does not
    count. For a collector that does not run."""
    found = {}
    for segment in sorted((state / "outbound-journal").glob("*.segment")):
        content = segment.read_bytes()
        if content[:8] not in (SEGMENT_MAGIC, SEGMENT_MAGIC[:len(content)]):
            raise ValueError(f"{segment} is no segment")
        found[segment.stem] = [payload.split(b" ", 2)[2] for payload in _payloads(content[8:])]
    return found


def _payloads(content: bytes) -> Iterator[bytes]:
    start = 0
    while start + 8 <= len(content):
        end = start + 8 + int.from_bytes(content[start:start + 4], "little")
        if end > len(content):
            return
        yield content[start + 8:end]
        start = end
