"""Results of outbound mail, recorded by a tlsrpt-collector, and the reports about them."""

import email.message
import gzip
import json
import struct
import subprocess
import zlib
from collections.abc import Sequence

from lab import Lab, program
from lab.collector import Collector
from reports import Reader

# RFC 8460 section 4.2 and 4.3, by the numbers that libtlsrpt gives them.
POLICY_TYPES = {"tlsa": 1, "sts": 2, "no-policy-found": 9}
RESULT_TYPES = {"starttls-not-supported": 201, "certificate-host-mismatch": 202, "certificate-not-trusted": 203,
                "certificate-expired": 204, "tlsa-invalid": 304}


def failure(kind: str, mx: str, address: str = "192.0.2.25", reason: str = "") -> dict:
    return {"c": RESULT_TYPES[kind], "s": "198.51.100.1", "n": mx, "h": "", "r": address, "a": "", "f": reason}


def policy(kind: str, domain: str, *failures: dict, strings: Sequence[str] = (), hosts: Sequence[str] = ()) -> dict:
    """A policy of a datagram. Its session failed if there are failures."""
    failed = int(bool(failures))
    return {"policy-type": POLICY_TYPES[kind], "policy-domain": domain, "policy-string": list(strings),
            "mx-host": list(hosts), "failure-details": list(failures), "t": failed, "f": failed}


def sts(domain: str, *failures: dict) -> dict:
    return policy("sts", domain, *failures, strings=("version: STSv1", "mode: enforce", f"mx: mx.{domain}"),
                  hosts=[f"mx.{domain}"])


def datagram(domain: str, rua: str, *policies: dict) -> bytes:
    """What Postfix sends about one handshake; `rua` is that of the domain's TLSRPT record, "" for none."""
    record = {"pr": f"v=TLSRPTv1; rua={rua}"} if rua else {}
    return json.dumps({"dpv": "1", "d": domain} | record | {"policies": list(policies or [sts(domain)])}).encode()


class OutboundReader(Reader):
    """tlsrpt-report whose state directory has what a tlsrpt-collector received."""

    def __init__(self, lab: Lab, configuration: str = "", now: str = "2026-11-27T06:00:00Z", *,
                 contact: str = "tls@sender.test") -> None:
        super().__init__(lab, f'[report]\norganization = "Sender Ltd."\ncontact = "{contact}"\n{configuration}', now)
        self.lab = lab

    def collect(self, day: str, *datagrams: bytes, recorded: Sequence[bytes] = ()) -> None:
        """Have them received at noon of the day, `recorded` by "tlsrpt-collector record"."""
        collector = Collector(self.lab, state=self.state, environment={"STARTTLS_TOOLKIT_NOW": f"{day}T12:00:00Z"})
        collector.send(*datagrams)
        if recorded:
            done = program.run("tlsrpt-collector", "record", "-s", f"unix:{collector.socket}",
                               text_in="".join(one.decode() + "\n" for one in recorded))
            assert done.returncode == 0, done.stderr
        assert collector.stop() == 0, collector.stderr.text()

    def log(self, day: str, *datagrams: bytes) -> None:
        """Put them into a segment of the journal, as if read from the mail server's log at noon of the day."""
        noon = int(subprocess.run(["date", "-d", f"{day}T12:00:00Z", "+%s"], capture_output=True, check=True).stdout)
        # With the first position in the log, which has no text.
        payload = b"\n".join([b"%d log 1 0 " % (1000 * noon), *datagrams])
        segment = b"STKJRNL1" + struct.pack("<II", len(payload), zlib.crc32(payload)) + payload
        journal = self.state / "outbound-journal"
        journal.mkdir(parents=True, exist_ok=True)
        (journal / f"{1000 * noon:013}-0123456789abcdef.segment").write_bytes(segment)

    def at(self, now: str) -> "OutboundReader":
        self.environment["STARTTLS_TOOLKIT_NOW"] = now
        return self

    def queue(self) -> list[dict]:
        return json.loads(self.run("--json", "queue").stdout)["deliveries"]

    def suppressed(self) -> dict[str, str]:
        """The addresses that get no reports, and why."""
        return {one["address"]: one["reason"] for one in json.loads(self.run("--json", "queue").stdout)["suppressed"]}

    def stored_reports(self) -> int:
        """How many reports of others are in the store."""
        done = self.run("--json", "summary", "--by", "reporter", "--since", "2026-11-01", "--until", "2026-12-31")
        assert done.returncode == 0, done.stderr
        return sum(one["reports"] for one in json.loads(done.stdout)["reporters"])


def content_of(mail: email.message.EmailMessage) -> dict:
    """The report in a mail."""
    _, attachment = mail.iter_parts()
    return json.loads(gzip.decompress(attachment.get_content()))


def figures(report: dict) -> dict[tuple[str, str], tuple[int, int, dict[tuple[str, str], int]]]:
    """By policy type and policy domain: the sessions that were successful, that failed, and the latter by result type
    and MX host."""
    return {(one["policy"]["policy-type"], one["policy"]["policy-domain"]):
            (one["summary"]["total-successful-session-count"], one["summary"]["total-failure-session-count"],
             {(detail["result-type"], detail.get("receiving-mx-hostname", "")): detail["failed-session-count"]
              for detail in one.get("failure-details", [])})
            for one in report["policies"]}
