"""The forms that a line of the mail log may have, and the meaning of its timestamp."""

import datetime
import unittest
from pathlib import Path

from lab import Lab, wait
from recording import QUICK, Milter, read
from test_clock import SetClock

SERVICE = "postfix"  # counts by name: there are no sessions here

# {0}: the timestamp in syslog's old form; {1}: the same in RFC 3339.
FORMS = {
    "old": "{0} mx postfix/smtpd[{2}]: {3}",
    "old with fraction": "{0}.123 mx postfix/smtpd[{2}]: {3}",
    "old with priority": "<22>{0} postfix/smtpd[{2}]: {3}",
    "Solaris": "{0} mx postfix/smtpd[{2}]: [ID 197553 mail.info] {3}",
    "new": "{1}Z mx postfix/smtpd[{2}]: {3}",
    "new with offset": "{1}.123456+00:00 mx postfix/smtpd[{2}]: {3}",
    "new with offset without colon": "{1}+0000 mx postfix/smtpd[{2}]: {3}",
    "new without zone": "{1} mx postfix/smtpd[{2}]: {3}",
    "RFC 5424": "<22>1 {1}.123Z mx postfix/smtpd {2} - - {3}",
    "RFC 5424 with data": '<22>1 {1}Z mx postfix/smtpd {2} ID7 [x@1 y="]: z"] {3}',
    "RFC 5424 without priority": "1 {1}Z mx postfix/smtpd {2} - - {3}",
}


def failed_session(form: str, time: datetime.datetime, client: str, process: int) -> str:
    who = f"unknown[{client}]"
    messages = (f"connect from {who}", f"SSL_accept error from {who}: lost connection",
                f"lost connection after STARTTLS from {who}", f"disconnect from {who} ehlo=1 starttls=0/1 commands=1/2")
    old = f"{time:%b} {time.day:2} {time:%H:%M:%S}"
    return "".join(form.format(old, f"{time:%Y-%m-%dT%H:%M:%S}", process, message) + "\n" for message in messages)


class Forms(unittest.TestCase):
    def failures(self, lab: Lab, milter: Milter, log: Path, later: str) -> dict[str, int]:
        """Handshakes that failed, by client, when no failure waits for its session any more."""
        wait.until_read(milter.pid, log)
        milter.stop()
        last = Milter(lab, state=milter.state, environment={"STARTTLS_TOOLKIT_NOW": later})
        last.stop()
        return {address: sum(row.sessions for row in of_client if row.outcome == "failed")
                for address, of_client in read(milter.state).items()}

    def test_are_understood(self) -> None:
        with Lab() as lab:
            log = lab.new_folder("log") / "mail.log"
            log.touch()
            clock = SetClock(lab)  # 2026-11-22T12:00:00Z
            milter = Milter(lab, environment=clock.environment | {"TZ": "UTC"},
                            settings=QUICK | {"mta_log": log, "mta_log_services": [SERVICE]})
            time = datetime.datetime(2026, 11, 22, 11, 59, 30)
            clients = {f"192.0.2.{number}": name for number, name in enumerate(FORMS)}
            with log.open("a") as file:
                for number, form in enumerate(FORMS.values()):
                    file.write(failed_session(form, time, f"192.0.2.{number}", number + 100))
            found = self.failures(lab, milter, log, "2026-11-22T12:05:00Z")
            self.assertEqual({clients[address]: number for address, number in found.items()}, dict.fromkeys(FORMS, 1))
            self.assertNotIn("warning", milter.stderr.text())


class SummerTime(unittest.TestCase):
    """In Berlin 02:30 happens twice on 2026-10-25, at 00:30Z and 01:30Z; in New York 01:30 on 2026-11-01."""

    CASES = {
        "Europe/Berlin": (datetime.datetime(2026, 10, 25, 2, 30), "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
        "America/New_York": (datetime.datetime(2026, 11, 1, 1, 30), "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"),
    }

    def test_ends_with_an_hour_that_is_read_as_it_is_written(self) -> None:
        for zone, (local, first, second) in self.CASES.items():
            with self.subTest(zone), Lab() as lab:
                log = lab.new_folder("log") / "mail.log"
                log.touch()
                clock = SetClock(lab)
                clock.set(first)
                milter = Milter(lab, environment=clock.environment | {"TZ": zone},
                                settings=QUICK | {"mta_log": log, "mta_log_services": [SERVICE], "fold_interval": 3600})
                milter.wait_for_first_fold()
                journal = milter.state / "journal"
                for number, now in enumerate((first, second)):
                    clock.set(now)
                    with log.open("a") as file:
                        file.write(failed_session(FORMS["old"], local, f"192.0.2.{number}", 7))
                    # A line that is read is not yet understood, which is what the clock matters for.
                    wait.until(lambda folder=journal, wanted=number + 1: len(self.times_in(folder)) == wanted)
                self.assertEqual(self.times_in(journal), {"192.0.2.0": first, "192.0.2.1": second})

    def times_in(self, journal: Path) -> dict[str, str]:
        """The times of failures, by client, as the journal has them."""
        content = b"".join(segment.read_bytes() for segment in journal.glob("*.segment")).decode(errors="replace")
        found = {}
        for record in content.split('{"log":')[1:]:
            if '"address":"' not in record:
                continue
            milliseconds = int(record.partition('"time":')[2].partition(",")[0])
            time = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
            found[record.partition('"address":"')[2].partition('"')[0]] = f"{time:%Y-%m-%dT%H:%M:%SZ}"
        return found


if __name__ == "__main__":
    unittest.main()
