"""The clock of the daemons: the machine's, and so many hours before or after it.

The kernel has no clock of the day for some processes only (time_namespaces(7) has the other clocks), so the daemons get
theirs from STARTTLS_TOOLKIT_NOW: a file that a thread writes again and again. Timers have another clock, which no step
changes.
"""

import datetime
import os
import threading

from lab import Lab

STEP = 0.05  # seconds between two times of it


class SteppedClock:
    def __init__(self, lab: Lab) -> None:
        self._file = lab.new_folder("clock") / "now"
        self.environment = {"STARTTLS_TOOLKIT_NOW": str(self._file)}
        self.hours = 0
        self._ending = threading.Event()
        self._write()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        lab.at_end(self._end)

    def step(self, hours: int) -> None:
        """Set it to so many hours after the machine's."""
        self.hours = hours
        self._write()

    def _write(self) -> None:
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=self.hours)
        new = self._file.with_suffix(f".{threading.get_ident()}")
        new.write_text(now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z\n")
        os.replace(new, self._file)

    def _run(self) -> None:
        while not self._ending.wait(STEP):
            self._write()

    def _end(self) -> None:
        self._ending.set()
        self._thread.join()
