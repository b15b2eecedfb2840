"""How our own programs are found, run and started, and what the test runner returns to ctest."""

import os
import subprocess
import unittest
from pathlib import Path
from unittest import mock

from lab import Lab, program
from lab.program import Program

RUN = Path(__file__).resolve().parents[2] / "lab/run"


def build_with(lab: Lab, name: str, script: str) -> mock._patch_dict:
    """A build with one program, in the directory of its component, for as long as the patch is active."""
    build = lab.new_folder("build")
    (build / "room").mkdir()
    (build / "room" / name).write_text(f"#!/bin/sh\n{script}\n")
    (build / "room" / name).chmod(0o755)
    return mock.patch.dict(os.environ, {"BUILD_DIR": str(build)})


class OurPrograms(unittest.TestCase):
    def test_run_gives_status_and_output(self) -> None:
        with Lab() as lab, build_with(lab, "tool", 'read -r line; echo "$line $1"; echo "$COLOUR" >&2; exit 65'):
            done = program.run("tool", "world", text_in="hello\n", environment={"COLOUR": "blue"})
            self.assertEqual((done.returncode, done.stdout, done.stderr), (65, "hello world\n", "blue\n"))

    def test_a_started_program_can_be_waited_for_and_stopped(self) -> None:
        with Lab() as lab, build_with(lab, "daemon", "trap 'echo drained; exit 0' TERM; echo up >&2; cat <$1 & wait"):
            os.mkfifo(lab.folder / "fifo")
            daemon = Program(lab, "daemon", lab.folder / "fifo")
            daemon.stderr.wait_for("^up$", process=daemon.popen)
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(daemon.stdout.lines(), ["drained"])

    def test_a_missing_program_skips_the_test_with_the_reason(self) -> None:
        with Lab() as lab, build_with(lab, "tool", "exit 0"):
            with self.assertRaisesRegex(unittest.SkipTest, "needs the program other, which is not in"):
                program.run("other")


class Runner(unittest.TestCase):
    def status_of(self, lab: Lab, *bodies: str) -> int:
        file = lab.new_folder("tests") / "test_some.py"
        tests = "".join(f"    def test_{number}(self): {body}\n" for number, body in enumerate(bodies))
        file.write_text(f"import unittest\nclass Some(unittest.TestCase):\n    x = 1\n{tests}")
        return subprocess.run([RUN, file], stderr=subprocess.DEVNULL, check=False).returncode

    def test_distinguishes_success_failure_and_skips(self) -> None:
        with Lab() as lab:
            self.assertEqual(self.status_of(lab, "pass"), 0)
            self.assertEqual(self.status_of(lab, "pass", "self.skipTest('why')"), 77)
            self.assertEqual(self.status_of(lab, "self.fail()", "self.skipTest('why')"), 1)
            self.assertEqual(self.status_of(lab), 1, "no test at all is a failure")


if __name__ == "__main__":
    unittest.main()
