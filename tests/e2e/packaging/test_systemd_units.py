"""The installed systemd units: systemd accepts them, and their services are confined as far as their work permits."""

import grp
import os
import pwd
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from lab import manual
from lab.program import SOURCE_TREE, path_of

BUILD = Path(os.environ.get("BUILD_DIR", SOURCE_TREE / "build/release")).resolve()
UPDATE = "starttls-listtool-update.service"
SERVE = "starttls-listtool-serve.service"
SOCKET = "starttls-listtool-serve.socket"
TIMER = "starttls-listtool-update.timer"
CHECK, CHECK_TIMER = "starttls-listtool-check.service", "starttls-listtool-check.timer"
RECEIVE = "starttls-listtool-publish-receive.service"
PUBLISH, PUBLISH_TIMER = "starttls-listtool-publish.service", "starttls-listtool-publish.timer"
MILTER, COLLECTOR = "tlsrpt-milter.service", "tlsrpt-collector.service"
SEND, QUEUE = "tlsrpt-report-send.service", "tlsrpt-report-queue.service"
TAKE = "tlsrpt-report-receive.service"
OUTBOUND = "tlsrpt-report-outbound.service"
TIMERS = (TIMER, CHECK_TIMER, PUBLISH_TIMER, "tlsrpt-report-send.timer", "tlsrpt-report-outbound.timer",
          "tlsrpt-report-queue.timer")
# Each service's program, its arguments, and the highest exposure level in tenths (systemd-analyze(1), security).
SERVICES = {
    UPDATE: ("starttls-listtool", "-c /etc/starttls-toolkit/listtool.toml update", 30),
    SERVE: ("starttls-listtool", "-c /etc/starttls-toolkit/listtool.toml serve", 15),
    CHECK: ("starttls-listtool", "-q -c /etc/starttls-toolkit/listtool.toml check --watch", 15),
    PUBLISH: ("starttls-listtool", "-q -c /etc/starttls-toolkit/listtool.toml publish run", 15),
    RECEIVE: ("starttls-listtool", "-c /etc/starttls-toolkit/listtool.toml publish receive", 15),
    SEND: ("tlsrpt-report", "-q self --send", 20),
    OUTBOUND: ("tlsrpt-report", "-q send", 20),
    QUEUE: ("tlsrpt-report", "-q queue --send", 20),
    TAKE: ("tlsrpt-report", "receive", 15),
    MILTER: ("tlsrpt-milter", "-f", 15),
    COLLECTOR: ("tlsrpt-collector", "-f", 15),
}


def analyze(*arguments: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, timeout=60,
                          check=False)


