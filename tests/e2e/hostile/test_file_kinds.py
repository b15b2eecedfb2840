"""Files that are not regular, where a program opens a file that a configuration or a state directory names.

A local user creates a named pipe there, and a program that opens it waits for a writer that never comes. A socket, a
directory, a device, or a link to one of them is no better. Arguments of the command line may be pipes: the caller
chooses them.
"""

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path

from lab import Lab, command, program
from lab.process import Process
from lab.program import path_of

sys.path.append(str(Path(__file__).parents[1] / "update"))
from publishing import Key, edition  # noqa: E402

# No program needs a tenth of it, unless it waits for a pipe.
PATIENCE = 60
NOW = {"STARTTLS_TOOLKIT_NOW": "2026-11-22T12:00:00Z"}
OVERRIDE = "known.test enforce mx.known.test\n"

KINDS = {
    "a named pipe": lambda place: os.mkfifo(place),
    "a socket": lambda place: bind(place),
    "a directory": lambda place: place.mkdir(),
    "a device": lambda place: place.symlink_to("/dev/zero"),
    "a link to a named pipe": lambda place: (os.mkfifo(f"{place}.pipe"), place.symlink_to(f"{place.name}.pipe")),
}
KINDS_TIMES = list(KINDS)
REJECTED = "not? (a )?regular file|Is a directory|Too many levels of symbolic links|No such device or address"


def bind(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(place))


@contextlib.contextmanager
def replaced(place: Path, put: Callable[[Path], object]) -> Iterator[None]:
    """Meanwhile something else is at that path."""
    aside = place.with_name(place.name + ".aside")
    was_there = os.path.lexists(place)
    if was_there:
        place.rename(aside)
    put(place)
    try:
        yield
    finally:
        place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink(missing_ok=True)
        Path(f"{place}.pipe").unlink(missing_ok=True)
        if was_there:
            aside.rename(place)


