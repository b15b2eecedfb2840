"""A collector that is killed again and again under load counts each datagram at most once, and each one that was in its
journal exactly once.

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

KILLS = 100
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


class Killed(unittest.TestCase):
    def test_at_random_moments_each_journalled_datagram_counts_exactly_once(self) -> None:
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")
        moments = random.Random(seed)
        with Lab() as lab:
            place, state = lab.new_folder("run") / "socket", lab.folder / "state"
            settings = {"sync_interval": 0.02, "fold_interval": 0.02}
            known: set[str] = set()
            waiting_kills = 0
            with Load(place):
                for _ in range(KILLS):
                    collector = Collector(lab, state=state, socket=place, settings=settings)
                    with wait.Changes([state, state / "outbound-journal"]) as changes:
                        changes.wait(moments.randint(1, MOST_CHANGES), collector.popen)
                    self.assertTrue(collector.running(), collector.stderr.text())
                    collector.kill()
                    now, waiting = self.recorded(state)
                    waiting_kills += waiting > 0
                    self.assertLessEqual(known, now)
                    known = now
            last = Collector(lab, state=state, socket=place, settings=settings)
            self.assertEqual(last.stop(), 0)
            now, waiting = self.recorded(state)
            self.assertEqual(waiting, 0)
            # What the last one has received itself was never in a segment that the test saw.
            self.assertLessEqual(known, now)
            self.assertGreater(len(now), KILLS)
            self.assertGreater(waiting_kills, 0, "some kills came before the fold")
            ((results,),) = rows(state, "SELECT sum(results) FROM outbound_days")
            self.assertEqual(results, len(now))
            print(f"{len(now)} datagrams; {waiting_kills} of {KILLS} kills with some in the journal")

    def recorded(self, state: Path) -> tuple[set[str], int]:
        """The domains in the store and in the journal, each once, and how many of them are in the journal."""
        known = {segment for (segment,) in rows(state, "SELECT id FROM folded_segments")}
        waiting = [domain_of(text) for segment, texts in journalled(state).items() if segment not in known
                   for text in texts]
        stored = rows(state, "SELECT domain, successful FROM outbound_counts")
        self.assertEqual({count for _, count in stored} - {1}, set())
        both = {domain for domain, _ in stored} | set(waiting)
        self.assertEqual(len(both), len(stored) + len(waiting), "one is there twice")
        return both, len(waiting)


def domain_of(text: bytes) -> str:
    return text[:text.index(b'"', 7)].partition(b'"d": "')[2].decode()


if __name__ == "__main__":
    unittest.main()
