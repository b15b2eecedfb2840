"""What goes wrong, and when: a pure function of the seed.

    for event in plan(seed=7, beats=3600, connections=10_000):
        print(event)

A beat is a second, or an amount of work: see beat.py. Each half of the plan is dealt from a deck that has each kind of
trouble once, and is shuffled again when it is empty. Daemons are killed in the first half only: so each of them runs
through the second half, long enough for a leak to show.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

DAEMONS = ("milter", "shared-milter", "collector", "shared-collector", "serve")
ON_DISK = ("milter", "collector")  # their state directories are on the disk that is full at times
LISTENERS = ("milter", "shared-milter", "serve")
RESOLVER_FAULTS = ("silent", "servfail", "refused", "garbage", "denials", "forged")
POLICY_HOST_FAULTS = ("hang", "trickle", "error", "unknown-ca", "html")
CROWDS = ("idle", "half", "garbage", "greedy")
HOURS = (-24, -1, 0, 1, 24)


@dataclass(frozen=True)
class Event:
    begin: int  # beats from the start
    length: int  # beats; 0: it has no end
    kind: str
    target: str
    detail: str = ""

    @property
    def end(self) -> int:
        return self.begin + self.length

    def __str__(self) -> str:
        lasts = f" for {self.length}" if self.length else ""
        return f"{self.begin:>6}{lasts:<8} {self.kind} {self.target}{' ' if self.detail else ''}{self.detail}"


@dataclass(frozen=True)
class Card:
    """A kind of trouble. Two that have a part in common do not come at the same time."""
    kind: str
    target: str
    longest: int  # beats; 0: it has no end
    parts: frozenset[str]
    details: Sequence[str] = ("",)


def card(kind: str, target: str, longest: int, *parts: str, details: Sequence[str] = ("",)) -> Card:
    return Card(kind, target, longest, frozenset(parts or {target}), details)


def deck(connections: int, *, kills: bool) -> list[Card]:
    """Each kind of trouble once, for each program that it can hit."""
    database = ("postgres", "shared-milter", "shared-collector")
    sizes = sorted({min(connections, size) for size in (100, 1_000, 10_000)})
    return [
        *(card("kill", daemon, 4) for daemon in DAEMONS if kills),
        # What waits in memory while the disk is full is asked for when it is free again.
        *(card("stop", daemon, 8, daemon, *(["disk"] if daemon in ON_DISK else [])) for daemon in DAEMONS),
        *(card("reload", daemon, 2) for daemon in DAEMONS),
        *(card("crowd", daemon, 20, f"crowd at {daemon}", daemon,
               details=[f"{size} {crowd}" for size in sizes for crowd in CROWDS]) for daemon in LISTENERS),
        card("disk-full", "state directories", 10, "disk"),
        card("lock-store", "milter", 10, "disk", "store of milter"),
        card("lock-store", "collector", 10, "disk", "store of collector"),
        card("stop", "postgres", 10, *database), card("kill", "postgres", 10, *database),
        card("hang", "postgres", 10, *database),
        *(card("resolver", fault, 10, "names", "serve") for fault in RESOLVER_FAULTS),
        *(card("policy-hosts", fault, 10, "policies", "serve") for fault in POLICY_HOST_FAULTS),
        card("clock", "all but milter", 0, "clock", "serve", "shared-milter", "shared-collector", "collector",
             details=[f"{hours:+} h" for hours in HOURS]),
        card("rotate", "mail.log", 0, "log"),
        card("new-certificate", "mx", 0, "mx"), card("new-certificate", "policy hosts", 0, "policies"),
    ]


def plan(seed: int, beats: int, connections: int) -> list[Event]:
    """All events, in the order in which they begin. Those of a half have ended when the half ends."""
    dice = random.Random(f"soak {seed}")
    half = beats // 2
    first = list(_deal(dice, 1, half, deck(connections, kills=True)))
    return first + list(_deal(dice, half + 1, beats, deck(connections, kills=False)))


def _deal(dice: random.Random, begin: int, end: int, cards: list[Card]) -> Iterator[Event]:
    busy: list[tuple[int, frozenset[str]]] = []  # until when, and what
    hand: list[Card] = []
    at = begin
    while at < end:
        if not hand:
            hand = list(cards)
            dice.shuffle(hand)
        busy = [(until, parts) for until, parts in busy if until >= at]
        free = [one for one in hand if not any(parts & one.parts for _, parts in busy)]
        if free:
            chosen = free[0]
            hand.remove(chosen)
            length = dice.randint(1, chosen.longest) if chosen.longest else 0
            detail = dice.choice(chosen.details)
            if at + length < end:
                yield Event(at, length, chosen.kind, chosen.target, detail)
                busy.append((at + length, chosen.parts))
        at += dice.randint(1, 4)
