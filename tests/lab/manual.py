"""The manual pages as they are installed, and their content.

    page = manual.pages()["tlsrpt-report-self.1"]
    page.path, page.text                    the file, and its text in mdoc(7)
    page.options()                          {"-c", "--config", "--day", ...}: from the lists of options
    page.examples()                         the displays with a comment: kind, text for copy and paste, line

An example is a display after a comment `.\\" example: KIND`. The kind is "shell", "cron", or the name of the file
that the text belongs to.
"""

import functools
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .program import SOURCE_TREE

# The escapes that mdoc(7) needs so that a character can be copied and pasted unchanged.
ESCAPES = {r"\(aq": "'", r"\(ga": "`", r"\(dq": '"', r"\(ti": "~", r"\(ha": "^", r"\&": "", r"\e": "\\"}


@dataclass(frozen=True)
class Example:
    kind: str
    text: str
    line: int


def plain(text: str) -> str:
    return re.sub(r"\\\(\w\w|\\[e&]", lambda found: ESCAPES[found[0]], text)


@dataclass(frozen=True)
class Page:
    path: Path
    text: str

    def section(self, name: str) -> str:
        return self.text.partition(f"\n.Sh {name}\n")[2].partition("\n.Sh ")[0]

    def options(self) -> set[str]:
        items = "\n".join(re.findall(r"^\.It Fl .*$", self.text, re.MULTILINE))
        return {f"-{name}" for name in re.findall(r"\bFl (-?[\w-]+)", items)}

    def examples(self) -> list[Example]:
        lines, found = self.text.splitlines(), []
        for number, line in enumerate(lines):
            if not line.startswith('.\\" example: '):
                continue
            kind, begin = line.partition(": ")[2], lines[number + 1]
            if begin.startswith(".Dl "):
                text = begin.removeprefix(".Dl ")
            else:
                assert begin.startswith(".Bd -literal"), begin
                text = "\n".join(lines[number + 2:lines.index(".Ed", number)])
            found.append(Example(kind, plain(text) + "\n", number + 2))
        return found


@functools.cache
def pages() -> dict[str, Page]:
    """The pages as `cmake --install` writes them, by file name."""
    build = Path(os.environ.get("BUILD_DIR", SOURCE_TREE / "build/release")).resolve()
    directory = Path(_directory().name)
    subprocess.run(["cmake", "--install", build / "man", "--prefix", directory], check=True, timeout=60,
                   stdout=subprocess.DEVNULL)
    return {path.name: Page(path, path.read_text()) for path in sorted(directory.glob("share/man/man?/*"))}


@functools.cache
def _directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()
