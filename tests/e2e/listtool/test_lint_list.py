#!/usr/bin/python3
"""starttls-listtool lint list: names that the format allows and that nobody should list.

Run: BUILD_DIR=build/release /usr/bin/python3 tests/e2e/listtool/test_lint_list.py
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
NOW = "2026-11-22T12:00:00Z"


class PublicSuffixes(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="starttls-lint-list-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.list = self.folder / "list.json"

    def write_list(self, *policies):
        """Each policy on a line of its own, from the second one on."""
        self.list.write_text('{"timestamp": "2026-11-20T00:00:00Z", "expires": "2026-12-04T00:00:00Z", "version": "0.1", '
                             '"policies": {\n' + ",\n".join(policies) + "}}")

    def tool(self, *arguments):
        done = subprocess.run([LISTTOOL, *arguments], env={"STARTTLS_TOOLKIT_NOW": NOW}, capture_output=True,
                              timeout=60)
        self.out = done.stdout.decode().replace(str(self.list), "LIST")
        self.err = done.stderr.decode().replace(str(self.list), "LIST")
        return done.returncode

    def test_each_is_a_fault_with_its_place(self):
        self.write_list('"a.test": {"mode": "enforce", "mxs": ["mx.a.test", ".co.uk"]}',
                        '"b.test": {"mode": "testing", "mxs": ["AC.jp", ".example.co.uk"]}',
                        '"Gov.uk": {"mode": "enforce", "mxs": ["mx.gov.uk"]}')
        self.assertEqual(self.tool("lint", "list", self.list), 1)
        self.assertEqual(self.out,
                         "LIST:2:52: fault: a.test: mx '.co.uk' covers a whole public suffix: the hosts of everyone "
                         "with a domain there match\n"
                         "LIST:3:39: fault: b.test: mx 'ac.jp' is a public suffix, under which others register "
                         "domains, and no host\n"
                         "LIST:4:1: fault: Gov.uk: is a public suffix, under which others register domains: the entry "
                         "is for none of them\n")
        self.assertIn("3 domains", self.err)
        self.assertIn("3 faults", self.err)
        self.assertEqual(self.tool("lint", "list", self.list, "--json"), 1)
        self.assertEqual([(found["severity"], found["line"]) for found in json.loads(self.out)["findings"]],
                         [("fault", 2), ("fault", 3), ("fault", 4)])

    def test_a_name_with_an_owner_is_no_fault(self):
        self.write_list('"a.test": {"mode": "enforce", "mxs": [".mail.protection.outlook.com", ".github.io"]}',
                        '"example.co.uk": {"mode": "enforce", "mxs": ["mx.example.co.uk", ".example.com"]}')
        self.assertEqual(self.tool("lint", "list", self.list), 0, self.out)
        self.assertEqual(self.out, "")

    def test_the_map_contains_them_anyway(self):
        self.write_list('"a.test": {"mode": "enforce", "mxs": [".co.uk"]}')
        self.assertEqual(self.tool("generate", "postfix", "--list", self.list), 0)
        self.assertIn("\na.test secure match=.co.uk ", self.out)
        self.assertEqual(self.err, "")


if __name__ == "__main__":
    unittest.main()
