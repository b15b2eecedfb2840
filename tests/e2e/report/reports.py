"""Reports and their carriers, made for the tests."""

import base64
import contextlib
import gzip
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from lab import Lab, program
from lab.program import Program


def failure(kind: str, sessions: int = 1, **more: str) -> dict:
    return {"result-type": kind, "sending-mta-ip": "192.0.2.1", "receiving-mx-hostname": "mx1.example.test",
            "failed-session-count": sessions} | {name.replace("_", "-"): value for name, value in more.items()}


def report(*failures: dict, domain: str = "example.test", day: str = "2026-11-25", organization: str = "Sender Inc.",
           report_id: str = "r1", successful: int = 100, policy_type: str = "sts",
           strings: tuple[str, ...] = ("version: STSv1", "mode: testing", "mx: mx1.example.test",
                                       "max_age: 86400")) -> dict:
    policy = {"policy": {"policy-type": policy_type, "policy-string": list(strings), "policy-domain": domain,
                         "mx-host": ["mx1.example.test"]},
              "summary": {"total-successful-session-count": successful,
                          "total-failure-session-count": sum(f["failed-session-count"] for f in failures)}}
    if failures:
        policy["failure-details"] = list(failures)
    return {"organization-name": organization,
            "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
            "contact-info": "tls@sender.test", "report-id": report_id, "policies": [policy]}


def packed(content: dict) -> bytes:
    return gzip.compress(json.dumps(content).encode(), mtime=0)


def mail(attachment: bytes, kind: str = "application/tlsrpt+gzip", encoding: str = "base64") -> bytes:
    body = base64.encodebytes(attachment) if encoding == "base64" else attachment
    return (b"From: tls@sender.test\nTo: reports@example.test\n"
            b"Subject: Report Domain: example.test Submitter: sender.test Report-ID: <r1@sender.test>\n"
            b"MIME-Version: 1.0\nContent-Type: multipart/report; report-type=\"tlsrpt\"; boundary=\"=_b\"\n\n"
            b"--=_b\nContent-Type: text/plain\n\nThis is a TLS report.\n\n"
            b"--=_b\nContent-Type: " + kind.encode() + b"\nContent-Transfer-Encoding: " + encoding.encode() +
            b"\nContent-Disposition: attachment; filename=\"../../etc/passwd\"\n\n" + body + b"\n--=_b--\n")


class Reader:
    """tlsrpt-report with its own state directory."""

    def __init__(self, lab: Lab, configuration: str = "", now: str = "2026-11-27T06:00:00Z") -> None:
        self.folder = lab.new_folder("reader")
        self.state = self.folder / "state"
        self.environment = {"STARTTLS_TOOLKIT_NOW": now}
        self.configuration = self.folder / "tlsrpt.toml"
        self.configuration.write_text(f'state_dir = "{self.state}"\n{configuration}')

    def write(self, name: str, content: bytes | dict) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(json.dumps(content).encode() if isinstance(content, dict) else content)
        return path

    def run(self, *arguments: str | Path, **options: object):
        return program.run("tlsrpt-report", "-c", self.configuration, *arguments, environment=self.environment,
                           **options)

    def read(self, *inputs: str | Path) -> dict:
        """The answer of read --json, with its exit status."""
        done = self.run("--json", "read", *inputs)
        return json.loads(done.stdout) | {"exit": done.returncode, "stderr": done.stderr}

    def suppress(self, address: str, since: str) -> None:
        """As if mail to the address had come back."""
        self.run("queue", "--send")  # makes the database
        with contextlib.closing(sqlite3.connect(self.state / "reports.sqlite")) as database, database:
            database.execute("INSERT INTO suppressions VALUES (?, unixepoch(?) * 1000, '550 no such user')",
                             (address, since))

    def statuses(self, *inputs: str | Path) -> list[str]:
        return [one["status"] for one in self.read(*inputs)["inputs"]]


class RecordedReader(Reader):
    """One whose state directory has a store of tlsrpt-milter, into which a test writes what the milter would record."""

    def __init__(self, lab: Lab, configuration: str = "", now: str = "2026-11-27T06:00:00Z") -> None:
        super().__init__(lab, configuration, now)
        milter = Program(lab, "tlsrpt-milter", "-f", "--state-dir", self.state, "-s",
                         f"unix:{lab.new_folder('socket')}/milter")
        milter.stderr.wait_for("listens on")
        milter.stop()

    @contextlib.contextmanager
    def recorded(self) -> Iterator[sqlite3.Connection]:
        """The store, for adding sessions and more within; all of it is written afterwards."""
        with contextlib.closing(sqlite3.connect(self.state / "tlsrpt.sqlite")) as self._database, self._database:
            yield self._database

    def session(self, day: str, outcome: str, sessions: int, *, name: str = "mail.sender.test", version: str = "",
                failed: str = "none", domain: str = "example.test", address: str = "192.0.2.1", mx: str = "mx1.example.test",
                downgraded: bool = False) -> None:
        """Sessions of one kind on a day; those with TLS or in plaintext have a recipient in the domain."""
        row = self._database.execute(
            "INSERT INTO session_counts VALUES (NULL, unixepoch(?) / 86400, ?, ?, ?, ?, ?, ?, 256, 'none', ?, ?, ?, ?)",
            (day, mx, address, name, outcome, version, version and "TLS_AES", failed, downgraded, sessions, sessions))
        if outcome in ("tls", "plaintext"):
            self._database.execute("INSERT INTO domain_counts VALUES (?, ?, ?, ?)",
                                   (row.lastrowid, domain, sessions, sessions))

    def downgrade(self, day: str, sender: str = "sender.test", best: str = "TLSv1.3") -> None:
        self._database.execute("INSERT INTO downgrades VALUES (?, unixepoch(?) / 86400, 4, unixepoch(?) * 1000, "
                               "unixepoch(?) * 1000, ?, 90)", (sender, day, day, day, best))
