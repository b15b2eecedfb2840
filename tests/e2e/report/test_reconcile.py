"""The figures of reporters are compared with what our MX hosts saw of them."""

import json
import unittest

from lab import Lab
from reports import Reader, RecordedReader, failure, report

DAY = "2026-11-24"


class Reconcile(unittest.TestCase):
    def findings(self, reader: RecordedReader, *reports: dict, expected: int, options: tuple[str, ...] = ()) -> dict:
        """(day, reporter) -> finding"""
        for number, content in enumerate(reports):
            reader.write(f"reports/{number}", content)
        self.assertEqual(reader.run("read", reader.folder / "reports").returncode, 0)
        done = reader.run("--json", "reconcile", *options)
        self.assertEqual(done.returncode, expected, done.stdout + done.stderr)
        return {(one["day"], one["reporter"]): one["result"] for one in json.loads(done.stdout)["comparisons"]}

    def test_the_same_on_both_sides_matches(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                reader.session(DAY, "tls", 105, version="TLSv1.3", name="out3.sender.test")
            self.assertEqual(self.findings(reader, report(day=DAY), expected=0), {(DAY, "Sender Inc."): "matches"})
            self.assertIn("1 of 1 comparison match", reader.run("reconcile").stdout)

    def test_what_is_missing_on_either_side_is_reported(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                reader.session("2026-11-20", "tls", 50, version="TLSv1.3")
                reader.session("2026-11-21", "tls", 200, version="TLSv1.3")
                reader.session("2026-11-22", "tls", 100, version="TLSv1.3")
                reader.session("2026-11-22", "plaintext", 4)
                reader.session("2026-11-23", "tls", 100, version="TLSv1.3")
                reader.session("2026-11-24", "tls", 100, version="TLSv1.3")
            stranger = report(day="2026-11-22", organization="stranger.example", report_id="x")
            stranger["contact-info"] = "tls@stranger.example"
            found = self.findings(
                reader, report(day="2026-11-20", report_id="1"), report(day="2026-11-21", report_id="2"),
                report(day="2026-11-22", report_id="3"),
                report(failure("starttls-not-supported", 9), day="2026-11-23", report_id="4"), stranger, expected=1)
            self.assertEqual(found, {("2026-11-20", "Sender Inc."): "more-reported",
                                     ("2026-11-21", "Sender Inc."): "more-seen",
                                     ("2026-11-22", "Sender Inc."): "plaintext",
                                     ("2026-11-23", "Sender Inc."): "stripped",
                                     ("2026-11-24", "Sender Inc."): "no-report",
                                     ("2026-11-22", "stranger.example"): "unseen"})
            told = reader.run("reconcile").stdout
            for word in ("strips it", "spoofed", "plaintext, although it uses TLS", "has not reported the day"):
                self.assertIn(word, " ".join(told.split()))

    def test_reporters_that_send_under_other_names_are_known_or_reported(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab, '[[reporter]]\nname = "Sender Inc."\ndomains = ["mailer.example"]\n')
            with reader.recorded():
                reader.session(DAY, "tls", 100, version="TLSv1.3", name="a.mailer.example")
                reader.session(DAY, "tls", 90, version="TLSv1.3", name="x.outbound.protection.outlook.com")
            microsoft = report(day=DAY, organization="Microsoft Corporation", report_id="m", successful=90)
            microsoft["contact-info"] = "tlsrpt-noreply@microsoft.com"
            found = self.findings(reader, report(day=DAY), microsoft, expected=0)
            self.assertEqual(set(found.values()), {"matches"})

    def test_a_reporter_without_domains_is_an_error(self) -> None:
        with Lab() as lab:
            done = Reader(lab, '[[reporter]]\nname = "x"\n').run("reconcile")
            self.assertEqual(done.returncode, 78)
            self.assertIn("needs a 'name' and 'domains'", done.stderr)


if __name__ == "__main__":
    unittest.main()
