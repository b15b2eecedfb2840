"""Runs commands of the system, and waits for their end."""

import os
import subprocess
from pathlib import Path

from . import wait


class CommandFailed(RuntimeError):
    """A command ended with a status other than 0; the message contains its output."""


def run(*argv: str | os.PathLike[str], folder: Path | None = None, timeout: float = wait.PATIENCE) -> str:
    """Run a command, and return its stdout."""
    done = subprocess.run([os.fspath(word) for word in argv], cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise CommandFailed(f"{done.args!r} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
