"""What the tests of this directory share: dns_probe, and what it prints."""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from lab import Lab, program, wait
from lab.bad_dns import BadDns
from lab.dns import Dns

Answer = Mapping[str, Any]


def run(*arguments: object, timeout: float = wait.PATIENCE) -> tuple[list[Answer], str]:
    """What dns_probe found, and what it logged. It has ten seconds, whatever the servers do."""
    done = program.run("dns_probe", *map(str, arguments), timeout=timeout)
    if done.returncode:
        raise RuntimeError(f"dns_probe ended with status {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def to_server(server: Dns | BadDns, anchor: object = None, *, timeout: int = 1000) -> list[str]:
    """Options: ask that server, with validation where there is an anchor, `timeout` in milliseconds."""
    trust = ["--trust-anchor", str(anchor)] if anchor else ["--no-dnssec"]
    return ["--server", server.server, "--timeout", str(timeout), *trust]


def ask(server: Dns | BadDns, *question: str, anchor: object = None, timeout: int = 1000) -> Answer:
    """The answer to one question."""
    answers, _ = run(*to_server(server, anchor, timeout=timeout), *question)
    return answers[0]


def tree(lab: Lab, records: Mapping[str, list[str]], **more: Mapping[str, list[str]]) -> Dns:
    """A signed tree with example.test in it, and an unsigned.test; keywords are further signed zones in .test."""
    zones = {".": {}, "test": {}, "example.test": records, **{f"{name}.test": zone for name, zone in more.items()}}
    plain = {"@": ["MX 10 mx"], "mx": ["A 192.0.2.9"], "_25._tcp.mx": ["TLSA 3 1 1 " + "ab" * 32]}
    return Dns(lab, {**zones, "unsigned.test": plain}, signed=list(zones), port=0)


class LiveProbe:
    """A dns_probe that runs on from question to question."""

    def __init__(self, *options: object) -> None:
        self._argv = [str(word) for word in (program.path_of("dns_probe"), "--lines", *options)]

    def __enter__(self) -> "LiveProbe":
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
                                         text=True, bufsize=1)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def ask(self, name: str, type_name: str) -> Answer:
        return self.ask_all([name], type_name)[0]

    def ask_all(self, names: Sequence[str], type_name: str) -> list[Answer]:
        """At the same time."""
        self._process.stdin.write(" ".join(f"{name} {type_name}" for name in names) + "\n")
        return [json.loads(self._process.stdout.readline()) for _ in names]

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()
