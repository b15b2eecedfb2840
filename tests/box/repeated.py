"""Does something without pause while something else happens.

    with Repeated(lambda: system.send(...)) as mails:
        system.run("systemctl restart ...")
        mails.wait_for_another()

It runs in a thread of its own. The first error that it raises ends it, and is raised at the end of the block.
"""

import threading
from collections.abc import Callable


class Repeated:
    """`times` is how often it was called."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function
        self._end = threading.Event()
        self._another = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._error: Exception | None = None
        self.times = 0

    def __enter__(self) -> "Repeated":
        self._thread.start()
        self.wait_for_another()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(60)
        if self._error:
            raise self._error

    def wait_for_another(self) -> None:
        """One that began after this call."""
        for _ in range(2):
            self._another.clear()
            if not self._another.wait(60) or self._error:
                raise TimeoutError("nothing more was done") from self._error

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self._function()
            except Exception as error:  # noqa: BLE001
                self._error = error
                self._end.set()
            self.times += 1
            self._another.set()
