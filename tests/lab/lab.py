"""The lab: a temporary directory, loopback addresses of its own, and the servers that a test starts in them.

    with Lab() as lab:
        dns = Dns(lab, {"example.test": {"@": ["MX 10 mx"], "mx": ["A " + lab.address()]}})
        ...

The end of the block stops every server and removes the directory. After an exception, the last lines of all logs are
printed to stderr first. Any number of labs may run at the same time.
"""

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path

from . import process
from .ca import CA
from .log import Log


class Lab:
    def __init__(self) -> None:
        self._ending = contextlib.ExitStack()
        self._logs: list[Log] = []
        self._addresses = iter(range(1, 255))

    def __enter__(self) -> "Lab":
        self._network = self._reserve_network()
        self.folder = Path(tempfile.mkdtemp(prefix="lab."))
        self.folder.chmod(0o711)  # other users must be able to enter it
        self.ca = CA(self.new_folder("ca"), "Lab CA")
        self.smtp_port = self.free_port(self.address())
        return self

    def __exit__(self, exception_type: type[BaseException] | None, *_: object) -> None:
        with contextlib.ExitStack() as ending:  # runs in reverse order, and continues after errors
            ending.callback(shutil.rmtree, self.folder)
            ending.callback(self._kill_stragglers)
            ending.push(self._ending)
            if _is_failure(exception_type):
                self.print_logs()

    def address(self) -> str:
        """A loopback address that nothing else uses, e.g. 127.93.41.1; at most 254 in each lab."""
        return f"{self._network}.{next(self._addresses)}"

    def free_port(self, address: str) -> int:
        """A port of that address that is free for TCP and UDP. On addresses of the lab it stays free."""
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind((address, 0))
            port = tcp.getsockname()[1]
            udp.bind((address, port))
            return port

    def new_folder(self, name: str) -> Path:
        """A new directory in the lab: `name`, or `name-2` and so on if that exists."""
        names = (name if number == 1 else f"{name}-{number}" for number in range(1, 1000))
        folder = next(path for path in (self.folder / name for name in names) if not path.exists())
        folder.mkdir(mode=0o755)
        return folder

    def at_end(self, action: Callable[[], object]) -> None:
        """Call a function when the lab ends; the last one that was added is called first."""
        self._ending.callback(action)

    def watch(self, *logs: Log) -> None:
        """Add logs whose last lines are printed when the test fails."""
        self._logs.extend(logs)

    def print_logs(self) -> None:
        """Print the last lines of all logs to stderr."""
        for log in self._logs:
            print(f"--- {log.path.relative_to(self.folder)}\n{log.tail()}", end="", file=sys.stderr)

    def require_root(self) -> None:
        """Skip the test, with the reason, if it may not create namespaces or bind to ports of servers."""
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root: it starts private servers")
        unshare = ["unshare", "--mount", "--uts", "--pid", "--fork", "true"]
        if subprocess.run(unshare, stderr=subprocess.DEVNULL, check=False).returncode != 0:
            raise unittest.SkipTest("needs the right to make namespaces (unshare): it starts private servers")

    def require_program(self, path: str, package: str) -> None:
        """Skip the test, with the reason, if a Debian program is not installed."""
        if not os.access(path, os.X_OK):
            raise unittest.SkipTest(f"needs {path}: install the package {package}")

    def processes(self) -> list[int]:
        """The ids of all processes that run in this lab."""
        return process.marked(self.folder)

    def _kill_stragglers(self) -> None:
        """Kill the daemons that our programs have started, and those that they start meanwhile."""
        while pids := self.processes():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    process.kill_and_wait(pid)

    def _reserve_network(self) -> str:
        """The first three numbers of a /24 that no other lab uses while this process runs.

        The reservation is a socket with an abstract name: the kernel gives a name to one process only, in each
        network namespace, and frees it with the process.
        """
        for _ in range(100):
            network = f"127.{random.randint(64, 127)}.{random.randint(0, 255)}"
            reservation = socket.socket(socket.AF_UNIX)
            try:
                reservation.bind(f"\0starttls-toolkit-lab-{network}")
            except OSError:
                reservation.close()
                continue
            self._ending.callback(reservation.close)
            return network
        raise RuntimeError("found no free loopback network for the lab in 100 tries")


def _is_failure(exception_type: type[BaseException] | None) -> bool:
    """Not success, a skip, or Ctrl-C."""
    return (exception_type is not None and issubclass(exception_type, Exception)
            and not issubclass(exception_type, unittest.SkipTest))
