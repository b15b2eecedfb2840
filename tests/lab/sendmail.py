"""Private Sendmail instances, 8.17 of Debian 12 or 8.18 of Debian 13, unpacked but not installed. Need root.

    mx = SendmailReceiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"),
                          milters={"tlsrpt": "local:/path/to/socket"})
    mx.log.wait_for(r"STARTTLS=server, relay=.*, version=TLSv1.3")

    makemap(text, path)                         the map `path`.db from a text file
    sender = SendmailSender(lab, dns, macros=f"FEATURE(`sts', `hash -T<TMPF> {path}')dnl\n")
    delivery = sender.deliver("alice@sender.test", "bob@example.test")
    delivery.status == "sent" and delivery.trusted

The environment variables LAB_RELEASE and LAB_UNPACKED say which Sendmail (unpacked.py). An installed Sendmail, or the
Postfix in its place, is not changed. `log` has its messages to syslog(3).
"""

import contextlib
import os
import re
import smtplib
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import command, unpacked, wait
from .ca import Certificate
from .cage import Cage
from .dns import Dns
from .lab import Lab

PROGRAM, MAKEMAP = "/usr/libexec/sendmail/sendmail", "/usr/libexec/sendmail/makemap"

# The first part of every configuration. By default, a Sendmail on a busy machine refuses connections and queues mail;
# here the load is ignored.
HEAD = """\
divert(0)dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `{hostname}')dnl
define(`QUEUE_DIR', `{folder}/queue')dnl
define(`confPID_FILE', `{folder}/pid')dnl
define(`STATUS_FILE', `{folder}/statistics')dnl
define(`ALIAS_FILE', `')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confTO_IDENT', `0')dnl
define(`confLOG_LEVEL', `14')dnl
define(`confMILTER_LOG_LEVEL', `14')dnl
define(`confQUEUE_LA', `{never}')dnl
define(`confREFUSE_LA', `{never}')dnl
define(`confSERVICE_SWITCH_FILE', `{folder}/service.switch')dnl
define(`confCACERT', `{ca}')dnl
define(`confCACERT_PATH', `{ca_folder}')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`nocanonify')dnl
DAEMON_OPTIONS(`Port={port}, Addr={address}, Name=MTA')dnl
"""

# Before the milters and the lines of the test.
RECEIVER = """\
define(`confSERVER_CERT', `{certificate}')dnl
define(`confSERVER_KEY', `{key}')dnl
DAEMON_OPTIONS(`Port={implicit_tls_port}, Addr={address}, Name=TLSMTA, M=s')dnl
"""

# Before the lines of the test. A message is tried before its sender gets a reply (delivery mode interactive), so that
# one process does everything. It is tried again only when the test demands it.
SENDER = """\
define(`confDELIVERY_MODE', `interactive')dnl
define(`SMTP_MAILER_ARGS', `TCP $h {port}')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h {port}')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {port}')dnl
FEATURE(`promiscuous_relay')dnl
"""

# After them: mail for our domains goes to /bin/true. Without $u in A= sendmail would speak SMTP with it.
FOOT = """\
MAILER(`smtp')dnl
MAILER_DEFINITIONS
Mdiscard, P=/bin/true, F=lsDFMq9, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, T=DNS/RFC822/X-Unix, A=true $u
LOCAL_RULE_0
"""

DOMAIN_RULES = """\
R nosuch < @ {domain} . > $*\t$#error $@ 5.1.1 $: "550 User unknown"
R $+ < @ {domain} . > $*\t$#discard $: $1
"""

NEVER = 1_000_000  # of the load average

MILTER_TIMEOUTS = "T=C:5s;S:10s;R:10s;E:5m"


@dataclass(frozen=True)
class SendmailDelivery:
    """The outcome of a message: `status` is sent, deferred or bounced; `line` is the log's line about it.

    `tls` is the log's line about the TLS connection of the last attempt, None without TLS. `reason` is the message of
    the last ruleset that rejected a server, e.g. "450 4.7.0 ... not listed in SANs"; None if none did.
    """
    status: str
    line: str
    tls: str | None
    reason: str | None

    @property
    def trusted(self) -> bool:
        """Whether the connection had a certificate from a trusted CA. Sendmail's rulesets check the names."""
        return self.tls is not None and "verify=OK" in self.tls


