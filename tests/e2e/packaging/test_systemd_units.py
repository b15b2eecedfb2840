"""The installed systemd units: systemd itself has nothing against them, and they are as closed as they say."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from lab.program import SOURCE_TREE, path_of

BUILD = Path(os.environ.get("BUILD_DIR", SOURCE_TREE / "build/release")).resolve()
SERVICE = "starttls-listtool-update.service"
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
        # systemd looks whether the program is there.
        service = self.units / SERVICE
        command = service.read_text().partition("\nExecStart=")[2].partition("\n")[0]
        self.program, _, self.arguments = command.partition(" ")
        service.write_text(service.read_text().replace(self.program, str(path_of("starttls-listtool"))))

    def test_systemd_reads_them_without_a_complaint(self) -> None:
        done = analyze("verify", "--man=no", self.units / SERVICE, self.units / TIMER)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_systemd_would_complain(self) -> None:
        timer = self.units / TIMER
        timer.write_text(timer.read_text().replace("OnCalendar=", "OnCalendar=never "))
        self.assertIn("calendar specification", analyze("verify", "--man=no", timer).stderr)

    def test_the_service_runs_the_installed_program_with_the_configuration(self) -> None:
        self.assertTrue(self.program.endswith("/bin/starttls-listtool"))
        self.assertEqual(self.arguments, "-c /etc/starttls-toolkit/listtool.toml update")

    def test_the_service_is_closed_as_far_as_its_work_permits(self) -> None:
        done = analyze("security", "--offline=yes", "--threshold=30", self.units / SERVICE)
        self.assertEqual(done.returncode, 0, done.stdout)
