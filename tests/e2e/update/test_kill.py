"""starttls-listtool update, killed 200 times: what is installed is always one verified edition, old or new.

Each map is that of the installed edition or still the earlier one: if an update is killed between its last two steps,
the next update writes the map.

The moments are spread over the whole run, and some are aimed: at requests, at changes of files, at the command. The
seed is printed where the test fails; LAB_SEED repeats it.
"""

import functools
import hashlib
import json
import os
import random
import signal
import time
import tomllib
import unittest
from collections.abc import Callable

from lab import Lab, command, wait
from lab.https import Answer, Request
from lab.process import Process
from lab.program import path_of

from publishing import HOST, Host, Publisher, conditional, edition

KILLS = 200
DOMAINS = 20_000
SMALL = edition(20, ["group.test"])  # a list that stays as it is
FIRST, SECOND = "d00000.test", "d00001.test"


@functools.lru_cache(maxsize=4)
def numbered_edition(number: int) -> bytes:
    """Edition after edition of a large list; the MX hosts and the number of the domains change."""
    domains = DOMAINS + number % 7
    entries = ",\n".join(f'"d{i:05}.test":{{"mode":"enforce","mxs":["mx{number % 3}.d{i:05}.test"]}}'
                         for i in range(domains))
    return (f'{{"timestamp":"2026-11-20T{number // 60:02}:{number % 60:02}:00Z","expires":"2026-12-20T00:00:00Z",'
            f'"version":"0.1","author":"Lab","policies":{{{entries}}}}}').encode()


