"""Waits for events, never for a fixed time.

    for_line(path, r"daemon started")                 a line in a log file, now or later
    for_listener(address, port)                       a server that accepts connections
    for_exit(process)                                 the end of a process
    until(lambda: cache.exists())                     a condition without an event, such as a figure on a page
    until_equal(lambda: ask("a.test"), "NOTFOUND ")   the same, with what it was instead in the error
    until_read(pid, path)                             a process that follows a file has read all of it
    with Changes([folder]) as changes:                files created, renamed or written since this line
        changes.wait(7, process)

Each returns as soon as the event has happened. If it does not happen in PATIENCE seconds, or in those of the argument
`timeout`, TimeoutError contains what was expected and the last lines of the log. If a `process` is given and ends first, ProcessEnded is raised immediately.
"""

import ctypes
import os
import re
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60  # seconds; more than anything here takes on a slow and busy machine: only a test that fails waits so long
LISTEN = "0A"  # in /proc/net/tcp
IN_MODIFY, IN_MOVED_TO, IN_CREATE = 0x2, 0x80, 0x100
TAIL_LINES = 40

_libc = ctypes.CDLL(None, use_errno=True)


class Changes:
    """Counts changes of the files in some directories: a file is created, renamed or written."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._watch = _watch_folders(folders)

    def __enter__(self) -> "Changes":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._watch)

    def wait(self, number: int, process: subprocess.Popen, timeout: float = PATIENCE) -> int:
        """Wait for this many changes, or until the process has ended; returns their number, at most this many."""
        pidfd = os.pidfd_open(process.pid)
        deadline = time.monotonic() + timeout
        seen = 0
        try:
            while seen < number:
                ready, _, _ = select.select([self._watch, pidfd], [], [], max(0, deadline - time.monotonic()))
                if not ready:
                    raise TimeoutError(f"waited {timeout} s for {number} changes, of which {seen} came")
                if self._watch not in ready:
                    break
                seen += _events_in(os.read(self._watch, 65536))
        finally:
            os.close(pidfd)
        return min(seen, number)


class ProcessEnded(RuntimeError):
    """The process that should have caused the event ended before it."""


def for_line(path: Path, pattern: str, timeout: float = PATIENCE, *, start: int = 0,
             process: subprocess.Popen | None = None) -> re.Match[str]:
    """Wait for a line of the file `path` that matches `pattern` (re.search), from byte `start` of the file on.

    The file need not exist yet, but its directory must. Only complete lines are searched.
    """
    def found() -> re.Match[str] | None:
        nonlocal start
        text = _complete_text(path, start)
        start += len(text)
        return next(filter(None, (re.search(pattern, line) for line in _lines(text))), None)

    return _for_change(path, found, f"a line matching {pattern!r} in {path}", timeout, process)


def for_listener(address: str, port: int, timeout: float = PATIENCE, *, process: subprocess.Popen | None = None) -> None:
    """Wait until a process listens on that address and port (TCP over IPv4), without connecting to it.

    The kernel has no event for a socket that starts to listen, so this function checks repeatedly.
    """
    deadline = time.monotonic() + timeout
    while not _listening(address, port):
        if process and process.poll() is not None:
            raise ProcessEnded(f"the process ended before it listened on {address}:{port}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout} s for a listener on {address}:{port}")
        select.select([], [], [], 0.005)


def for_exit(process: subprocess.Popen, timeout: float = PATIENCE) -> int:
    """Wait until the process has ended. Returns its exit status, or minus the number of the signal that ended it."""
    if process.returncode is None:
        pidfd = os.pidfd_open(process.pid)
        try:
            for_end(pidfd, timeout, f"the end of {process.args!r}")
        finally:
            os.close(pidfd)
    return process.wait()


def for_end(pidfd: int, timeout: float, what: str) -> None:
    """Wait for the end of any process, by a descriptor from os.pidfd_open."""
    if not select.select([pidfd], [], [], timeout)[0]:
        raise TimeoutError(f"waited {timeout} s for {what}")


def until(holds: Callable[[], bool], timeout: float = PATIENCE) -> None:
    """Call the function until it returns true: for conditions without an event."""
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout} s")
        time.sleep(0.02)


def until_equal(current: Callable[[], T], wanted: T, timeout: float = PATIENCE) -> None:
    """Call the function until it returns this: for answers without an event."""
    found = None

    def holds() -> bool:
        nonlocal found
        found = current()
        return found == wanted

    try:
        until(holds, timeout)
    except TimeoutError as error:
        raise TimeoutError(f"{error} for {wanted!r}; it is still {found!r}") from None


def until_read(pid: int, path: Path, timeout: float = PATIENCE) -> None:
    """Wait until the process has read the file to its end. The kernel has no event for that."""
    deadline = time.monotonic() + timeout
    while (place := _place_in(pid, path)) != path.stat().st_size:
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} has read {path} to {place} of {path.stat().st_size}")
        time.sleep(0.005)


def complete_lines(path: Path, start: int = 0) -> list[str]:
    """The complete lines of a file from byte `start` on; none if there is no such file."""
    return _lines(_complete_text(path, start))


def tail(path: Path) -> str:
    """The last lines of a file, indented, for an error message."""
    lines = complete_lines(path)[-TAIL_LINES:]
    return "".join(f"    {line}\n" for line in lines) or "    (empty)\n"


def _place_in(pid: int, path: Path) -> int | None:
    """The position of the process in the file; None if it has not opened it."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        if os.path.realpath(descriptor) == os.path.realpath(path):
            return int(Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text().split()[1])
    return None


