"""Domains for the tests of `starttls-listtool check`: real mail servers, DNS and policy hosts."""

import json
import subprocess
import unittest
from collections.abc import Callable, Sequence

from lab import Lab
from lab.ca import Certificate
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.postfix import Receiver
from lab.smtp_server import Peer, SmtpServer

TWO_WEEKS = 1209600
# Linux refuses to connect to a multicast address over TCP: "Network is unreachable", as behind a firewall.
NOWHERE = "224.0.0.1:25"


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.web = HttpsServer(self.lab)
        self.zones: dict[str, dict[str, list[str]]] = {".": {}}
        self.connect: list[str] = []

    def mx(self, host: str, address: str) -> None:
        self.connect += ["--connect", f"{host}={address}:{self.lab.smtp_port}"]

    def postfix(self, domain: str, certificate: Certificate | None, **parameters: object) -> None:
        """The MX host of a domain, mx.DOMAIN."""
        receiver = Receiver(self.lab, f"mx.{domain}", [domain], certificate, parameters)
        self.zones[domain] = {"@": ["MX 10 mx"], "mx": [f"A {receiver.address}"]}
        self.mx(f"mx.{domain}", receiver.address)

    def scripted(self, domain: str, talk: Callable[[Peer], object]) -> SmtpServer:
        """The same, with a server that says what `talk` makes it say."""
        server = SmtpServer(self.lab, talk)
        self.zones[domain] = {"@": ["MX 10 mx"], "mx": [f"A {server.address}"]}
        self.mx(f"mx.{domain}", server.address)
        return server

    def mta_sts(self, domain: str, mode: str = "enforce", mxs: Sequence[str] = (), text: str = "") -> None:
        self.zones[domain] |= mta_sts_records(self.web)
        publish(self.lab, self.web, domain, text or policy(mode, *(mxs or [f"mx.{domain}"]), max_age=TWO_WEEKS))

    def reports(self, domain: str, *uris: str) -> None:
        self.zones[domain]["_smtp._tls"] = [f'TXT "v=TLSRPTv1; rua={",".join(uris)}"']

    def start(self, *, signed: Sequence[str] = (), name_servers: int = 1, **tables: dict[str, object]) -> None:
        # Without any signed zone there is no trust anchor, and nothing is validated.
        self.dns = Dns(self.lab, self.zones | {"signed.test": {}}, signed=[*signed, "signed.test"], port=0,
                       addresses=name_servers)
        self.configuration = Configuration(self.lab, self.dns, self.web, **tables)

    def check(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # --thorough makes some forty connections, a second apart.
        return self.configuration.tool("check", *arguments, timeout=120)

    def examine(self, domain: str, *arguments: str) -> tuple[int, dict]:
        """The exit status, and what --json says about the domain."""
        done = self.check("--json", *self.connect, *arguments, domain)
        self.assertEqual(done.stderr, "")
        return done.returncode, json.loads(done.stdout)["domains"][0]

    def findings(self, domain: str, *arguments: str) -> set[str]:
        """Those that matter: "LEVEL CODE"."""
        _, found = self.examine(domain, *arguments)
        return {f"{one['level']} {one['code']}" for one in found["findings"] if one["level"] not in ("ok", "note")}

    def outcomes(self, domain: str, *arguments: str) -> dict[str, str]:
        _, found = self.examine(domain, *arguments)
        return {one["sender"]: one["outcome"] for one in found["verdicts"]}
