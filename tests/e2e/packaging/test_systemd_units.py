"""The installed systemd units: systemd itself has nothing against them, and they are as closed as they say."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from lab.program import SOURCE_TREE, path_of

BUILD = Path(os.environ.get("BUILD_DIR", SOURCE_TREE / "build/release")).resolve()
UPDATE = "starttls-listtool-update.service"
SERVE = "starttls-listtool-serve.service"
SOCKET = "starttls-listtool-serve.socket"
TIMER = "starttls-listtool-update.timer"
MILTER = "tlsrpt-milter.service"
SEND, QUEUE = "tlsrpt-report-send.service", "tlsrpt-report-queue.service"
REPORT_TIMERS = ("tlsrpt-report-send.timer", "tlsrpt-report-queue.timer")
# Each service's program, what it is given, and how far open it may be in tenths (systemd-analyze(1), security).
SERVICES = {
    UPDATE: ("starttls-listtool", "-c /etc/starttls-toolkit/listtool.toml update", 30),
    SERVE: ("starttls-listtool", "-c /etc/starttls-toolkit/listtool.toml serve", 15),
    SEND: ("tlsrpt-report", "-q self --send", 20),
    QUEUE: ("tlsrpt-report", "-q queue --deliver", 20),
    MILTER: ("tlsrpt-milter", "-f -s unix:/var/spool/postfix/tlsrpt/milter.sock", 15),
}


def analyze(*arguments: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, timeout=30,
                          check=False)


class SystemdUnits(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        prefix = Path(folder.name)
        subprocess.run(["cmake", "--install", BUILD / "packaging", "--prefix", prefix], check=True, timeout=30,
                       stdout=subprocess.DEVNULL)
        self.units = prefix / "lib/systemd/system"
        self.commands = {unit: self.take_command(self.units / unit) for unit in SERVICES}

    def take_command(self, unit: Path) -> tuple[str, str]:
        """The program that a unit runs, and its arguments; ours takes its place, since systemd looks for it."""
        command = unit.read_text().partition("\nExecStart=")[2].partition("\n")[0]
        name, _, arguments = command.partition(" ")
        unit.write_text(unit.read_text().replace(name, str(path_of(Path(name).name))))
        return name, arguments

    def test_systemd_reads_them_without_a_complaint(self) -> None:
        done = analyze("verify", "--man=no", *(self.units / unit for unit in (*SERVICES, SOCKET, TIMER, *REPORT_TIMERS)))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_systemd_would_complain(self) -> None:
        timer = self.units / TIMER
        timer.write_text(timer.read_text().replace("OnCalendar=", "OnCalendar=never "))
        self.assertIn("calendar specification", analyze("verify", "--man=no", timer).stderr)

    def test_the_services_run_the_installed_programs_with_their_arguments(self) -> None:
        for unit, (program, arguments, _) in SERVICES.items():
            name, given = self.commands[unit]
            self.assertEqual((Path(name).name, given), (program, arguments))
            self.assertIn("bin/", name)

    def test_the_services_are_closed_as_far_as_their_work_permits(self) -> None:
        for unit, (_, _, threshold) in SERVICES.items():
            done = analyze("security", "--offline=yes", f"--threshold={threshold}", self.units / unit)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_folder_of_the_milters_socket_is_made_as_its_unit_needs_it(self) -> None:
        unit = (self.units / MILTER).read_text()
        folder = self.units.parents[1] / "tmpfiles.d/tlsrpt-milter.conf"
        (line,) = [line for line in folder.read_text().splitlines() if not line.startswith("#")]
        kind, path, mode, user, group, _ = line.split()
        self.assertEqual((kind, mode), ("d", "0750"))
        self.assertIn(f"ExecStart={path_of('tlsrpt-milter')} -f -s unix:{path}/milter.sock\n", unit)
        self.assertIn(f"\nUser={user}\nGroup={group}\n", unit)
        self.assertIn(f"\nReadWritePaths=-{path}\n", unit)


class Example(unittest.TestCase):
    def test_of_the_milters_configuration_is_good_and_shows_every_key(self) -> None:
        example = SOURCE_TREE / "packaging/tlsrpt.toml"
        done = subprocess.run([path_of("tlsrpt-milter"), "--check-config", "-c", example], capture_output=True, text=True,
                              timeout=10, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        shown = set(re.findall(r"^#?(\w+) = ", example.read_text(), re.MULTILINE))
        manual = set(re.findall(r"^\.It Cm (\w+)$", (SOURCE_TREE / "man/tlsrpt.toml.5").read_text(), re.MULTILINE))
        self.assertLessEqual(shown, manual)
        rarely = {"ports", "daemons", "sync_interval", "fold_interval", "pid_file"}
        self.assertEqual(manual - shown, rarely)
