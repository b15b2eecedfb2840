"""The soak runs, in short: beats of work in place of seconds, and what it judges is true."""

import re
import subprocess
import sys
import unittest
from pathlib import Path

from lab import program

SOAK = Path(__file__).resolve().parents[2] / "soak"
sys.path.insert(0, str(SOAK))

from books import DatagramBooks, SessionBooks, Totals  # noqa: E402
from plan import DAEMONS, deck, plan  # noqa: E402
from watch import MIB, Sample, at_rest, parts, under_load  # noqa: E402


class Run(unittest.TestCase):
    def test_a_short_one_finds_nothing_wrong(self) -> None:
        for name in ("tlsrpt-milter", "tlsrpt-collector", "starttls-listtool"):
            program.path_of(name)
        done = subprocess.run([SOAK / "run", "--beats", "60", "--connections", "300", "--seed", "11"], capture_output=True,
                              text=True, timeout=800, check=False)
        if done.returncode == 77:
            self.skipTest(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"\n\d+ events in \d+ s\nall is well")
        for name in DAEMONS:
            self.assertRegex(done.stdout, rf"\n  {name} ")


class Plan(unittest.TestCase):
    def test_is_a_function_of_the_seed(self) -> None:
        self.assertEqual(plan(7, 600, 1000), plan(7, 600, 1000))
        self.assertNotEqual(plan(7, 600, 1000), plan(8, 600, 1000))

    def test_has_everything_that_can_go_wrong_and_lets_the_daemons_live_in_the_second_half(self) -> None:
        events = plan(1, 1200, 10_000)
        wanted = {(card.kind, card.target) for card in deck(10_000, kills=True)}
        self.assertEqual({(event.kind, event.target) for event in events}, wanted)
        self.assertFalse([event for event in events if event.kind == "kill" and event.target in DAEMONS and event.end > 600])

    def test_has_no_event_that_runs_into_the_rest_or_beyond_the_end(self) -> None:
        for seed in range(20):
            for event in plan(seed, 300, 1000):
                self.assertTrue(event.end < 150 or 150 < event.begin and event.end < 300, str(event))

    def test_does_not_hit_a_part_twice_at_a_time(self) -> None:
        cards = {(card.kind, card.target): card.parts for card in deck(1000, kills=True)}
        for seed in range(20):
            events = plan(seed, 600, 1000)
            for first, second in ((a, b) for a in events for b in events if a is not b and a.begin <= b.begin < a.end):
                common = cards[first.kind, first.target] & cards[second.kind, second.target]
                self.assertFalse(common, f"{first} and {second}")


class Books(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.books = SessionBooks(lambda: self.now)

    def sessions(self, number: int, lasting: float = 0) -> None:
        for _ in range(number):
            session = self.books.begin("a", messages=1, lasting=lasting)
            self.now += 1
            self.books.end(session)

    def assert_accepts(self, *counts: int) -> None:
        totals = self.books.closed()
        for count in range(20):
            wrong = totals.judge("milter", {"a": (count, count)})
            self.assertEqual(not wrong, count in counts, wrong)

    def test_each_session_is_there_once(self) -> None:
        self.sessions(3)
        self.assert_accepts(3)

    def test_a_kill_may_cost_only_what_had_not_ended(self) -> None:
        self.sessions(3)
        running = self.books.begin("a", messages=1)
        self.books.killed()
        self.books.broken(running)
        self.assert_accepts(3, 4)

    def test_a_mail_server_ends_its_sessions_a_little_later(self) -> None:
        self.sessions(2, lasting=10)
        self.now += 20
        self.sessions(2, lasting=10)
        self.books.killed()
        self.assert_accepts(2, 3, 4)

    def test_what_a_mail_server_did_without_the_milter_may_be_missing(self) -> None:
        self.books.killed()
        self.sessions(2)
        self.books.started()
        self.now += 1
        self.sessions(3)
        self.assert_accepts(3, 4, 5)

    def test_a_mail_server_may_find_no_place_in_the_queue_of_a_crowd(self) -> None:
        self.sessions(1, lasting=1)
        self.now += 1
        self.books.crowd_comes()
        self.sessions(1)  # one that waits for its place
        self.sessions(1, lasting=1)
        self.books.crowd_goes()
        self.now += 1
        self.sessions(1, lasting=1)
        self.assert_accepts(3, 4)

    def test_what_waits_in_memory_may_be_lost_by_a_kill_only(self) -> None:
        self.sessions(1)
        self.now += 1
        self.books.disk_full()
        self.now += 1
        self.sessions(2)
        self.books.settle()
        self.books.disk_free()
        self.now += 1
        self.books.disk_full()
        self.now += 1
        self.sessions(1)
        self.books.killed()
        self.assert_accepts(3, 4)

    def test_a_client_that_never_was_is_wrong(self) -> None:
        self.assertTrue(self.books.closed().judge("milter", {"b": (1, 0)}))

    def test_of_datagrams_a_kill_may_cost_those_that_were_not_in_the_journal(self) -> None:
        books = DatagramBooks()
        for _ in range(10):
            books.accept("d", (1, 0))
        books.settle(4)
        books.killed(7)
        for _ in range(5):
            books.accept("d", (1, 0))
        totals = books.closed()
        self.assertEqual((totals.certain["d"], totals.maybe["d"]), ((12, 0), (3, 0)))

    def test_those_that_stayed_in_the_socket_come_before_those_of_the_next_life(self) -> None:
        books = DatagramBooks()
        for _ in range(10):
            books.accept("d", (1, 0))
        books.killed(7)
        for _ in range(10):
            books.accept("d", (1, 0))
        books.killed(8)  # of which 3 may be of the first life
        self.assertEqual(books.closed().certain["d"], (7 + 5, 0))

    def test_too_many_differences_are_counted(self) -> None:
        totals = Totals()
        for number in range(50):
            totals.add(str(number), (1, 0), certain=True)
        self.assertEqual(totals.judge("x", {})[-1], "x: and 30 more")


class Flat(unittest.TestCase):
    def sample(self, beat: int, **more: int) -> Sample:
        return Sample(**{"beat": beat, "daemon": "serve", "resident": 30 * MIB, "descriptors": 20, "threads": 4, "disk": MIB} | more)

    def test_at_rest_nothing_may_grow(self) -> None:
        before = self.sample(0)
        self.assertEqual(at_rest([before], [self.sample(1)], with_disk=True), [])
        for what, value in {"resident": 60 * MIB, "descriptors": 23, "threads": 7, "disk": 4 * MIB}.items():
            self.assertEqual(len(at_rest([before], [self.sample(1, **{what: value})], with_disk=True)), 1, what)

    def test_under_load_a_leak_shows(self) -> None:
        even = [self.sample(beat, resident=30 * MIB + (beat % 7) * MIB) for beat in range(0, 300)]
        self.assertEqual(under_load("serve", parts(even, "serve", 0, 300)), [])
        leaky = [self.sample(beat, resident=30 * MIB + beat * MIB // 10) for beat in range(0, 300)]
        self.assertTrue(re.search("memory grew", under_load("serve", parts(leaky, "serve", 0, 300))[0]))
        self.assertIsNone(parts(even[:30], "serve", 0, 300))


if __name__ == "__main__":
    unittest.main()
