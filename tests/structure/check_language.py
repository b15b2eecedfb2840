#!/usr/bin/env python3
"""Checks that text for users and the public headers keep to plain English: words that were used here in a sense of
their own, and the plain ones for them. Names in the code are not looked at, comments and texts in it are.

    tests/structure/check_language.py [DIRECTORY]     exit status 1 where one of the words is found
"""

import re
import subprocess
import sys
from pathlib import Path

# What is looked for, and what to write. Words are whole words; a space stands for any white space.
WORDS = {
    r"(is|are|was|were|be|been|being) told": "logged, reported, printed, given",
    r"tells? of": "reports, describes",
    r"untold": "suppressed",
    r"to be had": "available",
    r"(for )?want of": "because there is no, out of",
    r"(what|nothing|all) (came|comes) of (it|them|that)": "the result",
    r"came to nothing|comes to nothing": "failed",
    r"whoever": "the program that, anybody who, each sender that",
    r"as others do": "(say who)",
    r"a stranger|strangers": "an unknown sender, outsiders",
    r"unasked": "unexpectedly",
    r"the unforeseen": "an internal error",
    r"ends? with (an? )?(exit )?status|leaves? with (an? )?(exit )?status": "exits with status",
    r"and leave": "and exit",
    r"lost sight of": "cannot wait for",
    r"see to it|must see to": "needs attention",
    r"has its way": "takes precedence",
    r"needs? a person": "needs attention",
    r"anew": "again",
    r"(a|this) room|rooms": "component",
    r"a folder|folders": "directory",
}
# Directories and files whose text is for users or for readers of the code.
TEXTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/", "man/", "packaging/")
CODE = ("lib/", "milter/", "report/", "listtool/", "collector/")


def tracked(root: Path) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name]


def prose_of_code(text: str, with_comments: bool) -> str:
    """The source with all but its strings (and comments) blank, line by line as it was."""
    kept = []
    pattern = r'//[^\n]*|R"(\w*)\((.|\n)*?\)\1"|"(\\.|[^"\\\n])*"'
    end = 0
    for match in re.finditer(pattern, text):
        kept.append(re.sub(r"[^\n]", " ", text[end:match.start()]))
        piece = match.group()
        is_comment = piece.startswith("//")
        kept.append(piece if with_comments or not is_comment else re.sub(r"[^\n]", " ", piece))
        end = match.end()
    return "".join(kept) + re.sub(r"[^\n]", " ", text[end:])


def findings(name: str, text: str) -> list[str]:
    found = []
    for pattern, better in WORDS.items():
        spaced = pattern.replace(" ", r"[\s/*#]+")
        for match in re.finditer(rf"\b(?:{spaced})\b", text, re.IGNORECASE):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{name}:{line}: '{' '.join(match.group().split())}': write {better}")
    return found


def check(root: Path) -> list[str]:
    problems = []
    for name in tracked(root):
        path = root / name
        if name.startswith(CODE) and name.endswith((".h", ".cpp")) and path.is_file():
            problems += findings(name, prose_of_code(path.read_text(), with_comments=name.endswith(".h")))
        elif name.startswith(TEXTS) and path.is_file() and not name.endswith((".png", ".json", ".svg")):
            problems += findings(name, path.read_text())
    return problems


def main() -> int:
    problems = check(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    for problem in problems:
        print(f"check_language: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
