"""A private Sendmail 8.17 that receives mail, from Debian's packages unpacked but not installed. Needs root.

    mx = SendmailReceiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"),
                          milters={"tlsrpt": "local:/path/to/socket"})
    mx.log.wait_for(r"STARTTLS=server, relay=.*, version=TLSv1.3")

The environment variable LAB_SENDMAIL names the folder that the script `unpack-sendmail` made. An installed Sendmail,
or the Postfix that stands in its place, is not touched. `log` is what it sent to syslog(3).
"""

import os
import unittest
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import command, wait
from .ca import Certificate
from .cage import Cage
from .lab import Lab

# In front of the milters and the lines of the test.
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
define(`confSERVICE_SWITCH_FILE', `{folder}/service.switch')dnl
define(`confCACERT', `{ca}')dnl
define(`confCACERT_PATH', `{ca_folder}')dnl
define(`confSERVER_CERT', `{certificate}')dnl
define(`confSERVER_KEY', `{key}')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`nocanonify')dnl
DAEMON_OPTIONS(`Port={port}, Addr={address}, Name=MTA')dnl
DAEMON_OPTIONS(`Port={implicit_tls_port}, Addr={address}, Name=TLSMTA, M=s')dnl
"""

# After them: mail for our domains is swallowed by /bin/true. Without $u in A= sendmail would speak SMTP with it.
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

MILTER_TIMEOUTS = "T=C:5s;S:10s;R:10s;E:5m"


class SendmailReceiver:
    """An inbound MX host. It accepts mail for every address of its domains, except nosuch@, and discards it.

    STARTTLS at `address` and `port`; TLS begins at once at `implicit_tls_port`.
    """

    def __init__(self, lab: Lab, hostname: str, domains: Sequence[str], certificate: Certificate, *,
                 milters: Mapping[str, str] | None = None, macros: str = "") -> None:
        """Start it. `milters` maps a name to a socket as Sendmail writes it, local:/path or inet:port@host.

        `macros` are further lines of m4 for its configuration, for example "FEATURE(`access_db')dnl\\n".
        """
        lab.require_root()
        program = unpacked() / "usr/libexec/sendmail/sendmail"
        self.address, self.port = lab.address(), lab.smtp_port
        self.implicit_tls_port = lab.free_port(self.address)
        self.folder = lab.new_folder("sendmail")
        self._write_data()
        head = HEAD.format(hostname=hostname, folder=self.folder, ca=lab.ca.certificate, ca_folder=lab.ca.folder,
                           certificate=certificate.certificate, key=certificate.key, port=self.port,
                           address=self.address, implicit_tls_port=self.implicit_tls_port)
        configuration = self._compile(head + _relayed(domains) + _filters(milters or {}) + macros + FOOT
                                      + "".join(DOMAIN_RULES.format(domain=domain) for domain in domains))
        self._cage = Cage([program, f"-C{configuration}", "-bD"], folder=self.folder, lab_folder=lab.folder,
                          hostname=hostname, address=self.address, resolver=lab.address())
        self.log = self._cage.syslog
        lab.watch(self._cage.stderr, self.log)
        lab.at_end(self._cage.kill)
        for port in (self.port, self.implicit_tls_port):
            wait.for_listener(self.address, port, process=self._cage.process)

    def _write_data(self) -> None:
        (self.folder / "queue").mkdir(mode=0o700)
        (self.folder / "statistics").touch()
        (self.folder / "service.switch").write_text("hosts\tfiles\naliases\tfiles\n")

    def _compile(self, macros: str) -> Path:
        """Make sendmail.cf from its m4 source."""
        source, configuration = self.folder / "sendmail.mc", self.folder / "sendmail.cf"
        source.write_text(macros)
        rules = unpacked() / "usr/share/sendmail/cf"
        configuration.write_text(command.run("m4", f"-D_CF_DIR_={rules}/", rules / "m4/cf.m4", source))
        return configuration


def unpacked() -> Path:
    """The folder with the unpacked packages; skips the test when there is none."""
    folder = os.environ.get("LAB_SENDMAIL")
    if not folder or not Path(folder, "usr/libexec/sendmail/sendmail").exists():
        raise unittest.SkipTest("needs Sendmail: run tests/lab/unpack-sendmail FOLDER, and set LAB_SENDMAIL=FOLDER")
    return Path(folder).resolve()


def _relayed(domains: Sequence[str]) -> str:
    return "".join(f"RELAY_DOMAIN(`{domain}')dnl\n" for domain in domains)


def _filters(milters: Mapping[str, str]) -> str:
    return "".join(f"INPUT_MAIL_FILTER(`{name}', `S={socket}, {MILTER_TIMEOUTS}')dnl\n"
                   for name, socket in milters.items())
