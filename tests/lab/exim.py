"""Private Exim instances, 4.96 of Debian 12 or 4.98 of Debian 13, unpacked but not installed. Need root.

    sender = EximSender(lab, dns, macros=["STARTTLS_MAP = cdb{/path/to/map.cdb}"])
    delivery = sender.deliver("alice@sender.test", "bob@example.test")
    delivery.status == "sent" and delivery.verified

The configuration is Debian's own, made by update-exim4.conf, with our files included as docs/exim.md says. An installed
mail server is not changed. `log` is Exim's main log.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import command, documents, unpacked, wait
from .ca import Certificate
from .cage import Cage
from .dns import Dns
from .lab import Lab
from .log import Log

TREE = Path(__file__).resolve().parents[2]
# What the packages install; update-exim4.conf and the daemon have their usual names in the cage.
PROGRAM, UPDATE = "/usr/sbin/exim4", "/usr/sbin/update-exim4.conf"
# The user of the packages, which Exim does not start without. No process of this machine has these numbers.
USER, NUMBER = "Debian-exim", 61_025

# What debconf asks, for a host that delivers by DNS.
ANSWERS = """\
dc_eximconfig_configtype='{kind}'
dc_other_hostnames='sender.test'
dc_local_interfaces='127.0.0.1'
dc_readhost=''
dc_relay_domains='{relay_domains}'
dc_minimaldns='false'
dc_relay_nets=''
dc_smarthost='{smarthost}'
CFILEMODE='644'
dc_use_split_config='{split}'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
"""

# The lab's hosts have loopback addresses, which the routers would ignore.
MACROS = """\
STARTTLS_IGNORED_HOSTS = <; 0.0.0.0
ROUTER_DNSLOOKUP_IGNORE_TARGET_HOSTS = <; 0.0.0.0
MAIN_HARDCODE_PRIMARY_HOSTNAME = {hostname}
MAIN_LOG_SELECTOR = +tls_certificate_verified +tls_sni +dnssec +tls_peerdn
"""


@dataclass(frozen=True)
class EximDelivery:
    """The outcome of a recipient: `status` is sent, deferred or bounced; `line` is the log's line about it.

    `lines` are all lines of this attempt: those about the single hosts stand before that about the recipient.
    """
    status: str
    line: str
    lines: tuple[str, ...]

    @property
    def verified(self) -> bool:
        """Whether the certificate was trusted and had the host's name (PKIX)."""
        return " CV=yes" in self.line

    @property
    def dane(self) -> bool:
        """Whether DANE authenticated the server."""
        return " CV=dane" in self.line

    @property
    def tls(self) -> bool:
        """Whether the mail went over TLS."""
        return " X=TLS" in self.line

    @property
    def reason(self) -> str:
        """Why it was deferred: what follows the error's number and the host."""
        found = re.search(r" defer \(-?\d+\)(?: H=\S+ \[\S+\])?:? (.*)", self.line)
        return found[1] if found else ""

    @property
    def transport(self) -> str:
        """The name of the transport in Exim's configuration."""
        found = re.search(r" T=(\S+)", self.line)
        return found[1] if found else ""


