"""What ./quickstart shows, and that no file of it remains. (Installing and building are not part of this test.)"""

import json
import os
import re
import signal
import subprocess
import tempfile
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import Lab, program, wait

TREE = Path(__file__).resolve().parents[3]
SHOW = ["/usr/bin/python3", "-m", "lab.quickstart_show"]


def requirements() -> None:
    """Skips the test on machines where it cannot run."""
    with Lab() as lab:
        lab.require_root()
        lab.require_program("/usr/sbin/postfix", "postfix")
        lab.require_program("/usr/bin/minisign", "minisign")
    for name in ("starttls-listtool", "tlsrpt-milter", "tlsrpt-report"):
        program.path_of(name)


def environment(folder: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(TREE / "tests"), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": folder}


@contextmanager
def folder_of_its_own() -> Iterator[str]:
    """A directory for its temporary files; it must be empty in the end, and no process may use it."""
    with tempfile.TemporaryDirectory(prefix="lab.") as folder:
        os.chmod(folder, 0o711)
        yield folder
        left = os.listdir(folder)
        if left:
            raise AssertionError(f"files are left: {left}")
        running = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and knows(entry, folder)]
        if running:
            raise AssertionError(f"processes are left: {running}")


def knows(process: Path, folder: str) -> bool:
    try:
        return folder.encode() in (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    except OSError:
        return False


class Quickstart(unittest.TestCase):
    def setUp(self) -> None:
        requirements()

    def test_shows_the_main_job(self) -> None:
        with folder_of_its_own() as folder:
            done = subprocess.run(SHOW, env=environment(folder), capture_output=True, text=True, timeout=120,
                                  check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        said = re.sub(r"\n    \|   ", " ", done.stdout)  # log lines are wrapped

        self.assertRegex(said, r"Verified TLS connection established to mx1\.example\.com\[")
        self.assertRegex(said, r"to=<bob@example\.com>, .* status=sent")
        self.assertRegex(said, r"certificate verification failed for mx\.attacker\.test\[.*hostname mismatch")
        self.assertRegex(said, r"to=<bob@example\.org>, .* status=deferred \(Server certificate not verified\)")

        report = json.loads(re.search(r"^    \{\n.*?^    \}\n", said, re.MULTILINE | re.DOTALL)[0])
        (policy,) = report["policies"]
        self.assertEqual(policy["summary"],
                         {"total-successful-session-count": 5, "total-failure-session-count": 1})
        for protection, sessions in (("TLSv1.3", 3), ("TLSv1.2", 2), ("plaintext", 1)):
            self.assertRegex(said, rf"(?m)^    {re.escape(protection)} +{sessions} ")

        self.assertIn("sudo cmake --install build/release", said)
        prose = [line for line in done.stdout.splitlines() if not re.match(r' +"', line)]  # JSON cannot be wrapped
        self.assertLessEqual(max(map(len, prose)), 80)
        self.assertNotIn("\033", done.stdout, "no colours where no terminal is")

    def test_keeps_nothing_when_it_is_interrupted(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number), folder_of_its_own() as folder:
                output = Path(folder) / "output"
                with output.open("wb") as file:
                    show = subprocess.Popen(SHOW, env=environment(folder), stdout=file, stderr=subprocess.STDOUT)
                wait.for_line(output, "A private Postfix with this map sends", 60, process=show)
                show.send_signal(number)
                self.assertEqual(wait.for_exit(show, 30), 128 + number, output.read_text())
                self.assertNotIn("Traceback", output.read_text())
                output.unlink()

    def test_reports_in_a_sentence_what_is_missing(self) -> None:
        with folder_of_its_own() as folder:
            done = subprocess.run(SHOW, env=environment(folder) | {"BUILD_DIR": folder}, capture_output=True, text=True,
                                  timeout=60, check=False)
            self.assertEqual(done.returncode, 69, done.stdout)
            self.assertRegex(done.stderr, r"(?m)^quickstart: needs the program starttls-listtool")

    def test_takes_no_options(self) -> None:
        done = subprocess.run([TREE / "quickstart", "--fast"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (64, ""))

    def test_stops_if_another_mail_server_would_have_to_be_removed(self) -> None:
        # Debian's tools with the answers of a machine with Sendmail and without Postfix.
        with Lab() as lab:
            lab.require_root()
            tools = lab.new_folder("tools")
            asked = tools / "asked"
            answers = {
                "dpkg-query": "exit 1",
                "apt-get": f'echo "$*" >>{asked}; case "$*" in *--simulate*) echo "Remv sendmail-bin [8.17]";; esac',
            }
            for name, script in answers.items():
                (tools / name).write_text(f"#!/bin/sh\n{script}\n")
                (tools / name).chmod(0o755)
            done = subprocess.run([TREE / "quickstart"], env=os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"},
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stdout), (69, ""), done.stderr)
            self.assertIn("would remove sendmail-bin (another mail server is installed", done.stderr)
            commands = asked.read_text().splitlines()
            self.assertEqual([line for line in commands if "install" in line and "--simulate" not in line], [])


if __name__ == "__main__":
    unittest.main()