class Kill(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.publisher = Publisher(self.lab)
        self.host, self.reference = Host(self.lab, self.publisher), Host(self.lab, self.publisher)
        self.deadly = self.host.folder / "deadly"  # while it is there the command kills the update
        self.publisher.publish(SMALL, "/group.json")
        for host in (self.host, self.reference):
            group = host.main_list(name="group", url=self.publisher.url("/group.json"))
            host.configure([host.main_list(), group], outputs=[
                {"mta": "postfix", "file": str(host.maps / "first"), "type": "cdb"},
                {"mta": "postfix", "file": str(host.maps / "second"),
                 "command": ["/bin/sh", "-c", f"test ! -e {self.deadly} || kill -KILL $PPID"]},
                {"mta": "postfix", "file": str(host.maps / "third"), "type": "lmdb"}])
        self.seed = int(os.environ.get("LAB_SEED", random.randrange(10**6)))
        self.random = random.Random(self.seed)
        self.editions: dict[tuple[str, str], int] = {}  # of each map that may be there, by its name and digest
        self.on_request: dict[str, Callable[[], None]] = {}
        self.publish(0)

    def publish(self, number: int) -> None:
        self.newest = number
        content = numbered_edition(number)
        for path, answer in (("/list.json", conditional(content, None, ["ETag"])),
                             ("/list.json.minisig", Answer(body=self.publisher.key.sign(content)))):
            self.publisher.web.answer(HOST, path, self.watched(path, answer))

    def watched(self, path: str, answer: object) -> Callable:
        """The answer, before which a test may do something."""
        def answered(request: Request):
            self.on_request.pop(path, lambda: None)()
            return answer(request) if callable(answer) else answer

        return answered

    def start(self) -> Process:
        return Process([path_of("starttls-listtool"), "-c", self.host.configuration, "-q", "update"],
                       folder=self.output, lab_folder=self.lab.folder, environment=self.host.environment())

    def wait_for_random_time(self, process: Process) -> None:
        pidfd = os.pidfd_open(process.pid)
        try:
            wait.for_end(pidfd, self.random.uniform(0, self.duration), "the end of an update")
        except TimeoutError:
            pass
        finally:
            os.close(pidfd)

    def kill_at_random_time(self) -> Process:
        process = self.start()
        self.wait_for_random_time(process)
        process.signal(signal.SIGKILL)
        return process

    def kill_at_change(self) -> Process:
        folders = [self.host.state, self.host.state / "sets", self.host.maps]
        with wait.Changes(folders) as changes:
            process = self.start()
            changes.wait(self.random.randint(1, self.changes), process.popen)
            process.signal(signal.SIGKILL)
        return process

    def kill_at_request(self) -> Process:
        started: list[Process] = []
        path = self.random.choice(["/list.json", "/list.json.minisig"])
        self.on_request[path] = lambda: os.kill(started[0].pid, signal.SIGKILL)
        started.append(self.start())
        started[0].wait(60)
        self.on_request.clear()
        return started[0]

    def kill_at_command(self) -> Process:
        self.deadly.touch()
        process = self.start()
        process.wait(60)
        self.deadly.unlink()
        return process

    def installed(self) -> int:
        """The installed edition, after a check of everything in the set."""
        current = self.host.state / "current"
        facts = tomllib.loads((current / "set.toml").read_text())["list"]
        self.assertEqual([entry["name"] for entry in facts], ["main", "group"])
        for entry in facts:
            file = current / f"{entry['name']}.json"
            command.run("minisign", "-V", "-q", "-P", self.publisher.key.text, "-m", file, "-x", f"{file}.minisig")
        self.assertEqual((current / "group.json").read_bytes(), SMALL)
        content = (current / "main.json").read_bytes()
        number = next(n for n in (self.newest, self.newest - 1) if content == numbered_edition(n))
        self.assertEqual(facts[0]["timestamp"], f"2026-11-20T{number // 60:02}:{number % 60:02}:00Z")
        self.assertEqual(facts[0]["domains"], DOMAINS + number % 7)
        done = self.host.tool("--json", "lookup", FIRST, SECOND, "group.test")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([answer["mx"] for answer in json.loads(done.stdout)],
                         [[f"mx{number % 3}.{domain}"] for domain in (FIRST, SECOND)] + [["mx.group.test"]])
        return number

    def digests(self, host: Host) -> list[tuple[str, str]]:
        return [(name, hashlib.sha256((host.maps / name).read_bytes()).hexdigest())
                for name in ("first.cdb", "second", "third.lmdb")]

    def mapped(self) -> list[int]:
        """The edition of each map, compared byte for byte."""
        found = [self.editions.get(digest, -1) for digest in self.digests(self.host)]
        self.assertNotIn(-1, found)
        return found

    def make_reference(self) -> None:
        """The maps as an undisturbed update writes them."""
        self.assertEqual(self.reference.update().returncode, 0)
        self.editions |= dict.fromkeys(self.digests(self.reference), self.newest)

    def assert_nothing_piles_up(self) -> None:
        """The next update removes what a killed one kept, so that there are never the remains of more than one."""
        left = self.host.leftovers()
        # The new set; and, if the kill came between the switches of the two links, also the one before the last.
        self.assertLessEqual(len([name for name in left if name.count("/") == 2]), 2, left)
        places = [name.partition(".new")[0] for name in left if name.count("/") == 1]
        self.assertEqual(len(places), len(set(places)), left)

    def measure(self) -> None:
        """How long an undisturbed update takes, and how many changes of files there are in it."""
        self.publish(self.newest + 1)
        self.make_reference()
        begun = time.monotonic()
        with wait.Changes([self.host.state, self.host.state / "sets", self.host.maps]) as changes:
            process = self.start()
            self.changes = changes.wait(10_000, process.popen)
            self.assertEqual(process.wait(60), 0)
        self.duration = time.monotonic() - begun

    def test_the_installed_edition_and_the_maps_are_always_whole(self) -> None:
        self.output = self.lab.new_folder("output")
        self.make_reference()
        self.assertEqual(self.host.update().returncode, 0)
        self.measure()
        ways = [self.kill_at_random_time] * 9 + [self.kill_at_change] * 8 + [self.kill_at_request, self.kill_at_command]
        kills = 0
        steps = 0  # how often a kill left the next edition installed
        while kills < KILLS:
            if self.installed() == self.newest:
                self.publish(self.newest + 1)
                self.make_reference()
            way = self.random.choice(ways)
            with self.subTest(way=way.__name__, kill=kills, seed=self.seed):
                before = self.mapped()
                killed = way().wait(60) == -signal.SIGKILL
                kills += killed
                installed = self.installed()
                steps += killed and installed == self.newest
                for old, new in zip(before, self.mapped(), strict=True):
                    self.assertIn(new, (old, installed))
                self.assert_nothing_piles_up()
        self.assertGreater(steps, 5)
        self.assertEqual(self.host.update("-q").returncode, 0)
        self.assertEqual(self.installed(), self.newest)
        self.assertEqual(self.mapped(), [self.newest] * 3)
        self.assertEqual(self.host.leftovers(), [])
        before = self.host.stamps()
        done = self.host.update()
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(self.host.stamps(), before)


if __name__ == "__main__":
    unittest.main()