class EximSender:
    """An outbound Exim with our routers and transport. It finds MX hosts through `dns`, and trusts lab.ca."""

    def __init__(self, lab: Lab, dns: Dns, *, macros: Sequence[str] = (), split: bool = True, included: bool = True,
                 kind: str = "internet", smarthost: str = "", relay_domains: str = "",
                 trust_ad: bool = False, hostname: str = "out.sender.test") -> None:
        """Make its configuration; `macros` are lines of the file for local macros.

        With `trust_ad` the C library passes on that `dns` has validated an answer (resolv.conf(5)).

        `split` chooses between Debian's two layouts. With `included` False it is Debian's own configuration alone.
        """
        lab.require_root()
        self._usr = unpacked.usr("exim")
        self._lab, self._port = lab, lab.smtp_port
        self.folder = lab.new_folder("exim")
        self.etc, self.files = self.folder / "etc", self.folder / "files"
        self.log = Log(self.folder / "var/log/exim4/mainlog")
        self._make_directories()
        (self.etc / "ssl/certs").mkdir(parents=True)
        shutil.copy(lab.ca.certificate, self.etc / "ssl/certs/ca-certificates.crt")
        self._write_answers(macros, split=split, settings={
            "kind": kind, "smarthost": smarthost, "relay_domains": relay_domains, "hostname": hostname})
        if included:
            include(self.etc / "exim4", self._copies(), split=split)
        self._cage = Cage(["/bin/sh", "-c", "echo ready >&2; exec sleep infinity"], folder=self.folder,
                          lab_folder=lab.folder, hostname=hostname, address=lab.address(), resolver=dns.address,
                          usr=self._usr, directories={name: self.folder / name for name in ("etc", "var", "run")})
        lab.at_end(self._cage.kill)
        lab.watch(self._cage.stderr, self.log, Log(self.folder / "var/log/exim4/paniclog"))
        self._cage.stderr.wait_for("ready", process=self._cage.process)
        if trust_ad:
            with (self.folder / "cage/etc/resolv.conf").open("a") as resolv_conf:
                resolv_conf.write("options trust-ad\n")
        self.update()

    def end(self) -> None:
        """Kill what runs in its cage."""
        self._cage.kill()

    def _copies(self) -> Path:
        """The directory with our files, which deliver to the lab's port."""
        self.files.mkdir()
        for name in ("router", "transport"):
            (self.files / name).write_text(self._with_port((TREE / "packaging/exim" / name).read_text()))
        return self.files

    def _with_port(self, text: str) -> str:
        return re.sub(r"^( *)driver = smtp$", rf"\1driver = smtp\n\1port = {self._port}", text, flags=re.MULTILINE)

    def update(self) -> None:
        """Make the configuration as an administrator of Debian does, but deliver to the lab's port."""
        self._cage.run(UPDATE)
        made = self.folder / "var/lib/exim4/config.autogenerated"
        made.write_text(self._with_port(made.read_text()))

    def _make_directories(self) -> None:
        """The private /etc and /var, as the packages and their maintainer scripts leave them."""
        shutil.copytree(self._usr.parent / "etc", self.etc, symlinks=True)
        for name in ("hosts", "nsswitch.conf", "resolv.conf", "ld.so.cache"):
            (self.etc / name).touch()
        lines = {"passwd": f"{USER}:x:{NUMBER}:{NUMBER}::/:/usr/sbin/nologin", "group": f"{USER}:x:{NUMBER}:"}
        for name, line in lines.items():
            (self.etc / name).write_text(Path("/etc", name).read_text().rstrip("\n") + f"\n{line}\n")
        (self.etc / "mailname").write_text("sender.test\n")
        for name in ("var/lib/exim4", "var/log/exim4", "var/spool/exim4", "run/exim4"):
            (self.folder / name).mkdir(parents=True)
            shutil.chown(self.folder / name, NUMBER, NUMBER)
        (self.folder / "run/exim4").chmod(0o750)

    def _write_answers(self, macros: Sequence[str], *, split: bool, settings: Mapping[str, object]) -> None:
        """What debconf and the administrator write before they run update-exim4.conf."""
        etc = self.etc / "exim4"
        (etc / "update-exim4.conf.conf").write_text(ANSWERS.format(split=str(split).lower(), **settings))
        local = etc / ("conf.d/main/000_localmacros" if split else "exim4.conf.localmacros")
        local.write_text(MACROS.format(**settings) + "".join(f"{line}\n" for line in macros))

    def start_daemon(self) -> tuple[str, int]:
        """Start the daemon, which runs the queue and receives mail at the address and port that this returns."""
        address = self._lab.address()
        port = self._lab.free_port(address)
        self.run("-bd", "-q30m", "-oX", f"{address}.{port}", "-oP", "/run/exim4/exim.pid")
        wait.for_listener(address, port, process=self._cage.process)
        return address, port

    def stop_daemon(self) -> None:
        """Terminate it. Returns after it has removed its file."""
        pid_file = self.folder / "run/exim4/exim.pid"
        self._cage.run("/bin/sh", "-c", f"kill {int(pid_file.read_text())}")
        wait.until(lambda: not pid_file.exists())

    def run_beside(self, *argv: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
        """Run a program beside it, with any exit status: with its files and its name server. See with_libraries()."""
        return self._cage.try_run(*argv)

    def type_in(self, remedy: str) -> None:
        """Do what `starttls-listtool doctor` says, as an administrator of a host with our packages would."""
        for line in remedy.splitlines():
            if setting := re.fullmatch(r"in (/\S+): ((\w+) = .*)", line):
                file = Path(setting[1].replace("/etc/", f"{self.etc}/", 1))
                kept = [row for row in file.read_text().splitlines() if not row.startswith(f"{setting[3]} =")]
                file.write_text("\n".join([*kept, setting[2], ""]))
            elif line == "update-exim4.conf && systemctl reload exim4":
                self.update()
            else:
                command.run("/bin/sh", "-ec", re.sub(r"/\S*/starttls-toolkit/exim/", f"{self.files}/", line)
                            .replace("/etc/", f"{self.etc}/"))

    def run(self, *options: str, timeout: float = 60) -> str:
        """Run exim4 with options, and return its output."""
        return self._cage.run(PROGRAM, *options, timeout=timeout)

    def submit(self, sender: str, *recipients: str, text: str = "Subject: test\n\nHello.\n") -> str:
        """Submit a message and return its id. Returns after one attempt to deliver it."""
        before = self.log.mark()
        message = self.folder / "message"
        message.write_text(text)
        self._cage.run("/bin/sh", "-c", 'file=$1; shift; exec "$@" <"$file"', "sh", message, PROGRAM,
                       "-odi", "-f", sender, *recipients, timeout=120)
        return self.log.wait_for(r"(\S+) <= ", since=before)[1]

    def deliver(self, sender: str, recipient: str) -> EximDelivery:
        """Submit a message, and return the first outcome."""
        before = self.log.mark()
        return self.outcome(self.submit(sender, recipient), recipient, since=before)

    def retry(self, message_id: str, recipient: str) -> EximDelivery:
        """Try a message again now, and return the outcome."""
        before = self.log.mark()
        self.run("-M", message_id)
        return self.outcome(message_id, recipient, since=before)

    def outcome(self, message_id: str, recipient: str, *, since: int = 0) -> EximDelivery:
        """The outcome of a message for a recipient, as logged after the mark `since`."""
        lines = [line for line in self.log.lines(since) if f" {message_id} " in line]
        found = re.search(rf"^.* (=>|->|==|\*\*) {re.escape(recipient)} .*$", "\n".join(lines),
                          re.MULTILINE | re.IGNORECASE)
        if not found:
            raise AssertionError(f"no outcome for {recipient} in:\n" + "\n".join(lines))
        status = {"==": "deferred", "**": "bounced"}.get(found[1], "sent")
        return EximDelivery(status, found[0], tuple(lines))

    def queued(self) -> list[str]:
        """The ids of the messages in the queue."""
        return re.findall(r"^ *\S+ +\S+ (\S+) <", self.run("-bp"), re.MULTILINE)


class EximReceiver:
    """An inbound Exim with Debian's configuration, at `address` and `port`. Without a certificate it makes its own."""

    def __init__(self, lab: Lab, dns: Dns, certificate: Certificate | None = None, *,
                 hostname: str = "mx.example.test", macros: Sequence[str] = (), address: str | None = None) -> None:
        self.address, self.port = address or lab.address(), lab.smtp_port
        files = lab.new_folder("exim-tls")
        tls = []
        if certificate:
            for path in (certificate.key, certificate.certificate):
                shutil.chown(shutil.copy(path, files), NUMBER, NUMBER)
            tls = ["MAIN_TLS_ENABLE = yes", f"MAIN_TLS_CERTIFICATE = {files / certificate.certificate.name}",
                   f"MAIN_TLS_PRIVATEKEY = {files / certificate.key.name}"]
        self._exim = EximSender(lab, dns, included=False, hostname=hostname, macros=[*tls, *macros])
        self.log = self._exim.log
        self._exim.run("-bd", "-oX", f"[{self.address}]:{self.port}", "-oP", str(self._exim.folder / "var/exim.pid"))
        wait.for_listener(self.address, self.port)


def include(etc: Path, files: Path, *, split: bool) -> None:
    """Include our files, which are in the directory `files`, in the configuration `etc` as docs/exim.md says."""
    section = "In many files" if split else "In one file"
    for line in documents.lines("docs/exim.md", section):
        command.run("/bin/sh", "-ec", line.replace("/usr/share/starttls-toolkit/exim", str(files))
                    .replace("/etc/exim4", str(etc)))
