"""Both `doctor`s beside a Sendmail that is set up rightly, and beside one that is broken on purpose."""

import contextlib
import os
import re
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

from doctoring import Host
from lab import Lab
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration
from lab.policy_server import PolicyServer
from lab.program import SOURCE_TREE
from lab.sendmail import SendmailReceiver, SendmailSender, makemap_script

sys.path.append(str(Path(__file__).resolve().parents[1] / "milter"))
from recording import QUICK, Milter  # noqa: E402

WILDCARD = SOURCE_TREE / "packaging/sendmail/sts-wildcard.m4"


class Case(unittest.TestCase):
    host: Host

    @contextlib.contextmanager
    def cf(self, pattern: str, replacement: str) -> Iterator[None]:
        """sendmail.cf with a change."""
        file = self.host.mta.configuration
        with self.host.changed(file):
            text, number = re.subn(pattern, replacement, file.read_text())
            self.assertGreater(number, 0, pattern)
            file.write_text(text)
            yield


class Inbound(Case):
    def test_what_keeps_sessions_from_being_recorded(self) -> None:
        lab = self.enterContext(Lab())
        milter = Milter(lab, settings={**QUICK, "user": "root"})
        milter.state.chmod(0o750)
        socket = milter.socket.replace("unix:", "local:")
        mx = SendmailReceiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"),
                              milters={"tlsrpt": socket})
        host = self.host = Host(self, mx, "tlsrpt-report", milter.configuration)
        host.assert_right()
        line = "INPUT_MAIL_FILTER("
        for name, pattern, replacement, code, level, remedy in (
                ("no filter", r"(?m)^Xtlsrpt.*\n", "", "milter-attached", "fault", line + "`tlsrpt', `S=local:"),
                ("an unused filter", r"(?m)^O InputMailFilters=.*\n", "", "milter-attached", "fault", line),
                ("another socket", r"(?m)^(Xtlsrpt, S=local:)/[^,]*", r"\1/x.sock", "milter-attached", "fault", socket),
                ("refuses mail", r"(?m)^(Xtlsrpt, )", r"\1F=T, ", "milter-default-action", "warning", line),
                ("no certificate", r"(?m)^O ServerCertFile=.*\n", "", "smtpd-certificate", "fault", "confSERVER_CERT")):
            with self.subTest(name), self.cf(pattern, replacement):
                check = host.find(code, level)
                self.assertIn(remedy, check["remedy"])
                self.assertIn("make -C /etc/mail && systemctl restart sendmail", check["remedy"])
        expired = lab.ca.issue("mx.example.test", expired=True)
        for option, path, code in (("ServerCertFile", expired.certificate, "smtpd-certificate"),
                                   ("ServerKeyFile", expired.key, "smtpd-key")):
            with self.subTest(code), self.cf(rf"(?m)^O {option}=.*$", f"O {option}={path}"):
                # An expired certificate has not the key of the other one.
                also = ("smtpd-key",) if code == "smtpd-certificate" else ()
                self.assertIn("systemctl restart sendmail", host.find(code, "fault", also)["remedy"])
        with self.subTest("sendmail.mc is newer"), host.changed(mx.configuration.with_suffix(".mc")):
            now = mx.configuration.stat().st_mtime + 60
            os.utime(mx.configuration.with_suffix(".mc"), (now, now))
            self.assertIn("make -C", host.find("mail-server", "warning")["remedy"])
        log = lab.new_folder("log") / "mail.log"
        log.touch()
        with self.subTest("a log without reasons"), host.changed(milter.configuration):
            milter.configuration.write_text(f'{milter.configuration.read_text()}mta_log = "{log}"\n')
            with self.cf(r"(?m)^O LogLevel=.*$", "O LogLevel=5"):
                self.assertIn("confLOG_LEVEL", host.find("mta-log", "warning")["remedy"])


class Outbound(Case):
    def start(self, feature: str, **serve: object) -> None:
        self.lab = self.enterContext(Lab())
        dns = Dns(self.lab, {".": {}})
        self.configuration = Configuration(self.lab, dns, HttpsServer(self.lab))
        self.configuration.install({"listed.test": {"mode": "enforce", "mxs": ["mx.listed.test"]}})
        self.map = self.configuration.folder / "starttls"
        if serve:
            self.server = PolicyServer(self.lab, self.configuration)
            feature = feature.format(port=self.server.port, address=self.server.address)
        else:
            file = self.configuration.path
            makemap = makemap_script(self.configuration.folder / "makemap")
            file.write_text(f"{file.read_text()}[programs]\nmakemap = '{makemap}'\n"
                            f"[[output]]\nmta = 'sendmail'\nfile = '{self.map}'\ntype = 'hash'\n")
            done = self.configuration.tool("-q", "update")
            self.assertEqual(done.returncode, 0, done.stderr)
            feature = feature.format(map=self.map)
        mta = SendmailSender(self.lab, dns, macros=f"FEATURE(`sts', `{feature}')dnl\ninclude(`{WILDCARD}')dnl\n")
        self.host = Host(self, mta, "starttls-listtool", self.configuration.path)

    def test_a_map(self) -> None:
        self.start("hash -T<TMPF> {map}")
        self.host.assert_right()
        with self.cf(r"(?m)^Ksts .*\n", ""):
            self.assertIn(f"FEATURE(`sts', `hash -T<TMPF> {self.map}')dnl",
                          self.host.find("policy-map", "fault", also=("sts-wildcard",))["remedy"])
        with self.cf(r"(?m)^(Ksts .*) \S+$", r"\1 /etc/mail/other"):
            self.host.find("policy-map", "fault")
        with self.cf(r"(?m)^R\$-\.\$\+.*\n", ""):
            self.assertIn("sts-wildcard.m4", self.host.find("sts-wildcard", "warning")["remedy"])
        for replacement in ("", "O CACertFile=/etc/ssl/nosuch.pem\n", "O CACertFile=/etc/passwd\n"):
            with self.subTest(replacement), self.cf(r"(?m)^O CACertFile=.*\n", replacement):
                self.assertIn("confCACERT", self.host.find("ca-file", "fault")["remedy"])
        self.map.with_suffix(".db").unlink()
        self.assertEqual(self.host.find("map-file", "fault")["remedy"], "starttls-listtool update")

    def test_serve(self) -> None:
        self.start("socket -d5 -T<TMPF> inet:{port}@{address}", listen=True)
        self.host.assert_right()
        with self.cf(r"(?m)^(Ksts .*) \S+$", r"\1 inet:1@127.0.0.1"):
            check = self.host.find("policy-map", "fault", also=("serve-answer",))
            self.assertIn('listen = ["inet:1@127.0.0.1"]', check["remedy"])
        self.server.stop()
        self.assertIn("Connection refused", self.host.find("serve-answer", "fault")["seen"])


if __name__ == "__main__":
    unittest.main()
