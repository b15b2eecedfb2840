"""The transcript in a README.md: commands and their output, in blocks that are indented by four spaces.

    An expired list is not used.

        lab: clock 2026-12-05T12:00:00Z
        $ starttls-listtool -c listtool.toml verify list.json
        starttls-listtool: list.json: ...
        (exit status 65)

A line that begins with "$ " or "lab: " is a step, together with the lines after it while each ends with a backslash.
The other lines of the block, up to the next step, are its output. Everything else is prose.
"""

from collections.abc import Sequence
from dataclasses import dataclass

INDENT = "    "
PROMPTS = ("$ ", "lab: ")


@dataclass(frozen=True)
class Step:
    """One step: `number` is that of its line, `first` and `last` are the indices of its output's lines (half open)."""
    number: int
    prompt: str
    command: str
    output: list[str]
    first: int
    last: int


def parse(text: str) -> list[Step]:
    """The steps in the order of the text."""
    lines = text.splitlines()
    starts = [index for index, line in enumerate(lines) if _prompt(line)]
    return [_step(lines, start, following) for start, following in zip(starts, [*starts[1:], len(lines)], strict=True)]


def with_outputs(text: str, outputs: Sequence[Sequence[str]]) -> str:
    """The same text with this output for each step."""
    lines = text.splitlines()
    for step, output in reversed(list(zip(parse(text), outputs, strict=True))):
        lines[step.first:step.last] = [f"{INDENT}{line}".rstrip() for line in output]
    return "\n".join(lines) + "\n"


def _prompt(line: str) -> str | None:
    return next((prompt for prompt in PROMPTS if line.startswith(INDENT + prompt)), None)


def _step(lines: list[str], start: int, following: int) -> Step:
    first = start + 1
    while lines[first - 1].endswith("\\") and first < following:
        first += 1
    block = next((index for index in range(first, following) if lines[index] and not lines[index].startswith(INDENT)),
                 following)
    last = max((index + 1 for index in range(first, block) if lines[index]), default=first)
    prompt = _prompt(lines[start])
    command = "\n".join(line.removeprefix(INDENT) for line in lines[start:first])
    return Step(start + 1, prompt, command.removeprefix(prompt), [line.removeprefix(INDENT) for line in lines[first:last]],
                first, last)
