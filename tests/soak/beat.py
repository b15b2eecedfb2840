"""What a beat of the plan is: a second, or an amount of work of the loads.

A long run counts seconds. A short one, which is a test, counts work: it waits for events and is right on a machine of any
speed.
"""

import time
from collections.abc import Callable

from lab import wait

WORK = 12  # units that the loads have done when a beat is over


def seconds() -> Callable[[], None]:
    """Each call returns when the next second since the first one begins."""
    begin = time.monotonic()
    number = 0

    def next_beat() -> None:
        nonlocal number
        number += 1
        time.sleep(max(0.0, begin + number - time.monotonic()))

    return next_beat


def work(done: Callable[[], int]) -> Callable[[], None]:
    """Each call returns when the loads have done some more; `done` says how much they have done so far."""
    def next_beat() -> None:
        begin = done()
        wait.until(lambda: done() >= begin + WORK)

    return next_beat
