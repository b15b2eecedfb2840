"""MX hosts of domains below .test with their zone, and lists of such domains.

    hosts = MxHosts(lab)
    hosts.receiver(["example.test"], lab.ca.issue("mx.example.test"))
    write_list(file, {"example.test": enforce("mx.example.test")})
    dns = hosts.dns()
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from .ca import Certificate
from .dns import Dns
from .lab import Lab
from .postfix import Receiver

# A time at which the lists are valid.
NOW = {"STARTTLS_TOOLKIT_NOW": "2026-11-22T12:00:00Z"}


def enforce(*mxs: str) -> dict[str, object]:
    return {"mode": "enforce", "mxs": mxs}


def testing(*mxs: str) -> dict[str, object]:
    return {"mode": "testing", "mxs": mxs}


def list_of(policies: Mapping[str, object], timestamp: str = "2026-11-20T00:00:00Z") -> str:
    return json.dumps({"timestamp": timestamp, "expires": "2026-12-04T00:00:00Z", "version": "0.1", "author": "Test",
                       "policies": policies})


def write_list(file: Path, policies: Mapping[str, object]) -> Path:
    file.write_text(list_of(policies))
    return file


class MxHosts:
    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.names: dict[str, list[str]] = {}  # the zone "test"

    def host(self, name: str, domains: Sequence[str], certificate: Certificate | None,
             parameters: Mapping[str, object] | None = None) -> Receiver:
        """An MX host that accepts mail for these domains; they need MX records."""
        mx = Receiver(self._lab, name, domains, certificate, parameters)
        self.names[name.removesuffix(".test")] = [f"A {mx.address}"]
        return mx

    def receiver(self, domains: Sequence[str], certificate: Certificate | None, host: str = "") -> Receiver:
        """The MX host of these domains; its name is mx.domains[0] by default."""
        host = host or f"mx.{domains[0]}"
        self.names |= {domain.removesuffix(".test"): [f"MX 10 {host}."] for domain in domains}
        return self.host(host, domains, certificate)

    def dns(self) -> Dns:
        return Dns(self._lab, {"test": self.names})
