"""Lists that online keys sign, which keys.json names, which root keys sign.

    published = KeyedList(publisher, roots, online)
    published.keys(1)                      keys.1.json, by the first two root keys
    published.publish(edition(20))         the list, by the first online key: edition 1
    host.configure([published.settings()])
"""

import hashlib
import itertools
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from lab.https import Answer

from publishing import HOST, NOW, Key, Publisher, conditional

CREATED, EXPIRES = "2026-11-20T00:00:00Z", "2027-11-20T00:00:00Z"
FROM, UNTIL = "2026-11-01T00:00:00Z", "2027-02-01T00:00:00Z"
MISSING = Answer(404, body=b"not found")

_directories = itertools.count(1)


def online(*keys: Key, start: str = FROM, end: str = UNTIL) -> list[dict[str, str]]:
    """The entries of keys.json for online keys."""
    return [{"key": key.text, "from": start, "until": end} for key in keys]


def seconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp())


class KeyedList:
    """One list with its keys.json, in a directory of its own: of the publisher's server, or a local one."""

    def __init__(self, publisher: Publisher, roots: Sequence[Key], signers: Sequence[Key], *, name: str = "main",
                 folder: Path | None = None) -> None:
        self.publisher, self.roots, self.signers, self.name, self.folder = publisher, roots, signers, name, folder
        self.directory = f"/{next(_directories)}"
        self.edition = 0
        self.hash = "none"  # of the newest edition

    def path(self, name: str) -> str:
        return f"{self.directory}/{name}"

    def put(self, name: str, body: bytes) -> None:
        if self.folder:
            (self.folder / name).write_bytes(body)
        else:
            validators = ["ETag"] if name == "list.json" else []
            self.publisher.web.answer(HOST, self.path(name), conditional(body, None, validators))

    def answer(self, name: str, answer: Answer) -> None:
        self.publisher.web.answer(HOST, self.path(name), answer)

    def settings(self, **more: object) -> dict[str, object]:
        """The [[list]] of an administrator."""
        place = {"file": str(self.folder / "list.json")} if self.folder else {
            "url": self.publisher.url(self.path("list.json"))}
        return {"name": self.name, **place, "root_keys": [key.text for key in self.roots[:3]], "threshold": 2} | more

    def keys_json(self, version: int, *, signing: Sequence[dict[str, str]] | None = None, threshold: int = 1,
                  roots: Sequence[Key] | None = None, root_threshold: int = 2, created: str = CREATED,
                  expires: str = EXPIRES, name: str | None = None) -> bytes:
        return json.dumps({
            "list": name or self.name, "version": version, "created": created, "expires": expires,
            "root": {"threshold": root_threshold, "keys": [key.text for key in roots or self.roots[:3]]},
            "signing": {"threshold": threshold, "keys": signing or online(self.signers[0])}}, indent=1).encode()

    def keys(self, version: int, *, by: Sequence[Key] | None = None, **content: object) -> None:
        """Publish a version of keys.json, signed by these root keys."""
        self.put_keys(version, self.keys_json(version, **content), by or self.roots[:2])

    def put_keys(self, version: int, content: bytes, by: Sequence[Key]) -> None:
        file = f"keys.{version}.json"
        self.put(file, content)
        self.put("keys.json", content)
        for key in by:
            self.put(f"{file}.{key.id}.minisig", key.sign(content, name=file))

    def withdraw_keys(self, version: int) -> None:
        self.answer(f"keys.{version}.json", MISSING)

    def comment(self, *, number: int, previous: str, name: str | None = None, time: str = NOW) -> str:
        return (f"timestamp:{seconds(time)}\tfile:list.json\tlist:{name or self.name}\tedition:{number}\t"
                f"previous:{previous}")

    def publish(self, content: bytes, *by: Key, number: int | None = None, previous: str | None = None,
                name: str | None = None, time: str = NOW) -> None:
        """Publish the next edition of the list, signed by these online keys; or one that does not follow."""
        number = number or self.edition + 1
        comment = self.comment(number=number, previous=previous or self.hash, name=name, time=time)
        self.put("list.json", content)
        for index, key in enumerate(by or self.signers[:1]):
            signature = key.sign(content, "-t", comment)
            self.put(f"list.json.{key.id}.minisig", signature)
            if index == 0:
                self.put("list.json.minisig", signature)
        self.edition, self.hash = number, hashlib.blake2b(content).hexdigest()

    def withdraw_signatures(self, *keys: Key) -> None:
        for key in keys:
            self.answer(f"list.json.{key.id}.minisig", MISSING)
