"""`publish run`, killed again and again: state, editions and the public directory agree, whenever it happens."""

import contextlib
import datetime
import hashlib
import json
import os
import random
import signal
import sqlite3
import unittest

from lab import command, wait
from lab.process import Process
from lab.program import path_of
from publisher import DAY, LIST, PublisherCase

KILLS = 200
HOUR = datetime.timedelta(hours=1, seconds=1)  # check_hours
DOMAINS = ("a.test", "b.test")


class Kill(PublisherCase):
    def setUp(self) -> None:
        super().setUp()
        for domain in DOMAINS:
            self.sound(domain)
        self.publish(watch_days=0, keep_editions=3, check_hours=1)
        self.good("add", *DOMAINS)
        self.days(2)
        self.output = self.lab.new_folder("output")
        self.seed = random.randrange(1 << 32)
        self.random = random.Random(self.seed)

    def begin_a_run(self, *arguments: str) -> Process:
        self.configuration.now = self.now()
        return Process([path_of("starttls-listtool"), "-c", self.configuration.path, "publish", "run", *arguments],
                       folder=self.output, lab_folder=self.lab.folder, environment=self.configuration.environment)

    def changes_of_a_run(self, *arguments: str) -> int:
        with wait.Changes([self.folder, self.folder / "editions"]) as changes:
            process = self.begin_a_run(*arguments)
            number = changes.wait(10_000, process.popen)
            self.assertEqual(process.wait(), 0, process.stderr.text())
        return number

    def kill_at_change(self, most: int, *arguments: str) -> bool:
        """Whether it was killed before it had ended."""
        with wait.Changes([self.folder, self.folder / "editions"]) as changes:
            process = self.begin_a_run(*arguments)
            changes.wait(self.random.randint(1, most), process.popen)
            process.signal(signal.SIGKILL)
            return process.wait() == -signal.SIGKILL

    def editions(self) -> list[tuple[int, str, int]]:
        with contextlib.closing(sqlite3.connect(self.folder / "publish.sqlite")) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            return database.execute("SELECT number, hash, entries FROM editions ORDER BY number DESC").fetchall()

    def assert_whole(self) -> int:
        """What consumers see is one edition, whole. Returns its number."""
        public = self.folder / os.readlink(self.public())
        number = int(public.name)
        editions = self.editions()
        self.assertEqual([edition[0] for edition in editions], list(range(editions[0][0], 0, -1)))
        self.assertIn(number, (editions[0][0], editions[0][0] - 1))
        digest, entries = next(edition[1:] for edition in editions if edition[0] == number)
        content = (public / f"{LIST}.json").read_bytes()
        self.assertEqual(hashlib.blake2b(content).hexdigest(), digest)
        self.assertEqual(len(json.loads(content)["policies"]), entries)
        command.run("minisign", "-V", "-q", "-m", public / f"{LIST}.json", "-P", self.online.text)
        for name in ("keys.json", "keys.1.json", "index.html", "domains.json", "changes.atom", f"{LIST}.json.gz"):
            self.assertGreater((public / name).stat().st_size, 0)
        return number

    def test_what_consumers_see_is_always_whole(self) -> None:
        # Examinations take a second, so most runs have none.
        ways = [(arguments, self.changes_of_a_run(*arguments)) for arguments in (tuple(self.connect), ("--no-checks",))]
        self.time += DAY
        kills = 0
        seen = {self.assert_whole()}
        while kills < KILLS:
            # An entry changes each time.
            self.mta_sts("a.test", mxs=["mx.a.test", f"mx{kills % 3}.a.test"])
            with self.subTest(kill=kills, seed=self.seed):
                arguments, most = ways[self.random.random() < 0.8]
                kills += self.kill_at_change(most, *arguments)
                seen.add(self.assert_whole())
            # However many runs it takes, the keys do not expire meanwhile.
            self.time += HOUR
            if self.random.random() < 0.05:
                self.run_silently()
        self.assertGreater(len(seen), 5)
        self.days()
        self.assertEqual(self.assert_whole(), self.editions()[0][0])
        self.assertEqual(self.good("lint"), "")
        left = sorted(path.name for path in self.folder.iterdir())
        self.assertEqual(left, ["editions", "keys", "public", "publish.lock", "publish.sqlite"])
        self.assertLessEqual(len(list((self.folder / "editions").iterdir())), 3)


if __name__ == "__main__":
    unittest.main()
