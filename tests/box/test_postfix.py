"""The steps of README and of the guides in docs/ on a booted system with Debian's Postfix."""

import datetime
import json
import re
import sys
import unittest

import box
import packages
from box import Box
from lab import wait
from lab.documents import Steps, section
from lab.program import SOURCE_TREE

sys.path.append(str(SOURCE_TREE / "tests/e2e/report"))
from reports import mail, packed, report  # noqa: E402

MILTER, SERVE = "tlsrpt-milter", "starttls-listtool-serve"
CONFIGURATION = {MILTER: "/etc/starttls-toolkit/tlsrpt.toml", SERVE: "/etc/starttls-toolkit/listtool.toml"}
PLAIN_MAIL = "Subject: hello\n\nhello\n"


def setUpModule() -> None:
    box.require()


class Postfix(unittest.TestCase):
    """One system for all of these tests; each leaves it as it has found it."""

    box: Box

    @classmethod
    def setUpClass(cls) -> None:
        cls.box = cls.enterClassContext(Box())
        cls.box.install_mail_server("postfix")
        packages.install(cls.box)
        cls.watch_inbound()
        cls.take_in_reports()
        cls.serve()

    @classmethod
    def watch_inbound(cls) -> None:
        steps = Steps("docs/postfix.md", "Record inbound sessions")
        toml = steps.take("[milter]").replace('"/var/log/mail.log"', '"journal"')
        cls.box.configure(CONFIGURATION[MILTER], toml + 'metrics = "inet:127.0.0.1:9461"\n')
        cls.box.edit_unit("tlsrpt-milter.service", steps.take("[Service]"))
        cls.box.run(steps.take("systemctl enable"))
        cls.set_parameters(steps.take("smtpd_milters"))
        cls.questions = steps.take("tlsrpt-report summary")
        steps.take("tlsrpt-report doctor")  # test_doctor.py
        assert not steps.remaining(), steps.remaining()

    @classmethod
    def take_in_reports(cls) -> None:
        steps = Steps("docs/reports.md")
        cls.box.run(steps.take("install -o starttls-toolkit"))
        steps.take("[report]")  # there is no program here that checks DKIM
        cls.box.run(steps.take("systemctl enable --now tlsrpt-report-send"))
        cls.box.run(steps.take("systemctl enable --now tlsrpt-report-receive"))
        cls.box.run("systemctl is-active tlsrpt-report-receive.service")
        # e2e report: receive, imap
        for elsewhere in ("location = /tlsrpt", "handle /tlsrpt", "_smtp._tls", "runuser"):
            steps.take(elsewhere)
        cls.answers = steps.take("tlsrpt-report summary")
        cls.read = steps.take("tlsrpt-report read")
        assert not steps.remaining(), steps.remaining()

    @classmethod
    def serve(cls) -> None:
        steps = Steps("docs/postfix.md", "Enforce TLS to every domain with a policy")
        cls.box.configure(CONFIGURATION[SERVE], steps.take("[serve]"))
        cls.box.run(steps.take("systemctl enable"))
        cls.set_parameters(steps.take("smtp_tls_policy_maps"))
        cls.lookups = steps.take("starttls-listtool lookup")
        steps.take("starttls-listtool doctor")  # test_doctor.py
        assert not steps.remaining(), steps.remaining()

    @classmethod
    def set_parameters(cls, block: str) -> None:
        for line in block.splitlines():
            cls.box.run(f"postconf '{line}'")
        cls.box.run("postfix reload")

    def summary(self) -> dict:
        return json.loads(self.box.run("tlsrpt-report --json summary").stdout)["total"]

    def wait_for_sessions(self, outcome: str, count: int) -> None:
        wait.until(lambda: self.summary()[outcome] >= count, 60)

    def test_a_mail_over_tls_is_in_the_summary_and_one_in_plaintext_beside_it(self) -> None:
        before = self.summary() if self.box.run("tlsrpt-report --json summary", check=False).returncode == 0 else {}
        self.box.send(f"root@{box.HOSTNAME}", PLAIN_MAIL)
        self.wait_for_sessions("tls", before.get("tls", 0) + 1)
        self.box.send(f"root@{box.HOSTNAME}", PLAIN_MAIL, "--plaintext")
        self.wait_for_sessions("plaintext", before.get("plaintext", 0) + 1)
        for line in self.questions.splitlines():
            with self.subTest(line):
                self.box.run(line)

    def test_reports_come_in_by_the_alias_and_nothing_is_returned(self) -> None:
        yesterday = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)).date().isoformat()
        for content in (mail(packed(report(domain="example.org", day=yesterday))), PLAIN_MAIL.encode()):
            self.box.send(f"tlsrpt@{box.HOSTNAME}", content.decode())
        reports = "tlsrpt-report --json summary --by reporter"
        wait.until(lambda: json.loads(self.box.run(reports).stdout)["reporters"] != [], 60)
        wait.until(lambda: self.box.run("postqueue -p").stdout.strip() == "Mail queue is empty", 60)
        self.assertFalse([line for line in self.box.journal("-b") if "status=bounced" in line])
        owners = self.box.run("find /var/lib/starttls-toolkit/tlsrpt -printf '%u:%g\\n' | sort -u").stdout
        self.assertEqual(owners, "starttls-toolkit:starttls-toolkit\n")
        for line in self.answers.splitlines():
            with self.subTest(line):
                done = self.box.run(line, check=False)
                self.assertIn(done.returncode, (0, 1), done.stderr)
        self.box.run("mkdir -p ~/Maildir/new")
        self.box.run(self.read)

    def test_members_of_the_group_read_and_others_are_told_how_to_join(self) -> None:
        (adduser,) = re.findall(r"`(adduser (\w+) starttls-toolkit)`", section("docs/postfix.md"))
        self.box.send(f"root@{box.HOSTNAME}", PLAIN_MAIL)
        self.wait_for_sessions("tls", 1)
        self.box.run(f"useradd {adduser[1]}")
        refused = self.box.run("tlsrpt-report summary", user=adduser[1], check=False)
        self.assertEqual((refused.returncode, refused.stdout), (77, ""))
        self.assertIn(adduser[0], refused.stderr)
        self.box.run(adduser[0])
        self.box.run("tlsrpt-report summary", user=adduser[1])
        self.box.run(f"systemctl stop {MILTER}")
        self.box.run("tlsrpt-report summary", user=adduser[1])
        self.box.run(f"systemctl start {MILTER}")

    def test_the_socket_is_for_postfix_and_nothing_else_is(self) -> None:
        found = self.box.run("find /var/spool/postfix/tlsrpt -printf '%y %m %u:%g\\n'").stdout.splitlines()
        self.assertEqual(found, ["d 2750 starttls-toolkit:postfix", "s 660 starttls-toolkit:postfix"])
        status = self.box.run(f"cat /proc/$(systemctl show -P MainPID {MILTER})/status").stdout
        group = self.box.run("getent group postfix").stdout.split(":")[2]
        self.assertNotIn(group, re.findall(r"^(?:Gid|Groups):\t(.*)$", status, re.MULTILINE)[1].split())
        made = self.box.run("stat -c '%a %U:%G' /etc/starttls-toolkit").stdout
        self.assertEqual(made, "2755 root:starttls-toolkit\n")

    def test_a_reload_with_a_broken_configuration_fails_and_the_service_goes_on(self) -> None:
        for unit, file in CONFIGURATION.items():
            with self.subTest(unit):
                pid = self.box.property(unit, "MainPID")
                good = self.box.run(f"cat {file}").stdout
                for bad in (good + "bogus = 1\n", good + "[[[\n"):
                    self.box.run(f"cat >{file}", content=bad)
                    done = self.box.run(f"systemctl reload {unit}", check=False)
                    self.assertNotEqual(done.returncode, 0)
                    self.assertEqual((self.box.state(unit), self.box.property(unit, "MainPID")), ("active", pid))
                self.box.run(f"cat >{file}", content=good)
                self.box.run(f"systemctl reload {unit}")

    def test_a_broken_configuration_fails_at_once_and_needs_no_reset_when_it_is_mended(self) -> None:
        for unit, file in CONFIGURATION.items():
            with self.subTest(unit):
                good = self.box.run(f"cat {file}").stdout
                self.box.run(f"cat >{file}", content=good + "bogus = 1\n")
                for _ in range(7):
                    self.assertNotEqual(self.box.run(f"systemctl restart {unit}", check=False).returncode, 0)
                    self.assertEqual(self.box.state(unit), "failed")
                self.assertEqual(self.box.property(unit, "ExecMainStatus"), "78")
                # Its journal has the reason at its level, with neither time nor name twice.
                self.assertRegex("\n".join(self.box.journal("-p", "err", "-u", unit)), rf"(?m)\]: {file}:\d+:1: unknown key")
                self.box.run(f"cat >{file}", content=good)
                self.box.run(f"systemctl start {unit}")
                self.assertEqual(self.box.state(unit), "active")

    def test_what_is_killed_comes_back(self) -> None:
        for unit in CONFIGURATION:
            with self.subTest(unit):
                restarts = int(self.box.property(unit, "NRestarts"))
                self.box.run(f"kill -9 $(systemctl show -P MainPID {unit})")
                wait.until(lambda unit=unit, restarts=restarts: self.box.state(unit) == "active"
                           and int(self.box.property(unit, "NRestarts")) > restarts, 60)
        before = self.summary()["tls"] if self.box.run("tlsrpt-report summary", check=False).returncode == 0 else 0
        self.box.send(f"root@{box.HOSTNAME}", PLAIN_MAIL)
        self.wait_for_sessions("tls", before + 1)

    def test_timers_run_and_their_services_succeed(self) -> None:
        for name in ("tlsrpt-report-send", "tlsrpt-report-queue"):
            with self.subTest(name):
                self.assertEqual(self.box.state(f"{name}.timer"), "active")
                self.box.run(f"systemctl start {name}.service")
                self.assertEqual(self.box.property(f"{name}.service", "Result"), "success")

    def test_metrics(self) -> None:
        self.assertIn("\ntlsrpt_", self.box.fetch("http://127.0.0.1:9461/metrics"))

    def test_postfix_gets_its_answers_from_serve(self) -> None:
        map_name = self.box.run("postconf -h smtp_tls_policy_maps").stdout.strip()
        # The DNS of this system answers nothing: Postfix is to look for DANE itself.
        self.assertEqual(self.box.run(f"postmap -q example.org {map_name}").stdout, "dane\n")
        for line in self.lookups.splitlines():
            with self.subTest(line):
                self.assertIn(self.box.run(line, check=False).returncode, (0, 75))

    def test_the_services_log_nothing_that_a_person_would_have_to_look_at(self) -> None:
        for unit in CONFIGURATION:
            with self.subTest(unit):
                self.box.run(f"systemctl restart {unit}")
                invocation = self.box.property(unit, "InvocationID")
                self.box.run(f"systemctl reload {unit}")
                self.assertEqual(self.box.journal("-p", "warning", f"_SYSTEMD_INVOCATION_ID={invocation}"), [])

    def test_services_start_before_postfix_and_stop_after_it(self) -> None:
        instance = {"12": "postfix@-.service", "13": "postfix.service"}[box.RELEASE]
        self.assertIn(f"{MILTER}.service", self.box.property("postfix@second.service", "After"))
        self.box.reboot()
        started = int(self.box.property(instance, "ExecMainStartTimestampMonotonic") or 0) or int(
            self.box.property(instance, "InactiveExitTimestampMonotonic"))
        for unit in CONFIGURATION:
            with self.subTest(unit):
                self.assertEqual(self.box.state(unit), "active")
                self.assertLess(int(self.box.property(unit, "ActiveEnterTimestampMonotonic")), started)
                stops = [line for line in self.box.journal("-b", "-1", f"UNIT={instance}", f"UNIT={unit}.service")
                         if re.search(r"systemd\[1\]: (Stopping|Stopped) ", line)]
                last = [re.search(r"(Stopping|Stopped) (\S+)", line).groups() for line in stops[-4:]]
                self.assertEqual(last, [("Stopping", instance), ("Stopped", instance),
                                        ("Stopping", f"{unit}.service"), ("Stopped", f"{unit}.service")])
        self.assertEqual(self.box.state(instance), "active")
        self.box.send(f"root@{box.HOSTNAME}", PLAIN_MAIL)


if __name__ == "__main__":
    unittest.main()
