"""Sessions in received reports are counted as their reporters mean them."""

import json
import unittest
from pathlib import Path

from lab import Lab
from reports import Reader, failure, report

CASES = Path(__file__).with_name("cases")
YESTERDAY = "2026-11-26"


def policy(kind: str, successful: object, failed: object = 0, *failures: dict, domain: str = "example.test",
           strings: object = ()) -> dict:
    return {"policy": {"policy-type": kind, "policy-string": strings, "policy-domain": domain},
            "summary": {"total-successful-session-count": successful, "total-failure-session-count": failed},
            "failure-details": list(failures)}


def of(*policies: dict, report_id: str = "r1", day: str = YESTERDAY) -> dict:
    return report(day=day, report_id=report_id) | {"policies": list(policies)}


class Counting(unittest.TestCase):
    def figures(self, *contents: dict | Path) -> tuple[int, int, dict]:
        """Sessions, failed ones and the reporter's other figures, as summary and read print them."""
        with Lab() as lab:
            reader = Reader(lab)
            paths = [content if isinstance(content, Path) else reader.write(f"r{number}", content)
                     for number, content in enumerate(contents)]
            done = reader.run("read", *paths)
            self.assertEqual(done.returncode, 0, done.stderr)
            (found,) = json.loads(reader.run("--json", "summary", "--by", "reporter").stdout)["reporters"]
            if len(paths) == 1:
                self.assertIn(f": {found['sessions']} session", done.stdout)
                self.assertIn(f", {found['failed']} failed", done.stdout)
            return found["sessions"], found["failed"], found

    def test_numbers_are_those_of_json(self) -> None:
        self.assertEqual(self.figures(CASES / "report-count-1000.0.json")[:2], (1002, 2))
        for written, count in (("1e3", 1000), ("1E+3", 1000), ("10e-1", 1), ('"25.0"', 25), ('"2.5e1"', 25), ("-0.0", 0),
                               ("-5", 0), ("0.5", 0), ("1e99", 10**12), ("9" * 40, 10**12)):
            with self.subTest(written), Lab() as lab:
                reader = Reader(lab)
                text = json.dumps(of(policy("sts", 4711))).replace("4711", written)
                done = reader.run("--json", "read", reader.write("r", text.encode()))
                item = json.loads(done.stdout)["inputs"][0]
                self.assertEqual(item["report"]["policies"][0]["summary"]["total-successful-session-count"], count)
                self.assertEqual(bool(item["warnings"]), written in ("-5", "0.5", "1e99", "9" * 40))

    def test_sessions_under_two_policies_count_once(self) -> None:
        same = of(policy("tlsa", 100), policy("sts", 98, 2, failure("certificate-expired", 2)))
        sessions, failed, found = self.figures(same)
        self.assertEqual((sessions, failed, found["counted_once"]), (100, 2, 100))
        self.assertEqual(self.figures(same, of(policy("tlsa", 7), report_id="r2"))[:2], (107, 2))
        split = [of(policy("tlsa", 100), policy("sts", 99)), of(policy("sts", 100), policy("sts", 100)),
                 of(policy("tlsa", 100), policy("no-policy-found", 100)),
                 of(policy("tlsa", 100, domain="mx.example.test"), policy("sts", 100))]
        self.assertEqual([self.figures(one)[0] for one in split], [199, 200, 200, 200])
        with Lab() as lab:
            reader = Reader(lab)
            done = reader.run("read", reader.write("r", same))
            self.assertIn("100 sessions are listed under two of its policies, tlsa and sts, and count once", done.stderr)
            self.assertIn("100 sessions of Sender Inc. are listed under two policies of one report, tlsa and sts, and count once.",
                          " ".join(reader.run("summary").stdout.split()))
            kinds = json.loads(reader.run("--json", "summary", "--by", "result-type").stdout)["result_types"]
            self.assertEqual([(one["result_type"], one["sessions"]) for one in kinds], [("certificate-expired", 2)])
            enforce = json.loads(reader.run("--json", "advise", "example.test").stdout)["enforce"]
            self.assertEqual((enforce["sessions"], enforce["failed"]), (100, 2))

    def test_failures_without_details_are_shown_as_that(self) -> None:
        cases = [(of(policy("sts", 90, 10)), {"no details given": 10}),
                 (of(policy("sts", 90, 10, failure("tlsa-invalid", 4))), {"tlsa-invalid": 4, "no details given": 6}),
                 (of(policy("sts", 90, 10, failure("", 10))), {"no type given": 10}),
                 (of(policy("sts", 90, 10, failure("tlsa-invalid", 10), failure("dnssec-invalid", 3))),
                  {"tlsa-invalid": 10, "dnssec-invalid": 3})]
        for content, expected in cases:
            with self.subTest(expected), Lab() as lab:
                reader = Reader(lab)
                answer = reader.read(reader.write("r", content))
                self.assertEqual({one["result_type"]: one["sessions"] for one in answer["failures"]}, expected)
                shown = {one["result_type"]: one["sessions"] for one in
                         json.loads(reader.run("--json", "summary", "--by", "result-type").stdout)["result_types"]}
                self.assertEqual(shown, expected)
                (hit,) = json.loads(reader.run("--json", "advise", "example.test").stdout)["enforce"]["senders"]
                alerted = " ".join(reader.run("alert").stdout.split())
                told = reader.run("read", "--no-store", reader.write("r", content)).stdout
                page = reader.run("html", "-o", "-").stdout
                for kind in expected:
                    for text in (hit["failures"], alerted, told, page):
                        self.assertIn(kind, text)
                for text in (alerted, told, page):
                    self.assertNotIn("a type of failure that RFC 8460 does not have", text)

    def test_policies_without_a_domain_are_shown_as_that(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            done = reader.run("read", CASES / "report-no-policy-domain.json")
            self.assertIn("libtlsrpt site about (none given), ", done.stdout)
            self.assertIn("(none given): no details given, 50 sessions", done.stdout)
            for command in (("summary", "--by", "result-type"), ("alert",), ("reconcile",), ("html", "-o", "-")):
                self.assertIn("(none given)", reader.run(*command).stdout, command)

    def test_an_array_in_a_text_is_split(self) -> None:
        records = ["3 1 1 " + "ab" * 32, "2 0 1 " + "cd" * 32]
        for written in (json.dumps(records), [json.dumps(records)], [" " + json.dumps(records) + " "], records):
            with self.subTest(written), Lab() as lab:
                reader = Reader(lab)
                (item,) = reader.read(reader.write("r", of(policy("tlsa", 1, strings=written))))["inputs"]
                self.assertEqual(item["report"]["policies"][0]["policy"]["policy-string"], records)
        for kept in ("[no array", '["a", 1]', "[IPv6:2001:db8::1]"):
            with self.subTest(kept), Lab() as lab:
                reader = Reader(lab)
                (item,) = reader.read(reader.write("r", of(policy("tlsa", 1, strings=[kept]))))["inputs"]
                self.assertEqual(item["report"]["policies"][0]["policy"]["policy-string"], [kept])


if __name__ == "__main__":
    unittest.main()
