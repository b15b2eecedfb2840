"""The daemons that are soaked, each of which can be killed and started again on what it has left, and what they stand on.

    world = World(lab, connections=10_000)      everything runs
    world.milter.kill(); world.milter.start()
    world.milter.figures()["journal_records_total"]
"""

import contextlib
import datetime
import json
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from books import Count, DatagramBooks, SessionBooks
from clock import SteppedClock
from lab import Lab, wait
from lab.bad_dns import BadDns
from lab.dns import Dns
from lab.https import HttpsServer
from lab.kept_sockets import KeptSockets
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.postfix import Receiver, Sender
from lab.postgres import Postgres
from lab.process import Process
from lab.program import path_of
from lab.volume import Volume

FRESH = 200  # domains that are asked for the first time during the run
KNOWN = ("known1.test", "known2.test", "known3.test")  # with an MTA-STS policy
PLAIN = ("plain1.test", "plain2.test")
OVERRIDE, LISTED = "override.test", "listed.test"
MX = "mx.soak.test"
INVALID = "this is no setting\n"
DISK = "size=96m"
IDLE_WITHIN = 180  # seconds; PostgreSQL may have been away


class Daemon:
    """One of our daemons: `folder` is the directory whose size is watched, as everybody else sees it."""

    def __init__(self, lab: Lab, name: str, argv: list[str | Path], *, configuration: Path, ready: str, prefix: str,
                 metrics: str, folder: Path, within: list[str] = (), environment: Mapping[str, str] | None = None,
                 keeps_sockets: bool = False, reloads: str = "the configuration was read again",
                 refuses: str = "nothing was changed") -> None:
        self.name = name
        self._reloads, self._refuses = reloads, refuses
        self.folder = folder
        self.configuration = configuration
        self.lives = 0
        self.failures: list[str] = []
        self._lab, self._argv, self._ready, self._prefix, self._metrics = lab, argv, ready, prefix, metrics
        self._within, self._environment = list(within), dict(environment or {})
        self._kept = KeptSockets(lab) if keeps_sockets else None
        self._output = lab.new_folder(name)
        self._process: Process | None = None
        self.start()

    def start(self) -> None:
        kept = self._kept
        mark = (self._output / "stderr").stat().st_size if (self._output / "stderr").exists() else 0
        argv = [*self._within, *self._argv]
        self._process = Process(kept.command(argv) if kept else argv, folder=self._output, lab_folder=self._lab.folder,
                                environment=self._environment | (kept.environment if kept else {}),
                                descriptors=kept.descriptors if kept else [])
        if self.lives == 0:
            self._lab.watch(self._process.stderr)
        self._lab.at_end(self._process.kill)
        self._process.stderr.wait_for(self._ready, since=mark, process=self._process.popen)
        self.lives += 1

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def process(self) -> subprocess.Popen:
        return self._process.popen

    def log(self) -> str:
        return self._process.stderr.text()

    def running(self) -> bool:
        return self._process.running()

    def signal(self, number: signal.Signals) -> None:
        self._process.signal(number)

    def kill(self) -> None:
        """Kill it. If it has ended by itself, that is a failure."""
        if not self.running():
            self.failures.append(f"{self.name}: it ended by itself, with status {self._process.wait()}")
        self._process.kill()

    def restart_with(self, environment: Mapping[str, str]) -> None:
        """Start it again, after it has ended, with this beside its environment."""
        self._environment |= environment
        self.start()

    def end(self) -> None:
        """Terminate it, as when the machine shuts down."""
        if not self.running():
            self.failures.append(f"{self.name}: it ended by itself, with status {self._process.wait()}")
        elif status := self._process.stop():
            self.failures.append(f"{self.name}: its exit status is {status}")
        if found := re.search(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer.*|runtime error:.*", self.log()):
            self.failures.append(f"{self.name}: {found[0]}")

    def figures(self) -> dict[str, float]:
        """Of its metrics page, without the prefix and without those that have labels."""
        with urllib.request.urlopen(f"http://{self._metrics}/metrics", timeout=wait.PATIENCE) as page:
            text = page.read().decode()
        return {name: float(value) for name, value in re.findall(rf"^{self._prefix}(\w+) (\S+)$", text, re.MULTILINE)}

    def reload(self) -> None:
        """Have it read its configuration twice: an invalid one, and then the one that it has."""
        good = self.configuration.read_bytes()
        self._reload_as(good + INVALID.encode(), self._refuses)
        self._reload_as(good, self._reloads)

    def _reload_as(self, text: bytes, logged: str) -> None:
        self.configuration.write_bytes(text)
        mark = self._process.stderr.mark()
        self.signal(signal.SIGHUP)
        self._process.stderr.wait_for(logged, since=mark, process=self._process.popen)


def write_toml(folder: Path, table: str, settings: Mapping[str, object]) -> Path:
    """A tlsrpt.toml with these keys in the table; `state_dir` and `store` precede it."""
    general = ("state_dir", "store")

    def lines(keys: list[str]) -> str:
        return "".join(f"{key} = {json.dumps(str(value) if isinstance(value := settings[key], Path) else value)}\n"
                       for key in keys)

    file = folder / "tlsrpt.toml"
    file.write_text(lines([key for key in settings if key in general]) + f"[{table}]\n"
                    + lines([key for key in settings if key not in general]))
    file.chmod(0o600)  # it may hold a password
    return file


class World:
    """All that runs, and the books."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.clock = SteppedClock(lab)
        self.volume = Volume(lab, DISK)
        self.postgres = Postgres(lab)
        self.sessions = {"milter": SessionBooks(), "shared-milter": SessionBooks()}
        self.datagrams = {"collector": DatagramBooks(), "shared-collector": DatagramBooks()}
        self.mail_log = lab.new_folder("mx") / "mail.log"
        self.mail_log.touch()
        self.milter = self._milter("milter", {"state_dir": self.volume.path / "milter", "mta_log": self.mail_log})
        self.shared_milter = self._milter("shared-milter", {"store": self.postgres.url}, environment=self.clock.environment)
        self.collector = self._collector("collector", {"state_dir": self.volume.path / "collector"})
        self.shared_collector = self._collector("shared-collector", {"store": self.postgres.url})
        self.certificate = lab.ca.issue(MX)
        self.mx = Receiver(lab, MX, [*KNOWN, *PLAIN, OVERRIDE, LISTED, "example.test"], self.certificate, {
            "smtpd_milters": f"{self.milter.socket}, {self.shared_milter.socket}", "milter_default_action": "accept",
            "maillog_file": self.mail_log, "smtpd_peername_lookup": "no"})
        self.web = HttpsServer(lab)
        self.publish()
        self.dns = Dns(lab, self._zones())
        self.names = BadDns(lab, self.dns)
        self.serve = self._serve()
        self.sender = Sender(lab, self.dns, {
            "smtp_tls_policy_maps": f"socketmap:inet:{self.serve.address[0]}:{self.serve.address[1]}:postfix",
            # A message that had to wait is tried again soon.
            "minimal_backoff_time": "1s", "maximal_backoff_time": "5s", "queue_run_delay": "1s"})
        self.daemons: dict[str, Daemon] = {one.name: one for one in (
            self.milter, self.shared_milter, self.collector, self.shared_collector, self.serve)}

    def wait_until_idle(self) -> None:
        """Until no client of a load is connected any more, and what waited is in the stores."""
        for daemon in (self.milter, self.shared_milter, self.collector, self.shared_collector):
            wait.until(lambda daemon=daemon: daemon.is_idle(), IDLE_WITHIN)
        # Postfix keeps its connection to serve for some time.
        self.sender.reload()
        wait.until(lambda: self.serve.figures()["connections"] == 0, IDLE_WITHIN)

    def keep_logs(self, folder: Path) -> None:
        """Copy what the daemons and mail servers have logged."""
        folder.mkdir(parents=True, exist_ok=True)
        for daemon in self.daemons.values():
            (folder / f"{daemon.name}.log").write_text(daemon.log())
        mail_logs = sorted(self.mail_log.parent.iterdir(), reverse=True)  # the rotated one first
        (folder / "mx.log").write_text("".join(file.read_text() for file in mail_logs))
        (folder / "sender.log").write_text(self.sender.log.text())

    def end(self) -> list[str]:
        """Stop the mail servers, then the daemons, which have then written everything. What went wrong, as sentences."""
        self.sender.end()
        self.mx.end()
        wait.until_read(self.milter.pid, self.mail_log)
        for daemon in self.daemons.values():
            daemon.end()
        self._settle_joins()
        return [failure for daemon in self.daemons.values() for failure in daemon.failures]

    def _settle_joins(self) -> None:
        """Sessions that wait for a line of the log wait for a minute: let a milter run whose clock says that it is over."""
        later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=3)
        for milter in (self.milter, self.shared_milter):
            milter.restart_with({"STARTTLS_TOOLKIT_NOW": later.isoformat()})
            milter.end()

    def stored_sessions(self, name: str) -> dict[str, Count]:
        """Sessions and messages of each client, of a milter that has ended."""
        query = "SELECT client_address, sum(sessions), sum(messages) FROM session_counts GROUP BY client_address"
        return self._stored(name, "tlsrpt.sqlite", query)

    def stored_results(self, name: str) -> dict[str, Count]:
        """Successful and failed handshakes of each recipient domain, of a collector that has ended."""
        query = "SELECT domain, sum(successful), sum(failed) FROM outbound_counts GROUP BY domain"
        return self._stored(name, "outbound.sqlite", query)

    def malformed(self, name: str) -> int:
        """Datagrams that are no results."""
        found = self._rows(name, "outbound.sqlite", "SELECT 'all', sum(malformed), 0 FROM outbound_days")
        return int(found[0][1] or 0)

    def _stored(self, name: str, file: str, query: str) -> dict[str, Count]:
        return {key: (int(a), int(b)) for key, a, b in self._rows(name, file, query)}

    def _rows(self, name: str, file: str, query: str) -> list:
        if name.startswith("shared-"):
            return self.postgres.execute(query)
        # SQLite itself cannot follow the path into the volume.
        with tempfile.TemporaryDirectory(prefix="lab.") as copy:
            for part in self.daemons[name].folder.glob(f"{file}*"):
                shutil.copy(part, copy)
            with contextlib.closing(sqlite3.connect(Path(copy) / file)) as database:
                return database.execute(query).fetchall()

    def _place(self, name: str) -> tuple[Path, str]:
        """A new directory for the daemon's configuration and socket, and a place for its metrics page."""
        address = self.lab.address()
        return self.lab.new_folder(f"{name}-place"), f"{address}:{self.lab.free_port(address)}"

    def _seen(self, state: object, folder: Path) -> Path:
        """The state directory as everybody sees it."""
        inside = Path(str(state)) if state else folder / "state"
        if inside.is_relative_to(self.volume.path):
            return self.volume.seen_from_outside / inside.relative_to(self.volume.path)
        return inside

    def _milter(self, name: str, settings: dict[str, object], **more: object) -> "Milter":
        folder, metrics = self._place(name)
        own = {"state_dir": folder / "state", "socket": f"unix:{folder}/socket", "metrics": f"inet:{metrics}",
               "local_networks": [], "downgrade_after": 1_000_000, "sync_interval": 0.2, "fold_interval": 0.5}
        file = write_toml(folder, "milter", own | settings)
        milter = Milter(self.lab, name, [path_of("tlsrpt-milter"), "-f", "-c", file], configuration=file, ready="listens on",
                        prefix="tlsrpt_milter_", metrics=metrics, folder=self._seen(settings.get("state_dir"), folder),
                        within=self.volume.within, **more)
        milter.socket = own["socket"]
        return milter

    def _collector(self, name: str, settings: dict[str, object]) -> "Collector":
        folder, metrics = self._place(name)
        own = {"state_dir": folder / "state", "socket": f"unix:{folder}/socket", "metrics": f"inet:{metrics}",
               "sync_interval": 0.2, "fold_interval": 0.5}
        file = write_toml(folder, "collector", own | settings)
        one = Collector(self.lab, name, [path_of("tlsrpt-collector"), "-f", "-c", file], configuration=file, ready="receives on",
                        prefix="tlsrpt_collector_", metrics=metrics, folder=self._seen(settings.get("state_dir"), folder),
                        within=self.volume.within, environment=self.clock.environment, keeps_sockets=True)
        one.socket = folder / "socket"
        return one

    def _zones(self) -> dict[str, dict[str, list[str]]]:
        host = {"@": [f"MX 10 {MX}."]}
        fresh: dict[str, list[str]] = {}
        for number in range(FRESH):
            for key, records in ({"@": [f"MX 10 {MX}."]} | mta_sts_records(self.web)).items():
                fresh[f"d{number}" if key == "@" else f"{key}.d{number}"] = records
        return {".": {}, "test": {}, "soak.test": {"mx": [f"A {self.mx.address}"]}, "fresh.test": fresh,
                **{name: host for name in (*PLAIN, OVERRIDE, LISTED)},
                **{name: host | mta_sts_records(self.web) for name in KNOWN}}

    def publish(self) -> None:
        """Have the policy hosts answer as they should, with a certificate that is new."""
        names = [*KNOWN, *fresh_domains()]
        certificate = self.lab.ca.issue("policy hosts", sans=[f"mta-sts.{name}" for name in names])
        for name in names:
            publish(self.lab, self.web, name, policy("enforce", MX), certificate=certificate)

    def _serve(self) -> "Serve":
        folder, metrics = self._place("serve")
        address = self.lab.address()
        port = self.lab.free_port(address)
        overrides = folder / "overrides"
        overrides.write_text(f"{OVERRIDE} enforce {MX}\n")
        configuration = Configuration(self.lab, self.dns, self.web, folder=folder, top={"overrides": overrides},
                                      mta_sts={"timeout": 20},  # longer than it is stopped
                                      serve={"listen": [f"inet:{address}:{port}"], "metrics": metrics})
        configuration.tables["dns"] |= {"servers": [self.names.server], "timeout": 10}
        configuration.install({LISTED: {"mode": "enforce", "mxs": [MX]}})
        serve = Serve(self.lab, "serve", [path_of("starttls-listtool"), "-c", configuration.path, "serve"],
                      configuration=configuration.path, ready="answers on", prefix="starttls_listtool_", metrics=metrics,
                      folder=configuration.state, environment=self.clock.environment, keeps_sockets=True,
                      reloads="lists and overrides were read", refuses="the configuration stays as it was")
        serve.address = address, port
        return serve


class Recorder(Daemon):
    """A daemon with a journal."""

    def is_idle(self) -> bool:
        """Whether nothing is open, and nothing waits for the store."""
        figures = self.figures()
        return figures.get("open_connections", 0) == 0 and figures["held_back_records"] == 0 and (
            figures["journal_backlog_bytes"] == 0)


class Milter(Recorder):
    """`socket` is in libmilter's form."""
    socket: str


class Collector(Recorder):
    socket: Path


class Serve(Daemon):
    address: tuple[str, int]


def fresh_domains() -> list[str]:
    return [f"d{number}.fresh.test" for number in range(FRESH)]
