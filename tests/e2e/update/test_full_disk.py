"""starttls-listtool update on a disk that fills, at every possible moment: the result is old or new, nothing in
between."""

import os
import subprocess
import tomllib
import unittest
from pathlib import Path

from lab import Lab, command, wait
from lab.process import Process
from lab.program import path_of

from publishing import CANNOT_CREATE, IO, OK, Host, Publisher, edition

DISK = 8 << 20
STEP = 32 << 10
DOMAINS = [f"domain-number-{number:04}.example.test" for number in range(1500)]


class SmallDisk(Host):
    """A host whose state directory and maps are on its own small disk, seen in a mount namespace only."""

    def __init__(self, lab: Lab, publisher: Publisher) -> None:
        super().__init__(lab, publisher)
        disk = self.folder / "disk"
        disk.mkdir()
        self.state, self.maps, self.map = disk / "state", disk / "maps", disk / "maps/tls_policy"
        script = 'mount -t tmpfs -o size="$1" lab-disk "$2" && mkdir "$3" && echo mounted && exec sleep infinity'
        keeper = Process(["unshare", "--mount", "sh", "-c", script, "sh", str(DISK), disk, self.maps],
                         folder=lab.new_folder("keeper"), lab_folder=lab.folder)
        lab.at_end(keeper.kill)
        keeper.stdout.wait_for("mounted")
        self.inside = keeper.pid

    def seen_from_here(self) -> None:
        """From now on its files are read through the namespace; call it when the host is configured."""
        root = f"/proc/{self.inside}/root"
        self.folder, self.state, self.maps = (Path(root + str(path)) for path in (self.folder, self.state, self.maps))
        self.map = self.maps / "tls_policy"
        self.filler = self.folder / "disk/filler"

    def tool(self, *arguments: str | os.PathLike[str], timeout: float = wait.PATIENCE) -> subprocess.CompletedProcess[str]:
        argv = ["nsenter", f"--target={self.inside}", "--mount", "--",
                path_of("starttls-listtool"), "-c", self.configuration, *arguments]
        return subprocess.run(argv, env={**os.environ, **self.environment_inside}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, check=False)

    def leave_room(self, room: int) -> None:
        self.filler.unlink(missing_ok=True)
        disk = os.statvfs(self.filler.parent)
        self.filler.write_bytes(b"x" * (disk.f_bavail * disk.f_frsize - room))


class FullDisk(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.lab.require_root()
        self.lab.require_program("/usr/sbin/postmap", "postfix")
        self.publisher = Publisher(self.lab)
        self.host = SmallDisk(self.lab, self.publisher)

    def configure(self, *kinds: str) -> None:
        self.host.configure(outputs=[{"mta": "postfix", "type": kind, "file": str(self.host.maps / kind)}
                                     for kind in kinds])
        self.host.environment_inside = self.host.environment()
        self.host.seen_from_here()

    def installed(self) -> str:
        """The day of the installed edition, after a check of everything in the set."""
        current = self.host.state / "sets" / (self.host.state / "current").readlink().name
        command.run("minisign", "-V", "-q", "-P", self.publisher.key.text, "-m", current / "main.json",
                    "-x", current / "main.json.minisig")
        facts = tomllib.loads((current / "set.toml").read_text())["list"]
        self.assertEqual(self.host.tool("-q", "lookup", DOMAINS[0], DOMAINS[-1]).returncode, OK)
        return facts[0]["timestamp"][:10]

    def fill_at_every_moment(self, *kinds: str) -> set[str]:
        """Try with more space each time until it suffices; returns the files that could not be written."""
        self.configure(*kinds)
        self.publisher.publish(edition(20, DOMAINS))
        self.assertEqual(self.host.update().returncode, OK)
        self.publisher.publish(edition(21, [*DOMAINS, "one.more.test"]))
        failed_at = set()
        for room in range(0, DISK, STEP):
            self.host.leave_room(room)
            before = self.host.content()
            done = self.host.update()
            self.host.filler.unlink()
            if done.returncode == OK:
                break
            with self.subTest(room=room, said=done.stderr):
                self.assertIn(done.returncode, (CANNOT_CREATE, IO))
                self.assertEqual(self.host.leftovers(), [])
                if self.installed() == "2026-11-20":
                    self.assertEqual(self.host.content(), before)
            failed_at |= {name for name in ("main.json", "main.cdb", "set.toml", "outputs.toml", *kinds)
                          if f"/{name}" in done.stderr}
        self.assertEqual(self.installed(), "2026-11-21")
        self.assertEqual(self.host.leftovers(), [])
        before = self.host.stamps()
        done = self.host.update()
        self.assertEqual((done.returncode, done.stdout, done.stderr), (OK, "", ""))
        self.assertEqual(self.host.stamps(), before)
        return failed_at

    def test_text_and_hash(self) -> None:
        failed_at = self.fill_at_every_moment("texthash", "hash")
        self.assertLessEqual({"main.json", "main.cdb", "texthash", "hash"}, failed_at)

    def test_cdb_and_lmdb(self) -> None:
        failed_at = self.fill_at_every_moment("cdb", "lmdb")
        self.assertLessEqual({"main.json", "main.cdb", "cdb", "lmdb"}, failed_at)

    def test_the_first_update(self) -> None:
        self.configure("texthash")
        self.publisher.publish(edition(20, DOMAINS))
        self.host.leave_room(64 << 10)
        done = self.host.update()
        self.assertIn(done.returncode, (CANNOT_CREATE, IO))
        self.host.filler.unlink()
        self.assertEqual(set(self.host.content()), {"disk/state/lock"})
        self.assertEqual(self.host.update().returncode, OK)
        self.assertEqual(self.installed(), "2026-11-20")


if __name__ == "__main__":
    unittest.main()
