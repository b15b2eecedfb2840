"""A local user creates links where root writes: in the directories of the service's user, and of any other user.

`daemon` is the attacker, and the user that the services become. The victim is a file of root's that nobody else may
read or write.
"""

import contextlib
import json
import os
import pwd
import subprocess
import sys
import textwrap
import unittest
from collections.abc import Iterator
from pathlib import Path

from lab import Lab, program
from lab.process import Process
from lab.program import path_of

ATTACKER = "daemon"
SECRET = "nobody but root may see or change this\n"
POLICIES = {"timestamp": "2026-11-20T00:00:00Z", "expires": "2099-01-01T00:00:00Z", "version": "0.1", "author": "Lab",
            "policies": {"a.test": {"mode": "enforce", "mxs": ["mx.a.test"]}}}
CANNOT_CREATE, UNAVAILABLE, PERMISSION = 73, 69, 77
KEY = "RWTF4yuwIAnmYbpPD5yPkSKKgETilaz2EDUjwK4iWzL18LYnsWSL6okf"
ROUNDS = 12  # of a race that the attacker won every sixth time

# Puts a link to the victim in the place of each file that appears, as soon as it appears, until it is killed. `suffix`
# is added to the name, to get the name that a program is going to create.
SWAP = textwrap.dedent("""\
    import ctypes, os, struct, sys
    folder, victim, suffix = sys.argv[1:]
    libc = ctypes.CDLL(None)
    watch = libc.inotify_init()
    libc.inotify_add_watch(watch, folder.encode(), 0x100 | 0x80)  # IN_CREATE, IN_MOVED_TO
    print("watching", flush=True)
    done = set()
    while True:
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if name in done or os.path.islink(path):
                continue
            done.add(name)
            try:
                if suffix:
                    done.add(name + suffix)
                else:
                    os.rename(path, path + ".taken")
                    done.add(name + ".taken")
                os.symlink(victim, path + suffix)
            except OSError:
                pass
        os.read(watch, 65536)
    """)


class Attack:
    """A directory of the attacker's and a victim of root's, in a lab."""

    def __init__(self, lab: Lab) -> None:
        lab.require_root()
        self.lab = lab
        self.user = pwd.getpwnam(ATTACKER)
        self.theirs = lab.new_folder("theirs")
        self.give(self.theirs)
        self.roots = lab.new_folder("roots")
        self.roots.chmod(0o700)
        self.victim = self.roots / "victim"
        self.victim.write_text(SECRET)
        self.victim.chmod(0o600)

    def give(self, path: Path) -> None:
        os.chown(path, self.user.pw_uid, self.user.pw_gid, follow_symlinks=False)

    def link(self, path: Path, target: Path | None = None) -> Path:
        path.symlink_to(target or self.victim)
        self.give(path)
        return path

    @contextlib.contextmanager
    def swapping(self, folder: Path, suffix: str = "") -> Iterator[None]:
        """Meanwhile the attacker works in `folder`."""
        swapper = Process(["setpriv", "--reuid", ATTACKER, "--regid", ATTACKER, "--clear-groups", sys.executable, "-c",
                           SWAP, folder, self.victim, suffix], folder=self.lab.new_folder("swapper"),
                          lab_folder=self.lab.folder)
        try:
            swapper.stdout.wait_for("watching", process=swapper.popen)
            yield
        finally:
            swapper.kill()


