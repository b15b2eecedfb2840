"""Every manual page on a terminal of 80 columns, by the two programs that format them: man (groff) and mandoc."""

import os
import re
import subprocess
import unittest

from lab import program

COLUMNS = 80
PAGES = sorted((program.SOURCE_TREE / "man").glob("*.[0-9]"))
FORMATTERS = {
    "man": ["man", "--warnings=w", "--local-file"],
    "mandoc": ["mandoc", "-T", "utf8", "-W", "warning", "-O", f"width={COLUMNS - 2}"],
}
ENVIRONMENT = {**os.environ, "MANWIDTH": str(COLUMNS), "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}


def plain(text: str) -> str:
    """Without the overstriking of bold and underlined letters."""
    return re.sub(".\b", "", re.sub(r"\x1b\[[0-9;]*m", "", text)).expandtabs()


class ManualPages(unittest.TestCase):
    def test_no_warning_and_no_line_that_is_too_long(self) -> None:
        self.assertGreaterEqual(len(PAGES), 8)
        for page in PAGES:
            for name, command in FORMATTERS.items():
                with self.subTest(page=page.name, formatter=name):
                    done = subprocess.run([*command, page], capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertEqual([line for line in plain(done.stdout).splitlines() if len(line) > COLUMNS], [])

    def test_the_table_of_what_can_be_known_has_a_row_a_line(self) -> None:
        page = program.SOURCE_TREE / "man/tlsrpt-milter.8"
        rows = page.read_text().partition(".Bl -column")[2].partition(".El")[0].splitlines()[1:]
        self.assertGreater(len(rows), 5)
        for name, command in FORMATTERS.items():
            text = plain(subprocess.run([*command, page], capture_output=True, text=True, env=ENVIRONMENT, timeout=60).stdout)
            lines = [re.sub(" {2,}", "|", line.strip()) for line in text.splitlines()]
            for row in rows:
                cells = re.sub(r"^\.It |\bSy ", "", row).split(" Ta ")
                with self.subTest(formatter=name, row=cells[0]):
                    self.assertIn("|".join(cells), lines)


if __name__ == "__main__":
    unittest.main()
