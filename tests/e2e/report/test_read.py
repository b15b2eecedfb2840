"""Received reports are read from all their carriers, and their failures explained."""

import gzip
import json
import sqlite3
import subprocess
import unittest

from lab import Lab, program
from reports import Reader, failure, mail, packed, report


class Read(unittest.TestCase):
    def test_reads_every_carrier(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            one = [report(report_id=f"r{number}") for number in range(9)]
            carriers = [reader.write("plain", one[0]), reader.write("packed", packed(one[1])),
                        reader.write("mail", mail(packed(one[2]))),
                        reader.write("json-mail", mail(json.dumps(one[3]).encode(), "application/tlsrpt+json", "8bit")),
                        reader.write("mislabelled", mail(json.dumps(one[4]).encode(), "application/gzip"))]
            reader.write("mbox", b"From a Mon\n" + mail(packed(one[5])) + b"\nFrom b Tue\n" + mail(packed(one[6])))
            reader.write("Maildir/new/1.host", mail(packed(one[7])))
            reader.write("Maildir/cur/2.host:2,S", mail(packed(one[8])))
            reader.write("Maildir/tmp/3.host", b"half a ma")
            answer = reader.read(*carriers, reader.folder / "mbox", reader.folder / "Maildir")
            self.assertEqual(answer["exit"], 0)
            self.assertEqual([item["report"]["report-id"] for item in answer["inputs"]],
                             ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"])
            self.assertEqual([item.get("mail") for item in answer["inputs"]], [None] * 5 + [1, 2, None, None])
            self.assertEqual(answer["inputs"][2]["report"], one[2])
            self.assertEqual((answer["read"], answer["duplicates"], answer["rejected"]), (9, 0, 0))

    def test_reads_mails_of_other_mail_servers_and_programs(self) -> None:
        """A binary part with CRLF, a digest of mails without Content-Type, an mbox without empty lines between
        mails."""
        with Lab() as lab:
            reader = Reader(lab)
            mails = program.SOURCE_TREE / "tests/fuzz/seeds/mail_message"
            for name, expected in (("binary-crlf", 1), ("digest", 2), ("mbox-without-blank-lines", 2)):
                with self.subTest(name):
                    answer = reader.read("--no-store", mails / name)
                    self.assertEqual((answer["exit"], answer["read"], answer["rejected"]), (0, expected, 0))

    def test_reads_binary_parts_with_every_line_end(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            for number, end in enumerate((b"\n", b"\r\n")):
                for encoding in ("binary", "8bit", "x-unknown"):
                    with self.subTest(end=end, encoding=encoding):
                        head, gap, content = mail(b"CONTENT", encoding=encoding).partition(b"CONTENT")
                        wire = (head.replace(b"\n", end) + packed(report(report_id=f"{encoding}{number}")) +
                                content.replace(b"\n", end))
                        answer = reader.read(reader.write("wire", wire))
                        self.assertEqual((answer["exit"], answer["read"]), (0, 1), answer)

    def test_reads_standard_input_from_a_mail_alias(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            path = program.path_of("tlsrpt-report")
            for expected in ("read", "duplicate"):
                done = subprocess.run([path, "-c", reader.configuration, "--json", "read", "-"],
                                      input=mail(packed(report())), capture_output=True, check=False, timeout=60)
                self.assertEqual(done.returncode, 0)
                (item,) = json.loads(done.stdout)["inputs"]
                self.assertEqual((item["input"], item["status"]), ("-", expected))

    def test_a_bad_one_among_good_ones_is_rejected_with_its_reason(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            for number in range(300):
                reader.write(f"folder/{number:03}", packed(report(report_id=f"r{number}")))
            bad = reader.write("folder/150", packed(report())[:-20])
            answer = reader.read(reader.folder / "folder", reader.folder / "none")
            self.assertEqual(answer["exit"], 65)
            self.assertEqual((answer["read"], answer["rejected"]), (299, 2))
            rejected = {item["input"]: item["reason"] for item in answer["inputs"] if item["status"] == "rejected"}
            self.assertEqual(rejected, {str(bad): "the gzip data ends too early",
                                        str(reader.folder / "none"): "No such file or directory"})
            self.assertIn(f"{bad}: rejected: the gzip data ends too early\n", answer["stderr"])
            self.assertEqual(reader.statuses(reader.folder / "folder").count("duplicate"), 299)

    def test_what_came_on_standard_input_and_was_rejected_is_stored(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            done = reader.run("--json", "read", "-", text_in="Subject: hello\n\nno report\n")
            self.assertEqual(done.returncode, 65)
            (item,) = json.loads(done.stdout)["inputs"]
            self.assertEqual(item["reason"], "a mail without a report: of its 1 part none is gzip or JSON")
            with open(item["saved_as"], encoding="utf-8") as kept:
                self.assertEqual(kept.read(), "Subject: hello\n\nno report\n")
            self.assertEqual(reader.run("read", "--no-store", "-", text_in="x").returncode, 65)
            self.assertEqual(len(list((reader.state / "rejected").iterdir())), 1, "nothing is kept with --no-store")

    def test_reports_are_kept_with_their_json(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            content = report(failure("certificate-expired", 3, failure_reason_code="expired"))
            raw = json.dumps(content, indent=3).encode()
            reader.read(reader.write("plain", raw))
            database = sqlite3.connect(reader.state / "reports.sqlite")
            ((kept,),) = database.execute("SELECT json_gzip FROM reports")
            self.assertEqual(gzip.decompress(kept), raw)
            self.assertEqual(database.execute("SELECT policy_domain, successful, failed FROM policies").fetchall(),
                             [("example.test", 100, 3)])
            self.assertEqual(database.execute("SELECT result_type, sessions, failure_reason_code FROM failures").fetchall(),
                             [("certificate-expired", 3, "expired")])
            reader.run("read", "--no-store", reader.write("other", report(report_id="r2")))
            self.assertEqual(database.execute("SELECT count(*) FROM reports").fetchone(), (1,))

    def test_every_failure_is_explained(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            kinds = ["starttls-not-supported", "certificate-host-mismatch", "certificate-expired",
                     "certificate-not-trusted", "validation-failure", "tlsa-invalid", "dnssec-invalid", "dane-required",
                     "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid", "not-in-the-rfc"]
            path = reader.write("report", report(*[failure(kind, 2) for kind in kinds]))
            answer = reader.read("--no-store", path)
            self.assertEqual({one["result_type"] for one in answer["failures"]}, set(kinds))
            for one in answer["failures"]:
                self.assertEqual(one["sessions"], 2)
                for part in ("meaning", "cause", "remedy"):
                    self.assertGreater(len(one[part]), 20)
            told = reader.run("read", "--no-store", path).stdout
            self.assertEqual(told.count("what to do: "), len(kinds))
            self.assertIn("\nexample.test: certificate-expired, 2 sessions\n  at:          mx1.example.test (2)\n", told)
            self.assertLessEqual(max(map(len, told.splitlines()[1:])), 80)

    def test_a_second_copy_in_the_same_run_does_not_count_twice(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            path = reader.write("report", report(failure("certificate-expired", 3)))
            for _ in range(2):
                answer = reader.read(path, path)
                self.assertEqual([one["sessions"] for one in answer["failures"]], [3])

    def test_the_same_report_with_other_figures_is_reported_as_a_duplicate(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            reader.read(reader.write("first", report(successful=100)))
            answer = reader.read(reader.write("second", report(successful=200)))
            (item,) = answer["inputs"]
            self.assertEqual(item["status"], "duplicate")
            self.assertEqual(item["warnings"], ["its figures differ from those of the same report in the store"])

    def test_reports_about_other_domains_and_of_the_future_are_read_and_marked(self) -> None:
        with Lab() as lab:
            reader = Reader(lab, '[report]\ndomains = ["Example.Test"]\n')
            answer = reader.read("--no-lookup", reader.write("ours", report()), reader.write("other", report(domain="a.test")),
                                 reader.write("future", report(day="2031-01-01")))
            self.assertEqual([item["warnings"] for item in answer["inputs"]],
                             [[], ["'a.test' is none of our policy domains (report.domains)"],
                              ["it is dated in the future"]])
            self.assertEqual(answer["exit"], 0)

    def test_old_reports_are_removed(self) -> None:
        with Lab() as lab:
            reader = Reader(lab, "[milter]\nretention_days = 30\n")
            reader.read(reader.write("old", report(day="2026-01-01")), reader.write("new", report(report_id="r2")))
            database = sqlite3.connect(reader.state / "reports.sqlite")
            self.assertEqual(database.execute("SELECT report_id FROM reports").fetchall(), [("r2",)])

    def test_a_report_that_is_too_old_is_read_but_not_kept_which_is_printed(self) -> None:
        with Lab() as lab:
            reader = Reader(lab, "[milter]\nretention_days = 30\n")
            said = "read, older than 30 days, not stored"
            for number, day in enumerate(("2026-10-27", "2026-01-01", "1999-12-31")):
                old = reader.write(f"old{number}", report(failure("tlsa-invalid"), day=day, report_id=day))
                done = reader.run("read", old)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn(f"old{number}: {said}: Sender Inc. about example.test, {day}: 101 sessions, 1 failed", done.stdout)
                self.assertIn("TLSA", done.stdout)
                self.assertEqual(reader.run("-q", "read", old).stderr, "")
                self.assertIn(f"warning: {old}: {said}", reader.run("--json", "read", old).stderr)
                (item,) = reader.read(old)["inputs"]
                self.assertEqual((item["status"], item["stored"], item["reason"]), ("read", False, said))
            (item,) = reader.read(reader.write("last", report(day="2026-10-28")))["inputs"]
            self.assertEqual((item["status"], item["stored"]), ("read", True))
            (item,) = reader.read("--no-store", reader.write("last", report(day="2026-10-27")))["inputs"]
            self.assertEqual((item["status"], item["stored"]), ("read", False))
            self.assertNotIn("reason", item)
            database = sqlite3.connect(reader.state / "reports.sqlite")
            self.assertEqual(database.execute("SELECT count(*) FROM reports").fetchall(), [(1,)])


if __name__ == "__main__":
    unittest.main()
