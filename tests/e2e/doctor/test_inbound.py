"""`tlsrpt-report doctor` beside a Postfix that is set up rightly, and beside one that is broken on purpose."""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

from doctoring import Host
from lab import Lab, program
from lab.postfix import Receiver
from lab.smtp_client import Client, tls13_mail

sys.path.append(str(Path(__file__).resolve().parents[1] / "milter"))
from recording import QUICK, Milter  # noqa: E402

LISTENER = re.compile(r"(?m)^(\S+) inet n - n ")


class Inbound(unittest.TestCase):
    """One host for all of these tests; each leaves it as it has found it."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.mx = Receiver(cls.lab, "mx.example.test", ["example.test"], cls.lab.ca.issue("mx.example.test"), {
            "smtpd_milters": "unix:tlsrpt/milter.sock", "smtpd_tls_security_level": "may",
            "smtpd_tls_chain_files": "{0.key}, {0.certificate}".format(cls.lab.ca.issue("mx.example.test"))})
        cls.folder = cls.mx.folder / "queue/tlsrpt"
        cls.folder.mkdir(mode=0o750)
        shutil.chown(cls.folder, group="postfix")
        cls.state = cls.lab.new_folder("state")
        cls.log = cls.mx.log.path
        cls.milter = Milter(cls.lab, state=cls.state, socket=f"unix:{cls.folder}/milter.sock",
                            settings={**QUICK, "mta_log": cls.log, "user": "root"})
        cls.state.chmod(0o750)
        tls13_mail(Client(cls.mx.address, cls.mx.port, cls.lab.address()))
        cls.milter.wait_for_sessions(1)
        # So that settings of main.cf are in force for the listener, too.
        master = cls.mx.config / "master.cf"
        master.write_text(re.sub(r"(?m)^  -o \{ smtpd_tls_.*\n", "", master.read_text()))

    def setUp(self) -> None:
        self.host = Host(self, self.mx, "tlsrpt-report", self.milter.configuration)
        self.socket = self.folder / "milter.sock"

    @contextlib.contextmanager
    def master_cf(self, pattern: str, replacement: str) -> Iterator[None]:
        master = self.mx.config / "master.cf"
        with self.host.changed(master):
            text, number = re.subn(pattern, replacement, master.read_text())
            self.assertEqual(number, 1)
            master.write_text(text)
            yield

    @contextlib.contextmanager
    def toml(self, **settings: object) -> Iterator[None]:
        """These settings in [milter]."""
        file = self.milter.configuration
        with self.host.changed(file):
            text = file.read_text()
            for name, value in settings.items():
                text = re.sub(rf"(?m)^{name} = .*\n", "", text) + f"{name} = {json.dumps(value)}\n"
            file.write_text(text)
            yield

    @contextlib.contextmanager
    def mode(self, path: Path, mode: int, group: str | None = None) -> Iterator[None]:
        state = path.stat()
        path.chmod(mode)
        if group:
            shutil.chown(path, group=group)
        try:
            yield
        finally:
            path.chmod(state.st_mode & 0o7777)
            os.chown(path, state.st_uid, state.st_gid)

    def test_a_right_host_has_no_finding(self) -> None:
        self.host.assert_right()
        done = self.host.doctor()
        self.assertRegex(done.stdout, r"(?m)^ok +unix:\S+/milter\.sock: the milter answers \(milter-socket\)$")
        self.assertRegex(done.stdout, r"(?m)^ok +sessions: the last one is of \d{4}-\d\d-\d\d \(last-session\)$")

    def test_nothing_is_changed(self) -> None:
        def listing() -> list[tuple[str, float, int]]:
            places = (self.mx.config, self.state, self.folder, self.milter.configuration.parent)
            paths = [path for place in places for path in (place, *place.rglob("*"))]
            return sorted((str(path), path.stat().st_mtime, path.stat().st_mode) for path in paths
                          if path.suffix != ".sqlite-shm" and not path.name.startswith("store.sqlite"))

        self.host.checks()
        before, logged = listing(), len(self.mx.log.text())
        self.host.checks()
        self.assertEqual(listing(), before)
        self.assertNotIn("warning", self.mx.log.text()[logged:])

    def test_settings_of_main_cf(self) -> None:
        for name, parameters, code, level, also in (
                ("no milter", {"smtpd_milters": ""}, "milter-attached", "fault", ()),
                ("another milter only", {"smtpd_milters": "inet:127.0.0.1:8891"}, "milter-attached", "fault", ()),
                ("another path", {"smtpd_milters": "unix:tlsrpt/tlsrpt.sock"}, "milter-attached", "fault", ()),
                ("a path elsewhere", {"smtpd_milters": "unix:/run/milter.sock"}, "milter-attached", "fault", ()),
                ("tempfail", {"milter_default_action": "tempfail"}, "milter-default-action", "warning", ()),
                ("shutdown", {"milter_default_action": "shutdown"}, "milter-default-action", "warning", ()),
                ("reject", {"milter_default_action": "reject"}, "milter-default-action", "fault", ()),
                ("an old protocol", {"milter_protocol": "2"}, "milter-protocol", "fault", ()),
                ("no TLS", {"smtpd_tls_security_level": "none"}, "smtpd-tls-level", "fault", ()),
                ("no level", {"smtpd_tls_security_level": ""}, "smtpd-tls-level", "fault", ()),
                ("mandatory TLS", {"smtpd_tls_security_level": "encrypt"}, "smtpd-tls-level", "warning", ())):
            with self.subTest(name), self.host.main_cf(parameters):
                check = self.host.find(code, level, also)
                self.host.assert_mended(check)

    def test_other_milters_stay_when_ours_is_added(self) -> None:
        with self.host.main_cf({"smtpd_milters": "inet:127.0.0.1:8891, { inet:127.0.0.1:8892, connect_timeout=1s }"}):
            check = self.host.find("milter-attached", "fault")
            self.host.assert_mended(check)
            set_to = self.mx.run("postconf", "-c", self.mx.config, "-h", "smtpd_milters").stdout.strip()
            self.assertEqual(set_to, "inet:127.0.0.1:8891, { inet:127.0.0.1:8892, connect_timeout=1s }, "
                                     "unix:tlsrpt/milter.sock")

    def test_a_default_action_of_the_milter_itself_has_precedence(self) -> None:
        with self.host.main_cf({"smtpd_milters": "{ unix:tlsrpt/milter.sock, default_action=tempfail }"}):
            check = self.host.find("milter-default-action", "warning")
            self.assertIn("default_action=accept in smtpd_milters", check["remedy"])
        with self.host.main_cf({"smtpd_milters": "{ unix:tlsrpt/milter.sock, default_action=accept }",
                                "milter_default_action": "tempfail"}):
            self.host.assert_right()

    def test_a_service_with_settings_of_its_own(self) -> None:
        for name, option, code in (("no milter", "smtpd_milters=", "milter-attached"),
                                   ("no TLS", "smtpd_tls_security_level=none", "smtpd-tls-level"),
                                   ("another action", "milter_default_action=tempfail", "milter-default-action")):
            with self.subTest(name), self.master_cf(rf"(?m)^({self.mx.address}:.* smtpd)$", rf"\1\n  -o {option}"):
                (check,) = [check for check in self.host.findings() if check["code"] == code]
                self.assertIn("/inet", check["subject"])
                self.assertIn(" -P ", check["remedy"])
                self.host.assert_mended(check)

    def test_a_chroot_where_the_socket_is_not(self) -> None:
        with self.master_cf(rf"(?m)^({self.mx.address}:\S+) inet n - n ", r"\1 inet n - y "):
            self.host.assert_right()  # the path is relative to the queue directory
            with self.host.main_cf({"smtpd_milters": f"unix:{self.socket}"}):
                check = self.host.find("milter-attached", "fault")
                self.assertIn(" smtpd_milters=unix:tlsrpt/milter.sock ", check["remedy"])
                self.host.assert_mended(check)
            elsewhere = f"unix:{self.state}/milter.sock"
            with self.toml(socket=elsewhere), self.host.main_cf({"smtpd_milters": elsewhere}):
                check = self.host.find("milter-attached", "fault", also=("milter-socket",))
                self.assertIn("runs in a chroot", check["seen"])
                self.assertIn(f"socket = \"unix:{self.mx.folder}/queue/tlsrpt/milter.sock\"", check["remedy"])

    def test_the_submission_service(self) -> None:
        submission = "submission inet n - n - - smtpd\n"
        with self.master_cf(r"\Z", submission):
            self.host.assert_right()  # its port is excluded
            with self.toml(exclude_ports=[]):
                check = self.host.find("milter-submission", "warning")
                self.host.assert_mended(check)

    def test_postscreen_hands_over_to_an_smtpd_that_has_the_milter(self) -> None:
        with self.master_cf(rf"(?m)^({self.mx.address}:\S+ inet n - n -) - smtpd$",
                            r"\1 1 postscreen\nsmtpd pass - - n - - smtpd"):
            self.host.assert_right()
            with self.host.main_cf({"smtpd_milters": ""}):
                self.assertEqual(self.host.find("milter-attached", "fault")["subject"], "Postfix, smtpd/pass")

    def test_no_certificate(self) -> None:
        with self.host.main_cf({"smtpd_tls_chain_files": ""}):
            self.assertIn("smtpd_tls_chain_files=", self.host.find("smtpd-certificate", "fault")["remedy"])
        with self.host.main_cf({"smtpd_tls_chain_files": "/etc/ssl/private/nosuch.pem"}):
            self.assertEqual(self.host.find("smtpd-certificate", "fault")["subject"], "/etc/ssl/private/nosuch.pem")

    def test_certificates(self) -> None:
        ca, right = self.lab.ca, self.lab.ca.issue("mx.example.test")
        expired, soon = ca.issue("mx.example.test", expired=True), ca.issue("mx.example.test", days=13)
        both = self.lab.new_folder("pem") / "both.pem"
        both.write_text(right.key.read_text() + right.certificate.read_text())
        both.chmod(0o640)
        reload = f"postfix -c {self.mx.config} reload"
        for name, key, certificate, code, level, remedy in (
                ("expired", expired.key, expired.certificate, "smtpd-certificate", "fault", f"renew .* && {reload}"),
                ("expires soon", soon.key, soon.certificate, "smtpd-certificate", "warning", f"renew .* && {reload}"),
                ("another key", expired.key, right.certificate, "smtpd-key", "fault", "openssl x509 -noout -pubkey"),
                ("no key", "/etc/ssl/nosuch.key", right.certificate, "smtpd-key", "fault", "smtpd_tls_chain_files="),
                ("no certificate", right.key, "/etc/passwd", "smtpd-certificate", "fault", "smtpd_tls_chain_files="),
                ("right", right.key, right.certificate, "", "", "")):
            chain = {"smtpd_tls_chain_files": f"{key}, {certificate}"}
            pair = {"smtpd_tls_chain_files": "", "smtpd_tls_key_file": key, "smtpd_tls_cert_file": certificate}
            for form, parameters in (("chain", chain), ("pair", pair)):
                with self.subTest(name, form=form), self.host.main_cf(parameters):
                    if not code:
                        self.host.assert_right()
                        continue
                    also = ("smtpd-key",) if code == "smtpd-certificate" else ("smtpd-certificate",)
                    self.assertRegex(self.host.find(code, level, also)["remedy"], remedy)
        for parameters in ({"smtpd_tls_chain_files": both},
                           {"smtpd_tls_chain_files": "", "smtpd_tls_cert_file": both}):
            with self.subTest(parameters), self.host.main_cf(parameters):
                self.host.assert_right()
                with self.mode(both, 0o644):
                    check = self.host.find("secrets", "fault")
                    self.assertEqual(check["remedy"], f"chmod o-rwx {both}")
                    self.host.assert_mended(check)

    def test_rights_that_keep_postfix_from_the_socket(self) -> None:
        for name, path, mode, group in (("the socket's mode", self.socket, 0o600, None),
                                        ("the socket's group", self.socket, 0o660, "daemon"),
                                        ("the directory's group", self.folder, 0o750, "daemon")):
            with self.subTest(name), self.mode(path, mode, group):
                check = self.host.find("milter-access", "fault")
                self.assertIn("postfix may not", check["seen"])
                self.host.assert_mended(check)

    def test_rights_of_the_state_and_of_the_configuration(self) -> None:
        for name, path, mode, code, level in (
                ("all may read the state", self.state, 0o755, "state-directory", "warning"),
                ("all may write the state", self.state, 0o777, "state-directory", "fault"),
                ("all may write the configuration", self.milter.configuration, 0o666, "configuration", "fault")):
            with self.subTest(name), self.mode(path, mode):
                self.host.assert_mended(self.host.find(code, level))

    def test_a_state_directory_that_the_daemon_may_not_write_to(self) -> None:
        with self.toml(user="nobody"):
            check = self.host.find("state-directory", "fault", also=("mta-log",))
            self.assertIn("nobody may not write to it", check["seen"])
            self.assertIn(f"chown -R nobody:nobody {self.state}", check["remedy"])

    def test_the_log_of_the_mail_server(self) -> None:
        with self.toml(mta_log=f"{self.state}/nosuch.log"), self.host.main_cf({"maillog_file": ""}):
            self.assertIn('mta_log = "journal"', self.host.find("mta-log", "fault")["remedy"])
        with self.toml(mta_log=str(self.milter.configuration)):
            check = self.host.find("mta-log", "fault")
            self.assertIn(f'mta_log = "{self.log}"', check["remedy"])
        with self.toml(user="nobody"), self.mode(self.log, 0o640, "adm"), self.mode(self.state, 0o777):
            check = self.host.find("mta-log", "fault", also=("state-directory",))
            self.assertIn("SupplementaryGroups=adm", check["remedy"])

    def test_a_password_in_a_file_that_all_may_read(self) -> None:
        file = self.milter.configuration
        with self.host.changed(file):
            file.write_text(f"store = \"postgresql://u:secret@127.0.0.1:1/d\"\n{file.read_text()}")
            file.chmod(0o644)
            check = self.host.find("secrets", "warning", also=("last-session",))
            self.assertIn("chmod 0640", check["remedy"])

    def test_a_main_cf_that_postfix_cannot_read(self) -> None:
        with self.host.changed(self.mx.config / "main.cf"):
            (self.mx.config / "main.cf").unlink()
            check = self.host.find("mail-server", "fault")
            self.assertIn("postconf", check["seen"])
            (self.mx.config / "main.cf").touch()

    def test_a_user_without_rights_learns_what_cannot_be_told(self) -> None:
        arguments = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
        done = self.mx.run(*arguments, *self.host.command("--json"))
        self.assertIn(done.returncode, (0, 1), done.stderr)
        levels = {check["code"]: check["level"] for check in json.loads(done.stdout)["checks"]}
        self.assertEqual((levels["milter-socket"], levels["last-session"]), ("cannot-tell", "cannot-tell"))


class Stopped(unittest.TestCase):
    """Hosts on which something does not run."""

    def test_a_daemon_that_does_not_run_and_one_that_does_not_answer(self) -> None:
        with Lab() as lab:
            certificate = lab.ca.issue("mx.example.test")
            mx = Receiver(lab, "mx.example.test", ["example.test"], certificate, {
                "smtpd_milters": "unix:tlsrpt/milter.sock",
                "smtpd_tls_chain_files": f"{certificate.key}, {certificate.certificate}"})
            folder = mx.folder / "queue/tlsrpt"
            folder.mkdir(mode=0o750)
            shutil.chown(folder, group="postfix")
            milter = Milter(lab, socket=f"unix:{folder}/milter.sock", settings={**QUICK, "user": "root"})
            milter.state.chmod(0o750)
            host = Host(self, mx, "tlsrpt-report", milter.configuration)
            host.assert_right()  # without any session yet
            (last,) = [check for check in host.checks() if check["code"] == "last-session"]
            self.assertEqual(last["level"], "cannot-tell")

            os.kill(milter.pid, signal.SIGSTOP)
            self.assertIn("no answer in time", host.find("milter-socket", "fault")["seen"])
            os.kill(milter.pid, signal.SIGCONT)
            host.assert_right()

            milter.kill()
            check = host.find("milter-socket", "fault")
            self.assertIn("Connection refused", check["seen"])
            self.assertIn("systemctl restart tlsrpt-milter", check["remedy"])
            (folder / "milter.sock").unlink()
            self.assertEqual(host.find("milter-socket", "fault")["remedy"], "systemctl enable --now tlsrpt-milter")
            (folder / "milter.sock").touch()
            self.assertIn("is not a socket", host.find("milter-socket", "fault")["seen"])

            segment = milter.state / "journal/19990101T000000.000Z-0.segment"
            segment.write_bytes(b"STKJRNL1" + bytes(100))
            os.utime(segment, (1, 1))
            host.find("journal", "fault", also=("milter-socket", "last-session"))

            self.assertEqual([check["level"] for check in host.checks() if check["code"] == "mail-server-runs"], ["ok"])
            mx.end()
            done = program.run("tlsrpt-report", "-c", milter.configuration, "doctor", "--postfix-config", mx.config)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(f"fault       Postfix: does not run (mail-server-runs)\n"
                          f"            why  No mail comes in or goes out.\n"
                          f"            do   postfix -c {mx.config} start\n", done.stdout)


if __name__ == "__main__":
    unittest.main()
