"""Our own programs: found in the build, run or started.

    done = program.run("starttls-listtool", "verify", path)           runs to its end; done.returncode, .stdout, .stderr
    milter = Program(lab, "tlsrpt-milter", "-f", "-s", f"unix:{socket}")
    milter.stderr.wait_for("ready")
    milter.stop()

The build is the directory in the environment variable BUILD_DIR; without it, build/release of this source tree.
"""

import functools
import os
import re
import subprocess
import unittest
from collections.abc import Mapping
from pathlib import Path

from . import wait
from .lab import Lab
from .process import Process

SOURCE_TREE = Path(__file__).resolve().parents[2]


def path_of(name: str) -> Path:
    """The program's file in the build or in a subdirectory; skips the test if it has not been built."""
    build = Path(os.environ.get("BUILD_DIR", SOURCE_TREE / "build/release")).resolve()
    for candidate in (build / name, *sorted(build.glob(f"*/{name}"))):
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise unittest.SkipTest(f"needs the program {name}, which is not in {build}: build first, or set BUILD_DIR")


def run(name: str, *arguments: str | os.PathLike[str], environment: Mapping[str, str] | None = None,
        text_in: str = "", timeout: float = wait.PATIENCE) -> subprocess.CompletedProcess[str]:
    """Run one of our programs to its end, with any exit status."""
    return subprocess.run([path_of(name), *arguments], env={**os.environ, **(environment or {})}, input=text_in,
                          capture_output=True, text=True, timeout=timeout, check=False)


@functools.cache
def is_sanitized(name: str) -> bool:
    """Whether the build of this program has a sanitizer, which takes memory and time of its own."""
    program = path_of(name).read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


def memory_limit(size: int, name: str) -> int:
    """That size, and the overhead of a sanitizer in a build of the program that has one."""
    return size * 10 if is_sanitized(name) else size


def assert_no_sanitizer_spoke(process: Process) -> None:
    """For tests that kill the program, or expect it to fail, where the exit status does not show it."""
    text = process.stderr.text()
    if found := re.search(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:", text):
        raise AssertionError(f"{found[0]}:\n{text}")


class Program(Process):
    """One of our programs, running. The lab kills it at the end, and the daemons that it has started."""

    def __init__(self, lab: Lab, name: str, *arguments: str | os.PathLike[str],
                 environment: Mapping[str, str] | None = None) -> None:
        super().__init__([path_of(name), *arguments], folder=lab.new_folder(name), lab_folder=lab.folder,
                         environment=environment)
        lab.watch(self.stdout, self.stderr)
        lab.at_end(lambda: assert_no_sanitizer_spoke(self))
        lab.at_end(self.kill)
