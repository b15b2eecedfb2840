"""The page of `starttls-listtool check --html`, read by an HTML parser."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path

from checking import Case
from lab.chromium import Chromium
from lab.program import SOURCE_TREE

VOID = {"meta", "wbr", "br", "img", "input", "link", "hr"}
# The names in the table, from top to bottom.
ROWS = "[...document.querySelectorAll('.all tbody tr')].map(row => row.cells[0].textContent)"


class Element:
    def __init__(self, name: str, attributes: dict[str, str], parent: "Element | None") -> None:
        self.name, self.attributes, self.parent = name, attributes, parent
        self.children: list[Element | str] = []

    def all(self, name: str, **attributes: str) -> list["Element"]:
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if child.name == name and all(child.attributes.get(key.rstrip("_")) == value
                                              for key, value in attributes.items()):
                    found.append(child)
                found += child.all(name, **attributes)
        return found

    @property
    def text(self) -> str:
        whole = "".join(child if isinstance(child, str) else child.text for child in self.children)
        return " ".join(whole.split())


class Reader(HTMLParser):
    """Builds the tree of a page, in which every element must be closed."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.current = Element("", {}, None)
        self.feed(source)
        self.close()
        if self.current is not self.root:
            raise AssertionError(f"<{self.current.name}> is not closed")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs}, self.current)
        self.current.children.append(element)
        if tag not in VOID:
            self.current = element

    def handle_endtag(self, tag: str) -> None:
        if self.current.name != tag or self.current.parent is None:
            raise AssertionError(f"</{tag}> closes <{self.current.name}>")
        self.current = self.current.parent

    def handle_data(self, data: str) -> None:
        self.current.children.append(data)


class Page(Case):
    def page(self, *arguments: str, status: int | None = None, text_in: str = "") -> Path:
        done = self.configuration.tool("check", "--html", *self.connect, *arguments, text_in=text_in, timeout=120)
        self.assertEqual(done.stderr, "")
        if status is not None:
            self.assertEqual(done.returncode, status)
        file = self.configuration.folder / "page.html"
        file.write_text(done.stdout, encoding="utf-8")
        return file

    def read(self, page: Path) -> Element:
        return Reader(page.read_text(encoding="utf-8")).root

    def pictures(self) -> Path:
        folder = Path(os.environ.get("BUILD_DIR", SOURCE_TREE / "build/release")) / "pictures" / "check-page"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def assert_quiet(self, browser: Chromium) -> None:
        """No page has requested anything but itself, and none has complained."""
        own = re.compile(r"file://.*/page\.html(#.*)?$|about:")
        self.assertEqual([address for address in browser.requests if not own.match(address)], [])
        self.assertEqual(browser.complaints, [])
