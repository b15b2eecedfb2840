"""Policy domains and senders whose names are ASCII but no A-labels are domains like all others."""

import json
import unittest

from lab import Lab
from reports import Reader, RecordedReader, failure, report

EMOJI = "xn--ls8h.la"
HOSTER = "xn--mller-kva-de.mail.protection.outlook.com"


class Names(unittest.TestCase):
    def test_in_the_configuration_on_command_lines_and_in_reports(self) -> None:
        with Lab() as lab:
            reader = Reader(lab, f'[report]\ndomains = ["{EMOJI.upper()}", "{HOSTER}"]\n')
            for number, domain in enumerate((EMOJI, HOSTER)):
                path = reader.write(f"report-{number}", report(failure("certificate-expired", 3), domain=domain,
                                                               report_id=f"r{number}"))
                answer = reader.read(path)
                self.assertEqual((answer["exit"], answer["inputs"][0]["status"]), (0, "read"), answer)
                self.assertNotIn("none of our policy domains", json.dumps(answer))
            for domain in (EMOJI, HOSTER):
                done = reader.run("--json", "summary", "--domain", domain.upper())
                self.assertEqual(done.returncode, 0, done.stderr)
                done = reader.run("--json", "advise", domain + ".")
                self.assertEqual(json.loads(done.stdout)["enforce"]["failed"], 3, done.stderr)

    def test_such_a_sender_is_forgotten(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                reader.downgrade("2026-11-25", sender=EMOJI)
            done = reader.run("forget", EMOJI, "xn--a.example")
            self.assertNotIn("A-label", done.stderr)
            self.assertIn(f"{EMOJI}: ", done.stdout)
            self.assertIn("xn--a.example: no TLS history", done.stdout)

    def test_addresses_and_empty_labels_are_refused_for_the_right_reason(self) -> None:
        with Lab() as lab:
            for name, why in (("192.0.2.1", "is an address"), ("mx.example.123", "ends with a number"),
                              ("a..b", "has an empty label"), (".", "is the root of the DNS")):
                reader = Reader(lab, f'[report]\ndomains = ["{name}"]\n')
                done = reader.run("summary")
                self.assertEqual(done.returncode, 78)
                self.assertIn(why, done.stderr)
                done = Reader(lab).run("advise", name)
                self.assertEqual(done.returncode, 64)
                self.assertIn(why, done.stderr)


if __name__ == "__main__":
    unittest.main()
