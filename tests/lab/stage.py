"""The environment in which a case runs: a copy of its directory, and the actions of its "lab:" lines.

    with Lab() as lab:
        stage = Stage(lab, Path("tests/e2e/serve/mta-sts-enforce"))
        stage.run("$ ", "starttls-listtool -c listtool.toml serve &")
        stage.run("lab: ", "mail to bob@good.test")            ["sent, Verified TLS connection"]

README.md in this directory describes what a case may contain.
"""

import contextlib
import datetime
import os
import re
import shutil
import sqlite3
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from . import command, program, smtp_client, wait
from .ca import CA, Certificate
from .dns import Dns, Zone
from .exim import EximSender
from .https import Answer, HttpsServer, Request
from .lab import Lab
from .postfix import Instance, Receiver, Sender
from .process import Process
from .resolver import Resolver
from .sendmail import SendmailInstance, SendmailReceiver, SendmailSender
from .smtp_dialogue import Client, UnexpectedReply

T = TypeVar("T")

# What a program of ours logs when it is ready.
READY = {"tlsrpt-milter": "listens on", "starttls-listtool": "answers on"}

CLIENTS_BY_XCLIENT = {"smtpd_peername_lookup": "no", "smtpd_authorized_xclient_hosts": "127.0.0.0/8"}

# Names in angle brackets in files of a case: "<directory>", "<mx.good.test>", "<key of mx.good.test>".
LAB_NAME = re.compile(r"<((?:key of )?[a-z][a-z0-9.-]*\.test|directory|mail\.log|ca|address|web|https-port|dns|trust-anchor"
                      r"|port(?:-\d)?)>")

# Defaults for the columns that a table of recorded sessions does not have.
SESSION = {"outcome": "tls", "sessions": "1", "client": "mail.sender.test", "address": "192.0.2.1", "version": "",
           "failure": "none", "domain": "example.test", "mx": "mx.example.test"}


class CaseError(RuntimeError):
    """The case uses something that does not exist."""


@dataclass(frozen=True)
class Host:
    """A mail server of the case; the zones contain its name before it runs."""
    address: str
    certificate: Certificate


