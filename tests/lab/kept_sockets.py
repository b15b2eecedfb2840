"""Keeps the sockets of a daemon over its restarts, as systemd does (FileDescriptorStoreMax= in its unit).

    kept = KeptSockets(lab)
    daemon = Process(kept.command([path_of("tlsrpt-collector"), ...]), ..., environment=kept.environment,
                     descriptors=kept.descriptors)
    daemon.kill()                               what waits in the sockets stays there
    daemon = Process(kept.command(...), ...)    the next one gets them

The daemon has them kept with sd_notify(3), and gets them as sd_listen_fds(3) says.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Sequence

from .lab import Lab

FIRST = 3  # SD_LISTEN_FDS_START


def with_sockets(argv: Sequence[str | os.PathLike[str]],
                 sockets: Sequence[tuple[str, int]]) -> list[str | os.PathLike[str]]:
    """A command that starts the program in the same process, with inherited sockets: their names and descriptors."""
    if not sockets:
        return list(argv)
    # Out of the way first, since they may have each other's numbers.
    away = "".join(f"exec {100 + number}<&{descriptor} {descriptor}<&-; " for number, (_, descriptor) in enumerate(sockets))
    place = "".join(f"exec {FIRST + number}<&{100 + number} {100 + number}<&-; " for number in range(len(sockets)))
    names = ":".join(name for name, _ in sockets)
    return ["bash", "-c", f'{away}{place}LISTEN_FDS={len(sockets)} LISTEN_PID=$$ LISTEN_FDNAMES={names} exec "$@"', "bash",
            *argv]


class KeptSockets:
    def __init__(self, lab: Lab) -> None:
        place = lab.new_folder("notices") / "socket"
        self.environment = {"NOTIFY_SOCKET": str(place)}
        self._lock = threading.Lock()
        self._kept: dict[int, tuple[str, int]] = {}  # by inode: its name and its descriptor
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(place))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        lab.at_end(self._end)

    @property
    def descriptors(self) -> list[int]:
        """What the next process must inherit."""
        with self._lock:
            return [descriptor for _, descriptor in self._kept.values()]

    def command(self, argv: Sequence[str | os.PathLike[str]]) -> list[str | os.PathLike[str]]:
        """A command that starts the program in the same process, with what is kept."""
        with self._lock:
            return with_sockets(argv, list(self._kept.values()))

    def _listen(self) -> None:
        while True:
            text, descriptors, _, _ = socket.recv_fds(self._socket, 4096, 4)
            if not text:
                return
            fields = dict(line.split("=", 1) for line in text.decode().splitlines() if "=" in line)
            if "FDSTOREREMOVE" in fields:
                self._forget(fields["FDNAME"])
            for descriptor in descriptors:
                if "FDSTORE" in fields:
                    self._keep(fields["FDNAME"], descriptor)
                else:
                    os.close(descriptor)  # of BARRIER=1, whose sender waits for that

    def _keep(self, name: str, descriptor: int) -> None:
        inode = os.fstat(descriptor).st_ino
        with self._lock:
            if inode in self._kept:
                os.close(descriptor)
            else:
                self._kept[inode] = name, descriptor

    def _forget(self, name: str) -> None:
        with self._lock:
            for inode in [inode for inode, (kept, _) in self._kept.items() if kept == name]:
                os.close(self._kept.pop(inode)[1])

    def _end(self) -> None:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()
        for _, descriptor in self._kept.values():
            os.close(descriptor)