class LinksCase(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.attack = Attack(self.lab)

    def assert_unchanged(self, path: Path | None = None) -> None:
        victim = path or self.attack.victim
        info = victim.stat()
        self.assertEqual((info.st_uid, info.st_gid, info.st_mode & 0o7777), (0, 0, 0o600))
        self.assertEqual(victim.read_text(), SECRET)
        self.assertEqual(sorted(file.name for file in self.attack.roots.iterdir()), ["victim"])


class Milter(LinksCase):
    def start(self, *, socket: Path, state: Path | None = None, more: str = "") -> Process:
        folder = self.lab.new_folder("milter")
        file = folder / "tlsrpt.toml"
        file.write_text(f'state_dir = "{state or self.attack.theirs / "state"}"\n[milter]\nuser = "{ATTACKER}"\n'
                        f'socket = "unix:{socket}"\nsync_interval = 0.05\nfold_interval = 0.1\n{more}')
        daemon = Process([path_of("tlsrpt-milter"), "-f", "-c", file], folder=folder, lab_folder=self.lab.folder)
        self.lab.watch(daemon.stderr)
        self.lab.at_end(daemon.kill)
        return daemon

    def listens(self, daemon: Process) -> bool:
        """Whether it listens; else it has exited."""
        try:
            daemon.stderr.wait_for("listens on", process=daemon.popen)
        except (RuntimeError, TimeoutError, AssertionError):
            return False
        return True

    def test_a_pid_file_replaces_no_file_that_a_link_leads_to(self) -> None:
        theirs = self.attack.theirs
        daemon = self.start(socket=theirs / "socket", more=f'pid_file = "{self.attack.link(theirs / "pid")}"\n')
        self.assertEqual(daemon.wait(), CANNOT_CREATE, daemon.stderr.text())
        self.assertIn("a symbolic link that another user could have made is not followed", daemon.stderr.text())
        self.assert_unchanged()

    def test_a_pid_file_is_written_where_no_link_is(self) -> None:
        theirs = self.attack.theirs
        daemon = self.start(socket=theirs / "socket", more=f'pid_file = "{theirs / "pid"}"\n')
        self.assertTrue(self.listens(daemon))
        self.assertEqual((theirs / "pid").read_text(), f"{daemon.pid}\n")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(sorted(path.name for path in theirs.iterdir()), ["state"])

    def test_a_link_in_the_place_of_the_socket_is_no_socket(self) -> None:
        daemon = self.start(socket=self.attack.link(self.attack.theirs / "socket"))
        self.assertEqual(daemon.wait(), UNAVAILABLE)
        self.assertIn("exists and is no socket", daemon.stderr.text())
        self.assert_unchanged()

    def test_an_attacker_who_swaps_the_socket_for_a_link_gets_no_rights_to_its_target(self) -> None:
        for number in range(ROUNDS):
            folder = self.attack.theirs / str(number)
            folder.mkdir()
            self.attack.give(folder)
            with self.attack.swapping(folder):
                daemon = self.start(socket=folder / "socket", more=f'metrics = "unix:{folder}/metrics"\n')
                self.listens(daemon)
                daemon.kill()
            self.assert_unchanged()

    def test_a_directory_that_a_link_leads_to_is_not_given_to_the_user(self) -> None:
        state = self.attack.link(self.attack.theirs / "state", self.attack.roots)
        daemon = self.start(socket=self.attack.theirs / "socket", state=state)
        self.listens(daemon)
        daemon.kill()
        self.assertEqual(self.attack.roots.stat().st_uid, 0)
        self.assert_unchanged()

    def test_another_name_of_a_file_of_roots_is_not_given_to_the_user(self) -> None:
        """It was created in the state directory while that belonged to the user."""
        state = self.lab.new_folder("state")
        (state / "journal").mkdir()
        os.link(self.attack.victim, state / "journal" / "log-position")
        daemon = self.start(socket=self.attack.theirs / "socket", state=state)
        self.assertTrue(self.listens(daemon), daemon.stderr.text())
        daemon.kill()
        self.assertEqual(state.stat().st_uid, self.attack.user.pw_uid)
        self.assertEqual(self.attack.victim.stat().st_uid, 0)

    def test_the_socket_has_its_owner_group_and_mode_wherever_it_is(self) -> None:
        uid, gid = self.attack.user.pw_uid, self.attack.user.pw_gid
        for folder in (self.attack.theirs, self.lab.new_folder("run")):
            more = f'socket_mode = "0620"\nsocket_group = "{ATTACKER}"\nmetrics = "unix:{folder}/metrics"\n'
            for mode in ("", 'metrics_mode = "0666"\n'):
                daemon = self.start(socket=folder / "socket", more=more + mode)
                self.assertTrue(self.listens(daemon), daemon.stderr.text())
                for name, wanted in (("socket", 0o620), ("metrics", 0o666 if mode else 0o660)):
                    info = (folder / name).lstat()
                    self.assertEqual((info.st_uid, info.st_gid, info.st_mode & 0o7777), (uid, gid, wanted), folder)
                self.assertEqual(daemon.stop(), 0)


class Serve(LinksCase):
    def start(self, socket: Path, cache: Path) -> Process:
        folder = self.lab.new_folder("serve")
        (folder / "overrides").write_text("known.test none\n")
        (folder / "listtool.toml").write_text(
            f'state_dir = "{folder}/state"\noverrides = "overrides"\n[dns]\nservers = ["{self.lab.address()}"]\n'
            f'[mta-sts]\ncache = "{cache}"\n[serve]\nlisten = ["unix:{socket}"]\nuser = "{ATTACKER}"\n')
        server = Process([path_of("starttls-listtool"), "-c", folder / "listtool.toml", "serve"], folder=folder,
                         lab_folder=self.lab.folder)
        self.lab.watch(server.stderr)
        self.lab.at_end(server.kill)
        return server

    def test_an_attacker_who_swaps_the_socket_for_a_link_gets_no_rights_to_its_target(self) -> None:
        for number in range(ROUNDS):
            folder = self.attack.theirs / str(number)
            folder.mkdir()
            self.attack.give(folder)
            with self.attack.swapping(folder):
                server = self.start(folder / "socket", self.attack.theirs / "cache.sqlite")
                with contextlib.suppress(RuntimeError, TimeoutError, AssertionError):
                    server.stderr.wait_for("answers on", process=server.popen)
                server.kill()
            self.assert_unchanged()

    def test_another_name_of_a_file_of_roots_is_no_cache_to_be_given_away(self) -> None:
        os.link(self.attack.victim, self.attack.theirs / "cache.sqlite-wal")
        server = self.start(self.lab.new_folder("run") / "socket", self.attack.theirs / "cache.sqlite")
        server.stderr.wait_for("answers on", process=server.popen)
        server.kill()
        self.assert_unchanged()


class Listtool(LinksCase):
    def setUp(self) -> None:
        super().setUp()
        self.list = self.lab.folder / "list.json"
        self.list.write_text(json.dumps(POLICIES))

    def run_tool(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        (self.lab.folder / "main.cf").touch()  # postmap wants one
        return program.run("starttls-listtool", *arguments, environment={"MAIL_CONFIG": str(self.lab.folder)})

    def test_a_map_replaces_no_file_that_a_link_leads_to(self) -> None:
        place = self.attack.link(self.attack.theirs / "map")
        done = self.run_tool("generate", "postfix", "--list", self.list, "-o", place)
        self.assertEqual(done.returncode, CANNOT_CREATE, done.stderr)
        self.assertIn("a symbolic link that another user could have made is not followed", done.stderr)
        self.assert_unchanged()

    def test_a_map_is_written_into_no_directory_that_a_link_leads_to(self) -> None:
        way = self.attack.link(self.attack.theirs / "maps", self.attack.roots)
        done = self.run_tool("generate", "postfix", "--list", self.list, "-o", way / "victim")
        self.assertEqual(done.returncode, CANNOT_CREATE, done.stderr)
        self.assert_unchanged()

    def test_a_map_below_another_users_directory_is_made_whatever_its_owner_links(self) -> None:
        for kind in ("texthash", "cdb", "lmdb", "hash", "btree"):
            folder = self.attack.theirs / kind
            folder.mkdir()
            self.attack.give(folder)
            with self.attack.swapping(folder, ".db"):
                done = self.run_tool("generate", "postfix", "--type", kind, "--list", self.list, "-o", folder / "map")
            self.assertEqual(done.returncode, 0, (kind, done.stderr))
            made = [path for path in folder.iterdir() if not path.is_symlink()]
            self.assertEqual(len(made), 1, made)
            self.assertGreater(made[0].stat().st_size, 100)
            self.assert_unchanged()

    def test_a_draft_that_is_swapped_for_a_link_changes_no_other_file(self) -> None:
        """The owner of the directory may have another map there, or none; that is the owner's decision."""
        for kind in ("texthash", "hash"):
            with self.attack.swapping(self.attack.theirs):
                self.run_tool("generate", "postfix", "--type", kind, "--list", self.list, "-o", self.attack.theirs / "map")
            self.assert_unchanged()

    def test_root_updates_no_state_that_another_user_can_change(self) -> None:
        configuration = self.lab.new_folder("etc") / "listtool.toml"
        configuration.write_text(f'[[list]]\nname = "main"\nfile = "{self.list}"\nkeys = ["{KEY}"]\n')
        victim = self.attack.roots / "victim"
        victim.chmod(0o644)
        self.attack.link(self.attack.theirs / "lock")
        for state in (self.attack.theirs, self.attack.theirs / "lists"):
            done = self.run_tool("-c", configuration, "--state-dir", state, "update")
            self.assertIn(done.returncode, (CANNOT_CREATE, PERMISSION, 78), done.stderr)
            self.assertEqual(victim.stat().st_mode & 0o7777, 0o644)
        victim.chmod(0o600)
        self.assert_unchanged()

    def test_root_writes_no_cache_that_a_link_leads_to(self) -> None:
        configuration = self.lab.new_folder("etc") / "listtool.toml"
        self.attack.victim.write_text("")  # for SQLite a database without tables
        for number, place in enumerate(("cache.sqlite", "cache.sqlite-wal", "cache.sqlite-shm")):
            folder = self.attack.theirs / str(number)
            folder.mkdir()
            self.attack.give(folder)
            self.attack.link(folder / place)
            configuration.write_text(f'[mta-sts]\ncache = "{folder}/cache.sqlite"\n[dns]\nservers = ["127.0.0.1@9"]\n'
                                     "timeout = 1\n")
            self.run_tool("-c", configuration, "sts", "fetch", "example.test")
            self.assertEqual(self.attack.victim.read_text(), "")
        self.attack.victim.write_text(SECRET)
        self.assert_unchanged()


class Report(LinksCase):
    def test_a_rejected_mail_is_stored_in_no_directory_that_a_link_leads_to(self) -> None:
        state = self.attack.theirs
        for link in (True, False):
            if link:
                self.attack.link(state / "rejected", self.attack.roots)
            program.run("tlsrpt-report", "--state-dir", state, "read", "-", text_in="From: nobody\n\nno report\n")
            self.assert_unchanged()
            if link:
                (state / "rejected").unlink()
        self.assertEqual((state / "rejected").stat().st_uid, self.attack.user.pw_uid)
        self.assertEqual(len(list((state / "rejected").iterdir())), 1)


if __name__ == "__main__":
    unittest.main()
