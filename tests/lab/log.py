"""A server's log file, to read and to wait on.

    before = server.log.mark()
    ...                                         an action that makes the server log something
    server.log.wait_for(r"status=sent", since=before)
"""

import re
import subprocess
from pathlib import Path

from . import wait


class Log:
    def __init__(self, path: Path) -> None:
        self.path = path

    def mark(self) -> int:
        """The current end of the log, for `since`."""
        return self.path.stat().st_size if self.path.exists() else 0

    def lines(self, since: int = 0) -> list[str]:
        """The complete lines written after the mark `since`."""
        return wait.complete_lines(self.path, since)

    def text(self, since: int = 0) -> str:
        """The same lines as one string."""
        return "".join(line + "\n" for line in self.lines(since))

    def wait_for(self, pattern: str, timeout: float = wait.PATIENCE, *, since: int = 0,
                 process: subprocess.Popen | None = None) -> re.Match[str]:
        """Wait for a line that matches (re.search), written after the mark `since`. See wait.for_line."""
        return wait.for_line(self.path, pattern, timeout, start=since, process=process)

    def tail(self) -> str:
        """The last lines, indented, for output."""
        return wait.tail(self.path)
