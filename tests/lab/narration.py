"""The text of a demonstration: headings, numbered steps, commands with their output, in 80 columns.

    tell = Narrator(folder)
    tell.heading("Mail that you send")
    tell.step("Check the signature, as every update does.")
    tell.run("starttls-listtool", "verify", "list.json", "-p", "demo.pub")
    tell.quote(log_line)
"""

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from . import program
from .command import CommandFailed

WIDTH = 80
BOLD, PLAIN = "\033[1m", "\033[0m"

# "Nov 22 15:47:09 mx postfix/smtp[134]: 4jXYNY6FPpz1bcNR: " is at the beginning of a log line.
LOG_PREFIX = re.compile(r"^.*?\[\d+\]: (?:\w{10,}: )?")


class Narrator:
    def __init__(self, folder: Path) -> None:
        """Commands run in `folder`, so that the file names in them are short."""
        self._folder = folder
        self._step = 0
        self._after_heading = False
        self._colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def heading(self, text: str) -> None:
        self.say(f"\n{self._in(BOLD, text)}\n")
        self._after_heading = True

    def say(self, text: str) -> None:
        """Write the text unchanged. If the reader has closed the pipe, the program exits."""
        try:
            print(text, flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(128 + signal.SIGPIPE)

    def paragraph(self, text: str) -> None:
        self.say(textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False))

    def step(self, text: str) -> None:
        self._step += 1
        if not self._after_heading:
            self.say("")
        self._after_heading = False
        self.say(textwrap.fill(text, WIDTH, initial_indent=f"{self._step:2}. ", subsequent_indent="    ",
                               break_on_hyphens=False))

    def run(self, name: str, *arguments: str) -> str:
        """Show and run a command, ours or Debian's; show and return its output. It must exit with status 0."""
        self.command(name, *arguments)
        return self.output(self.run_silently(name, *arguments))

    def run_silently(self, name: str, *arguments: str) -> str:
        path = program.path_of(name) if name.startswith(("starttls-", "tlsrpt-")) else name
        done = subprocess.run([path, *arguments], cwd=self._folder, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise CommandFailed(f"{name} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def command(self, *words: str) -> None:
        self.say(self._in(BOLD, textwrap.fill(" ".join(words), WIDTH, initial_indent="    $ ",
                                              subsequent_indent="        ", break_long_words=False,
                                              break_on_hyphens=False)))

    def output(self, text: str) -> str:
        """The unchanged output of a command."""
        if text:
            self.say(textwrap.indent(text.rstrip("\n"), "    "))
        return text

    def quote(self, line: str) -> None:
        """A line of a mail log, without its beginning."""
        self.say(textwrap.fill(LOG_PREFIX.sub("", line), WIDTH, initial_indent="    | ", subsequent_indent="    |   ",
                               break_on_hyphens=False))

    def remark(self, text: str) -> None:
        """The result of the step."""
        self.say(textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False))

    def _in(self, style: str, text: str) -> str:
        return f"{style}{text}{PLAIN}" if self._colours else text
