"""The programs have the same bytes wherever they are built."""

import re
import unittest

from lab.program import path_of


class Bytes(unittest.TestCase):
    def test_no_program_has_the_path_of_its_sources(self) -> None:
        for program in ("starttls-listtool", "tlsrpt-report", "tlsrpt-milter", "tlsrpt-collector"):
            with self.subTest(program):
                found = re.findall(rb"[ -~]*\b(?:lib|listtool|milter|report)/[ -~]*\.(?:cpp|h)\b", path_of(program).read_bytes())
                self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main()
