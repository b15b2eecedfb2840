"""Whether a domain can enforce TLS is printed with the figures and the senders that would be affected."""

import json
import unittest

from lab import Lab
from reports import RecordedReader, Reader, failure, report

DAYS = [f"2026-11-{day:02}" for day in range(1, 27)]


class Advise(unittest.TestCase):
    def advice(self, reader: Reader, *arguments: str, expected: int) -> dict:
        done = reader.run("--json", "advise", *arguments)
        self.assertEqual(done.returncode, expected, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def reported(self, reader: Reader, *failures: dict, days: list[str] = DAYS, **more: object) -> None:
        for day in days:
            reader.write(f"reports/{day}", report(day=day, report_id=day, **more))
        if failures:
            reader.write("reports/failed", report(*failures, day=days[-1], report_id="failed", organization="Other"))
        self.assertEqual(reader.run("read", reader.folder / "reports").returncode, 0)

    def test_a_domain_without_failures_may_enforce(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            self.reported(reader)
            enforce = self.advice(reader, "Example.Test", expected=0)["enforce"]
            self.assertEqual((enforce["readiness"], enforce["sessions"], enforce["failed"], enforce["days"]),
                             ("ready", 2600, 0, 26))

    def test_failures_speak_against_enforcing_and_their_reporters_are_named(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            self.reported(reader, failure("certificate-host-mismatch", 40))
            answer = self.advice(reader, "example.test", expected=1)
            self.assertEqual(answer["enforce"]["readiness"], "not ready")
            self.assertEqual(answer["enforce"]["senders"],
                             [{"sender": "Other", "sessions": 40, "failures": "certificate-host-mismatch at mx1.example.test"}])
            told = reader.run("advise", "example.test").stdout
            self.assertIn("MTA-STS mode enforce: not ready\n", told)
            self.assertIn("Other: 40 sessions, certificate-host-mismatch at mx1.example.test", told)
            self.advice(reader, "example.test", "--tolerance", "30", expected=0)
            # However many sessions others report.
            self.advice(reader, "example.test", "--tolerance", "5", expected=1)
            self.advice(reader, "example.test", "--since", DAYS[0], "--until", DAYS[-2], expected=0)

    def test_a_few_days_or_no_policy_are_not_sufficient(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            self.reported(reader, days=DAYS[:3])
            self.assertIn("reports about 3 days only", self.advice(reader, "example.test", expected=1)["enforce"]["reason"])
            other = Reader(lab)
            self.reported(other, policy_type="no-policy-found")
            self.assertIn("no reporter has seen an MTA-STS policy",
                          self.advice(other, "example.test", expected=1)["enforce"]["reason"])
            self.advice(other, "unknown.test", expected=1)

    def test_plaintext_may_be_refused_if_nobody_uses_it(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                for day in DAYS:
                    reader.session(day, "tls", 100, version="TLSv1.3")
            answer = self.advice(reader, "example.test", "--for", "tls", expected=0)
            self.assertEqual(answer["refuse_plaintext"]["readiness"], "ready")
            self.assertEqual(answer["min_tls_version"]["version"], "TLSv1.3")
            with reader.recorded():
                reader.session(DAYS[5], "plaintext", 30, name="printer.test")
                reader.session(DAYS[5], "plaintext", 99, name="elsewhere.test", domain="other.test")
            answer = self.advice(reader, "example.test", expected=1)
            self.assertEqual(answer["refuse_plaintext"]["senders"], [{"sender": "printer.test", "sessions": 30}])
            self.reported(reader)
            self.advice(reader, "example.test", "--for", "enforce", expected=0)
            self.advice(reader, "example.test", expected=1)

    def test_the_minimum_version_is_the_highest_that_affects_nearly_nobody(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                reader.session(DAYS[0], "tls", 10_000, version="TLSv1.3")
                reader.session(DAYS[0], "tls", 500, version="TLSv1.2", name="older.test")
                reader.session(DAYS[0], "tls", 5, version="TLSv1", name="oldest.test")
            version = self.advice(reader, "example.test", expected=0)["min_tls_version"]
            self.assertEqual(version["version"], "TLSv1.2")
            self.assertEqual(version["senders"], [{"sender": "older.test", "sessions": 500},
                                                  {"sender": "oldest.test", "sessions": 5}])

    def test_mistakes_are_reported(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            self.assertEqual(reader.run("advise", "example.test").returncode, 69)
            self.reported(reader)
            self.assertEqual(reader.run("advise", "no domain").returncode, 64)
            self.assertEqual(reader.run("advise", "example.test", "--for", "fun").returncode, 64)
            self.assertEqual(reader.run("advise", "example.test", "--tolerance", "101").returncode, 64)


if __name__ == "__main__":
    unittest.main()
