"""Samples of a daemon's memory, descriptors, threads and disk, and whether they stay the same.

Two things are compared. At rest, when no load runs and no connection is open, once in the middle of the run and once at its
end: a daemon that runs through the second half has then no more of anything. And the samples under load of two parts of the
second half: its second third and its last one.
"""

import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

MIB = 1 << 20
ENOUGH = 20  # samples of a part, to judge it
SQLITE_LOG = "-wal"
MAX_LOG = 20 * MIB  # the caches let it grow up to 16 MiB before they copy it into the file


@dataclass(frozen=True)
class Sample:
    beat: int
    daemon: str
    resident: int  # bytes
    descriptors: int
    threads: int
    disk: int  # bytes


HEAD = ",".join(field.name for field in fields(Sample))


def as_csv(samples: Iterable[Sample]) -> str:
    return HEAD + "\n" + "".join(",".join(map(str, astuple(one))) + "\n" for one in samples)


def sample(beat: int, daemon: str, pid: int, folder: Path | None) -> Sample:
    """OSError if it has ended."""
    status = Path(f"/proc/{pid}/status").read_text()
    return Sample(beat, daemon, resident=int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024,
                  descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
                  threads=int(re.search(r"Threads:\s+(\d+)", status)[1]), disk=disk_of(folder) if folder else 0)


def disk_of(folder: Path) -> int:
    """The bytes of all files below a directory, but for the logs of SQLite, which grow up to a limit: see max_log_of()."""
    return sum(size for file, size in _sizes(folder) if not file.name.endswith(SQLITE_LOG))


def max_log_of(folder: Path) -> int:
    """The bytes of the largest log of SQLite."""
    return max((size for file, size in _sizes(folder) if file.name.endswith(SQLITE_LOG)), default=0)


def _sizes(folder: Path) -> Iterator[tuple[Path, int]]:
    for file in folder.rglob("*"):
        try:
            if file.is_file():
                yield file, file.stat().st_size
        except FileNotFoundError:
            continue  # a segment that was folded meanwhile


@dataclass(frozen=True)
class Allowance:
    """How much more is no growth: a share, and bytes or a number."""
    share: float
    more: int

    def is_flat(self, before: float, after: float) -> bool:
        return after <= before * self.share + self.more


# An allocator keeps what a burst needed, in arenas that differ from burst to burst; a page of SQLite or a segment is in
# use or not. A leak of 100 bytes a session passes these in some minutes.
MEMORY = Allowance(1.10, 2 * MIB)
MEMORY_AT_REST = Allowance(1.25, 4 * MIB)
DISK = Allowance(1.10, MIB)
NUMBER = Allowance(1.0, 2)


def at_rest(before: Sequence[Sample], after: Sequence[Sample], *, with_disk: bool) -> list[str]:
    """What has grown from one rest to the next, as sentences. `with_disk`: the stores have had time to get all clients."""
    by_name = {one.daemon: one for one in after}
    grown = []
    for first in before:
        last = by_name[first.daemon]
        for what, allowed, a, b in (("memory", MEMORY_AT_REST, first.resident, last.resident),
                                    ("descriptors", NUMBER, first.descriptors, last.descriptors),
                                    ("threads", NUMBER, first.threads, last.threads),
                                    ("disk", DISK, first.disk, last.disk)):
            if not allowed.is_flat(a, b) and (with_disk or what != "disk"):
                grown.append(f"{first.daemon}: at rest its {what} grew from {a} to {b}")
    return grown


@dataclass(frozen=True)
class Part:
    """The medians of a part of the run."""
    resident: float
    descriptors: float
    threads: float
    disk: float


def parts(samples: Sequence[Sample], daemon: str, begin: int, end: int) -> tuple[Part, Part] | None:
    """The second and the last third of the beats from begin to end; None where that are too few."""
    third = (end - begin) / 3
    both = [[one for one in samples
             if one.daemon == daemon and begin + number * third <= one.beat < begin + (number + 1) * third]
            for number in (1, 2)]
    if min(map(len, both)) < ENOUGH:
        return None
    return tuple(Part(*(statistics.median(getattr(one, field.name) for one in of_part) for field in fields(Part)))
                 for of_part in both)


def under_load(daemon: str, both: tuple[Part, Part]) -> list[str]:
    """What has grown from one part to the other, as sentences. Descriptors follow the connections, and are judged at rest."""
    first, last = both
    grown = []
    for what, allowed, a, b in (("memory", MEMORY, first.resident, last.resident),
                                ("disk", DISK, first.disk, last.disk),
                                ("threads", NUMBER, first.threads, last.threads)):
        if not allowed.is_flat(a, b):
            grown.append(f"{daemon}: under load its {what} grew from {a:.0f} to {b:.0f}")
    return grown