class SendmailInstance:
    """A running Sendmail: `log` is its log, `address` and `port` where it listens."""

    def __init__(self, lab: Lab, name: str, hostname: str, hosts: str, resolver: str, address: str | None = None) -> None:
        """Prepare its directory; `hosts` are the sources for host names: files, dns."""
        lab.require_root()
        self._lab = lab
        self._hostname, self._resolver = hostname, resolver
        self._usr = unpacked.usr("sendmail")
        self.address, self.port = address or lab.address(), lab.smtp_port
        self.folder = lab.new_folder(name)
        (self.folder / "queue").mkdir(mode=0o700)
        (self.folder / "statistics").touch()
        (self.folder / "service.switch").write_text(f"hosts\t{hosts}\naliases\tfiles\n")

    @property
    def configuration(self) -> Path:
        """Its sendmail.cf; sendmail.mc is beside it."""
        return self._configuration

    def run(self, *argv: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
        """Run a program beside it, with any exit status: with its host name and its name server."""
        return self._cage.try_run(*argv)

    def wait_until_idle(self) -> None:
        """Wait until every session has ended: each has its own process, which informs its filters before it exits."""
        self._cage.wait_for_children()

    def end(self) -> None:
        """Kill it. Returns when all its processes and their connections are gone."""
        self._cage.kill()

    def _start(self, macros: str) -> None:
        """Start it with these lines of m4 after the common ones."""
        head = HEAD.format(hostname=self._hostname, folder=self.folder, ca=self._lab.ca.certificate,
                           ca_folder=self._lab.ca.folder, port=self.port, address=self.address, never=NEVER)
        self._configuration = self._compile(head + macros)
        self._cage = Cage([PROGRAM, f"-C{self._configuration}", "-bD"], folder=self.folder,
                          lab_folder=self._lab.folder, hostname=self._hostname, address=self.address,
                          resolver=self._resolver, usr=self._usr)
        self.log = self._cage.syslog
        self._lab.watch(self._cage.stderr, self.log)
        self._lab.at_end(self._cage.kill)
        wait.for_listener(self.address, self.port, process=self._cage.process)

    def _compile(self, macros: str) -> Path:
        """Make sendmail.cf from its m4 source."""
        source, configuration = self.folder / "sendmail.mc", self.folder / "sendmail.cf"
        source.write_text(macros)
        rules = self._usr / "share/sendmail/cf"
        configuration.write_text(command.run("m4", f"-D_CF_DIR_={rules}/", rules / "m4/cf.m4", source))
        return configuration


class SendmailReceiver(SendmailInstance):
    """An inbound MX host. It accepts mail for every address of its domains, except nosuch@, and discards it.

    STARTTLS at `address` and `port`; implicit TLS at `implicit_tls_port`.
    """

    def __init__(self, lab: Lab, hostname: str, domains: Sequence[str], certificate: Certificate, *,
                 milters: Mapping[str, str] | None = None, macros: str = "", address: str | None = None) -> None:
        """Start it. `milters` maps a name to a socket as Sendmail writes it, local:/path or inet:port@host.

        `macros` are further lines of m4 for its configuration, for example "FEATURE(`access_db')dnl\\n".
        """
        super().__init__(lab, "sendmail", hostname, "files", lab.address(), address)
        self.implicit_tls_port = lab.free_port(self.address)
        own = RECEIVER.format(certificate=certificate.certificate, key=certificate.key, address=self.address,
                              implicit_tls_port=self.implicit_tls_port)
        self._start(own + _relayed(domains) + _filters(milters or {}) + macros + FOOT
                    + "".join(DOMAIN_RULES.format(domain=domain) for domain in domains))
        wait.for_listener(self.address, self.implicit_tls_port, process=self._cage.process)


class SendmailSender(SendmailInstance):
    """An outbound Sendmail. It finds MX hosts through `dns`, and trusts certificates from lab.ca."""

    def __init__(self, lab: Lab, dns: Dns, *, macros: str = "", hostname: str = "out.sender.test") -> None:
        """Start it. `macros` are further lines of m4 for its configuration, before MAILER(`smtp')."""
        super().__init__(lab, "sendmail-sender", hostname, "files dns", dns.address)
        self._start(SENDER.format(port=self.port) + macros + "MAILER(`smtp')dnl\n")

    def submit(self, sender: str, *recipients: str, text: str = "Subject: test\r\n\r\nHello.\r\n") -> str:
        """Submit a message, and return its queue id. Returns after one attempt to deliver it."""
        # Not `with` the connection: that sends QUIT even if a signal came in the middle of another command.
        with contextlib.closing(smtplib.SMTP(self.address, self.port, local_hostname="client.test",
                                             timeout=60)) as connection:
            connection.ehlo()
            connection.mail(sender)
            for recipient in recipients:
                connection.rcpt(recipient)
            code, reply = connection.data(text)
            connection.quit()
        accepted = re.search(rb"(\w+) Message accepted", reply)
        if code != 250 or not accepted:
            raise smtplib.SMTPDataError(code, reply)
        return accepted[1].decode()

    def deliver(self, sender: str, recipient: str, timeout: float = wait.PATIENCE) -> SendmailDelivery:
        """Submit a message and wait for the first outcome."""
        return self.outcome(self.submit(sender, recipient), timeout)

    def outcome(self, queue_id: str, timeout: float = wait.PATIENCE, *, recipient: str = "", since: int = 0) -> SendmailDelivery:
        """Wait for the outcome of a message, for `recipient` if given, as logged after the mark `since`."""
        to = f"<{re.escape(recipient)}>," if recipient else ""
        found = self.log.wait_for(rf"sendmail\[(\d+)\]: {queue_id}: to={to}.*, stat=(.*)", timeout, since=since)
        before = self._of_process(found)
        refused = re.search(r".* ruleset=tls_\w+, .* reject=(.*)", before, re.DOTALL)
        tls = re.search(r".*(STARTTLS=client, relay=[^\n]*)", before, re.DOTALL)
        return SendmailDelivery(status=_status(found[2]), line=found.string, tls=tls and tls[1],
                                reason=refused and refused[1].splitlines()[0])

    def run_queue(self) -> None:
        """Try all deferred mail again now; returns after that."""
        self._cage.run(PROGRAM, f"-C{self._configuration}", "-q", timeout=60)

    def _of_process(self, outcome: re.Match[str]) -> str:
        """The lines that the delivering process wrote before this outcome and after the one before."""
        lines = self.log.lines()
        before = lines[:lines.index(outcome.string)]
        of_process = [line for line in before if f"sendmail[{outcome[1]}]: " in line]
        last = max((index for index, line in enumerate(of_process) if ": to=" in line), default=-1)
        return "\n".join(of_process[last + 1:])


def makemap(text: Path, path: Path) -> None:
    """Make the hash map `path`.db from a text file, in place, as an administrator does."""
    argv = unpacked.command(unpacked.usr("sendmail"), MAKEMAP, "-C", "/dev/null", "hash", path)
    with text.open() as source:
        done = subprocess.run(argv, stdin=source, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise command.CommandFailed(f"makemap ended with status {done.returncode}:\n{done.stderr}")


def makemap_script(path: Path) -> Path:
    """Write a script that runs makemap, which must not look for /etc/mail/sendmail.cf."""
    return unpacked.write_script(path, unpacked.usr("sendmail"), MAKEMAP, "-C", "/dev/null")


def _relayed(domains: Sequence[str]) -> str:
    return "".join(f"RELAY_DOMAIN(`{domain}')dnl\n" for domain in domains)


def _filters(milters: Mapping[str, str]) -> str:
    return "".join(f"INPUT_MAIL_FILTER(`{name}', `S={socket}, {MILTER_TIMEOUTS}')dnl\n"
                   for name, socket in milters.items())


def _status(stat: str) -> str:
    """The meaning of stat= in the log."""
    if stat.startswith("Sent"):
        return "sent"
    return "deferred" if stat.startswith("Deferred") else "bounced"
