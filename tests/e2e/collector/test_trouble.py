"""A store that is away, locked or damaged, and a state directory that is full or gone, cost no result that there is room
for. A mail server never waits, and what is lost is counted."""

import contextlib
import re
import select
import shutil
import sqlite3
import unittest
from collections.abc import Iterator

from lab import Lab, wait
from lab.collector import QUICK, Collector, Day, datagram
from lab.postgres import PASSWORD, Postgres
from lab.volume import Volume

TROUBLE = "error: (.*); mail is not affected"
RECOVERED = "recording works again; results lost so far: 0"


def domains(first: int, number: int) -> list[bytes]:
    return [datagram(f"d{index}.test") for index in range(first, first + number)]


def each_once(number: int) -> dict[str, tuple[int, int]]:
    return {f"d{index}.test": (1, 0) for index in range(number)}


@contextlib.contextmanager
def locked(collector: Collector) -> Iterator[None]:
    """Lock the store like another program that writes for a while."""
    with contextlib.closing(sqlite3.connect(collector.state / "outbound.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


class SharedStore(unittest.TestCase):
    def assert_stored(self, server: Postgres, number: int) -> None:
        self.assertEqual(server.execute("SELECT count(*), count(DISTINCT domain), sum(successful) FROM outbound_counts"),
                         [[str(number)] * 3])
        self.assertEqual(server.execute("SELECT sum(results) FROM outbound_days"), [[str(number)]])

    def test_while_it_is_away_results_wait_and_then_count(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            collector = Collector(lab, metrics=True, settings=QUICK | {"store": server.url})
            collector.send(*domains(0, 100))
            collector.wait_for_metric("folded_results_total", 100)
            sent = 100
            for end in (server.stop, server.kill):
                end()
                since = collector.stderr.mark()
                collector.send(*domains(sent, 100))
                sent += 100
                collector.wait_for_metric("journal_records_total", sent)
                wait.until(lambda: collector.metrics()["journal_backlog_segments"] > 0)
                server.start()
                collector.wait_for_metric("folded_results_total", sent)
                collector.stderr.wait_for(RECOVERED, since=since)
            self.assertEqual(collector.stop(), 0)
            self.assert_stored(server, sent)
            self.assertFalse((collector.state / "outbound.sqlite").exists())
            self.assertNotIn(PASSWORD, collector.stderr.text())

    def test_while_it_does_not_answer_nothing_is_lost(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            collector = Collector(lab, metrics=True, settings=QUICK | {"store": server.url})
            collector.send(*domains(0, 100))
            collector.wait_for_metric("folded_results_total", 100)
            with server.paused():
                collector.send(*domains(100, 1000))
                collector.wait_for_metric("journal_records_total", 1100)
            collector.wait_for_metric("folded_results_total", 1100)
            self.assertEqual(collector.stop(), 0)
            self.assert_stored(server, 1100)

    def test_that_is_away_at_the_start_and_the_end_leaves_results_for_the_next_daemon(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            server.stop()
            first = Collector(lab, settings=QUICK | {"store": server.url})
            first.send(*domains(0, 100))
            self.assertEqual(first.stop(), 0)
            self.assertRegex(first.stderr.text(), r"stopped: 100 datagrams received, 0 folded, 0 malformed, 0 lost, "
                                                  r"[1-9]\d* bytes waiting in the journal")
            server.start()
            second = Collector(lab, state=first.state, settings=QUICK | {"store": server.url})
            self.assertEqual(second.stop(), 0)
            self.assert_stored(server, 100)

    def test_hosts_and_the_milter_share_it(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            hosts = [Collector(lab, settings=QUICK | {"store": server.url}) for _ in range(3)]
            for host in hosts:
                host.send(*domains(0, 500))
            for host in hosts:
                self.assertEqual(host.stop(), 0)
            self.assertEqual(server.execute("SELECT count(*), sum(successful) FROM outbound_counts"), [["500", "1500"]])


class Locked(unittest.TestCase):
    def test_by_another_process_it_is_waited_for(self) -> None:
        with Lab() as lab:
            collector = Collector(lab, metrics=True)
            collector.send(*domains(0, 10))
            collector.wait_for_metric("folded_results_total", 10)
            with locked(collector):
                collector.send(*domains(10, 10))
                collector.stderr.wait_for(TROUBLE)
            collector.stderr.wait_for(RECOVERED)
            self.assertEqual((collector.stop(), collector.policies()), (0, each_once(20)))


class Damaged(unittest.TestCase):
    def test_at_the_start_it_is_moved_and_a_new_one_is_created(self) -> None:
        for name, content in {"text": b"not a database\n" * 100, "empty": b""}.items():
            with self.subTest(name), Lab() as lab:
                state = lab.new_folder("state")
                (state / "outbound.sqlite").write_bytes(content)
                collector = Collector(lab, state=state)
                collector.send(*domains(0, 10))
                moved = collector.stderr.wait_for(r"outbound\.sqlite: the store is damaged; it was moved to (\S+?)[,;]")
                self.assertEqual((collector.stop(), collector.policies()), (0, each_once(10)))
                self.assertEqual((state / moved[1]).read_bytes(), content)

    def test_a_store_of_the_milter_is_not_changed(self) -> None:
        with Lab() as lab:
            state = lab.new_folder("state")
            with contextlib.closing(sqlite3.connect(state / "outbound.sqlite")) as other:
                other.execute("CREATE TABLE precious (text)")
                other.commit()
            before = (state / "outbound.sqlite").read_bytes()
            collector = Collector(lab, state=state)
            collector.send(*domains(0, 10))
            collector.stderr.wait_for(TROUBLE)
            self.assertEqual(collector.stop(), 0)
            self.assertEqual((state / "outbound.sqlite").read_bytes(), before)
            (state / "outbound.sqlite").unlink()
            second = Collector(lab, state=state)
            self.assertEqual((second.stop(), second.policies()), (0, each_once(10)))


class StateDirectory(unittest.TestCase):
    def test_while_it_is_full_results_wait_in_memory(self) -> None:
        with Lab() as lab:
            volume = Volume(lab, "size=2m")
            collector = Collector(lab, state=volume.path, within=volume.within, metrics=True)
            collector.send(*domains(0, 10))
            volume.fill()
            collector.send(*domains(10, 200))
            collector.stderr.wait_for(TROUBLE)
            volume.free()
            collector.stderr.wait_for(RECOVERED)
            self.assertEqual(collector.stop(), 0)
            collector.state = volume.seen_from_outside
            self.assertEqual(collector.policies(), each_once(210))

    def test_while_it_is_full_a_mail_server_never_waits_and_losses_are_counted(self) -> None:
        size, number = 60_000, 1_000  # more than fits into 16 MiB
        large = datagram("large.test")[:-1] + b',"x":"' + b"x" * size + b'"}'
        with Lab() as lab:
            volume = Volume(lab, "size=2m")
            volume.fill()
            collector = Collector(lab, state=volume.path, within=volume.within, metrics=True)
            with collector.sender(blocking=False) as to:
                for _ in range(number):
                    select.select([], [to], [], wait.PATIENCE)
                    to.send(large)  # an error if it had to wait
            collector.wait_for_metric("datagrams_total", number)
            figures = collector.metrics()
            self.assertGreater(figures["lost_records_total"], 0)
            self.assertEqual(figures["lost_records_total"] + figures["held_back_records"], number)
            self.assertLess(figures["held_back_records"] * size, 17 << 20)
            volume.remount("size=64m")
            wait.until(lambda: collector.metrics()["held_back_records"] == 0)
            lost = int(figures["lost_records_total"])
            collector.stderr.wait_for(f"recording works again; results lost so far: {lost}")
            self.assertEqual(collector.stop(), 0)
            collector.state = volume.seen_from_outside
            self.assertEqual(collector.day(), Day(results=number - lost))

    def test_that_is_removed_is_created_again_and_nothing_is_lost(self) -> None:
        with Lab() as lab:
            collector = Collector(lab, settings=QUICK | {"fold_interval": 3600})
            wait.until((collector.state / "outbound.sqlite").exists)
            collector.send(*domains(0, 10))
            shutil.rmtree(collector.state.rename(collector.state.with_suffix(".removed")))
            wait.until((collector.state / "outbound-journal").exists)
            collector.send(*domains(10, 10))
            self.assertEqual(collector.stop(), 0)
            # If it has missed its store only at the end, the next one folds.
            second = Collector(lab, state=collector.state)
            self.assertEqual((second.stop(), second.policies()), (0, each_once(20)))

    def test_that_cannot_be_created_is_waited_for(self) -> None:
        with Lab() as lab:
            file = lab.folder / "place"
            file.write_text("in its way")
            collector = Collector(lab, state=file / "state")
            collector.send(*domains(0, 10))
            collector.stderr.wait_for(TROUBLE)
            file.unlink()
            collector.stderr.wait_for(RECOVERED)
            self.assertEqual((collector.stop(), collector.policies()), (0, each_once(10)))
            self.assertEqual(len(re.findall(TROUBLE, collector.stderr.text())), 1)


if __name__ == "__main__":
    unittest.main()
