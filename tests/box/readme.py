"""The steps of README, block by block, so that a test does what is written there and forgets none of it."""

from lab.program import SOURCE_TREE


class Steps:
    """The indented blocks between two headings. Each is to be taken once, by the words that it begins with."""

    def __init__(self, first: str, last: str) -> None:
        text = (SOURCE_TREE / "README.md").read_text()
        part = text[text.index(f"\n{first}\n"):text.index(f"\n{last}\n")]
        self._blocks = [block for block in map(indented, part.split("\n\n")) if block]

    def take(self, start: str) -> str:
        (found,) = [block for block in self._blocks if block.startswith(start)]
        self._blocks.remove(found)
        return found

    def left(self) -> list[str]:
        """The first lines of those that were not taken."""
        return [block.partition("\n")[0] for block in self._blocks]


def indented(paragraph: str) -> str:
    lines = paragraph.strip("\n").splitlines()
    if not lines or not all(line.startswith("    ") for line in lines):
        return ""
    return "".join(line.removeprefix("    ") + "\n" for line in lines)
