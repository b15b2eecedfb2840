"""Starts and ends processes so that none outlives its test.

Every process is started through setpriv(1), so that the kernel kills it when the test ends for any reason
(when the *thread* that started it ends: start servers from the main thread). The lab's directory is in its environment,
so that the lab finds the daemons that our programs have started.
"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import wait
from .log import Log
from .wait import PATIENCE

MARK = "LAB_FOLDER"


class Process:
    """One running process, its output in two files: `stdout` and `stderr`."""

    def __init__(self, argv: Sequence[str | os.PathLike[str]], *, folder: Path, lab_folder: Path,
                 environment: Mapping[str, str] | None = None, working_folder: Path | None = None,
                 descriptors: Sequence[int] = ()) -> None:
        """Start `argv`, with `folder` for its output and, unless another is given, as its working directory.

        It gets a session of its own: Ctrl-C reaches only the test, which then terminates it. It inherits `descriptors`.
        """
        self.stdout = Log(folder / "stdout")
        self.stderr = Log(folder / "stderr")
        with self.stdout.path.open("ab") as stdout, self.stderr.path.open("ab") as stderr:
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *map(os.fspath, argv)],
                cwd=working_folder or folder, env={**os.environ, **(environment or {}), MARK: str(lab_folder)},
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True, pass_fds=descriptors)

    @property
    def pid(self) -> int:
        return self.popen.pid

    def running(self) -> bool:
        return self.popen.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal; does nothing if the process has ended."""
        self.popen.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for its end. Returns the exit status, or minus the number of the signal that ended it."""
        return wait.for_exit(self.popen, timeout)

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        self.signal(signal.SIGKILL)
        self.wait()

    def kill_with_workers(self) -> None:
        """Kill it, and the processes that it has started, which would not notice that: the workers of a web server."""
        if self.running():
            os.killpg(self.pid, signal.SIGKILL)  # it began this group, with its session
        self.wait()

    def stop(self, timeout: float = PATIENCE) -> int:
        """Terminate it (SIGTERM) and wait; after the timeout kill it and raise TimeoutError."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except TimeoutError:
            self.kill()
            raise


def marked(lab_folder: Path) -> list[int]:
    """The ids of all processes on this machine that have the mark of the lab with this directory."""
    mark = f"{MARK}={lab_folder}".encode()
    return [int(entry.name) for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and mark in _environment(entry)]


def kill_and_wait(pid: int) -> None:
    """Kill any process (SIGKILL) and wait for its end. ProcessLookupError if there is none."""
    pidfd = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        wait.for_end(pidfd, 10, f"the end of process {pid}")
    finally:
        os.close(pidfd)


def _environment(proc: Path) -> list[bytes]:
    try:
        return (proc / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
