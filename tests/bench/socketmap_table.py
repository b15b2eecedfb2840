"""The results of the rows about MTA-STS, as an aligned table or as JSON."""

from collections.abc import Sequence

from socketmap_rows import MIB, Comparison, Figures, Target
from table import aligned_lines

HEADINGS = ("row", "program", "a second", "CPU each", "p99", "resident", "peak", "rate ratio", "CPU ratio", "target",
            "measured", "verdict")
TO_THE_RIGHT = {2, 3, 4, 5, 6, 7, 8, 10}
VALUES = 9  # columns on the left, which are those of the programs


def as_table(comparisons: Sequence[Comparison], *, judged: bool) -> str:
    lines: list[Sequence[str]] = [HEADINGS]
    for comparison in comparisons:
        lines += _lines(comparison, judged)
    return aligned_lines(lines, TO_THE_RIGHT)


def as_json(comparison: Comparison, *, judged: bool) -> dict:
    figures = comparison.figures
    return {
        "row": comparison.row,
        "ours": comparison.ours if comparison.ours in figures else None,
        "programs": [{"program": name, **vars(of), "rate_ratio": _ratio(comparison, of, "per_second"),
                      "cpu_ratio": _ratio(comparison, of, "cpu_us")} for name, of in figures.items()],
        "targets": [{"target": target.what, "limit": target.limit, "at_least": target.at_least, "unit": target.unit,
                     "measured": target.measured(figures), "verdict": _verdict(comparison, target, judged)}
                    for target in _targets(comparison)],
    }


def _lines(comparison: Comparison, judged: bool) -> list[Sequence[str]]:
    left = [("" if number else comparison.row, name, _number(of.per_second, 0), _number(of.cpu_us, 1, " us"),
             _number(of.p99_us, 2, " ms", 1000), _number(of.resident, 1, " MiB", MIB), _number(of.peak, 1, " MiB", MIB),
             *(_number(None if name == comparison.ours else _ratio(comparison, of, what), 2)
               for what in ("per_second", "cpu_us")))
            for number, (name, of) in enumerate(comparison.figures.items())]
    right = [(f"{target.what} {'>=' if target.at_least else '<='} {_with_unit(target, target.limit)}",
              _with_unit(target, target.measured(comparison.figures)), _verdict(comparison, target, judged))
             for target in _targets(comparison)]
    nothing = ("",) * VALUES
    return [(*(left[line] if line < len(left) else nothing), *(right[line] if line < len(right) else ()))
            for line in range(max(len(left), len(right)))]


def _targets(comparison: Comparison) -> Sequence[Target]:
    return comparison.targets if comparison.ours in comparison.figures else ()


def _verdict(comparison: Comparison, target: Target, judged: bool) -> str:
    if not judged:
        return "not judged"
    return "met" if target.met(comparison.figures) else "NOT met"


def _ratio(comparison: Comparison, other: Figures, what: str) -> float | None:
    """Ours divided by the other's; None if one of them was not measured."""
    ours = comparison.figures.get(comparison.ours)
    if ours is None or getattr(ours, what) is None or not getattr(other, what):
        return None
    return getattr(ours, what) / getattr(other, what)


def _with_unit(target: Target, value: float) -> str:
    return _number(value, 2 if target.unit else 0, " " + target.unit).strip()


def _number(value: float | None, digits: int, unit: str = "", divisor: float = 1) -> str:
    return "" if value is None else f"{value / divisor:.{digits}f}{unit}"
