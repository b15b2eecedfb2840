"""tlsrpt-milter as the tests of this directory run it, and what it has recorded.

    with Lab() as lab:
        milter = Milter(lab)
        mx = receiver(lab, milter)
        tls13_mail(Client(mx.address, mx.port, source))
        rows = end_and_read(mx, milter)[source]

Postfix is configured to refuse mail if the milter fails (milter_default_action = tempfail), so that a milter that costs
mail shows in every test.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import Lab, wait
from lab.postfix import Listener, Receiver
from lab.process import Process
from lab.program import assert_no_sanitizer_spoke, path_of
from lab.program import run as program_run
from lab.sendmail import SendmailReceiver
from lab.smtp_client import Client

# Fast enough that a test need not wait, for a daemon that otherwise writes and folds in long intervals.
QUICK = {"sync_interval": 0.05, "fold_interval": 0.1}

# All clients of the lab are local ones; and plaintext from a sender known for TLS has its own test.
EVERYBODY = {"local_networks": [], "downgrade_after": 1_000_000}


@dataclass(frozen=True)
class Row:
    """Sessions that are counted together. `domains` maps a recipient domain to (sessions, messages)."""
    outcome: str
    tls_version: str = ""
    cipher: str = ""
    cipher_bits: int = 0
    client_certificate: str = "none"
    failure: str = "none"
    downgraded: int = 0
    client_name: str = ""
    receiving_mx: str = "mx.example.test"
    sessions: int = 1
    messages: int = 0
    domains: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def configuration(folder: Path, settings: Mapping[str, object]) -> Path:
    """A configuration file with these keys in [milter]; `state_dir` and `store` are the keys that precede that
    table."""
    def line(key: str, value: object) -> str:
        return f"{key} = {json.dumps(str(value) if isinstance(value, Path) else value)}\n"

    general = ("state_dir", "store")
    head = "".join(line(key, value) for key, value in settings.items() if key in general)
    rest = "".join(line(key, value) for key, value in settings.items() if key not in general)
    file = folder / "tlsrpt.toml"
    file.write_text(f"{head}[milter]\n{rest}")
    if "store" in settings:
        file.chmod(0o600)  # it may hold a password
    return file


class Milter(Process):
    """tlsrpt-milter in the foreground, listening. `socket` is in libmilter's form, `for_postfix` in Postfix's."""

    def __init__(self, lab: Lab, *, state: Path | None = None, socket: str | None = None,
                 settings: Mapping[str, object] = QUICK, within: Sequence[str | os.PathLike[str]] = (),
                 environment: Mapping[str, str] | None = None) -> None:
        """Start it, through the command `within` if there is one, and wait until it listens."""
        folder = lab.new_folder("milter")
        self.state = state or lab.new_folder("state")
        self.socket = socket or f"unix:{folder}/socket"
        self.configuration = configuration(
            folder, {"state_dir": self.state, "socket": self.socket, **EVERYBODY, **settings})
        super().__init__([*within, path_of("tlsrpt-milter"), "-f", "-c", self.configuration], folder=folder,
                         lab_folder=lab.folder, environment=environment)
        lab.watch(self.stderr)
        lab.at_end(lambda: assert_no_sanitizer_spoke(self))
        lab.at_end(self.kill)
        self.stderr.wait_for("listens on", process=self.popen)

    def wait_for_records(self, number: int) -> None:
        """Wait until the journal has this many records that are in no store."""
        folder = self.state / "journal"
        with wait.Changes([folder]) as changes:
            while _records_in(folder) < number:
                changes.wait(1, self.popen)

    def wait_for_first_fold(self) -> None:
        """Wait until what arrives is no longer folded at once: for a long fold_interval, and a store in SQLite.

        A daemon folds what it finds when it starts. It lists that before it creates the store.
        """
        wait.until((self.state / "tlsrpt.sqlite").exists)

    def wait_for_sessions(self, number: int, kind: str = "sessions") -> None:
        """Wait until reports count this many sessions, or those of a kind, such as "failed": what they read, the
        journal and the store, has them then."""
        with wait.Changes([self.state, self.state / "journal"]) as changes:
            while self.report("--json", "summary", "--since", "2000-01-01")["total"][kind] < number:
                changes.wait(1, self.popen)

    def report(self, *arguments: str) -> Any:
        """The answer of tlsrpt-report, which must be JSON."""
        done = program_run("tlsrpt-report", "--state-dir", self.state, *arguments)
        if done.returncode:
            raise RuntimeError(f"tlsrpt-report ended with status {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    @property
    def for_postfix(self) -> str:
        return for_postfix(self.socket)


def most_memory(milter: Milter) -> int:
    """The peak memory of the daemon, in KiB."""
    status = Path(f"/proc/{milter.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])


def _records_in(journal: Path) -> int:
    """Whole records in the segments: a length and a checksum of four bytes each, then the content."""
    number = 0
    for segment in journal.glob("*.segment"):
        content = segment.read_bytes()[8:]
        while len(content) >= 8 and len(content) >= (size := 8 + int.from_bytes(content[:4], "little")):
            number += 1
            content = content[size:]
    return number


def for_postfix(socket: str) -> str:
    """libmilter writes inet:port@host, Postfix inet:host:port."""
    scheme, _, place = socket.partition(":")
    if scheme == "unix":
        return socket
    port, _, host = place.partition("@")
    return f"inet:{host}:{port}"


def receiver(lab: Lab, *milters: Milter, domains: Sequence[str] = ("example.test",),
             parameters: Mapping[str, object] | None = None, listeners: Sequence[Listener] = (),
             **more: object) -> Receiver:
    """mx.example.test with these milters attached."""
    own = {
        "smtpd_milters": ", ".join(milter.for_postfix for milter in milters),
        "milter_default_action": "tempfail",
    }
    return Receiver(lab, "mx.example.test", domains, lab.ca.issue("mx.example.test"), own | dict(parameters or {}),
                    listeners=listeners, **more)


def sendmail_receiver(lab: Lab, *milters: Milter, macros: str = "") -> SendmailReceiver:
    """The same with Sendmail. It looks up no names, so clients are known by their addresses only."""
    sockets = {f"m{number}": milter.socket.replace("unix:", "local:") for number, milter in enumerate(milters)}
    return SendmailReceiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"), milters=sockets,
                            macros=macros)


def client(lab: Lab, mx: Receiver | SendmailReceiver, **more: object) -> Client:
    """A client of that MX host with its own address, by which its session is known in the store."""
    return Client(mx.address, mx.port, source=lab.address(), **more)


def end_and_read(mx: Receiver | SendmailReceiver, milter: Milter, state: Path | None = None) -> dict[str, list[Row]]:
    """What was recorded, by client address, when all sessions have ended; `state`: where the test sees the directory.

    When Postfix exits, it closes its connections to the milter, and this ends all sessions for the milter. A milter
    that exits folds all its sessions.
    """
    mx.end()
    milter.stop()
    return read(state or milter.state)


def read(state: Path) -> dict[str, list[Row]]:
    """The rows of the store, by client address."""
    rows: dict[str, list[Row]] = {}
    with _opened_copy(state) as database:
        for count in database.execute("SELECT * FROM session_counts"):
            domains = database.execute(
                "SELECT recipient_domain, sessions, messages FROM domain_counts WHERE session_count = ?", [count["id"]])
            values = {key: count[key] for key in count.keys() if key not in ("id", "day", "client_address")}
            of_domain = {name: (sessions, messages) for name, sessions, messages in domains}
            rows.setdefault(count["client_address"], []).append(Row(**values, domains=of_domain))
    return rows


@contextlib.contextmanager
def _opened_copy(state: Path) -> Iterator[sqlite3.Connection]:
    """SQLite itself cannot follow the path into another mount namespace that a Volume gives."""
    with tempfile.TemporaryDirectory(prefix="lab.") as folder:
        for file in state.glob("tlsrpt.sqlite*"):
            shutil.copy(file, folder)
        uri = f"file:{folder}/tlsrpt.sqlite?mode=rw"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
            database.row_factory = sqlite3.Row
            yield database


def sessions_in(rows: Mapping[str, Sequence[Row]]) -> int:
    return sum(row.sessions for of_client in rows.values() for row in of_client)
