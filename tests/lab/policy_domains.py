"""Domains with MTA-STS: their records, their policy hosts, and a configuration with which starttls-listtool finds them.

    web = HttpsServer(lab)
    zone = {"@": ["MX 10 mx"], "mx": [f"A {mx.address}"], **mta_sts_records(web, "1")}
    dns = Dns(lab, {"good.test": zone})
    publish(lab, web, "good.test", policy("enforce", "mx.good.test"))
    configuration = Configuration(lab, dns, web)           a listtool.toml; .path, .state, .cache
    done = configuration.tool("sts", "fetch", "good.test")
"""

import datetime
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from . import command, program, wait
from .ca import Certificate
from .dns import Dns
from .https import Answer, HttpsServer, Request
from .lab import Lab

PATH = "/.well-known/mta-sts.txt"
A_WEEK = 604800


def policy(mode: str, *mxs: str, max_age: int = A_WEEK) -> str:
    """The text of a policy."""
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {mx}" for mx in mxs), f"max_age: {max_age}"]
    return "\n".join(lines) + "\n"


def mta_sts_records(web: HttpsServer, policy_id: str = "1") -> dict[str, list[str]]:
    """The records that a zone needs: the record with the policy's id, and the address of the policy host."""
    return {"_mta-sts": [f'TXT "v=STSv1; id={policy_id};"'], "mta-sts": [f"A {web.address}"]}


def publish(lab: Lab, web: HttpsServer, domain: str, text: str, *, certificate: Certificate | None = None,
            answer: Answer | None = None) -> None:
    """Serve this policy, or `answer`, on the domain's policy host from now on."""
    host = f"mta-sts.{domain}"
    if certificate is not None or not web.has_host(host):
        web.add_host(host, certificate or lab.ca.issue(host))
    web.answer(host, PATH, answer or Answer(body=text.encode()))


def fetches(web: HttpsServer, domain: str) -> list[Request]:
    """How often the policy was requested so far."""
    return [request for request in web.requests if request.host == f"mta-sts.{domain}" and request.path == PATH]


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return "'" + str(value) + "'"


Table = Mapping[str, object]


class Configuration:
    """A listtool.toml whose names resolve in the lab, and whose policy hosts are the lab's."""

    def __init__(self, lab: Lab, dns: Dns, web: HttpsServer, *, folder: Path | None = None, now: str = "",
                 **tables: Table) -> None:
        """Further settings by table: serve={"listen": [...]}, dns={"timeout": 1}; top-level ones as top={...}."""
        self.folder = folder or lab.new_folder("listtool")
        self.path = self.folder / "listtool.toml"
        self.state = self.folder / "state"
        self.cache = self.state / "mta-sts" / "cache.sqlite"
        self.now = now
        signed = dns.trust_anchor.read_text() != ""
        self.tables: dict[str, dict[str, object]] = {
            "top": {"state_dir": self.state},
            "dns": {"servers": [f"{dns.address}@{dns.port}"], "dnssec": signed, "trust_anchor": dns.trust_anchor,
                    "timeout": 5},
            "mta_sts": {"ca_file": lab.ca.certificate, "https_port": web.port, "private_addresses": True,
                        "timeout": 5}}
        self.lists: list[dict[str, object]] = []
        for name, settings in tables.items():
            self.tables.setdefault(name, {}).update(settings)
        self.write()

    def install(self, policies: Mapping[str, object], name: str = "sector") -> None:
        """Install with `update` a signed preload list with these policies, dated now and valid for two weeks."""
        now = datetime.datetime.fromisoformat(self.now) if self.now else datetime.datetime.now(datetime.UTC)
        times = {"timestamp": now, "expires": now + datetime.timedelta(days=14)}
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps({key: time.strftime("%Y-%m-%dT%H:%M:%SZ") for key, time in times.items()}
                                   | {"version": "0.1", "author": "Lab", "policies": policies}))
        public, secret = file.with_suffix(".pub"), file.with_suffix(".key")
        if not secret.exists():
            command.run("minisign", "-G", "-W", "-p", public, "-s", secret)
            self.lists.append({"name": name, "file": file, "key_files": [public]})
            self.write()
        command.run("minisign", "-S", "-s", secret, "-m", file)
        done = self.tool("-q", "update")
        if done.returncode != 0:
            raise RuntimeError(done.stderr)

    def write(self) -> None:
        """Write the file again, from `tables` and `lists`."""
        lines = [f"{key} = {_toml(value)}" for key, value in self.tables["top"].items()]
        for name, settings in self.tables.items():
            if name != "top":
                lines += [f"[{name.replace('_', '-')}]", *(f"{key} = {_toml(value)}" for key, value in settings.items())]
        for settings in self.lists:
            lines += ["[[list]]", *(f"{key} = {_toml(value)}" for key, value in settings.items())]
        self.path.write_text("\n".join(lines) + "\n")

    @property
    def environment(self) -> dict[str, str]:
        return {"STARTTLS_TOOLKIT_NOW": self.now} if self.now else {}

    def tool(self, *arguments: str, text_in: str = "", timeout: float = wait.PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run starttls-listtool with this configuration, and wait for its end."""
        return program.run("starttls-listtool", "-c", self.path, *arguments, environment=self.environment,
                           text_in=text_in, timeout=timeout)
