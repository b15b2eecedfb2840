"""Socketmap servers, ours and others: each runs on its own address, and its resources are measured under load.

    service = OurService(lab, hosts, "serve")
    told = service.ask(domains, connections=50, seconds=3)
    told.per_second, told.cpu_us, told.p99_us, service.resident()

CPU time is that of the whole process, user and system, of all threads, during the requests.
"""

import contextlib
import ctypes
import json
import os
import re
import select
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import Lab
from lab.cage import Cage
from lab.program import Program, path_of

from policy_hosts import HTTPS_PORT, PolicyHosts
from programs import Command, Failed, run

PEER = "/usr/bin/mta-sts-daemon"
PEER_PACKAGE = "postfix-mta-sts-resolver"
FLOORS_REPLY = "OK secure match=mx1.bench.test:.mail.bench.test servername=hostname"
READY_WITHIN = 30  # seconds
LONGEST_LOAD = 600  # seconds
MICROSECONDS = 1_000_000

_libc = ctypes.CDLL(None)


@dataclass(frozen=True)
class Told:
    """The results of socketmap-load, and what the server used in the same time."""
    answers: int
    seconds: float
    cpu_us: float  # of the server, an answer
    p50_us: float
    p99_us: float
    max_us: float
    load_us: float  # of socketmap-load itself, an answer
    replies: Mapping[str, int]  # by kind: ok, notfound, temp, perm

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