class Listtool(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.folder = self.lab.new_folder("host")
        self.state = self.folder / "state"
        key = Key(self.folder)
        (self.folder / "key").write_bytes(key.public.read_bytes())
        self.list = self.folder / "list.json"
        self.list.write_bytes(edition(20))
        (self.folder / "list.json.minisig").write_bytes(key.sign(edition(20)))
        self.overrides = self.folder / "overrides"
        self.overrides.write_text(OVERRIDE)
        (self.folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        self.configuration = self.folder / "listtool.toml"
        self.configuration.write_text(
            f'state_dir = "{self.state}"\noverrides = "overrides"\n[[list]]\nname = "main"\nfile = "list.json"\n'
            f'key_files = ["key"]\n[[output]]\nmta = "postfix"\nfile = "{self.folder}/map"\n'
            f'[dns]\nresolv_conf = "resolv.conf"\ntrust_anchor = "{self.folder}/anchor"\ntimeout = 1\n')
        (self.folder / "anchor").write_text(Path("/usr/share/dns/root.key").read_text())

    def run_tool(self, *arguments: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
        return program.run("starttls-listtool", *arguments, environment=NOW, timeout=PATIENCE, **more)

    def update(self) -> subprocess.CompletedProcess[str]:
        return self.run_tool("-c", self.configuration, "update")

    def assert_rejected(self, place: Path, *arguments: str) -> None:
        """Whatever is at the path, the command reports it and exits."""
        for kind, put in KINDS.items():
            with self.subTest(place=place.name, kind=kind), replaced(place, put):
                if self.list.is_file():
                    os.utime(self.list, (0, KINDS_TIMES.index(kind)))  # another version than the installed one
                done = self.run_tool("-c", self.configuration, *arguments)
                self.assertNotEqual(done.returncode, 0, done.stdout)
                self.assertRegex(done.stderr, REJECTED)

    def test_a_cache_that_is_no_regular_file_does_not_block_an_update(self) -> None:
        """The cache is in a directory of the service's user, and update runs as root."""
        self.assertEqual(self.update().returncode, 0)
        self.run_tool("-c", self.configuration, "sts", "fetch", "example.test")
        cache = self.state / "mta-sts" / "cache.sqlite"
        self.assertTrue(cache.exists())
        for name in ("cache.sqlite", "cache.sqlite-wal", "cache.sqlite-shm", "cache.sqlite-journal"):
            for kind, put in KINDS.items():
                with self.subTest(name=name, kind=kind), replaced(cache.with_name(name), put):
                    self.update()
        self.assertEqual(self.update().returncode, 0)

    def test_files_of_the_configuration_are_regular(self) -> None:
        self.assertEqual(self.update().returncode, 0)
        for name in ("overrides", "key", "list.json"):
            self.assert_rejected(self.folder / name, "update")
        self.list.write_bytes(edition(21))
        self.assert_rejected(self.folder / "list.json.minisig", "update")
        for name in ("resolv.conf", "anchor"):
            for put in KINDS.values():
                with replaced(self.folder / name, put):
                    self.run_tool("-c", self.configuration, "sts", "fetch", "example.test")

    def test_files_of_the_state_directory_are_regular(self) -> None:
        self.assertEqual(self.update().returncode, 0)
        current = (self.state / "current").resolve()
        self.assert_rejected(current / "set.toml", "update")
        self.assert_rejected(current / "set.toml", "lookup", "a.test")
        self.assert_rejected(current / "main.json", "generate", "postfix")
        self.assert_rejected(current / "main.cdb", "lookup", "a.test")
        self.assert_rejected(self.state / "lock", "update")
        for put in KINDS.values():  # created again or not: nothing blocks
            with replaced(self.state / "outputs.toml", put):
                self.update()

    def test_the_configuration_may_come_through_standard_input(self) -> None:
        self.assertEqual(self.run_tool("-c", "/dev/stdin", "update", text_in=self.configuration.read_text().replace(
            '"overrides"', f'"{self.overrides}"').replace('"list.json"', f'"{self.list}"').replace(
            '"key"', f'"{self.folder}/key"').replace('"resolv.conf"', f'"{self.folder}/resolv.conf"')).returncode, 0)

    def test_arguments_may_be_pipes(self) -> None:
        shell = f"""
            set -e
            tool={path_of("starttls-listtool")}
            cd {self.folder}
            $tool generate postfix --list /dev/stdin -o from-stdin <list.json
            $tool generate postfix --list <(cat list.json) -o from-substitution
            $tool verify list.json --signature <(cat list.json.minisig) -p <(cat key)
            $tool verify <(cat list.json) --signature list.json.minisig -p key
            cat list.json | $tool lint list -
            $tool lint list <(cat list.json)
            $tool -c <(echo 'overrides = "{self.overrides}"') lookup known.test
            """
        done = subprocess.run(["bash", "-c", shell], env={**os.environ, **NOW}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertIn("/", done.stdout + done.stderr)
        for name in ("from-stdin", "from-substitution"):
            self.assertIn("a.test", (self.folder / name).read_text(), done.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Reports(unittest.TestCase):
    """tlsrpt-milter and tlsrpt-report."""

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.state = self.lab.new_folder("state")
        self.configuration = self.lab.folder / "tlsrpt.toml"

    def configure(self, more: str = "") -> None:
        self.configuration.write_text(
            f'state_dir = "{self.state}"\n[milter]\nsocket = "unix:{self.lab.folder}/socket"\n'
            f'sync_interval = 0.05\nfold_interval = 0.1\n{more}')

    def report(self, *arguments: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
        return program.run("tlsrpt-report", "-c", self.configuration, *arguments, timeout=PATIENCE, **more)

    def start(self) -> Process:
        daemon = Process([path_of("tlsrpt-milter"), "-f", "-c", self.configuration],
                         folder=self.lab.new_folder("milter"), lab_folder=self.lab.folder)
        self.lab.watch(daemon.stderr)
        self.lab.at_end(daemon.kill)
        daemon.stderr.wait_for("listens on", process=daemon.popen)
        return daemon

    def test_the_daemon_starts_and_exits_whatever_is_in_its_state_directory(self) -> None:
        log = self.lab.folder / "mail.log"
        self.configure(f'mta_log = "{log}"\nclient_address = "none"\n')
        log.touch()
        self.assertEqual(self.start().stop(), 0)
        places = [log, self.state / "tlsrpt.sqlite", self.state / "pseudonym-key", self.state / "journal" / "log-position",
                  self.state / "journal" / "000000000000001-0000000000000001.segment"]
        for place in places:
            for kind in ("a named pipe", "a link to a named pipe"):
                with self.subTest(place=place.name, kind=kind), replaced(place, KINDS[kind]):
                    self.start().stop(PATIENCE)

    def test_reports_exit_whatever_is_in_the_state_directory(self) -> None:
        self.configure()
        self.assertEqual(self.start().stop(), 0)
        self.report("read", "/dev/null")
        for name, arguments in (("tlsrpt.sqlite", ["summary"]), ("reports.sqlite", ["queue"]),
                                ("tlsrpt.sqlite-wal", ["summary"])):
            for kind, put in KINDS.items():
                with self.subTest(name=name, kind=kind), replaced(self.state / name, put):
                    self.report(*arguments)
        fresh = self.lab.new_folder("fresh")
        os.mkfifo(fresh / "tlsrpt.sqlite")
        done = program.run("tlsrpt-report", "--state-dir", fresh, "summary", timeout=PATIENCE)
        self.assertEqual(done.returncode, 69)
        self.assertIn("tlsrpt.sqlite: a named pipe, not a regular file", done.stderr)

    def test_a_policy_file_is_regular(self) -> None:
        policy = self.lab.folder / "policy"
        self.configure(f'[[policy]]\ndomain = "example.test"\nfile = "{policy}"\n')
        self.assertEqual(self.start().stop(), 0)
        for kind, put in KINDS.items():
            with self.subTest(kind=kind), replaced(policy, put):
                self.report("self", "--day", "yesterday")

    def test_the_configuration_at_its_default_path_is_regular(self) -> None:
        self.lab.require_root()
        etc = self.lab.new_folder("etc")
        shutil.copy("/etc/ld.so.cache", etc)
        (etc / "starttls-toolkit").mkdir()
        for name in ("tlsrpt.toml", "listtool.toml"):
            os.mkfifo(etc / "starttls-toolkit" / name)
        for tool, arguments in (("tlsrpt-milter", "--check-config"), ("tlsrpt-report", "summary"),
                                ("starttls-listtool", "update")):
            done = command.run("unshare", "--mount", "sh", "-c",
                               f"mount --bind {etc} /etc && {path_of(tool)} {arguments} 2>&1 || true", timeout=PATIENCE)
            self.assertIn("a named pipe, not a regular file", done)

    def test_a_report_may_come_through_a_pipe(self) -> None:
        self.configure()
        shell = f"echo nonsense | {path_of('tlsrpt-report')} -c {self.configuration} read /dev/stdin"
        done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertNotIn("not a regular file", done.stdout + done.stderr)


class SqliteFiles(unittest.TestCase):
    def test_root_writes_no_database_that_has_another_name(self) -> None:
        """Another user may have given it that name in their own directory."""
        with Lab() as lab:
            lab.require_root()
            state = lab.new_folder("state")
            victim = lab.folder / "victim"
            with contextlib.closing(sqlite3.connect(victim)) as database:
                database.execute("CREATE TABLE precious (x)")
            before = victim.read_bytes()
            os.link(victim, state / "reports.sqlite")
            program.run("tlsrpt-report", "--state-dir", state, "read", "/dev/null", timeout=PATIENCE)
            self.assertEqual(victim.read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
