"""Both `doctor`s on a booted system with Debian's Postfix: what its units, users and files can have wrong."""

import json
import unittest

import box
import packages
from box import Box
from lab import wait
from lab.documents import Steps

# What the machine of the tests decides, and that this system has no resolver.
OF_THE_MACHINE = ("clock", "disk-space", "resolver")
INBOUND, OUTBOUND = "tlsrpt-report", "starttls-listtool"
MILTER_TOML, LISTTOOL_TOML = "/etc/starttls-toolkit/tlsrpt.toml", "/etc/starttls-toolkit/listtool.toml"


def setUpModule() -> None:
    box.require()


class Doctor(unittest.TestCase):
    """One system for all of these tests; each mends what it breaks, by the remedy."""

    box: Box

    @classmethod
    def setUpClass(cls) -> None:
        cls.box = cls.enterClassContext(Box())
        cls.box.install_mail_server("postfix")
        packages.install(cls.box)
        steps = Steps("README.md", "Postfix in a few lines")
        cls.box.run(steps.take("systemctl enable --now tlsrpt-milter"))
        cls.box.run(steps.take("touch "))
        cls.box.send(f"root@{box.HOSTNAME}", "Subject: hello\n\nhello\n")
        wait.until(lambda: cls.box.run("tlsrpt-report summary", check=False).returncode == 0, 60)

    def checks(self, program: str, user: str = "root") -> list[dict[str, str]]:
        done = self.box.run(f"{program} --json doctor", check=False, user=user)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return [check for check in json.loads(done.stdout)["checks"] if check["code"] not in OF_THE_MACHINE]

    def findings(self, program: str) -> list[dict[str, str]]:
        return [check for check in self.checks(program) if check["level"] in ("fault", "warning")]

    def assert_found_and_mended(self, program: str, breaks: str, code: str, level: str,
                                also: tuple[str, ...] = ()) -> None:
        """What the shell script `breaks` is found, and the remedy mends it; `also` is what follows from it."""
        with self.subTest(breaks):
            self.box.run(breaks)
            found = self.findings(program)
            named = [check for check in found if (check["code"], check["level"]) == (code, level)]
            self.assertTrue(named, found)
            self.assertEqual([check for check in found if check["code"] not in (code, *also)], [])
            self.box.run(named[0]["remedy"])
            self.assertEqual(self.findings(program), [])

    def test_a_system_set_up_by_the_readme_has_no_finding_before_and_after_a_reboot(self) -> None:
        for _ in range(2):
            for program in (INBOUND, OUTBOUND):
                self.assertEqual(self.findings(program), [])
                levels = {check["code"]: check["level"] for check in self.checks(program)}
                wanted = {INBOUND: ("milter-order", "milter-unit", "last-session"),
                          OUTBOUND: ("serve-order", "serve-unit")}
                self.assertEqual({levels[code] for code in wanted[program]}, {"ok"})
            self.box.reboot()

    def test_units(self) -> None:
        stop_serve = "systemctl stop starttls-listtool-serve.socket starttls-listtool-serve"
        for breaks, code, level, also in (
                ("systemctl stop tlsrpt-milter", "milter-unit", "fault", ("milter-socket",)),
                ("systemctl disable tlsrpt-milter", "milter-unit", "warning", ()),
                # The first alone does not wait for the second, which runs Postfix.
                ("systemctl stop postfix postfix@-", "mail-server-runs", "fault", ())):
            self.assert_found_and_mended(INBOUND, breaks, code, level, also)
        for breaks, code, level, also in (
                (stop_serve, "serve-unit", "fault", ("serve-answer",)), (stop_serve, "serve-answer", "fault", ("serve-unit",)),
                ("systemctl disable starttls-listtool-serve.socket", "serve-unit", "warning", ()),
                (f"rm {LISTTOOL_TOML}", "configuration", "fault", ())):
            self.assert_found_and_mended(OUTBOUND, breaks, code, level, also)

    def test_settings_of_debians_postfix(self) -> None:
        for breaks, code, level in (
                ("postconf smtpd_milters= && postfix reload", "milter-attached", "fault"),
                ("postconf smtpd_milters=unix:/var/spool/postfix/tlsrpt/milter.sock", "milter-attached", "fault"),
                ("postconf -P smtp/inet/smtpd_milters=", "milter-attached", "fault"),
                ("postconf -X milter_default_action", "milter-default-action", "warning"),
                ("postconf smtpd_tls_security_level=none", "smtpd-tls-level", "fault")):
            self.assert_found_and_mended(INBOUND, breaks, code, level)
        for breaks, code, level in (
                ("postconf -X smtp_tls_policy_maps", "policy-map", "fault"),
                ("postconf smtp_tls_policy_maps=cdb:/etc/postfix/tls_policy", "policy-map", "fault"),
                ("postconf -X smtp_dns_support_level", "dns-support-level", "fault"),
                ("postconf -X smtp_tls_mandatory_protocols", "tls-protocols", "warning"),
                ("postconf smtp_tls_security_level=none", "smtp-tls-level", "warning")):
            self.assert_found_and_mended(OUTBOUND, breaks, code, level)

    def test_rights(self) -> None:
        for breaks, code, level in (
                ("chgrp starttls-toolkit /var/spool/postfix/tlsrpt/milter.sock", "milter-access", "fault"),
                ("chgrp starttls-toolkit /var/spool/postfix/tlsrpt", "milter-access", "fault"),
                ("chown -R root:root /var/lib/starttls-toolkit/tlsrpt", "state-directory", "fault"),
                ("chmod o+rx /var/lib/starttls-toolkit/tlsrpt", "state-directory", "warning"),
                ("chmod o+w /etc/starttls-toolkit", "configuration", "fault")):
            if code == "configuration":
                self.assert_found_and_mended(OUTBOUND, breaks, code, level)
            else:
                self.assert_found_and_mended(INBOUND, breaks, code, level)

    def test_the_log_that_the_daemon_may_not_read(self) -> None:
        for source in ("journal", "/var/log/mail.log"):
            with self.subTest(source):
                self.box.run(f"cat >{MILTER_TOML}", content=f"[milter]\nmta_log = \"{source}\"\n")
                try:
                    (check,) = self.findings(INBOUND)
                    self.assertEqual((check["code"], check["level"]), ("mta-log", "fault"))
                    wanted = "SupplementaryGroups=systemd-journal" if source == "journal" else 'mta_log = "journal"'
                    self.assertIn(wanted, check["remedy"])
                finally:
                    self.box.run(f"rm {MILTER_TOML}")

    def test_a_user_without_rights_gets_an_answer(self) -> None:
        for program in (INBOUND, OUTBOUND):
            checks = self.checks(program, user="nobody")
            self.assertEqual([check for check in checks if check["level"] in ("fault", "warning")], [])
            self.assertIn("cannot-tell" if program == INBOUND else "ok", {check["level"] for check in checks})


if __name__ == "__main__":
    unittest.main()