class Stage:
    def __init__(self, lab: Lab, case: Path) -> None:
        """Copy the case, and start a name server for its zones/ and an HTTPS server for its web/, if it has them."""
        self._lab = lab
        self.folder = lab.new_folder(case.name)
        shutil.copytree(case, self.folder, dirs_exist_ok=True)
        self._clock = lab.new_folder("clock") / "now"
        self._mail_log = lab.folder / "receiver" / "mail.log"
        self._mail_config = lab.new_folder("etc")
        (self._mail_config / "main.cf").touch()
        self._follows_mail_log = False
        self._hosts: dict[str, Host] = {}
        self._ports: dict[str, int] = {}
        self._address = lab.address()
        self._daemons: list[Process] = []
        self._servers: list[Instance | SendmailInstance | EximSender] = []
        self._sender: Sender | SendmailSender | EximSender | None = None
        self._receiver: Receiver | SendmailReceiver | None = None
        self._web = self._start_web()
        self._dns = self._start_dns()
        for file in self.folder.rglob("*"):
            if file.is_file() and "web" not in file.relative_to(self.folder).parts:
                self._fill_in(file)

    def run(self, prompt: str, text: str) -> list[str]:
        """Run a step; returns the lines that it prints, with the names for what the lab chose."""
        lines = self._shell(text) if prompt == "$ " else self._act(text)
        return [self._named(line).rstrip() for line in lines]

    # Commands.

    def _shell(self, text: str) -> list[str]:
        if daemon := re.fullmatch(r"(.*?)(?: 2>(\S+))? &", text):
            log = self._start_daemon(daemon[1].split()).stderr.path
            if daemon[2]:
                (self.folder / daemon[2]).symlink_to(log)
            return []
        done = subprocess.run(["/bin/sh", "-c", text], cwd=self.folder, env=self._environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        return lines + ([f"(exit status {done.returncode})"] if done.returncode else [])

    def _environment(self) -> dict[str, str]:
        own = {"PATH": f"{program.path_of('tlsrpt-report').parent}:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
               "MAIL_CONFIG": str(self._mail_config)}  # Debian's postmap needs a main.cf, and /etc may have none
        return own | ({"STARTTLS_TOOLKIT_NOW": str(self._clock)} if self._clock.exists() else {})

    def _start_daemon(self, argv: list[str]) -> Process:
        """Start one of our programs, and wait until it is ready."""
        name = argv[0]
        folder = self._lab.new_folder(name)
        daemon = Process([program.path_of(name), *argv[1:]], folder=folder, lab_folder=self._lab.folder,
                         environment=self._environment(), working_folder=self.folder)
        self._lab.watch(daemon.stderr)
        self._lab.at_end(daemon.kill)
        daemon.stderr.wait_for(READY[name], process=daemon.popen)
        self._daemons.append(daemon)
        return daemon

    # Names in angle brackets.

    def _value(self, name: str) -> str:
        """The value for <name>, which the lab has chosen, or chooses now."""
        self._follows_mail_log |= name == "mail.log"
        simple: dict[str, Callable[[], object]] = {
            "directory": lambda: self.folder, "mail.log": lambda: self._mail_log, "ca": lambda: self._lab.ca.certificate,
            "address": lambda: self._address, "web": lambda: self._need(self._web, "web/").address,
            "https-port": lambda: self._need(self._web, "web/").port,
            "dns": lambda: self._need(self._dns, "zones/").server,
            "trust-anchor": lambda: self._need(self._dns, "zones/").trust_anchor}
        if name in simple:
            return str(simple[name]())
        if re.fullmatch(r"port(-\d)?", name):
            return str(self._ports.setdefault(name, self._lab.free_port(self._address)))
        if name.startswith("key of "):
            return self._host(name.removeprefix("key of ")).certificate.key_digest()
        return self._host(name).address

    def _fill_in(self, file: Path) -> None:
        """Replace the names in angle brackets that are the lab's; a file without any is not changed."""
        content = file.read_bytes()
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return
        filled = LAB_NAME.sub(lambda found: self._value(found[1]), text)
        if filled != text and file.name != "README.md":
            file.write_text(filled)

    def _named(self, line: str) -> str:
        """The line with <names> in place of the values that the lab chose."""
        ports = {self._lab.smtp_port: "smtp-port", **{port: name for name, port in self._ports.items()}}
        values = {str(self.folder): "directory", str(self._lab.folder): "lab", self._address: "address",
                  **{host.address: name for name, host in self._hosts.items()}}
        if self._web:
            ports[self._web.port] = "https-port"
            values[self._web.address] = "web"
        for value, name in values.items():
            line = re.sub(rf"(?<![\w.]){re.escape(value)}(?![\w])", f"<{name}>", line)
        for key in self.folder.glob("*.pub"):
            # minisign writes it without leading zeros, our programs with them.
            line = line.replace(key.read_text().split()[5].rjust(16, "0"), f"<key id of {key.name}>")
        line = re.sub(r"(?<=made by starttls-listtool )[0-9.]+[0-9]", "<version>", line)
        for port, name in ports.items():
            line = re.sub(rf"(?<=[:@]){port}\b", f"<{name}>", line)
        return line if self._clock.exists() else re.sub(r"20\d\d-\d\d-\d\d", _named_day, line)

    def _need(self, server: T | None, what: str) -> T:
        if server is None:
            raise CaseError(f"there is no {what}")
        return server

    def _host(self, name: str) -> Host:
        if name not in self._hosts:
            self._hosts[name] = Host(self._lab.address(), self._lab.ca.issue(name))
        return self._hosts[name]

    # Servers for directories of the case.

    def _start_web(self) -> HttpsServer | None:
        """web/HOST/PATH is the answer for https://HOST/PATH, with the content of the file at the time of the request.
        """
        hosts = sorted(folder.name for folder in self.folder.glob("web/*"))
        if not hosts:
            return None
        web = HttpsServer(self._lab, address="127.0.0.1" if any(h.endswith(".localhost") for h in hosts) else None)
        for host in hosts:
            web.add_host(host, self._lab.ca.issue(host))
            for file in (self.folder / "web" / host).rglob("*"):
                web.answer(host, f"/{file.relative_to(self.folder / 'web' / host)}", self._answer)
        return web

    def _answer(self, request: Request) -> Answer:
        file = self.folder / "web" / request.host / request.path.lstrip("/")
        return Answer(body=file.read_bytes()) if file.is_file() else Answer(404)

    def _start_dns(self) -> Dns | None:
        """zones/ZONE has one record on each line: NAME TYPE DATA. With a first line "; signed" the zone is signed."""
        files = sorted(self.folder.glob("zones/*"))
        if not files:
            return None
        for file in files:
            self._fill_in(file)
        zones: dict[str, Zone] = {".": {}, "test": {}} | {file.name: _records(file.read_text()) for file in files}
        signed = [file.name for file in files if file.read_text().startswith("; signed\n")]
        return Dns(self._lab, zones, signed=[".", "test", *signed] if signed else [], port=53 if os.geteuid() == 0 else 0)

    # Actions of "lab:" lines.

    def _act(self, text: str) -> list[str]:
        for pattern, action in self._actions().items():
            if found := re.fullmatch(pattern, text):
                return action(*found.groups()) or []
        raise CaseError(f"the lab cannot do this: {text}")

    def _actions(self) -> dict[str, Callable[..., list[str] | None]]:
        return {
            r"clock (\S+)": self._set_clock,
            r"sign (\S+)(?: with (another) key)?": self._sign,
            r"store (\S+)": self._store,
            r"(Postfix|Sendmail) (\S+) receives for (\S+?)(?:, (with \S+))?(?:, (.*))?": self._receive,
            r"(Postfix|Sendmail|Exim) (\S+) sends(?:, (with \S+))?": self._send,
            r"mail to (\S+)": self._mail,
            r"session (\w+) from (\S+)(?: \[(\S+)\])?": self._session,
            r"servers end": self._end_servers,
        }

    def _set_clock(self, now: str) -> None:
        """Set the clock for all programs of ours, including those that run."""
        new = self._clock.with_suffix(".new")
        new.write_text(now + "\n")
        os.replace(new, self._clock)

    def _sign(self, name: str, another: str | None) -> None:
        """Sign a file with minisign. The public key is list.pub."""
        key = "another" if another else "list"
        secret = self._lab.folder / f"{key}.key"
        if not secret.exists():
            command.run("minisign", "-G", "-W", "-p", self.folder / f"{key}.pub", "-s", secret)
        comment = f"signed by {key}.key"
        file = self.folder / name
        command.run("minisign", "-S", "-s", secret, "-m", file, "-t", comment)
        if self._web and "web" in Path(name).parts:
            host, path = re.fullmatch(r"web/([^/]+)(/.*)", name).groups()
            self._web.answer(host, f"{path}.minisig", self._answer)

    def _store(self, name: str) -> None:
        """Put recorded sessions into the store of tlsrpt.toml: a table whose first line has the names of its columns.
        """
        state = self.folder / tomllib.loads((self.folder / "tlsrpt.toml").read_text())["state_dir"]
        socket = self._lab.new_folder("socket") / "milter"
        self._start_daemon(["tlsrpt-milter", "-f", "-c", "tlsrpt.toml", "-s", f"unix:{socket}"])
        self._daemons.pop().stop()
        head, *rows = (line.split() for line in (self.folder / name).read_text().splitlines())
        with contextlib.closing(sqlite3.connect(state / "tlsrpt.sqlite")) as database, database:
            for row in rows:
                _record(database, SESSION | dict(zip(head, row, strict=True)))

    def _receive(self, kind: str, name: str, domains: str, file: str | None, certificate: str | None) -> None:
        host = self._host(name)
        lines = (self.folder / file.removeprefix("with ")).read_text() if file else ""
        if kind == "Sendmail":
            server = SendmailReceiver(self._lab, name, domains.split(","), host.certificate, macros=lines,
                                      address=host.address)
        else:
            server = Receiver(self._lab, name, domains.split(","), self._certificate(host, certificate),
                              CLIENTS_BY_XCLIENT | _parameters(lines), address=host.address)
        self._servers.append(server)
        self._receiver = server

    def _certificate(self, host: Host, certificate: str | None) -> Certificate | None:
        if certificate is None:
            return host.certificate
        if certificate == "without TLS":
            return None
        if certificate == "with a certificate of an unknown CA":
            return CA(self._lab.new_folder("ca"), "Unknown CA").issue("mx.unknown.test")
        found = re.fullmatch(r"with a certificate for (\S+)", certificate)
        if not found:
            raise CaseError(f"no certificate: {certificate}")
        return self._lab.ca.issue(found[1])

    def _send(self, kind: str, name: str, file: str | None) -> None:
        lines = (self.folder / file.removeprefix("with ")).read_text() if file else ""
        dns = self._need(self._dns, "zones/")
        if kind == "Sendmail":
            self._sender = SendmailSender(self._lab, dns, macros=lines, hostname=name)
        elif kind == "Exim":
            self._sender = EximSender(self._lab, dns, macros=lines.splitlines(), hostname=name)
        else:
            resolver = Resolver(self._lab, dns) if dns.trust_anchor.read_text() else dns
            self._sender = Sender(self._lab, resolver, _parameters(lines), hostname=name)
        self._servers.append(self._sender)

    def _mail(self, recipient: str) -> list[str]:
        """The outcome in the log of the sending server."""
        delivery = self._sender.deliver("alice@sender.test", recipient)
        if isinstance(self._sender, Sender):
            tls = re.search(r"(\w+) TLS connection established", delivery.tls or "")
            outcome = re.search(r"status=(\w+) \((.*)\)", delivery.line)
            how = f"{tls[1]} TLS connection" if tls else "no TLS"
            return [f"sent, {how}" if outcome[1] == "sent" else f"{outcome[1]}: {outcome[2]}"]
        if isinstance(self._sender, EximSender):
            how = "CV=yes" if delivery.verified else "TLS" if delivery.tls else "no TLS"
            return [f"sent, {how}" if delivery.status == "sent" else f"{delivery.status}: {delivery.reason}"]
        if delivery.status == "sent":
            return [f"sent, {'verify=OK' if delivery.trusted else 'TLS' if delivery.tls else 'no TLS'}"]
        return [f"{delivery.status}: {delivery.reason or delivery.line}"]

    def _session(self, scenario: str, name: str, address: str | None) -> list[str]:
        """A session of tests/lab/smtp_client.py; with an address, Postfix uses that as the client's (XCLIENT)."""
        receiver = self._need(self._receiver, "mail server that receives")
        one = Client(receiver.address, receiver.port, source=self._host(name).address, helo=name,
                     xclient=f"NAME={name} ADDR={address}" if address else "")
        before = receiver.log.mark()
        try:
            smtp_client.SCENARIOS[scenario](one)
        except UnexpectedReply as refused:
            return [re.sub(r"^expected \d+, got: (['\"])(.*)\1$", r"\2", str(refused))]
        finally:
            if isinstance(receiver, Receiver):  # the server still has to log the end of the session
                receiver.log.wait_for(rf"disconnect from .*\[{address or one.source}\]", since=before)
            else:
                receiver.wait_until_idle()
        return []

    def _end_servers(self) -> None:
        """Stop the mail servers, so that all sessions end, and then our daemons, which write what they have in memory.
        """
        for server in self._servers:
            server.end()
        for daemon in self._daemons:
            if self._follows_mail_log:
                wait.until_read(daemon.pid, self._mail_log)
            daemon.stop()
        self._servers.clear()
        self._daemons.clear()


def _named_day(day: re.Match[str]) -> str:
    """If the case sets no clock, a day in these weeks was chosen by the lab."""
    try:
        ago = (datetime.datetime.now(datetime.UTC).date() - datetime.date.fromisoformat(day[0])).days
    except ValueError:
        return day[0]
    return "<today>" if ago == 0 else f"<today - {ago}>" if 0 < ago < 32 else day[0]


def _record(database: sqlite3.Connection, row: dict[str, str]) -> None:
    """As tlsrpt-milter does; sessions with TLS or in plaintext have a message to the domain."""
    version, cipher = row["version"].strip("-"), "TLS_AES_256_GCM_SHA384" if row["version"].strip("-") else ""
    count = database.execute(
        "INSERT INTO session_counts (day, receiving_mx, client_address, client_name, outcome, tls_version, cipher, "
        "cipher_bits, client_certificate, failure, downgraded, sessions, messages) "
        "VALUES (unixepoch(?) / 86400, ?, ?, ?, ?, ?, ?, ?, 'none', ?, 0, ?, ?)",
        (row["day"], row["mx"], row["address"], row["client"], row["outcome"], version, cipher, 256 if version else 0,
         row["failure"], row["sessions"], row["sessions"]))
    if row["outcome"] in ("tls", "plaintext"):
        database.execute("INSERT INTO domain_counts (session_count, recipient_domain, sessions, messages) "
                         "VALUES (?, ?, ?, ?)", (count.lastrowid, row["domain"], row["sessions"], row["sessions"]))


def _records(text: str) -> dict[str, list[str]]:
    zone: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith(";"):
            owner, record = line.split(maxsplit=1)
            zone.setdefault(owner, []).append(record)
    return zone


def _parameters(main_cf: str) -> dict[str, str]:
    """The parameters of main.cf; a line that begins with white space continues the one before."""
    lines = re.sub(r"\n[ \t]+", " ", re.sub(r"(?m)^#.*\n", "", main_cf)).splitlines()
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines if line.strip())}
