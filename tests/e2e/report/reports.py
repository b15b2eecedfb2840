"""Reports and what they come in, made for the tests."""

import base64
import gzip
import json
from pathlib import Path

from lab import Lab, program


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
    """tlsrpt-report with a state directory of its own."""

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

    def statuses(self, *inputs: str | Path) -> list[str]:
        return [one["status"] for one in self.read(*inputs)["inputs"]]
