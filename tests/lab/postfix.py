"""Private Postfix instances: the installed one, or that of another release of Debian (unpacked.py), 3.7 or 3.10.
/etc/postfix and a running Postfix are not touched. Needs root.

    mx = Receiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"),
                  {"smtpd_milters": "unix:/path"})
    sender = Sender(lab, dns, {"smtp_tls_policy_maps": "texthash:/path/to/map"})
    delivery = sender.deliver("alice@sender.test", "bob@example.test")
    delivery.status == "sent" and delivery.verified

All receivers of a lab listen on the same port, lab.smtp_port, each on an address of its own: the port to which the
senders deliver. Extra parameters are those of postconf(5) and take precedence over the lab's own.
"""

import contextlib
import os
import re
import shutil
import smtplib
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import command, unpacked, wait
from .ca import Certificate
from .cage import Cage
from .dns import Dns
from .lab import Lab
from .log import Log

MASTER_CF = """\
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
local unix - n n - - local
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""


@dataclass(frozen=True)
class Listener:
    """One smtpd: its address, its certificate, and whether TLS begins immediately (implicit TLS).

    `parameters` are those of postconf(5) for this one only; `program` is another server in place of smtpd. To one of
    "postscreen" belongs an smtpd, with the same certificate and parameters, to which it passes connections.
    """
    address: str
    port: int
    certificate: Certificate | None = None
    implicit_tls: bool = False
    parameters: Mapping[str, object] = field(default_factory=dict)
    program: str = "smtpd"

    def master_cf(self) -> str:
        own: dict[str, object] = {}
        if self.certificate:
            own["smtpd_tls_security_level"] = "may"
            own["smtpd_tls_chain_files"] = f"{self.certificate.key}, {self.certificate.certificate}"
        if self.implicit_tls:
            own["smtpd_tls_wrappermode"] = "yes"
        options = "".join(f"  -o {{ {name} = {value} }}\n" for name, value in (own | dict(self.parameters)).items())
        if self.program == "postscreen":
            return (f"{self.address}:{self.port} inet n - n - 1 postscreen\n{options}"
                    f"smtpd pass - - n - - smtpd\n{options}")
        return f"{self.address}:{self.port} inet n - n - - {self.program}\n{options}"


@dataclass(frozen=True)
class Delivery:
    """The outcome of a message: `status` is sent, deferred or bounced; `line` is the log's line about it.

    `tls` is the log's line about the TLS connection of the last attempt, None without TLS.
    """
    status: str
    line: str
    tls: str | None

    @property
    def verified(self) -> bool:
        """Whether the policy was fulfilled: the certificate was trusted and its name matched."""
        return self.tls is not None and "Verified TLS connection established" in self.tls


# Loaded only if this file, in meta_directory, names them. Debian writes it as the packages are installed.
DYNAMICMAPS_CF = """\
cdb postfix-cdb.so dict_cdb_open mkmap_cdb_open
lmdb postfix-lmdb.so dict_lmdb_open mkmap_lmdb_open
"""


def usr() -> Path | None:
    """What takes the place of /usr for Postfix; None for the installed one. Skips the test if it is missing."""
    return None if unpacked.release() == unpacked.machine_release() else unpacked.usr("postfix")


def version() -> str:
    """As "postconf -h mail_version" prints it: "3.10.13"."""
    return command.run(*postconf(), "-d", "-h", "mail_version").strip()


def postconf() -> list[str]:
    """The words that begin a command line of postconf(1)."""
    here = usr()
    return [str(word) for word in unpacked.command(here, "/usr/sbin/postconf")] if here else ["/usr/sbin/postconf"]


def script(path: Path, program: str) -> Path:
    """Write a script that runs a program of Postfix, which `program` is the path of."""
    if here := usr():
        return unpacked.write_script(path, here, program)
    path.symlink_to(program)
    return path


def write_main_cf(config: Path, parameters: Mapping[str, object]) -> None:
    """Write the main.cf that a directory needs for the programs of Postfix to work with it.

    A parameter that is None is left out, so it has Postfix' default.
    """
    own: dict[str, object] = {"compatibility_level": "3.6"}
    if here := usr():
        own["meta_directory"] = config
        (config / "dynamicmaps.cf").write_text(DYNAMICMAPS_CF)
        shutil.copy(here.parent / "etc/postfix/postfix-files", config)
    lines = [f"{name} = {value}\n" for name, value in (own | dict(parameters)).items() if value is not None]
    (config / "main.cf").write_text("".join(lines))
    settle(config / "main.cf")


def settle(path: Path) -> None:
    """Set the time of a file one minute back.

    Postfix waits for up to two seconds until main.cf, or a texthash table, is older than that, because another
    program may still write it. Tests need not wait for that.
    """
    a_minute_ago = time.time() - 60
    os.utime(path, (a_minute_ago, a_minute_ago))


class Instance:
    """A running Postfix: `log` is its mail log, `config` the directory with its main.cf.

    `syslog` has the messages of the programs that it runs to syslog(3).
    """

    def __init__(self, lab: Lab, name: str, hostname: str, listeners: Sequence[Listener],
                 parameters: Mapping[str, object], dns: Dns | None) -> None:
        lab.require_root()
        lab.require_program("/usr/sbin/postfix", "postfix")  # also for its users, which another release needs, too
        self.hostname = hostname
        self.folder = lab.new_folder(name)
        self.config = self.folder / "etc"
        self.log = Log(Path(parameters.get("maillog_file", self.folder / "mail.log")))
        self._write_configuration(lab, listeners, parameters)
        self._cage = Cage(["/usr/sbin/postfix", "-c", self.config, "start-fg"], folder=self.folder,
                          lab_folder=lab.folder, hostname=hostname, address=listeners[0].address,
                          resolver=dns.address if dns else lab.address(), usr=usr())
        self.syslog = self._cage.syslog
        lab.watch(self._cage.stderr, self.syslog, self.log)
        lab.at_end(self._cage.kill)
        self.log.wait_for("daemon started", process=self._cage.process)

    def end(self) -> None:
        """Kill it. Returns when all its processes and their connections are gone."""
        self._cage.kill()

    def reload(self) -> None:
        """Make it read main.cf and its tables again."""
        before = self.log.mark()
        self._cage.run("/usr/sbin/postfix", "-c", self.config, "reload")
        self.log.wait_for("reload -- version", since=before)

    def set(self, parameter: str, value: object) -> None:
        """Change a parameter of main.cf and reload."""
        self._cage.run("/usr/sbin/postconf", "-c", self.config, f"{parameter}={value}")
        settle(self.config / "main.cf")
        self.reload()

    def submit_locally(self, sender: str, recipient: str, text: str = "Subject: test\n\nHello.\n") -> None:
        """Submit a message with sendmail(1), not by SMTP, and wait until it was delivered."""
        before = self.log.mark()
        message = self.folder / "message"
        message.write_text(text)
        self._cage.run("/bin/sh", "-c", 'exec /usr/sbin/sendmail -C "$1" -f "$2" "$3" <"$4"', "sh", self.config, sender,
                       recipient, message)
        self.log.wait_for(rf"to=<{re.escape(recipient)}>.* status=", since=before)

    def run(self, *argv: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
        """Run a program beside it, with any exit status: with its host name and its name server."""
        return self._cage.try_run(*argv)

    def flush(self) -> None:
        """Try all deferred mail again now."""
        self._cage.run("/usr/sbin/postqueue", "-c", self.config, "-f")

    def _write_configuration(self, lab: Lab, listeners: Sequence[Listener], parameters: Mapping[str, object]) -> None:
        self.config.mkdir()
        queue, data = self.folder / "queue", self.folder / "data"
        queue.mkdir()
        data.mkdir()
        shutil.chown(data, "postfix")
        main_cf = {
            "queue_directory": queue,
            "data_directory": data,
            "command_directory": "/usr/sbin",
            "daemon_directory": "/usr/lib/postfix/sbin",
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "maillog_file_prefixes": lab.folder,
            "maillog_file": self.log.path,  # in a directory of the lab, unless `parameters` has another one
            "enable_long_queue_ids": "yes",
            "myhostname": self.hostname,
            "mydestination": "",
            "inet_interfaces": "127.0.0.1",  # the only one that Postfix finds on lo; listeners have their own
            "inet_protocols": "ipv4",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "mynetworks": "",
            "smtpd_tls_loglevel": "1",
            "smtp_tls_loglevel": "1",
        } | dict(parameters)
        write_main_cf(self.config, main_cf)
        (self.config / "master.cf").write_text(
            MASTER_CF + "".join(listener.master_cf() for listener in listeners))


class Receiver(Instance):
    """An inbound MX host. It accepts mail for every address of its domains, except nosuch@, and discards it."""

    def __init__(self, lab: Lab, hostname: str, domains: Sequence[str], certificate: Certificate | None = None,
                 parameters: Mapping[str, object] | None = None, *, listeners: Sequence[Listener] = (),
                 dns: Dns | None = None, address: str | None = None) -> None:
        """Start it. Without a certificate it does not offer STARTTLS.

        `address`, a new one of the lab unless it is given, and `port` are those of its first listener. `listeners` are
        further ones, for example Listener(lab.address(), lab.smtp_port, certificate, implicit_tls=True).
        It requests client certificates, and trusts those that lab.ca issued. Clients other than 127.0.0.1 have a name
        only if `dns` has a record for them.
        """
        self.address, self.port = address or lab.address(), lab.smtp_port
        mailboxes = lab.new_folder("mailboxes") / "regexp"
        mailboxes.write_text("!/^nosuch@/ accepted\n")
        own = {
            "virtual_mailbox_domains": ", ".join(domains),
            "virtual_mailbox_maps": f"regexp:{mailboxes}",
            "virtual_transport": "discard",
            "smtpd_recipient_restrictions": "reject_unauth_destination",
            "smtpd_tls_CAfile": lab.ca.certificate,
            "smtpd_tls_ask_ccert": "yes",
            "smtpd_tls_protocols": ">=TLSv1.2",
            "smtpd_client_connection_rate_limit": "0",
            "smtpd_client_connection_count_limit": "0",
            "milter_default_action": "accept",
        }
        super().__init__(lab, "receiver", hostname, [Listener(self.address, self.port, certificate), *listeners],
                         own | dict(parameters or {}), dns)


class Sender(Instance):
    """An outbound Postfix. It finds MX hosts through `dns`, and trusts certificates from lab.ca."""

    def __init__(self, lab: Lab, dns: Dns, parameters: Mapping[str, object] | None = None, *,
                 hostname: str = "out.sender.test") -> None:
        self.address, self.port = lab.address(), lab.smtp_port
        own = {
            "mynetworks": "127.0.0.0/8",
            "smtpd_peername_lookup": "no",
            "smtp_bind_address": self.address,
            "smtp_tcp_port": lab.smtp_port,
            "smtp_tls_security_level": "may",
            "smtp_tls_CAfile": lab.ca.certificate,
        }
        super().__init__(lab, "sender", hostname, [Listener(self.address, self.port)], own | dict(parameters or {}),
                         dns)

    def submit(self, sender: str, recipient: str, text: str = "Subject: test\r\n\r\nHello.\r\n") -> str:
        """Submit a message, and return its queue id."""
        # Not `with` the connection: that sends QUIT even if a signal came in the middle of another command.
        with contextlib.closing(smtplib.SMTP(self.address, self.port, local_hostname="client.test",
                                             timeout=60)) as connection:
            connection.ehlo()
            connection.mail(sender)
            connection.rcpt(recipient)
            code, reply = connection.data(text)
            connection.quit()
        queued = re.search(rb"queued as (\w+)", reply)
        if code != 250 or not queued:
            raise smtplib.SMTPDataError(code, reply)
        return queued[1].decode()

    def deliver(self, sender: str, recipient: str, timeout: float = wait.PATIENCE) -> Delivery:
        """Submit a message and wait for the first outcome."""
        return self.outcome(self.submit(sender, recipient), timeout)

    def outcome(self, queue_id: str, timeout: float = wait.PATIENCE, *, since: int = 0) -> Delivery:
        """Wait for the outcome of a message, as logged after the mark `since`."""
        found = self.log.wait_for(rf"/(\w+)\[(\d+)\]: {queue_id}: to=.* status=(\w+)", timeout, since=since)
        return Delivery(status=found[3], line=found.string, tls=self._tls_of(found))

    def _tls_of(self, outcome: re.Match[str]) -> str | None:
        """The last line about a TLS connection that the delivering process wrote before this outcome and after the one
        before."""
        process = f"/{outcome[1]}[{outcome[2]}]: "
        lines = self.log.lines()
        before = lines[:lines.index(outcome.string)]
        of_process = [line for line in before if process in line]
        last = max((index for index, line in enumerate(of_process) if ": to=<" in line), default=-1)
        return next((line for line in reversed(of_process[last + 1:]) if " TLS connection established to " in line), None)