class Installed(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        prefix = Path(directory.name)
        subprocess.run(["cmake", "--install", BUILD / "packaging", "--prefix", prefix], check=True, timeout=60,
                       stdout=subprocess.DEVNULL)
        self.units = prefix / "lib/systemd/system"
        self.commands = {unit: self.take_command(self.units / unit) for unit in SERVICES}

    def take_command(self, unit: Path) -> tuple[str, str]:
        """The program that a unit runs, and its arguments. systemd looks for it, so the build's program replaces it."""
        command = unit.read_text().partition("\nExecStart=")[2].partition("\n")[0]
        name, _, arguments = command.partition(" ")
        unit.write_text(unit.read_text().replace(name, str(path_of(Path(name).name))))
        return name, arguments

    def values(self, unit: str, key: str) -> list[str]:
        found = re.findall(rf"^{key}=(.*)$", (self.units / unit).read_text(), re.MULTILINE)
        return " ".join(found).split()


class SystemdUnits(Installed):
    def test_systemd_accepts_them(self) -> None:
        done = analyze("verify", "--man=no", *(self.units / unit for unit in (*SERVICES, SOCKET, *TIMERS)))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_systemd_reports_a_mistake(self) -> None:
        timer = self.units / TIMER
        timer.write_text(timer.read_text().replace("OnCalendar=", "OnCalendar=never "))
        self.assertIn("calendar specification", analyze("verify", "--man=no", timer).stderr)

    def test_their_manual_pages_exist(self) -> None:
        for unit in (*SERVICES, SOCKET, *TIMERS):
            pages = self.values(unit, "Documentation")
            self.assertGreater(len(pages), 0)
            for page in pages:
                name, section = re.fullmatch(r"man:([\w.-]+)\((\d)\)", page).groups()
                self.assertIn(f"{name}.{section}", manual.pages(), unit)

    def test_the_services_run_the_installed_programs_with_their_arguments(self) -> None:
        for unit, (program, arguments, _) in SERVICES.items():
            name, given = self.commands[unit]
            self.assertEqual((Path(name).name, given), (program, arguments))
            self.assertIn("bin/", name)

    def test_a_temporary_failure_is_no_failure_of_a_unit_that_runs_again(self) -> None:
        for unit in (UPDATE, CHECK, PUBLISH, SEND, OUTBOUND, QUEUE):
            self.assertIn("\nSuccessExitStatus=75\n", (self.units / unit).read_text(), unit)

    def test_the_sockets_of_serve_are_created_before_it_and_never_while_it_runs(self) -> None:
        """systemd does not create the sockets of a running service, so they start and stop with it."""
        service, sockets = (self.units / SERVE).read_text(), (self.units / SOCKET).read_text()
        for dependency in ("Wants", "After", "PartOf"):
            self.assertRegex(service, rf"(?m)^{dependency}=.*\b{re.escape(SOCKET)}\b")
        self.assertRegex(sockets, r"(?m)^ListenStream=127\.0\.0\.1:8461$")
        condition = re.compile(r"(?m)^Condition.*$")
        self.assertEqual(condition.findall(sockets), condition.findall(service))

    def test_the_services_are_confined_as_far_as_their_work_permits(self) -> None:
        for unit, (_, _, threshold) in SERVICES.items():
            done = analyze("security", "--offline=yes", f"--threshold={threshold}", self.units / unit)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_services_start_before_every_mail_server_and_stop_after_it(self) -> None:
        servers = {"postfix.service", "postfix@-.service", "sendmail.service", "exim4.service"}
        for unit in (MILTER, COLLECTOR, SERVE):
            self.assertLessEqual(servers, set(self.values(unit, "Before")))
        for unit in (SEND, OUTBOUND, QUEUE):
            self.assertLessEqual(servers, set(self.values(unit, "After")))
        self.assertEqual(set(self.values("postfix@.service.d/starttls-toolkit.conf", "After")), {MILTER, COLLECTOR, SERVE})
        for unit in (MILTER, COLLECTOR, SERVE):
            self.assertEqual(self.values(unit, "Type"), ["notify"])  # a mail server starts after the socket exists

    def test_a_broken_configuration_needs_no_reset_and_fails_a_reload(self) -> None:
        for unit, check in {MILTER: "--check-config", COLLECTOR: "--check-config", SERVE: "serve --check-config"}.items():
            self.assertEqual(self.values(unit, "RestartPreventExitStatus"), ["64", "78"])
            self.assertEqual(self.values(unit, "StartLimitIntervalSec"), ["0"])
            first, last = re.findall(r"^ExecReload=(.*)$", (self.units / unit).read_text(), re.MULTILINE)
            self.assertTrue(first.endswith(check), first)
            self.assertEqual(last, "/bin/sh -c 'kill -HUP $MAINPID'")  # not every host has the program kill

    def test_one_user_and_group_own_what_the_services_keep(self) -> None:
        created = (self.units.parents[1] / "tmpfiles.d/starttls-toolkit.conf").read_text()
        lines = {line.split()[1]: line.split() for line in created.splitlines() if not line.startswith("#")}
        self.assertEqual(lines["/etc/starttls-toolkit"][2:5], ["2755", "root", "starttls-toolkit"])
        for unit in (MILTER, COLLECTOR, SEND, OUTBOUND, QUEUE, TAKE):
            state, = self.values(unit, "StateDirectory")
            mode, = self.values(unit, "StateDirectoryMode")
            user, group = self.values(unit, "User") + self.values(unit, "Group")
            self.assertEqual(lines[f"/var/lib/{state}"][2:5], [mode, user, group])
        for unit in (SERVE, CHECK):
            self.assertEqual(self.values(unit, "User") + self.values(unit, "Group"), ["starttls-toolkit"] * 2)
        state, = self.values(CHECK, "StateDirectory")  # also for cron, without systemd
        self.assertEqual(lines[f"/var/lib/{state}"][2:5], ["0755", "starttls-toolkit", "starttls-toolkit"])
        self.assertEqual(lines["/var/lib/starttls-toolkit/lists"][2:5], ["0755", "root", "root"])
        self.assertNotIn("postfix", created)  # a host may have no such group

    def test_the_publisher_has_a_user_of_its_own_which_alone_may_change_what_it_publishes(self) -> None:
        share = self.units.parents[1]
        for unit in (PUBLISH, RECEIVE):
            self.assertEqual(self.values(unit, "User") + self.values(unit, "Group"), ["starttls-publish"] * 2)
        self.assertRegex((share / "sysusers.d/starttls-toolkit.conf").read_text(), r"(?m)^u starttls-publish - ")
        state, = self.values(PUBLISH, "StateDirectory")
        self.assertIn(f"\nd /var/lib/{state} 0755 starttls-publish starttls-publish -\n",
                      (share / "tmpfiles.d/starttls-toolkit.conf").read_text())


@unittest.skipUnless(os.geteuid() == 0, "only root can change the owner of a directory")
class SocketDirectory(Installed):
    """What the units of the milter and the collector create as root before each start."""

    def group_of_directory(self, *, group_exists: bool) -> str:
        found = {self.group_made_by(unit, group_exists=group_exists) for unit in (MILTER, COLLECTOR)}
        self.assertEqual(len(found), 1)
        return found.pop()

    def group_made_by(self, unit: str, *, group_exists: bool) -> str:
        command = re.search(r"\nExecStartPre=\+/bin/sh -c '(.*?)'\n", (self.units / unit).read_text(), re.DOTALL)
        self.assertIsNotNone(command)
        directory = self.units.parents[2] / "spool/tlsrpt"
        script = command[1].replace("$$", "$").replace("/var/spool/postfix/tlsrpt", str(directory))
        postfix = "daemon" if group_exists else "no-such-group"
        script = script.replace("starttls-toolkit", "games").replace("postfix", postfix)
        subprocess.run(["/bin/sh", "-c", script], check=True, timeout=60)
        info = directory.stat()
        self.assertEqual((info.st_mode & 0o7777, pwd.getpwuid(info.st_uid).pw_name), (0o2750, "games"))
        return grp.getgrgid(info.st_gid).gr_name

    def test_has_the_group_of_postfix_if_it_exists(self) -> None:
        self.assertEqual(self.group_of_directory(group_exists=True), "daemon")

    def test_has_the_group_of_the_service_otherwise(self) -> None:
        self.assertEqual(self.group_of_directory(group_exists=False), "games")


class Example(unittest.TestCase):
    def test_of_the_daemons_configuration_is_valid_and_shows_every_key(self) -> None:
        example = SOURCE_TREE / "packaging/tlsrpt.toml"
        for daemon in ("tlsrpt-milter", "tlsrpt-collector"):
            done = subprocess.run([path_of(daemon), "--check-config", "-c", example], capture_output=True, text=True,
                                  timeout=60, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        shown = set(re.findall(r"^#?(\w+) = ", example.read_text(), re.MULTILINE))
        manual = set(re.findall(r"^\.It Cm (\w+)$", (SOURCE_TREE / "man/tlsrpt.toml.5").read_text(), re.MULTILINE))
        self.assertEqual(shown, manual)