class Measured:
    """A running process, and its use of resources: `pid` is the process itself."""
    pid: int
    name: str

    def resident(self) -> int:
        """Bytes in memory now."""
        return self._memory("VmRSS")

    def peak(self) -> int:
        """The most bytes in memory so far."""
        return self._memory("VmHWM")

    def processor_seconds(self) -> float:
        """CPU time so far: unlike the figures in /proc, this is exact for short times, too."""
        clock = ctypes.c_int()
        if error := _libc.clock_getcpuclockid(self.pid, ctypes.byref(clock)):
            raise Failed(f"{self.name}: {os.strerror(error)}")
        return time.clock_gettime(clock.value)

    def threads(self) -> list[int]:
        tasks = Path(f"/proc/{self.pid}/task")
        return [int(task.name) for task in tasks.iterdir()] if tasks.exists() else []

    def _memory(self, what: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"^{what}:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024


class Service(Measured, ABC):
    """A socketmap server; the lab kills it at the end at the latest."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.name = name
        self.address = lab.address()
        self.port = lab.free_port(self.address)
        self.folder = lab.new_folder(name.replace(" ", "-").replace(",", ""))

    @abstractmethod
    def stop(self) -> None:
        """Kill it."""

    def ask(self, domains: Sequence[str], *, connections: int, seconds: float = 0,
            processor: int | None = None) -> Told:
        """Send requests for these domains in turns for this many seconds, or once for each.

        With `processor`, the server and the load program share that one.
        """
        with self.asking(domains, connections=connections, seconds=seconds, processor=processor) as asking:
            return asking.told()

    def asking(self, domains: Sequence[str], *, connections: int, seconds: float = 0,
               processor: int | None = None) -> "Asking":
        return Asking(self, domains, connections, seconds, processor)


class Asking:
    """A running socketmap-load: told() waits for its end."""

    def __init__(self, service: Service, domains: Sequence[str], connections: int, seconds: float,
                 processor: int | None) -> None:
        self._service = service
        self._pinned = processor is not None
        file = service.folder / "domains"
        file.write_text("".join(domain + "\n" for domain in domains))
        argv = [path_of("socketmap-load"), "--connections", str(connections), f"inet:{service.port}@{service.address}",
                file]
        if seconds:
            argv += ["--seconds", str(seconds)]
        if self._pinned:
            self._place({processor})
            argv = ["taskset", "--cpu-list", str(processor), *argv]
        self._before = service.processor_seconds()
        self._popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       text=True)

    def __enter__(self) -> "Asking":
        return self

    def __exit__(self, *_: object) -> None:
        self._popen.kill()
        self._popen.communicate()
        if self._pinned:
            self._place(os.sched_getaffinity(0))

    def told(self) -> Told:
        """Raises Failed if a request had no answer, or a wrong one."""
        told, complaint = self._popen.communicate(timeout=LONGEST_LOAD)
        taken = self._service.processor_seconds() - self._before
        if self._popen.returncode != 0:
            raise Failed(f"{self._service.name}: {complaint.strip()}")
        values = json.loads(told)
        answers = values["answers"]
        return Told(answers, values["seconds"], taken * MICROSECONDS / answers, values["p50_us"], values["p99_us"],
                    values["max_us"], values["own_processor_seconds"] * MICROSECONDS / answers,
                    {kind: values[kind] for kind in ("ok", "notfound", "temp", "perm")})

    def _place(self, processors: set[int]) -> None:
        for thread in self._service.threads():
            with contextlib.suppress(ProcessLookupError):  # it has ended
                os.sched_setaffinity(thread, processors)


def our_configuration(folder: Path, hosts: PolicyHosts, more: str = "") -> Path:
    """A configuration of starttls-listtool with a state in this directory, which is empty at first; `more` is appended.

    The policy hosts of the bench share a few addresses, so the limit on fetches from one is increased.
    """
    config = folder / "listtool.toml"
    config.write_text(
        f'state_dir = "{folder / "state"}"\n'
        f'[dns]\nservers = ["{hosts.dns.address}@{hosts.dns.port}"]\ndnssec = false\n'
        f'[mta-sts]\nca_file = "{hosts.ca_file}"\nhttps_port = {HTTPS_PORT}\nprivate_addresses = true\n'
        f'max_fetches = 1000\nmax_fetches_per_address = 1000\n{more}')
    return config


class OurService(Service):
    """starttls-listtool serve, its cache on disk, without DANE.

    `lists` are lines of its configuration; `update` installs them first. `now` is its clock.
    """

    def __init__(self, lab: Lab, hosts: PolicyHosts, name: str, *, lists: str = "", now: str = "") -> None:
        super().__init__(lab, name)
        listen = f'[serve]\nlisten = ["inet:{self.address}:{self.port}"]\ndane = false\n'
        config = our_configuration(self.folder, hosts, listen + lists)
        environment = {"STARTTLS_TOOLKIT_NOW": now} if now else {}
        if lists:
            run(Command("update", [path_of("starttls-listtool"), "-c", config, "update"]))
        with _Readiness(self.folder / "notify") as readiness:
            self._program = Program(lab, "starttls-listtool", "-c", config, "serve",
                                    environment={**environment, "NOTIFY_SOCKET": str(readiness.path)})
            readiness.wait(self._program)
        self.pid = self._program.pid

    def stop(self) -> None:
        self._program.kill()


class Peer(Service):
    """postfix-mta-sts-resolver from Debian, in a cage with our name server.

    Cached policies stay fresh during the bench, so that "cached" means no DNS query.
    """

    def __init__(self, lab: Lab, hosts: PolicyHosts, name: str, cache: str) -> None:
        lab.require_program(PEER, PEER_PACKAGE)
        super().__init__(lab, name)
        options = {"internal": "cache_size: 100000", "sqlite": f'filename: "{self.folder / "cache.db"}"'}
        config = self.folder / "mta-sts-daemon.yml"
        config.write_text(f'host: "{self.address}"\nport: {self.port}\ncache_grace: 86400\n'
                          f"cache:\n  type: {cache}\n  options:\n    {options[cache]}\n"
                          "default_zone:\n  timeout: 30\n")
        self._cage = Cage(["env", f"SSL_CERT_FILE={hosts.ca_file}", PEER, "-c", config], folder=self.folder,
                          lab_folder=lab.folder, hostname="bench.test", address=self.address,
                          resolver=hosts.dns.address)
        lab.watch(self._cage.stderr)
        lab.at_end(self._cage.kill)
        self._cage.stderr.wait_for("Server started", READY_WITHIN, process=self._cage.process)
        self.pid = self._cage.server_pid()

    def stop(self) -> None:
        self._cage.kill()


class Floor(Service):
    """socketmap-floor: a minimal epoll loop."""

    def __init__(self, lab: Lab, name: str) -> None:
        super().__init__(lab, name)
        self._program = Program(lab, "socketmap-floor", f"inet:{self.port}@{self.address}", FLOORS_REPLY)
        self._program.stdout.wait_for("listening", READY_WITHIN, process=self._program.popen)
        self.pid = self._program.pid

    def stop(self) -> None:
        self._program.kill()


class _Readiness:
    """The socket on which a service reports that it is ready: sd_notify(3)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def __enter__(self) -> "_Readiness":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def wait(self, program: Program) -> None:
        """Raises Failed, with the program's output, if it exits instead or needs too long."""
        pidfd = os.pidfd_open(program.pid)
        deadline = time.monotonic() + READY_WITHIN
        try:
            while (left := deadline - time.monotonic()) > 0:
                ready, _, _ = select.select([self._socket, pidfd], [], [], left)
                if self._socket not in ready:
                    break
                # Services also give systemd descriptors to keep; these end with the message.
                if b"READY=1" in self._socket.recv(4096).split(b"\n"):
                    return
        finally:
            os.close(pidfd)
        raise Failed(f"{' '.join(program.popen.args)}\nis not ready:\n{program.stderr.tail()}")
