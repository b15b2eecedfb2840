"""The installed systemd units: systemd itself has nothing against them, and they are as closed as they say."""

import os
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
        self.commands = {unit: self.take_command(self.units / unit) for unit in (UPDATE, SERVE)}

    def take_command(self, unit: Path) -> tuple[str, str]:
        """The program that a unit runs, and its arguments; ours takes its place, since systemd looks for it."""
        command = unit.read_text().partition("\nExecStart=")[2].partition("\n")[0]
        name, _, arguments = command.partition(" ")
        unit.write_text(unit.read_text().replace(name, str(path_of("starttls-listtool"))))
        return name, arguments

    def test_systemd_reads_them_without_a_complaint(self) -> None:
        done = analyze("verify", "--man=no", *(self.units / unit for unit in (UPDATE, SERVE, SOCKET, TIMER)))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_systemd_would_complain(self) -> None:
        timer = self.units / TIMER
        timer.write_text(timer.read_text().replace("OnCalendar=", "OnCalendar=never "))
        self.assertIn("calendar specification", analyze("verify", "--man=no", timer).stderr)

    def test_the_services_run_the_installed_program_with_the_configuration(self) -> None:
        for unit, command in {UPDATE: "update", SERVE: "serve"}.items():
            name, arguments = self.commands[unit]
            self.assertTrue(name.endswith("/bin/starttls-listtool"))
            self.assertEqual(arguments, f"-c /etc/starttls-toolkit/listtool.toml {command}")

    def test_the_services_are_closed_as_far_as_their_work_permits(self) -> None:
        for unit, threshold in {UPDATE: 30, SERVE: 15}.items():
            done = analyze("security", "--offline=yes", f"--threshold={threshold}", self.units / unit)
            self.assertEqual(done.returncode, 0, done.stdout)
