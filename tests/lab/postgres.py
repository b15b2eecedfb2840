"""A PostgreSQL of the lab's own, on an address of the lab and on a unix socket.

    server = Postgres(lab)                          runs now; a database `tlsrpt` of the user `tlsrpt`
    server.url                                      postgresql://tlsrpt:PASSWORD@127.93.41.1:41234/tlsrpt
    server.socket_url                               the same database through the unix socket
    Postgres(lab, certificate=lab.ca.issue("db"))   with TLS for clients that request it
    server.execute("SELECT count(*) FROM t")        the rows, as lists of texts
    server.stop(), server.kill(), server.start()    shutdown; kill; start again, with the same data
    with server.paused(): ...                       it hangs: connections are accepted, and not answered
    standby = server.standby()                      a hot standby, which follows it; standby.promote() makes it a primary
    server.connections()                            how many other clients are connected

It uses only the cluster's files, and none of the machine's clusters, ports or settings. PostgreSQL does not run as
root: then it runs as the user that Debian's package has created.
"""

import contextlib
import os
import shutil
import signal
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import command, wait
from .ca import Certificate
from .lab import Lab
from .log import Log
from .process import Process

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql/bin"))
SUPERUSER = "postgres"
NAME = "tlsrpt"
PASSWORD = "not-to-be-shown"

# Without fsync, a commit is lost only if the machine fails, which is not tested here. This kind of shared memory is
# removed with the lab's directory.
SETTINGS = {"log_line_prefix": "%m [%p] ", "fsync": "off", "shared_buffers": "32MB", "dynamic_shared_memory_type": "mmap"}


