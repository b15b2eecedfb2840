#!/usr/bin/python3
"""Usage: make_list.py [--domains N] [--seed S] [--order shuffled|sorted] [--form pretty|compact] [--changed N] FILE

Writes a preload list of invented domains: the same options produce the same bytes, on every machine. See write_list().
"""

import argparse
import itertools
import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TIMESTAMP, LATER_TIMESTAMP, EXPIRES = "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", "2026-12-04T00:00:00Z"
NOW = "2026-11-22T12:00:00Z"  # these lists are valid at this time

ALIASES = [f"hoster-{number:02}" for number in range(100)]
SYLLABLES = [consonant + vowel for consonant in "bcdfghjklmnprstvwz" for vowel in "aeiou"]
# The first four syllables make domains unique. The factor and their number have no common divisor, so that names do not
# repeat, and neighbours in the list are not neighbours in the order of names.
NAMES = len(SYLLABLES) ** 4
FACTOR = 40_503_917


@dataclass(frozen=True)
class Shape:
    """The form of a list; the defaults are those of the bench."""
    domains: int = 1_000_000
    seed: int = 1
    order: str = "shuffled"  # or "sorted", as a publisher's program would write it
    form: str = "pretty"  # each value on its own line, each level indented by one space; or "compact"
    changed: int = 0  # the number of domains that differ from the list with 0; see _change()

    def __post_init__(self) -> None:
        if not 1 <= self.domains <= NAMES // 2 or not 0 <= self.changed < self.domains:
            raise ValueError(f"cannot make a list of {self.domains} domains, {self.changed} of them changed")


@dataclass(frozen=True)
class Entry:
    """A domain's policy: mode enforce with these mxs, or an alias."""
    domain: str
    mxs: tuple[str, ...] = ()
    alias: str = ""


def write_list(file: Path, shape: Shape) -> None:
    """Write the list: one domain in ten has an alias, the others have 1 to 4 mxs; all are of mode enforce.

    In every other domain the mxs are hosts of the domain itself, in the others those of a hoster. A million
    domains in the pretty form need 118 MB.
    """
    entries: Iterable[Entry] = _changed(shape) if shape.changed else list_entries(shape)
    if shape.order == "sorted":
        entries = sorted(entries, key=lambda entry: entry.domain)
    to_text = _pretty if shape.form == "pretty" else _compact
    with file.open("w", encoding="ascii", newline="\n", buffering=1 << 20) as out:
        out.write(_head(shape))
        _write_members(out.write, map(to_text, entries), ",\n" if shape.form == "pretty" else ",")
        out.write("\n }\n}\n" if shape.form == "pretty" else "}}")


def first_domain(shape: Shape) -> str:
    """A domain of the list, changed or not."""
    return first_domains(shape, 1)[0]


def first_domains(shape: Shape, number: int) -> list[str]:
    """This many domains of the unchanged list, spread over its order of names."""
    return [entry.domain for entry in itertools.islice(list_entries(shape), number)]


def list_entries(shape: Shape) -> Iterator[Entry]:
    """Those of the unchanged list, in its order."""
    chance = random.Random(shape.seed)
    start = chance.randrange(NAMES)
    for index in range(shape.domains):
        yield _entry(_name((start + index * FACTOR) % NAMES, chance), chance)


def alias_mxs(alias: str) -> list[str]:
    return [f"mx1.{alias}.test", f"mx2.{alias}.test"]


def _entry(domain: str, chance: random.Random) -> Entry:
    if chance.random() < 0.1:
        return Entry(domain, alias=ALIASES[int(chance.random() * len(ALIASES))])
    hosts = range(1, 2 + int(chance.random() * 4))
    above = domain if chance.random() < 0.5 else f"h{int(chance.random() * 10_000)}.test"
    return Entry(domain, tuple(f"mx{host}.{above}" for host in hosts))


def _name(number: int, chance: random.Random) -> str:
    name = ""
    for _ in range(4):
        number, syllable = divmod(number, len(SYLLABLES))
        name += SYLLABLES[syllable]
    return name + ("", "", "", "-ag")[int(chance.random() * 4)] + ".test"


def _changed(shape: Shape) -> Iterator[Entry]:
    """The entries, some of them changed, spread evenly: alternately removed, added or with another mx.

    After one is removed, the next change adds one: the list has the same length, or differs by one.
    """
    chance = random.Random(shape.seed + 1)
    changes = itertools.cycle((None, "new", "mx"))
    step = shape.domains / shape.changed
    done = 0
    for index, entry in enumerate(list_entries(shape)):
        if done == shape.changed or index + 1 < (done + 1) * step:
            yield entry
            continue
        done += 1
        change = next(changes)
        if change == "new":
            yield entry
            yield _entry(f"new{index}.test", chance)
        elif change == "mx":
            yield Entry(entry.domain, (*entry.mxs, "mx-new.test"))


def _head(shape: Shape) -> str:
    indent = 1 if shape.form == "pretty" else None
    head = json.dumps({
        "timestamp": LATER_TIMESTAMP if shape.changed else TIMESTAMP,
        "expires": EXPIRES,
        "version": "0.1",
        "author": f"make_list.py, seed {shape.seed}",
        "policy-aliases": {alias: {"mode": "enforce", "mxs": alias_mxs(alias)}
                           for alias in ALIASES},
        "policies": {},
    }, indent=indent, separators=(",", ": ") if indent else (",", ":"))
    return head.removesuffix("}\n}" if indent else "}}") + ("\n" if indent else "")


def _pretty(entry: Entry) -> str:
    if entry.alias:
        return f'  "{entry.domain}": {{\n   "policy-alias": "{entry.alias}"\n  }}'
    mxs = '",\n    "'.join(entry.mxs)
    return f'  "{entry.domain}": {{\n   "mode": "enforce",\n   "mxs": [\n    "{mxs}"\n   ]\n  }}'


def _compact(entry: Entry) -> str:
    if entry.alias:
        return f'"{entry.domain}":{{"policy-alias":"{entry.alias}"}}'
    mxs = '","'.join(entry.mxs)
    return f'"{entry.domain}":{{"mode":"enforce","mxs":["{mxs}"]}}'


def _write_members(write: Callable[[str], object], members: Iterator[str], comma: str) -> None:
    write(next(members))
    for member in members:
        write(comma)
        write(member)


def main() -> None:
    defaults = Shape()
    parser = argparse.ArgumentParser(description="Write a preload list of made-up domains.")
    parser.add_argument("--domains", type=int, default=defaults.domains, metavar="N")
    parser.add_argument("--seed", type=int, default=defaults.seed, metavar="S")
    parser.add_argument("--order", choices=["shuffled", "sorted"], default=defaults.order)
    parser.add_argument("--form", choices=["pretty", "compact"], default=defaults.form)
    parser.add_argument("--changed", type=int, default=0, metavar="N", help="domains that differ from the list with 0")
    parser.add_argument("file", type=Path, metavar="FILE")
    options = parser.parse_args()
    try:
        shape = Shape(options.domains, options.seed, options.order, options.form, options.changed)
    except ValueError as why:
        parser.error(str(why))
    write_list(options.file, shape)


if __name__ == "__main__":
    main()
