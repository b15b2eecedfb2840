"""A store that another process has locked, or that is damaged, costs no session and is logged as an error."""

import contextlib
import random
import re
import sqlite3
import unittest
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab import Lab
from lab.postfix import Receiver
from lab.smtp_client import plaintext_mail, tls13_mail
from recording import QUICK, Milter, client, end_and_read, read, receiver

NO_NAMES = {"smtpd_peername_lookup": "no"}
TROUBLE = "error: .*mail is not affected"
RECOVERED = "recording works again; sessions lost so far: 0"
MOVED_ASIDE = r"error: .*tlsrpt\.sqlite: the store is damaged; it was moved to (\S+?)[,;]"


def store_of(milter: Milter) -> Path:
    return milter.state / "tlsrpt.sqlite"


def segments_of(milter: Milter) -> Sequence[Path]:
    return sorted((milter.state / "journal").glob("*.segment"))


@contextlib.contextmanager
def locked(store: Path) -> Iterator[None]:
    """Lock the store like another program that writes for a while."""
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


class StoreTrouble(unittest.TestCase):
    def setUp(self) -> None:
        self.sources: list[str] = []

    def mail(self, lab: Lab, mx: Receiver, count: int) -> list[str]:
        """Send messages that arrive: Postfix would answer with 451 if the milter failed."""
        new = []
        for number in range(count):
            one = client(lab, mx)
            (tls13_mail if number % 2 else plaintext_mail)(one)
            new.append(one.source)
        self.sources += new
        return new

    def assert_recorded(self, rows: dict, sources: Sequence[str]) -> None:
        self.assertEqual({address: [(row.sessions, row.messages) for row in of] for address, of in rows.items()},
                         {source: [(1, 1)] for source in sources})


class Locked(StoreTrouble):
    def test_by_another_process_the_daemon_waits_for_it(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            milter.wait_for_first_fold()
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.mail(lab, mx, 2)
            with locked(store_of(milter)):
                self.mail(lab, mx, 6)
                milter.stderr.wait_for(TROUBLE)
                self.mail(lab, mx, 2)
            milter.stderr.wait_for(RECOVERED)
            self.mail(lab, mx, 2)
            self.assert_recorded(end_and_read(mx, milter), self.sources)
            self.assertRegex(milter.stderr.text(), "database is locked")

    def test_until_the_end_the_next_daemon_folds_what_waits(self) -> None:
        with Lab() as lab:
            milter = Milter(lab, settings=QUICK | {"fold_interval": 3600})
            milter.wait_for_first_fold()
            mx = receiver(lab, milter, parameters=NO_NAMES)
            for _ in range(3):
                self.mail(lab, mx, 2)
            with locked(store_of(milter)):
                mx.end()
                self.assertEqual(milter.stop(), 0)
                self.assertGreater(len(segments_of(milter)), 0)
            self.assertEqual(Milter(lab, state=milter.state).stop(), 0)
            self.assert_recorded(read(milter.state), self.sources)

    def test_from_the_start_the_daemon_waits_for_it(self) -> None:
        with Lab() as lab:
            first = Milter(lab)
            first.stop()
            with locked(store_of(first)):
                milter = Milter(lab, state=first.state)
                mx = receiver(lab, milter, parameters=NO_NAMES)
                self.mail(lab, mx, 2)
                milter.stderr.wait_for(TROUBLE)
            milter.stderr.wait_for(RECOVERED)
            self.assert_recorded(end_and_read(mx, milter), self.sources)


class Damaged(StoreTrouble):
    def assert_moved_aside(self, milter: Milter, content: bytes | None) -> None:
        """Logged once as an error, and kept so that the administrator can look at it."""
        said = re.findall(MOVED_ASIDE, milter.stderr.text())
        self.assertEqual(len(said), 1, milter.stderr.text())
        aside = Path(said[0])
        self.assertEqual(aside.parent, milter.state)
        if content is not None:
            self.assertEqual(aside.read_bytes(), content)

    def test_at_the_start_it_is_renamed_and_a_new_one_is_created(self) -> None:
        for name, content in {"garbage": random.Random(1).randbytes(50_000), "text": b"not a database\n",
                              "empty": b""}.items():
            with self.subTest(name), Lab() as lab:
                self.sources.clear()
                state = lab.new_folder("state")
                (state / "tlsrpt.sqlite").write_bytes(content)
                milter = Milter(lab, state=state)
                mx = receiver(lab, milter, parameters=NO_NAMES)
                self.mail(lab, mx, 3)
                milter.stderr.wait_for(MOVED_ASIDE)
                self.mail(lab, mx, 1)
                self.assert_recorded(end_and_read(mx, milter), self.sources)
                self.assert_moved_aside(milter, content)

    def test_in_its_middle_it_is_renamed_when_the_damage_is_found(self) -> None:
        with Lab() as lab:
            first = Milter(lab)
            mx = receiver(lab, first, parameters=NO_NAMES)
            self.mail(lab, mx, 4)
            end_and_read(mx, first)
            store = store_of(first)
            size = store.stat().st_size
            with store.open("r+b") as file:
                file.seek(4096)
                file.write(random.Random(2).randbytes(size - 4096))
            damaged = store.read_bytes()

            self.sources.clear()
            milter = Milter(lab, state=first.state)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.mail(lab, mx, 4)
            milter.stderr.wait_for(MOVED_ASIDE)
            self.assert_recorded(end_and_read(mx, milter), self.sources)
            self.assert_moved_aside(milter, damaged)

    def test_under_the_running_daemon_no_later_session_is_lost(self) -> None:
        def overwrite(store: Path) -> None:
            with store.open("r+b") as file:
                file.write(random.Random(3).randbytes(store.stat().st_size))

        def empty(store: Path) -> None:
            store.write_bytes(b"")

        for damage in (overwrite, empty):
            with self.subTest(damage.__name__), Lab() as lab:
                self.sources.clear()
                earlier = Milter(lab)
                mx = receiver(lab, earlier, parameters=NO_NAMES)
                self.mail(lab, mx, 2)
                end_and_read(mx, earlier)  # so that the file itself holds something

                milter = Milter(lab, state=earlier.state)
                mx = receiver(lab, milter, parameters=NO_NAMES)
                self.mail(lab, mx, 2)
                damage(store_of(milter))
                later = self.mail(lab, mx, 4)
                milter.stderr.wait_for(MOVED_ASIDE)
                later += self.mail(lab, mx, 2)
                rows = end_and_read(mx, milter)
                self.assert_moved_aside(milter, None)
                self.assertLessEqual(set(later), set(rows), milter.stderr.text())
                self.assertLessEqual(set(rows), set(self.sources))
                for source in later:
                    self.assertEqual([(row.sessions, row.messages) for row in rows[source]], [(1, 1)])

    def test_a_store_of_another_program_is_not_changed(self) -> None:
        with Lab() as lab:
            state = lab.new_folder("state")
            with contextlib.closing(sqlite3.connect(state / "tlsrpt.sqlite")) as other:
                other.execute("CREATE TABLE precious (text)")
                other.commit()
            before = (state / "tlsrpt.sqlite").read_bytes()
            milter = Milter(lab, state=state)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.mail(lab, mx, 2)
            milter.stderr.wait_for(TROUBLE)
            mx.end()
            milter.stop()
            self.assertEqual((state / "tlsrpt.sqlite").read_bytes(), before)
            (state / "tlsrpt.sqlite").unlink()
            self.assertEqual(Milter(lab, state=state).stop(), 0)
            self.assert_recorded(read(state), self.sources)


if __name__ == "__main__":
    unittest.main()
