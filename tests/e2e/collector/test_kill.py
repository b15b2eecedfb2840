"""A collector that is killed again and again under load counts each datagram at most once, and each one that was in its
journal exactly once, in SQLite and in PostgreSQL.

Each datagram is about a domain of its own. After each kill, while no collector runs, the test reads what is in the store
and what is in the segments of the journal that the store does not know.
"""

import contextlib
import itertools
import random
import socket
import threading
import unittest
from pathlib import Path

from lab import Lab, wait
from lab.collector import Collector, datagram, journalled, rows
from lab.postgres import Postgres

KILLS = 100
KILLS_WITH_POSTGRES = 20
MOST_CHANGES = 200  # of files, after the start; a kill comes after one of them


class Load:
    """A thread that sends numbered datagrams without a pause, whatever happens to their receiver."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._numbers = itertools.count()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sent = 0

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.is_set():
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                to.settimeout(0.1)  # a receiver that was killed does not take the thread with it
                to.connect(str(self._place))
                while not self._ending.is_set():
                    to.send(datagram(f"n{next(self._numbers)}.test"))
                    self.sent += 1


class Embedded:
    """The SQLite store of a state directory."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self.settings: dict[str, object] = {}

    def segments(self) -> set[str]:
        return {segment for (segment,) in rows(self._state, "SELECT id FROM folded_segments")}

    def domains(self) -> list[tuple[str, int]]:
        return rows(self._state, "SELECT domain, successful FROM outbound_counts")

    def results(self) -> int:
        ((results,),) = rows(self._state, "SELECT sum(results) FROM outbound_days")
        return results


class Shared:
    """A store in PostgreSQL. The server may still work for a collector that was killed: then what was in its transaction
    is there or not, once that is over."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self.settings: dict[str, object] = {"store": server.url}

    def _rows(self, sql: str) -> list[list[str]]:
        wait.until_equal(self._server.connections, 0)
        made = self._server.execute("SELECT count(*) WHERE to_regclass('outbound_days') IS NOT NULL")
        return self._server.execute(sql) if made == [["1"]] else []

    def segments(self) -> set[str]:
        return {segment for (segment,) in self._rows("SELECT id FROM outbound_segments")}

    def domains(self) -> list[tuple[str, int]]:
        return [(domain, int(count)) for domain, count in self._rows("SELECT domain, successful FROM outbound_counts")]

    def results(self) -> int:
        ((results,),) = self._rows("SELECT sum(results) FROM outbound_days")
        return int(results)


class Killed(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.state = self.lab.folder / "state"

    def test_at_random_moments_each_journalled_datagram_counts_exactly_once(self) -> None:
        self.kill_again_and_again(Embedded(self.state), KILLS)

    def test_the_same_with_a_store_that_hosts_share(self) -> None:
        self.kill_again_and_again(Shared(Postgres(self.lab)), KILLS_WITH_POSTGRES)

    def kill_again_and_again(self, store: Embedded | Shared, kills: int) -> None:
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        moments = random.Random(seed)
        lab, state = self.lab, self.state
        place = lab.new_folder("run") / "socket"
        settings = {"sync_interval": 0.02, "fold_interval": 0.02, **store.settings}
        known: set[str] = set()
        waiting_kills = 0
        with Load(place):
            for _ in range(kills):
                collector = Collector(lab, state=state, socket=place, settings=settings)
                with wait.Changes([state, state / "outbound-journal"]) as changes:
                    changes.wait(moments.randint(1, MOST_CHANGES), collector.popen)
                self.assertTrue(collector.running(), collector.stderr.text())
                collector.kill()
                now, waiting = self.recorded(store)
                waiting_kills += waiting > 0
                self.assertLessEqual(known, now)
                known = now
        last = Collector(lab, state=state, socket=place, settings=settings)
        self.assertEqual(last.stop(), 0)
        now, waiting = self.recorded(store)
        self.assertEqual(waiting, 0)
        # What the last one has received itself was never in a segment that the test saw.
        self.assertLessEqual(known, now)
        self.assertGreater(len(now), kills)
        self.assertGreater(waiting_kills, 0, "some kills came before the fold")
        self.assertEqual(store.results(), len(now))
        print(f"{len(now)} datagrams; {waiting_kills} of {kills} kills with some in the journal")

    def recorded(self, store: Embedded | Shared) -> tuple[set[str], int]:
        """The domains in the store and in the journal, each once, and how many of them are in the journal."""
        known = store.segments()
        waiting = [domain_of(text) for segment, texts in journalled(self.state).items() if segment not in known
                   for text in texts]
        stored = store.domains()
        self.assertEqual({count for _, count in stored} - {1}, set())
        both = {domain for domain, _ in stored} | set(waiting)
        self.assertEqual(len(both), len(stored) + len(waiting), "one is there twice")
        return both, len(waiting)


def domain_of(text: bytes) -> str:
    return text[:text.index(b'"', 7)].partition(b'"d": "')[2].decode()


if __name__ == "__main__":
    unittest.main()
