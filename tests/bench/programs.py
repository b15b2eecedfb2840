"""Runs programs, measures their time and memory, and compares them in rounds.

    ours = Command("verify", [listtool, "verify", ...])
    peer = Command("minisign -V", ["minisign", "-V", ...])
    figures = measure_side_by_side([ours, peer], Effort())
    figures["verify"].seconds                                          best of all rounds
"""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import program

from make_list import NOW

LONGEST_RUN = 600  # seconds


class Failed(RuntimeError):
    """A program ended with an unexpected status; the message contains its output."""


@dataclass(frozen=True)
class Command:
    """A program with its arguments.

    `status` is its expected exit status; `output` is the file for its standard output. It `writes` one of these files,
    which are removed before each run; `prepare` is called before it. `count` returns the number of requests so far; each run makes at least one.
    `now` is the time that our programs believe it is; "" is the real one. After `longest` seconds it is killed.
    """
    name: str
    argv: Sequence[str | os.PathLike[str]]
    status: int = 0
    output: Path = Path(os.devnull)
    writes: Sequence[Path] = ()
    count: Callable[[], int] | None = None
    tells_seconds: bool = False  # the last word of its standard output is its time, which is used instead
    now: str = NOW
    longest: float = LONGEST_RUN
    prepare: Callable[[], object] | None = None


@dataclass(frozen=True)
class Figures:
    """The figures of one run, or the best of several: each figure is the smallest one, but the count is the largest."""
    seconds: float
    processor_seconds: float
    peak: int  # bytes
    counted: int = 0
    written: int = 0  # bytes

    def best(self, other: "Figures") -> "Figures":
        return Figures(min(self.seconds, other.seconds), min(self.processor_seconds, other.processor_seconds),
                       min(self.peak, other.peak), max(self.counted, other.counted), min(self.written, other.written))


@dataclass(frozen=True)
class Effort:
    """The number of rounds: at least `least`, and more, up to `most`, until they took `seconds`."""
    least: int = 3
    most: int = 40
    seconds: float = 10


QUICK = Effort(least=2, most=2)


def measure_side_by_side(commands: Sequence[Command], effort: Effort) -> Mapping[str, Figures]:
    """Run all commands once to warm the caches, then in rounds, every other round in the opposite order."""
    for command in commands:
        run(command)
    best: dict[str, Figures] = {}
    spent = 0.0
    for number in range(effort.most):
        if number >= effort.least and spent > effort.seconds:
            break
        for command in commands if number % 2 else reversed(commands):
            figures = run(command)
            best[command.name] = figures.best(best.get(command.name, figures))
            spent += figures.seconds
    return {command.name: best[command.name] for command in commands}


def run(command: Command) -> Figures:
    """Run the command once; raises Failed with the reason."""
    for file in command.writes:
        file.unlink(missing_ok=True)
    if command.prepare:
        command.prepare()
    before = command.count() if command.count else 0
    _, seconds, processor_seconds, kibibytes, written = _measured(command).split()
    counted = command.count() - before if command.count else 0
    if command.writes and not any(file.exists() for file in command.writes):
        raise Failed(f"{_as_typed(command)}\nwrote no {command.writes[0]}")
    if command.count and not counted:
        raise Failed(f"{_as_typed(command)}\nmade no request")
    return Figures(_told_seconds(command) if command.tells_seconds else float(seconds), float(processor_seconds),
                   int(kibibytes) * 1024, counted, int(written))


def _measured(command: Command) -> str:
    """The output of bench-measure (measure.cpp)."""
    argv = [program.path_of("bench-measure"), command.output, *command.argv]
    with subprocess.Popen(argv, env=_environment(command.now), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True) as process:
        try:
            told, complaints = process.communicate(timeout=command.longest)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    status = int(told.split()[0]) if process.returncode == 0 else process.returncode
    if status != command.status:
        raise Failed(f"{_as_typed(command)}\nended with status {status}:\n{complaints}")
    return told


def _as_typed(command: Command) -> str:
    return " ".join(map(str, command.argv))


def _environment(now: str) -> Mapping[str, str]:
    return {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin", "LC_ALL": "C",
            **({"STARTTLS_TOOLKIT_NOW": now} if now else {})}


def _told_seconds(command: Command) -> float:
    return float(command.output.read_text().split()[-1])
