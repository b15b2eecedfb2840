"""Every manual page on a terminal of 80 columns, by the two programs that format them: man (groff) and mandoc."""

import os
import re
import subprocess
import unittest

from lab import manual, program

COLUMNS = 80
FORMATTERS = {
    "man": ["man", "--warnings=w", "--local-file"],
    "mandoc": ["mandoc", "-T", "utf8", "-W", "warning", "-O", f"width={COLUMNS - 2}"],
}
ENVIRONMENT = {**os.environ, "MANWIDTH": str(COLUMNS), "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}


def plain(text: str) -> str:
    """The text without the overstriking of bold and underlined letters."""
    return re.sub(".\b", "", re.sub(r"\x1b\[[0-9;]*m", "", text)).expandtabs()


class ManualPages(unittest.TestCase):
    def test_no_warning_and_no_line_that_is_too_long(self) -> None:
        self.assertGreaterEqual(len(manual.pages()), 26)
        for page in manual.pages().values():
            for name, command in FORMATTERS.items():
                with self.subTest(page=page.path.name, formatter=name):
                    done = subprocess.run([*command, page.path], capture_output=True, text=True, env=ENVIRONMENT,
                                          timeout=60)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertEqual([line for line in plain(done.stdout).splitlines() if len(line) > COLUMNS], [])

    def test_every_page_of_the_source_is_installed(self) -> None:
        sources = {path.name for path in (program.SOURCE_TREE / "man").glob("*.[0-9]")}
        self.assertEqual(set(manual.pages()), sources)

    def test_every_reference_to_a_page_of_ours_is_to_one_that_exists(self) -> None:
        for page in manual.pages().values():
            references = re.findall(r"\bXr ((?:starttls|tlsrpt|listtool)[\w.-]*) (\d)", page.text)
            self.assertEqual([f"{name}.{section}" for name, section in references
                              if f"{name}.{section}" not in manual.pages()], [], page.path.name)

    def test_every_section_that_another_page_names_exists(self) -> None:
        page_then_section = re.compile(r"^\.Xr ([\w.-]+) (\d) ,\n\.Sx (.+?)(?: [.,;]| \.\w)?$", re.MULTILINE)
        section_in_page = re.compile(r"^\.Sx (.+?)(?: [.,;])?\nin\n\.Xr ([\w.-]+) (\d)", re.MULTILINE)
        found = 0
        for page in manual.pages().values():
            named = [(name, number, title) for name, number, title in page_then_section.findall(page.text)]
            named += [(name, number, title) for title, name, number in section_in_page.findall(page.text)]
            for name, number, title in named:
                with self.subTest(page=page.path.name, reference=f"{name}({number}), {title}"):
                    self.assertRegex(manual.pages()[f"{name}.{number}"].text, rf"\n\.S[hs] {re.escape(title)}\n")
                    found += 1
        self.assertGreater(found, 10)

    def test_the_table_of_what_can_be_known_has_one_line_for_each_row(self) -> None:
        page = manual.pages()["tlsrpt-milter.8"]
        rows = page.text.partition(".Bl -column")[2].partition(".El")[0].splitlines()[1:]
        self.assertGreater(len(rows), 5)
        for name, command in FORMATTERS.items():
            text = plain(subprocess.run([*command, page.path], capture_output=True, text=True, env=ENVIRONMENT,
                                        timeout=60).stdout)
            lines = [re.sub(" {2,}", "|", line.strip()) for line in text.splitlines()]
            for row in rows:
                cells = re.sub(r"^\.It |\bSy ", "", row).split(" Ta ")
                with self.subTest(formatter=name, row=cells[0]):
                    self.assertIn("|".join(cells), lines)


if __name__ == "__main__":
    unittest.main()
