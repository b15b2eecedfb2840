"""A clock that is set back or forward by a day loses no session and counts none twice."""

import contextlib
import os
import sqlite3
import unittest
from pathlib import Path

from lab import Lab
from lab.postfix import Receiver
from lab.smtp_client import ehlo_quit, plaintext_mail, tls13_mail
from lab.smtp_dialogue import TLS13, greeted, tls
from recording import QUICK, Milter, client, end_and_read, receiver, sessions_in

NO_NAMES = {"smtpd_peername_lookup": "no"}
DAY = "2026-11-22"
DAY_BEFORE = "2026-11-21"
DAY_AFTER_NEXT = "2026-11-24"


class SetClock:
    """The daemon's clock; it is fixed until it is set."""

    def __init__(self, lab: Lab) -> None:
        self.path = lab.new_folder("clock") / "now"
        self.set(f"{DAY}T12:00:00Z")
        self.environment = {"STARTTLS_TOOLKIT_NOW": str(self.path)}

    def set(self, now: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(now + "\n")
        os.replace(new, self.path)


def sessions_by_day(state: Path) -> dict[str, int]:
    """Of a milter that has ended."""
    with contextlib.closing(sqlite3.connect(state / "tlsrpt.sqlite")) as database:
        return dict(database.execute(
            "SELECT date(day * 86400, 'unixepoch'), sum(sessions) FROM session_counts GROUP BY day"))


class Clock(unittest.TestCase):
    def sessions(self, lab: Lab, mx: Receiver) -> None:
        for session in (tls13_mail, plaintext_mail, ehlo_quit):
            session(client(lab, mx))

    def test_set_back_by_a_day_and_forward_again_counts_each_session_once(self) -> None:
        with Lab() as lab:
            clock = SetClock(lab)
            milter = Milter(lab, environment=clock.environment)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            for now in (f"{DAY}T12:00:00Z", f"{DAY_BEFORE}T12:00:00Z", f"{DAY_BEFORE}T12:00:01Z", f"{DAY}T12:00:02Z"):
                clock.set(now)
                self.sessions(lab, mx)
            rows = end_and_read(mx, milter)
            self.assertEqual(len(rows), 12)
            self.assertEqual(sessions_in(rows), 12)
            self.assertEqual(sessions_by_day(milter.state), {DAY: 6, DAY_BEFORE: 6})
            self.assertEqual(list((milter.state / "journal").glob("*.segment")), [])
            self.assertNotIn("error:", milter.stderr.text())

    def test_set_back_while_segments_wait_counts_each_session_once(self) -> None:
        # Segments are no longer in the order of their names.
        with Lab() as lab:
            clock = SetClock(lab)
            milter = Milter(lab, environment=clock.environment, settings=QUICK | {"fold_interval": 3600})
            milter.wait_for_first_fold()
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.sessions(lab, mx)
            mx.end()
            milter.wait_for_records(3)
            milter.kill()
            clock.set(f"{DAY_BEFORE}T12:00:00Z")
            again = Milter(lab, state=milter.state, socket=milter.socket, environment=clock.environment)
            mx = receiver(lab, again, parameters=NO_NAMES)
            self.sessions(lab, mx)
            rows = end_and_read(mx, again)
            self.assertEqual(sessions_in(rows), 6)
            self.assertEqual(sessions_by_day(again.state), {DAY: 3, DAY_BEFORE: 3})

    def test_set_back_during_sessions_counts_them_on_the_day_they_began(self) -> None:
        with Lab() as lab:
            clock = SetClock(lab)
            milter = Milter(lab, environment=clock.environment)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            one = client(lab, mx)
            with greeted(one) as dialogue:
                dialogue.starttls(tls(TLS13))
                dialogue.ehlo()
                clock.set(f"{DAY_BEFORE}T12:00:00Z")
                dialogue.mail()
                dialogue.quit()
            (row,) = end_and_read(mx, milter)[one.source]
            self.assertEqual((row.outcome, row.sessions, row.messages), ("tls", 1, 1))
            self.assertEqual(sessions_by_day(milter.state), {DAY: 1})

    def test_set_back_removes_nothing_from_the_store(self) -> None:
        with Lab() as lab:
            clock = SetClock(lab)
            milter = Milter(lab, environment=clock.environment, settings=QUICK | {"retention_days": 2})
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.sessions(lab, mx)
            recorded = 3
            for now in (f"{DAY_BEFORE}T23:59:59Z", f"{DAY}T00:00:01Z", f"{DAY_BEFORE}T00:00:00Z",
                        f"{DAY_AFTER_NEXT}T00:00:00Z"):
                milter.wait_for_sessions(recorded)
                clock.set(now)
                self.sessions(lab, mx)
                recorded += 3
            rows = end_and_read(mx, milter)
            # Three days ago is older than is kept, by the clock as it is now.
            self.assertEqual(sessions_by_day(milter.state), {DAY: 6, DAY_AFTER_NEXT: 3})
            self.assertEqual(sessions_in(rows), 9)


if __name__ == "__main__":
    unittest.main()
