#!/usr/bin/python3
"""starttls-listtool lint of what a domain publishes about TLS: MTA-STS policy and record, TLS-RPT record.

Run: BUILD_DIR=build/release /usr/bin/python3 tests/e2e/listtool/test_lint.py
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[3]
LISTTOOL = pathlib.Path(os.environ.get("BUILD_DIR", SOURCE / "build/release")).resolve() / "bin/starttls-listtool"

POLICY = "version: STSv1\nmode: enforce\nmx: mx1.a.test\nmx: *.b.test\nmax_age: 604800\n"


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="starttls-lint-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = self.folder / "file.txt"

    def lint(self, what, text, *extra, stdin=False):
        content = text.encode() if isinstance(text, str) else text
        self.file.write_bytes(content)
        command = [LISTTOOL, "lint", what, "-" if stdin else self.file, *extra]
        done = subprocess.run(command, input=content if stdin else b"", capture_output=True, timeout=60)
        self.out = done.stdout.decode().replace(str(self.file), "FILE")
        self.err = done.stderr.decode().replace(str(self.file), "FILE")
        return done.returncode

    def answer(self, what, text):
        """The status, what was read, and the findings, as --json prints them."""
        status = self.lint(what, text, "--json")
        answer = json.loads(self.out)
        self.assertEqual((answer.pop("file"), answer.pop("suppressed")), ("FILE", 0))
        return status, answer.pop("findings"), answer


class Policy(Case):
    def test_a_valid_policy(self):
        self.assertEqual(self.lint("policy", POLICY), 0)
        self.assertEqual((self.out, self.err),
                         ("", "starttls-listtool: FILE: mode enforce, 2 mx, max_age 604800; 0 faults\n"))
        self.assertEqual(self.lint("policy", POLICY, "-q", stdin=True), 0)
        self.assertEqual((self.out, self.err), ("", ""))
        self.assertEqual(self.answer("policy", POLICY),
                         (0, [], {"readable": True, "mode": "enforce", "mx": ["mx1.a.test", "*.b.test"],
                                  "max_age": 604800}))

    def test_the_example(self):
        self.assertEqual(self.lint("policy", (SOURCE / "policies/mta-sts-example.txt").read_bytes()), 0)
        self.assertEqual(self.out, "")

    def test_a_note_is_no_fault(self):
        self.assertEqual(self.lint("policy", POLICY + "contact: us\n"), 0)
        self.assertEqual(self.out, "FILE:6:1: note: contact: is unknown and is ignored\n")

    def test_a_refused_policy_is_printed_completely_too(self):
        text = POLICY.replace("mx:", "nmx:").replace("604800", "-1")
        self.assertEqual(self.lint("policy", text), 65)
        self.assertEqual(self.out, "FILE:1:1: refused: has no mx\n"
                                   "FILE:3:1: fault: nmx: is unknown and is ignored; meant is 'mx'?\n"
                                   "FILE:4:1: fault: nmx: is unknown and is ignored; meant is 'mx'?\n"
                                   "FILE:5:10: refused: max_age: '-1' is no number of seconds\n")
        self.assertEqual(self.err, "")
        status, findings, rest = self.answer("policy", text)
        self.assertEqual((status, len(findings), rest), (65, 4, {"readable": False}))
        self.assertEqual(findings[3], {"severity": "refused", "line": 5, "column": 10, "entry": "max_age",
                                       "message": "'-1' is no number of seconds"})

    def test_no_policy_at_all(self):
        self.assertEqual(self.lint("policy", "<html>\n<title>404</title>\n", stdin=True), 65)
        self.assertEqual(self.out, "standard input:1:1: refused: is a web page (HTML or XML), not a policy\n")
        self.assertEqual(self.lint("policy", b"\0\xff\x1b[2J"), 65)
        self.assertNotIn("\x1b", self.out)

    def test_more_than_64_kibibytes(self):
        for stdin in (False, True):
            self.assertEqual(self.lint("policy", POLICY + "x" * 65536, stdin=stdin), 65)
            self.assertEqual(self.out, "")
            self.assertIn("larger than the limit of 65536 bytes", self.err)

    def test_places_that_cannot_be_read(self):
        done = subprocess.run([LISTTOOL, "lint", "policy", self.folder / "none"], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 74)
        self.assertIn(b"No such file", done.stderr)


class StsRecord(Case):
    def test_a_valid_record(self):
        for text in ("v=STSv1; id=20261122T120000;", "v=STSv1; id=20261122T120000;\r\n",
                     '"v=STSv1; id=20261122T120000;"\n', '"v=STSv1; " "id=20261122" "T120000;"\n',
                     "\nv=STSv1; id=20261122T120000;\n\n"):
            with self.subTest(text):
                self.assertEqual(self.lint("sts-record", text), 0)
                self.assertEqual((self.out, self.err),
                                 ("", "starttls-listtool: FILE: id 20261122T120000; 0 faults\n"))
        self.assertEqual(self.answer("sts-record", text), (0, [], {"readable": True, "id": "20261122T120000"}))

    def test_the_output_of_dig_for_an_alias(self):
        self.assertEqual(self.lint("sts-record", '_mta-sts.host.test.\n"v=STSv1; id=1"\n', stdin=True), 0)
        self.assertEqual(self.out, "standard input:1:1: note: '_mta-sts.host.test.' is another record: it does not "
                                   "begin with 'v=STSv1;'\n")

    def test_the_place_is_the_one_in_the_file(self):
        self.assertEqual(self.lint("sts-record", '\n"v=STSv1\\; " "id=a+b"\n'), 65)
        self.assertEqual(self.out, "FILE:2:19: refused: id: 'a+b' is not only letters and digits\n")
        self.assertEqual(self.lint("sts-record", "v=STSv1; id=1; id=2"), 1)
        self.assertEqual(self.out, "FILE:1:16: fault: id: is there twice; the first counts\n")

    def test_exactly_one_record_counts(self):
        self.assertEqual(self.lint("sts-record", '"v=spf1 -all"\n"v=STSv1; id=1"\n'), 0)
        self.assertEqual(self.lint("sts-record", '"v=STSv1; id=1"\n\n"v=STSv1; id=1"\n'), 65)
        self.assertEqual(self.out, "FILE:3:2: refused: 2 records begin with 'v=STSv1;': where there is more than one, "
                                   "none counts\n")
        self.assertEqual(self.lint("sts-record", ""), 65)
        self.assertEqual(self.out, "FILE:1:1: refused: no record begins with 'v=STSv1;'\n")

    def test_a_line_that_is_no_quoted_string_refuses_the_file(self):
        self.assertEqual(self.lint("sts-record", '"v=STSv1; id=1"\n"v=spf1\n'), 65)
        self.assertEqual(self.out, "FILE:2:8: refused: '\"v=spf1' is not strings in quotation marks\n")
        self.assertEqual(self.answer("sts-record", '"v=STSv1; id=1"\n"\n')[2], {"readable": False})


class TlsrptRecord(Case):
    def test_a_valid_record(self):
        text = '"v=TLSRPTv1; rua=mailto:tls@a.test, https://R.a.test/tls"\n'
        self.assertEqual(self.lint("tlsrpt-record", text), 0)
        self.assertEqual((self.out, self.err), ("", "starttls-listtool: FILE: 2 destinations; 0 faults\n"))
        self.assertEqual(self.answer("tlsrpt-record", text),
                         (0, [], {"readable": True, "rua": ["mailto:tls@a.test", "https://r.a.test/tls"]}))

    def test_faults(self):
        self.assertEqual(self.lint("tlsrpt-record", "v=TLSRPTv1; rua=tls@a.test,http://a.test", stdin=True), 1)
        self.assertEqual(self.out,
                         "standard input:1:17: fault: rua: 'tls@a.test' is to be written 'mailto:tls@a.test'\n"
                         "standard input:1:28: fault: rua: 'http://a.test' begins with neither 'mailto:' nor 'https:'\n")

    def test_no_usable_destination(self):
        self.assertEqual(self.lint("tlsrpt-record", "v=TLSRPTv1;"), 65)
        self.assertEqual(self.out, "FILE:1:1: refused: has no rua\n")


class CommandLine(Case):
    def test_help_shows_an_example(self):
        for what in ("policy", "sts-record", "tlsrpt-record"):
            done = subprocess.run([LISTTOOL, "lint", what, "--help"], capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 0)
            self.assertIn(f"Example:\n  starttls-listtool lint {what} ", done.stdout.decode())

    def test_a_file_must_be_named(self):
        for command in (["lint"], ["lint", "policy"], ["lint", "polcy", self.file]):
            done = subprocess.run([LISTTOOL, *command], capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 64)


if __name__ == "__main__":
    unittest.main()
