"""A host that is set up rightly, what breaks it, and what `doctor` says.

    host.assert_right()                                     no finding
    with host.main_cf({"smtpd_milters": ""}):               a broken host
        check = host.find("milter-attached", "fault")       its only finding
        host.assert_mended(check)                           the remedy, typed in as it is printed, mends it
"""

import contextlib
import json
import os
import subprocess
import unittest
from collections.abc import Iterator
from pathlib import Path

from lab import unpacked
from lab.exim import EximSender
from lab.postfix import Instance, settle
from lab.program import path_of
from lab.sendmail import SendmailInstance

# What the machine of the tests decides.
OF_THE_MACHINE = ("clock", "disk-space", "collector-queue")


class Host:
    """A mail server and one of our programs with a `doctor`."""

    def __init__(self, test: unittest.TestCase, mta: Instance | SendmailInstance | EximSender, program: str,
                 configuration: Path) -> None:
        self.test, self.mta, self.configuration = test, mta, configuration
        self.mail_server: list[str | os.PathLike[str]] = []  # Exim is found by itself
        if isinstance(mta, Instance):
            self.mail_server = ["--postfix-config", mta.config]
        elif isinstance(mta, SendmailInstance):
            self.mail_server = ["--sendmail-cf", mta.configuration]
        self.run, self.words = mta.run, [os.fspath(path_of(program))]
        if isinstance(mta, EximSender):
            self.run, self.words = mta.run_beside, unpacked.with_libraries(path_of(program), mta.folder / "libraries")

    def command(self, *options: str) -> list[str | os.PathLike[str]]:
        return [*self.words, "-c", self.configuration, *options, "doctor", *self.mail_server]

    def doctor(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run(*self.command(*options))

    def checks(self) -> list[dict[str, str]]:
        """All of them, after a look at the exit status."""
        done = self.doctor("--json")
        self.test.assertIn(done.returncode, (0, 1), done.stderr)
        answer = json.loads(done.stdout)
        bad = [check for check in answer["checks"] if check["level"] in ("fault", "warning")]
        self.test.assertEqual(answer["faults"] + answer["warnings"], len(bad))
        self.test.assertEqual(done.returncode, 1 if bad else 0)
        for check in bad:
            self.test.assertTrue(check["why"] and check["remedy"], check)
        return [check for check in answer["checks"] if check["code"] not in OF_THE_MACHINE]

    def findings(self) -> list[dict[str, str]]:
        return [check for check in self.checks() if check["level"] in ("fault", "warning")]

    def assert_right(self) -> None:
        self.test.assertEqual(self.findings(), [])

    def find(self, code: str, level: str, also: tuple[str, ...] = ()) -> dict[str, str]:
        """The finding with that code. There are no others, but those that follow from it."""
        findings = self.findings()
        found = [check for check in findings if (check["code"], check["level"]) == (code, level)]
        self.test.assertTrue(found, findings)
        others = [check for check in findings if check["code"] != code and check["code"] not in also]
        self.test.assertEqual(others, [])
        return found[0]

    def assert_mended(self, check: dict[str, str]) -> None:
        """Type in the remedy, command by command, and look again."""
        for command in check["remedy"].split(" && "):
            done = self.mta.run("sh", "-c", command)
            self.test.assertEqual(done.returncode, 0, done.stderr)
            settle(self.mta.config / "main.cf")
        self.assert_right()

    @contextlib.contextmanager
    def main_cf(self, parameters: dict[str, str]) -> Iterator[None]:
        """These parameters in main.cf; "" removes one."""
        with self.changed(self.mta.config / "main.cf"):
            self.mta.run("postconf", "-c", self.mta.config, *(f"{name}={value}" for name, value in parameters.items()))
            yield

    @contextlib.contextmanager
    def changed(self, file: Path) -> Iterator[None]:
        """The file has its content, mode, owner and time back afterwards."""
        content, state = file.read_bytes(), file.stat()
        try:
            yield
        finally:
            file.write_bytes(content)
            os.chown(file, state.st_uid, state.st_gid)
            file.chmod(state.st_mode & 0o7777)
            os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
