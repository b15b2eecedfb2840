"""The results, as an aligned table or as JSON."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from programs import Figures
from rows import MIB, Row, Target

HEADINGS = ("row", "program", "time", "memory", "time ratio", "memory ratio", "target", "measured", "verdict")
TO_THE_RIGHT = {2, 3, 4, 5, 7}


@dataclass(frozen=True)
class Result:
    """A measured row. If `judged` is not set, its targets are meant for another list."""
    row: Row
    figures: Mapping[str, Figures]  # by name of the program; also of the sums
    judged: bool

    @property
    def ours(self) -> Figures:
        return self.figures[self.row.ours.name]

    def measured(self, target: Target) -> float:
        return target.measured(self.ours, self.figures)

    def verdict(self, target: Target) -> str:
        if not self.judged:
            return "not judged"
        return "met" if self.measured(target) <= target.limit else "NOT met"


def as_table(results: Sequence[Result]) -> str:
    lines: list[Sequence[str]] = [HEADINGS]
    for result in results:
        lines += _lines(result)
    return aligned_lines(lines, TO_THE_RIGHT)


def aligned_lines(lines: Sequence[Sequence[str]], to_the_right: Collection[int]) -> str:
    """The first line has all columns, others may be shorter; the columns `to_the_right` are aligned to the right."""
    lines = [(*line, *[""] * (len(lines[0]) - len(line))) for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "".join(_aligned(line, widths, to_the_right) for line in lines)


def as_json(result: Result) -> dict:
    ours = result.ours
    return {
        "row": result.row.name,
        "program": result.row.ours.name,
        **_figures(ours),
        "peers": [{"program": name, **_figures(peer), "time_ratio": ours.seconds / peer.seconds,
                   "memory_ratio": ours.peak / peer.peak} for name, peer in _peers(result)],
        "targets": [{"target": target.what, "limit": target.limit, "unit": target.unit,
                     "measured": result.measured(target), "verdict": result.verdict(target)}
                    for target in result.row.targets],
    }


def _lines(result: Result) -> list[Sequence[str]]:
    """Programs on the left, targets on the right: the two parts of a line are independent."""
    row, ours = result.row, result.ours
    left = [(row.name, row.ours.name, _time(ours.seconds), _memory(ours.peak), "", "")]
    left += [("", name, _time(peer.seconds), _memory(peer.peak), f"{ours.seconds / peer.seconds:.2f}",
              f"{ours.peak / peer.peak:.2f}") for name, peer in _peers(result)]
    right = [(f"{target.what} <= {_with_unit(target, target.limit)}", _with_unit(target, result.measured(target)),
              result.verdict(target)) for target in row.targets]
    nothing = ("",) * 6
    return [(*(left[line] if line < len(left) else nothing), *(right[line] if line < len(right) else ()))
            for line in range(max(len(left), len(right)))]


def _peers(result: Result) -> list[tuple[str, Figures]]:
    return [(name, figures) for name, figures in result.figures.items() if name != result.row.ours.name]


def _figures(figures: Figures) -> dict:
    return {"seconds": figures.seconds, "processor_seconds": figures.processor_seconds, "peak_bytes": figures.peak}


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def _memory(size: int) -> str:
    return f"{size / MIB:.1f} MiB"


def _with_unit(target: Target, value: float) -> str:
    number = f"{value:.2f}" if target.unit == "x" else f"{value:.1f}" if value != int(value) else f"{int(value)}"
    return f"{number} {target.unit}".strip()


def _aligned(line: Sequence[str], widths: Sequence[int], to_the_right: Collection[int]) -> str:
    cells = [cell.rjust(width) if column in to_the_right else cell.ljust(width)
             for column, (cell, width) in enumerate(zip(line, widths))]
    return "  ".join(cells).rstrip() + "\n"
