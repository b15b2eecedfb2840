"""What a run prints, for a person."""

import datetime
import os
import platform
from collections.abc import Sequence

from books import AnswerBooks, MailBooks
from plan import Event
from watch import Part, Sample

KIB = 1024
SHOWN = 40  # of what is wrong


class Protocol:
    def __init__(self, seed: int, length: int, unit: str) -> None:
        self._seed, self._length, self._unit = seed, length, unit

    def head(self) -> None:
        today = datetime.datetime.now(datetime.UTC).date()
        self._say(f"soak of {self._length} {self._unit}, seed {self._seed}; {today}, {len(os.sched_getaffinity(0))} processors "
                  f"({platform.machine()})\n\n beat  lasts    what goes wrong")

    def plan(self, events: Sequence[Event]) -> None:
        for event in events:
            self.event(event)

    def event(self, event: Event) -> None:
        self._say(str(event))

    def books(self, name: str, what: str, text: str) -> None:
        if name == "milter":
            self._say("\nbooks")
        self._say(f"  {name:<17} {what}: {text}")

    def answers(self, books: AnswerBooks) -> None:
        kinds = ", ".join(f"{map_name} {answer} {number}" for (map_name, answer), number in sorted(books.kinds.items()))
        self._say(f"  {'serve':<17} answers: {books.right} right, {books.temporary} less than that while names or policies could "
                  f"not be looked up, {len(books.wrong)} wrong ({kinds})")

    def first_contacts(self, late: int) -> None:
        self._say(f"  {'serve':<17} first contacts that failed without trouble: {late}")

    def mail(self, what: str, books: MailBooks) -> None:
        self._say(f"  {'Postfix':<17} {what}: {books.done}; deferred: {len(books.deferred)}, and {len(books.excused)} times while "
                  "names could not be looked up")

    def rests(self, before: Sequence[Sample], after: Sequence[Sample]) -> None:
        self._say(f"\nat rest, in the middle and at the end\n  {'':<17} {'memory KiB':>19} {'descriptors':>15} {'threads':>11} "
                  f"{'disk KiB':>17}")
        for a, b in zip(before, after, strict=True):
            self._say(f"  {a.daemon:<17} {a.resident // KIB:>8} > {b.resident // KIB:>8} {a.descriptors:>6} > {b.descriptors:>6} "
                      f"{a.threads:>4} > {b.threads:>4} {a.disk // KIB:>7} > {b.disk // KIB:>7}")
        self._say("\nunder load, medians of the second and the last third of the second half")

    def under_load(self, name: str, both: tuple[Part, Part] | None) -> None:
        if both is None:
            self._say(f"  {name:<17} too few samples")
            return
        a, b = both
        self._say(f"  {name:<17} {a.resident / KIB:>8.0f} > {b.resident / KIB:>8.0f} {a.descriptors:>6.0f} > {b.descriptors:>6.0f} "
                  f"{a.threads:>4.0f} > {b.threads:>4.0f} {a.disk / KIB:>7.0f} > {b.disk / KIB:>7.0f}")

    def judgement(self, wrong: Sequence[str], events: int, seconds: float) -> None:
        self._say(f"\n{events} events in {seconds:.0f} s")
        for line in wrong[:SHOWN]:
            self._say(f"WRONG: {line}")
        if len(wrong) > SHOWN:
            self._say(f"and {len(wrong) - SHOWN} more")
        self._say("FAILED" if wrong else "all is well: everything is flat, the books balance, and no mail was deferred")

    def _say(self, text: str) -> None:
        print(text, flush=True)
