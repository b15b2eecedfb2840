"""A publisher of a list, whose state the bench fills: a list of a million domains is otherwise the work of a month.

    publisher = Publisher(lab)
    publisher.make(config, now)             config has publisher.settings; keys.json is signed by the root key
    publisher.fill(entries, Stage.LISTED, now)
    programs.run(publisher.run("first edition", config, now))
    publisher.list                          what consumers read

`now` is the time of the program, "" the real one.

The rows are those that the program itself would have written, history included.
"""

import contextlib
import datetime
import json
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path

from e2e.update.publishing import Key
from lab import Lab
from lab.program import path_of

import programs
from make_list import Entry
from programs import LONGEST_RUN, Command

LIST = "bench"
WATCH_DAYS = 28  # the default of watch_days
DAY = datetime.timedelta(days=1)

ADD_ENTRY = ("INSERT INTO entries (domain, state, since, consent, mxs, held, sound_days, sound_day, failures, observed, "
             "policy_until, contact, faults) VALUES (?, ?, ?, 'mta-sts', ?, 0, ?, ?, 0, ?, ?, 'postmaster@' || ?, '')")
ADD_HISTORY = ("INSERT INTO history (domain, time, from_state, to_state, reason, evidence) "
               "SELECT domain, ?, ?, ?, ?, ? FROM entries")


class Stage(Enum):
    """How far the domains have come: their state, and the steps before it (from, to, reason, evidence)."""
    WATCHED = ("watched", (("candidate", "candidate", "added", "imported"),
                           ("candidate", "watched", "consent-given", "mta-sts")))
    LISTED = ("listed", (*WATCHED[1], ("watched", "listed", "watched-long-enough", f"{WATCH_DAYS + 1} sound days")))

    @property
    def state(self) -> str:
        return self.value[0]

    @property
    def steps(self) -> Sequence[tuple[str, str, str, str]]:
        return self.value[1]


class Publisher:
    def __init__(self, lab: Lab) -> None:
        self.folder = lab.new_folder("publisher")
        keys = lab.new_folder("keys")
        self.root, self.online = Key(keys), Key(keys)

    @property
    def settings(self) -> dict[str, object]:
        """Of the table [publish]."""
        return {"name": LIST, "url": "https://lists.bench.test/", "author": "Bench", "directory": self.folder,
                "secret_keys": [self.online.secret]}

    @property
    def list(self) -> Path:
        return self.folder / "public" / f"{LIST}.json"

    def listed_domains(self) -> set[str]:
        """Of the newest edition."""
        return set(json.loads(self.list.read_text())["policies"])

    @staticmethod
    def run(name: str, config: Path, now: str, *arguments: str | Path, longest: float = LONGEST_RUN) -> Command:
        """`publish run`, to be measured."""
        return Command(name, [path_of("starttls-listtool"), "-c", config, "publish", "run", *arguments], now=now,
                       longest=longest)

    def make(self, config: Path, now: str) -> None:
        def tool(*arguments: str | Path) -> None:
            programs.run(Command("", [path_of("starttls-listtool"), "-c", config, "publish", *arguments], now=now))

        tool("init")
        tool("keys", "init", "--root", self.root.public, "--threshold", "1", "--online", self.online.public)
        draft = self.folder / "keys" / "keys.1.json"
        signature = self.root.public.with_name(f"{draft.name}.minisig")
        signature.write_bytes(self.root.sign(draft.read_bytes(), name=draft.name))
        tool("keys", "sign", signature)

    def fill(self, entries: Iterable[Entry], stage: Stage, now: str) -> None:
        """As if they had come to this stage the day before."""
        time = (datetime.datetime.fromisoformat(now) if now else datetime.datetime.now(datetime.UTC)) - DAY
        first = time - WATCH_DAYS * DAY
        day = (time - datetime.datetime.fromtimestamp(0, datetime.UTC)).days
        until = time + 7 * DAY
        with contextlib.closing(sqlite3.connect(self.folder / "publish.sqlite")) as database, database:
            database.executemany(ADD_ENTRY, (
                (entry.domain, stage.state, _milliseconds(time), " ".join(sorted(entry.mxs)),
                 WATCH_DAYS, day, _milliseconds(time), _milliseconds(until), entry.domain)
                for entry in sorted(entries, key=lambda entry: entry.domain)))
            for number, step in enumerate(stage.steps):
                database.execute(ADD_HISTORY, (_milliseconds(first + number * DAY), *step))

    def change(self, domains: Sequence[str]) -> None:
        """Alternately: one is removed, a new one is on the list, one has other mxs."""
        with contextlib.closing(sqlite3.connect(self.folder / "publish.sqlite")) as database, database:
            database.executemany("UPDATE entries SET state = 'removed' WHERE domain = ?",
                                 ((domain,) for domain in domains[::3]))
            columns = [column for _, column, *_ in database.execute("PRAGMA table_info(entries)")]
            copied = ", ".join("'new-' || domain" if column == "domain" else column for column in columns)
            database.executemany(f"INSERT INTO entries SELECT {copied} FROM entries WHERE domain = ?",
                                 ((domain,) for domain in domains[1::3]))
            database.executemany("UPDATE entries SET mxs = 'mx-new.test ' || mxs WHERE domain = ?",
                                 ((domain,) for domain in domains[2::3]))

    def keep(self) -> "Kept":
        return Kept(self.folder)


class Kept:
    """A copy of the publisher's directory, to begin again with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copy = folder.with_name(f"{folder.name}.kept")
        shutil.copytree(folder, self._copy)

    def restore(self) -> None:
        shutil.rmtree(self._folder)
        shutil.copytree(self._copy, self._folder)


def _milliseconds(time: datetime.datetime) -> int:
    return round(time.timestamp() * 1000)