def _complete_text(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            text = file.read()
    except FileNotFoundError:
        return b""
    return text[:text.rfind(b"\n") + 1]


def _lines(text: bytes) -> list[str]:
    return text.decode("utf-8", "replace").splitlines()


def _listening(address: str, port: int) -> bool:
    """Whether this socket is in state LISTEN in the kernel's table of sockets."""
    local = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(row[1] == local and row[3] == LISTEN for row in rows)


def _for_change(path: Path, found: Callable[[], T | None], what: str, timeout: float,
                process: subprocess.Popen | None) -> T:
    """Call `found` now and after each change in the directory of `path`, until it finds something."""
    deadline = time.monotonic() + timeout
    watch = _watch_folders([path.parent])
    pidfd = os.pidfd_open(process.pid) if process and process.returncode is None else None
    try:
        while (result := found()) is None:
            events = [watch] if pidfd is None else [watch, pidfd]
            ready, _, _ = select.select(events, [], [], max(0, deadline - time.monotonic()))
            if watch in ready:
                os.read(watch, 65536)
            elif pidfd in ready:
                return _last_look(found, what, path)
            else:
                raise TimeoutError(f"waited {timeout} s for {what}; it ends:\n{tail(path)}")
        return result
    finally:
        os.close(watch)
        if pidfd is not None:
            os.close(pidfd)


def _last_look(found: Callable[[], T | None], what: str, path: Path) -> T:
    """The process has ended: its last output may still be what was expected."""
    result = found()
    if result is None:
        raise ProcessEnded(f"the process ended before {what} came; it ends:\n{tail(path)}")
    return result


def _watch_folders(folders: Iterable[Path]) -> int:
    """An inotify descriptor that becomes readable when a file in a directory is created, renamed or written."""
    watch = _libc.inotify_init1(os.O_CLOEXEC)
    for folder in folders:
        if watch < 0 or _libc.inotify_add_watch(watch, os.fsencode(folder), IN_MODIFY | IN_MOVED_TO | IN_CREATE) < 0:
            raise OSError(ctypes.get_errno(), "cannot watch the folder", str(folder))
    return watch


def _events_in(text: bytes) -> int:
    """How many events of inotify(7) these bytes are."""
    number = start = 0
    while start < len(text):
        *_, length = struct.unpack_from("iIII", text, start)
        start += struct.calcsize("iIII") + length
        number += 1
    return number
