"""Cron hears of what needs a person, and of nothing else."""

import json
import unittest

from lab import Lab
from reports import RecordedReader, failure, report

DAYS = [f"2026-11-{day:02}" for day in range(1, 27)]
YESTERDAY = DAYS[-1]


class Alert(unittest.TestCase):
    def reader(self, lab: Lab, *late: dict, until: int = 26) -> RecordedReader:
        """With a regular reporter, and further reports."""
        reader = RecordedReader(lab)
        for day in DAYS[:until]:
            reader.write(f"reports/{day}", report(day=day, report_id=day))
        for number, content in enumerate(late):
            reader.write(f"reports/late{number}", content)
        self.assertEqual(reader.run("read", reader.folder / "reports").returncode, 0)
        return reader

    def kinds(self, reader: RecordedReader, *options: str) -> list[str]:
        done = reader.run("--json", "alert", *options)
        kinds = [one["kind"] for one in json.loads(done.stdout)["alerts"]]
        self.assertEqual(done.returncode, 1 if kinds else 0)
        return kinds

    def test_quiet_where_all_is_well(self) -> None:
        with Lab() as lab:
            done = self.reader(lab).run("alert")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_failures_over_the_share_and_new_ones(self) -> None:
        with Lab() as lab:
            reader = self.reader(lab, report(failure("certificate-host-mismatch", 30), day=YESTERDAY, report_id="x"))
            self.assertEqual(self.kinds(reader), ["failure-share", "new-failure"])
            self.assertEqual(self.kinds(reader, "--failure-share", "50"), ["new-failure"])
            told = reader.run("alert").stdout
            self.assertIn("2 things need attention", told)
            self.assertIn("30 of 330 sessions failed (9.1%)", told)
            self.assertLessEqual(max(map(len, told.splitlines())), 80)

    def test_a_failure_that_was_reported_before_is_not_new(self) -> None:
        with Lab() as lab:
            old = failure("certificate-host-mismatch", 1)
            reader = self.reader(lab, report(old, day=DAYS[4], report_id="x"), report(old, day=YESTERDAY, report_id="y"))
            self.assertEqual(self.kinds(reader), [])

    def test_an_expired_certificate_is_told_each_time(self) -> None:
        with Lab() as lab:
            old = failure("certificate-expired", 1)
            reader = self.reader(lab, report(old, day=DAYS[4], report_id="x"), report(old, day=YESTERDAY, report_id="y"))
            self.assertEqual(self.kinds(reader), ["certificate-expired"])
            self.assertEqual(self.kinds(reader, "--expired-sessions", "2"), [])

    def test_a_regular_reporter_that_has_gone_silent(self) -> None:
        with Lab() as lab:
            reader = self.reader(lab, until=23)
            self.assertEqual(self.kinds(reader), ["reporter-silent"])
            self.assertEqual(self.kinds(reader, "--silent-days", "4"), [])
            self.assertIn("Sender Inc. has sent no report about the last 3 days", reader.run("alert").stdout)

    def test_downgrades_and_failed_handshakes_of_the_day(self) -> None:
        with Lab() as lab:
            reader = self.reader(lab)
            with reader.recorded():
                reader.session(YESTERDAY, "tls", 100, version="TLSv1.3")
                reader.session(YESTERDAY, "failed", 10, failed="unknown-ca")
                reader.downgrade(YESTERDAY)
                reader.downgrade(DAYS[2], "other.test")
            self.assertEqual(self.kinds(reader), ["handshake-share", "downgrade"])
            self.assertIn("sender.test came without TLS in 4 sessions, after 90 sessions", reader.run("alert").stdout)


if __name__ == "__main__":
    unittest.main()
