"""A server in namespaces of its own, for servers that fork, read files in /etc or log to /dev/log.

When a caged server ends, all processes that it has started end, too (it has its own process ids). It resolves names
with the lab's hosts file and name server, it has its own host name, and its messages to syslog(3) are written to a
file of the lab. Nothing on the machine changes: see the script `enter-cage`. Needs root.

Outside of the cage, the numbers in its pid files are those of other processes. So never run `postfix stop` or
`kill $(cat master.pid)` outside the cage; use `run`.
"""

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import command, unpacked, wait
from .log import Log
from .process import Process

ENTER_CAGE = Path(__file__).with_name("enter-cage")

HOSTS = "127.0.0.1 localhost\n{address} {hostname}\n"
NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\naliases: files\n"
HIDE_SYSTEMD = 'test ! -d /run/systemd || mount -t tmpfs none /run/systemd; exec "$@"'
RESOLV_CONF = "nameserver {resolver}\noptions timeout:2 attempts:1\n"


class Cage:
    """A server in its cage. Pass `process` to functions that wait, so that they stop when the server ends.

    `stderr` is its standard error, `syslog` its messages to syslog(3).
    """

    def __init__(self, argv: Sequence[str | os.PathLike[str]], *, folder: Path, lab_folder: Path,
                 hostname: str, address: str, resolver: str, usr: Path | None = None,
                 directories: Mapping[str, Path] | None = None) -> None:
        """Start `argv`; `resolver` is the address of its only name server. `usr` takes the place of /usr (unpacked).

        `directories` take the place of the machine's, by name: {"var": folder / "var"} for /var. One for /etc must have
        the files that the cage replaces: hosts, nsswitch.conf and resolv.conf.
        """
        cage = folder / "cage"
        (cage / "etc").mkdir(parents=True)
        (cage / "dev").mkdir()
        (cage / "etc/hosts").write_text(HOSTS.format(address=address, hostname=hostname))
        (cage / "etc/nsswitch.conf").write_text(NSSWITCH)
        (cage / "etc/resolv.conf").write_text(RESOLV_CONF.format(resolver=resolver))
        self.syslog = Log(folder / "syslog")
        self._collector = _SyslogCollector(cage / "log", self.syslog.path)
        (cage / "root").mkdir()
        for name, directory in (directories or {}).items():
            (cage / "root" / name).symlink_to(directory)
        within = unpacked.within(usr) if usr else []
        # The /usr of another release may have no more than its mail server needs.
        self._may_find_systemd = usr is None or (usr / "bin/systemctl").exists() or (usr / "bin/unshare").exists()
        self._unshare = Process(["unshare", "--mount", "--uts", "--pid", "--mount-proc", "--kill-child",
                                 ENTER_CAGE, cage, hostname, *within, *argv], folder=folder, lab_folder=lab_folder)
        self.process = self._unshare.popen
        self.stderr = self._unshare.stderr

    def run(self, *argv: str | os.PathLike[str], timeout: float = wait.PATIENCE) -> str:
        """Run a command inside, and return its stdout."""
        return command.run("nsenter", f"--target={self._first_process()}", "--mount", "--uts", "--pid", "--", *argv,
                           timeout=timeout)

    def try_run(self, *argv: str | os.PathLike[str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command inside, with any exit status, as on a host without systemd."""
        enter = ["nsenter", f"--target={self._first_process()}", "--mount", "--uts", "--pid", "--"]
        hide = ["unshare", "--mount", "sh", "-c", HIDE_SYSTEMD, "sh"] if self._may_find_systemd else []
        return subprocess.run([*enter, *hide, *argv], capture_output=True, text=True, timeout=timeout, check=False)

    def server_pid(self) -> int:
        """The id, outside, of the server itself, after it has started."""
        shell = self._first_process()
        return int(Path(f"/proc/{shell}/task/{shell}/children").read_text().split()[0])

    def wait_for_children(self, timeout: float = wait.PATIENCE) -> None:
        """Wait until all child processes of the server have ended."""
        server = self.server_pid()
        while children := Path(f"/proc/{server}/task/{server}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                pidfd = os.pidfd_open(int(children[0]))
                try:
                    wait.for_end(pidfd, timeout, f"the end of process {children[0]}")
                finally:
                    os.close(pidfd)

    def kill(self) -> None:
        """Kill all processes in the cage. Returns after the kernel has removed them."""
        if self._unshare.running():
            os.kill(self._first_process(), signal.SIGKILL)
        self._unshare.wait()
        self._collector.close()

    def _first_process(self) -> int:
        """The id, outside, of process 1 of the cage, or of unshare(1) before it has forked."""
        pid = self._unshare.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else pid


class _SyslogCollector:
    """Replaces syslogd: writes the messages that arrive at a unix socket to a file, one on each line."""

    def __init__(self, address: Path, log: Path) -> None:
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(address))
        address.chmod(0o666)
        self._thread = threading.Thread(target=self._collect, args=(log,), daemon=True)
        self._thread.start()

    def _collect(self, log: Path) -> None:
        with log.open("ab", buffering=0) as file:
            while message := self._socket.recv(65536):
                file.write(message.rstrip(b"\n\0") + b"\n")

    def close(self) -> None:
        """An empty message ends the thread, after all earlier messages."""
        if self._thread.is_alive():
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"", str(self._address))
            self._thread.join()
        self._socket.close()
