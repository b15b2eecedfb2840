"""Commands and file contents in README and the guides in docs/, so that tests use exactly these.

    section("docs/postfix.md", "Record inbound sessions")    the text below this heading, with its subsections
    lines("docs/postfix.md", "Record inbound sessions")      its indented lines
    blocks("README.md")                                      the indented blocks of the whole document
    samples("README.md")                                     output of programs: fenced, without commands
    Steps("README.md", "Install")                            the blocks, each of which a test must take
"""

import re

from .program import SOURCE_TREE

FENCE = "```"


def section(document: str, heading: str | None = None) -> str:
    """The text below a heading, up to the next heading of its level or a higher one; without a heading all of it."""
    text = (SOURCE_TREE / document).read_text()
    if heading is None:
        return text
    found = re.search(rf"^(#+) {re.escape(heading)}\n", text, re.MULTILINE)
    if not found:
        raise AssertionError(f"{document} has no heading '{heading}'")
    rest = text[found.end():]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", without_samples(rest), re.MULTILINE)
    return rest[:end.start()] if end else rest


def without_samples(text: str) -> str:
    """The text with bars in place of fenced blocks, so that positions in it do not change."""
    return re.sub(rf"^{FENCE}.*?^{FENCE}$", lambda sample: re.sub(r"[^\n]", "|", sample[0]), text,
                  flags=re.MULTILINE | re.DOTALL)


def blocks(document: str, heading: str | None = None) -> list[str]:
    """The indented blocks, without the indentation."""
    return [block for block in map(indented, without_samples(section(document, heading)).split("\n\n")) if block]


def lines(document: str, heading: str | None = None) -> list[str]:
    return [line for block in blocks(document, heading) for line in block.splitlines()]


def samples(document: str, heading: str | None = None) -> list[str]:
    """The fenced blocks, without the fences."""
    return re.findall(rf"^{FENCE}\w*\n(.*?)^{FENCE}$", section(document, heading), re.MULTILINE | re.DOTALL)


def indented(paragraph: str) -> str:
    rows = paragraph.strip("\n").splitlines()
    if not rows or not all(row.startswith("    ") for row in rows):
        return ""
    return "".join(row.removeprefix("    ") + "\n" for row in rows)


class Steps:
    """The indented blocks of a section. A test must take each of them once, by its first words."""

    def __init__(self, document: str, heading: str | None = None) -> None:
        self._blocks = blocks(document, heading)

    def take(self, start: str) -> str:
        (found,) = [block for block in self._blocks if block.startswith(start)]
        self._blocks.remove(found)
        return found

    def remaining(self) -> list[str]:
        """The first lines of the blocks that were not taken."""
        return [block.partition("\n")[0] for block in self._blocks]