class Postgres:
    def __init__(self, lab: Lab, settings: Mapping[str, str] | None = None, *,
                 certificate: Certificate | None = None, primary: "Postgres | None" = None) -> None:
        """Make a cluster and start it; `settings` as in postgresql.conf. With a primary, it is a standby of that."""
        lab.require_program(str(PROGRAMS / "postgres"), "postgresql")
        self._lab = lab
        self.address = lab.address()
        self.port = lab.free_port(self.address)
        self._folder = lab.new_folder("postgres")
        self._data = self._folder / "data"
        self._data.mkdir(mode=0o700)
        for folder in (self._folder, self._data):
            self._give(folder)
        if primary is None:
            self._make_cluster((self._tls(certificate) if certificate else {}) | dict(settings or {}))
        else:
            self._copy_cluster(primary)
        self.log = Log(self._folder / "stderr")
        lab.watch(self.log)
        lab.at_end(self._end)
        self.start()
        if primary is not None:
            return
        self.execute(f"CREATE ROLE {NAME} LOGIN PASSWORD '{PASSWORD}'", superuser=True)
        self.execute(f"CREATE DATABASE {NAME} OWNER {NAME}", superuser=True)

    @property
    def url(self) -> str:
        return self.url_with()

    @property
    def socket_url(self) -> str:
        """Through the unix socket, where no password is needed."""
        return f"postgresql://{NAME}@/{NAME}?" + urllib.parse.urlencode({"host": self._folder, "port": self.port})

    def url_with(self, *, host: str | None = None, user: str = NAME, password: str = PASSWORD, database: str = NAME,
                 **parameters: str) -> str:
        """With another host name, user, password or database, and with further parameters of libpq."""
        query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
        quoted = urllib.parse.quote(password, safe="")
        return f"postgresql://{user}:{quoted}@{host or self.address}:{self.port}/{database}{query}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        since = self.log.mark()
        self.process = Process(self._as_user("postgres", "-D", self._data), folder=self._folder,
                               lab_folder=self._lab.folder)
        self.log.wait_for("database system is ready to accept (read-only )?connections", 60, since=since,
                          process=self.process.popen)

    def standby(self) -> "Postgres":
        """A hot standby of this one: it follows, and answers questions."""
        return Postgres(self._lab, primary=self)

    def promote(self) -> None:
        """Make a standby a primary."""
        self.execute("SELECT pg_promote()", superuser=True)

    def stop(self) -> None:
        """Shut it down; clients are disconnected with a message ("fast shutdown")."""
        self.process.signal(signal.SIGINT)
        self.process.wait(60)

    def kill(self) -> None:
        """Kill all its processes, as a power failure would. Returns when all of them are gone."""
        self.pause()  # so that it starts no new processes
        with contextlib.ExitStack() as pidfds:
            ends = []
            for pid in self._processes():
                with contextlib.suppress(ProcessLookupError):
                    ends.append(os.pidfd_open(pid))
                    pidfds.callback(os.close, ends[-1])
                    signal.pidfd_send_signal(ends[-1], signal.SIGKILL)
            for end in ends:
                wait.for_end(end, 10, "the end of a process of PostgreSQL")
        self.process.wait()

    def pause(self) -> None:
        """Stop all its processes: the kernel still accepts connections and data for it."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def execute(self, sql: str, *, superuser: bool = False) -> list[list[str]]:
        """The rows of the statement, each a list of texts; as superuser in the database `postgres`."""
        user = SUPERUSER if superuser else NAME
        text = command.run(PROGRAMS / "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
                           "--field-separator=\x1f", "--set=ON_ERROR_STOP=1", "--host", self._folder,
                           "--port", str(self.port), "--username", user,
                           "--dbname", SUPERUSER if superuser else NAME, "--command", sql)
        return [line.split("\x1f") for line in text.splitlines()]

    def connections(self) -> int:
        """How many clients are connected to the database, without this one."""
        rows = self.execute(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{NAME}' "
                            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'")
        return int(rows[0][0])

    def _end(self) -> None:
        """In the only way that is fast and removes all its shared memory ("immediate shutdown")."""
        self.resume()
        self.process.signal(signal.SIGQUIT)
        try:
            self.process.wait()
        except TimeoutError:
            self.kill()

    def _make_cluster(self, settings: Mapping[str, str]) -> None:
        command.run(*self._as_user("initdb", "--pgdata", self._data, "--username", SUPERUSER, "--encoding", "UTF8",
                                   "--locale", "C.UTF-8", "--auth-local", "trust", "--auth-host", "scram-sha-256",
                                   "--no-sync"), folder=self._folder, timeout=120)
        self._write_settings(settings)

    def _copy_cluster(self, primary: "Postgres") -> None:
        command.run(*self._as_user("pg_basebackup", "--pgdata", self._data, "--host", primary._folder,  # noqa: SLF001
                                   "--port", str(primary.port), "--username", SUPERUSER, "--wal-method", "stream",
                                   "--checkpoint", "fast", "--write-recovery-conf", "--no-sync"),
                    folder=self._folder, timeout=120)
        self._write_settings({})

    def _write_settings(self, settings: Mapping[str, str]) -> None:
        own = {"listen_addresses": self.address, "port": str(self.port), "unix_socket_directories": str(self._folder)}
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in {**SETTINGS, **own, **settings}.items())

    def _tls(self, certificate: Certificate) -> dict[str, str]:
        """Write the settings; the server must own its key."""
        key = self._folder / "key"
        shutil.copy(certificate.key, key)
        key.chmod(0o600)
        self._give(key)
        return {"ssl": "on", "ssl_key_file": str(key), "ssl_cert_file": str(certificate.certificate)}

    def _give(self, path: Path) -> None:
        """Give it to the user that the server runs as."""
        if os.geteuid() == 0:
            shutil.chown(path, SUPERUSER, SUPERUSER)

    def _as_user(self, program: str, *arguments: str | os.PathLike[str]) -> list[str | os.PathLike[str]]:
        """The command of one of its programs; if we are root, it runs as the other user."""
        argv = [PROGRAMS / program, *arguments]
        if os.geteuid() != 0:
            return argv
        # The kernel resets the parent-death signal when a process changes its user.
        return ["setpriv", "--reuid", SUPERUSER, "--regid", SUPERUSER, "--init-groups",
                "setpriv", "--pdeathsig", "KILL", "--", *argv]

    def _signal_all(self, number: signal.Signals) -> None:
        """The server itself is first."""
        self.process.signal(number)
        for pid in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _processes(self) -> list[int]:
        """The server and its children."""
        pid = self.process.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except FileNotFoundError:
            return []
        return [pid, *map(int, children)]
