"""What the programs print for systemd's journal: a priority on every line, and neither time nor name (sd-daemon(3))."""

import os
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from lab import Lab, wait
from lab.program import path_of

USAGE, DATA, CONFIG = 64, 65, 78
ERROR, WARNING, INFO = "<3>", "<4>", "<6>"
LIST = ('{"timestamp": "2026-11-20T00:00:00Z", "expires": "2036-11-20T00:00:00Z", "version": "0.1", '
        '"policies": {"a.test": {"mode": "enforce", "mxs": ["mx.a.test"]}}}')


def stream_of(descriptor: int) -> str:
    """JOURNAL_STREAM as systemd sets it for this standard error (systemd.exec(5))."""
    info = os.fstat(descriptor)
    return f"{info.st_dev}:{info.st_ino}"


class Journal(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.write_text(content)
        return path

    def said(self, *command: str | Path, status: int, stream: str | None = None) -> list[str]:
        """The lines on a standard error that is the journal, or that `stream` declares not to be the journal."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            environment = {**os.environ, "JOURNAL_STREAM": stream or stream_of(theirs.fileno()),
                           "STARTTLS_TOOLKIT_NOW": "2026-11-27T06:00:00Z"}
            done = subprocess.run([path_of(str(command[0])), *command[1:]], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=theirs, env=environment, timeout=60, check=False)
            theirs.close()
            text = b"".join(iter(lambda: ours.recv(65536), b"")).decode()
        self.assertEqual(done.returncode, status, text)
        self.assertTrue(text.endswith("\n"), text)
        return text.splitlines()

    def assert_lines(self, lines: list[str], *priorities: str) -> None:
        self.assertEqual([line[:3] for line in lines], list(priorities), lines)
        for line in lines:
            self.assertNotRegex(line, r"^<\d>(\d{4}-\d\d-\d\dT|starttls-listtool|tlsrpt-|warning|error|info)")

    def test_a_mistake_on_a_command_line_has_the_priority_on_each_of_its_lines(self) -> None:
        for program in ("starttls-listtool", "tlsrpt-report", "tlsrpt-milter", "tlsrpt-collector"):
            with self.subTest(program):
                lines = self.said(program, "--nonsense", status=USAGE)
                self.assertEqual([line[:3] for line in lines], [ERROR, ERROR], lines)
                self.assertEqual(lines[1], f"<3>Try '{program} --help'.")

    def test_errors_of_commands(self) -> None:
        wrong = self.write("wrong.toml", "surplus = 1\n")
        for command in (("starttls-listtool", "-c", wrong, "update"), ("starttls-listtool", "-c", wrong, "serve"),
                        ("tlsrpt-report", "-c", wrong, "summary"), ("tlsrpt-milter", "-c", wrong, "-f"),
                        ("tlsrpt-milter", "-c", wrong, "--check-config"), ("tlsrpt-milter", "-c", wrong),
                        ("tlsrpt-collector", "-c", wrong, "-f"), ("tlsrpt-collector", "record", "-c", wrong)):
            with self.subTest(command):
                lines = self.said(*command, status=CONFIG)
                self.assert_lines(lines, ERROR)
                self.assertTrue(lines[0].startswith(f"<3>{wrong}:1:1: unknown key 'surplus'"), lines)

    def test_warnings_of_commands(self) -> None:
        source = self.write("list.json", LIST)
        self.write("list.json.minisig", "")
        self.assert_lines(self.said("starttls-listtool", "generate", "postfix", "--list", source, status=0), WARNING)
        log = self.write("tlsrpt.toml", f'[milter]\nmta_log = "{self.folder}/none.log"\n'
                                        f'socket = "unix:{self.folder}/socket"\n')
        self.assert_lines(self.said("tlsrpt-milter", "-c", log, "--check-config", status=0), WARNING)

    def test_results_have_no_priority(self) -> None:
        source = self.write("list.json", LIST)
        self.assert_lines(self.said("starttls-listtool", "lint", "list", source, status=0), INFO)

    def test_reports_that_are_rejected_or_strange(self) -> None:
        configuration = self.write("tlsrpt.toml", f'state_dir = "{self.folder}/state"\n')
        self.write("rejected", "no report")
        self.write("strange", '{"organization-name": "A", "date-range": {"start-datetime": "2027-11-25T00:00:00Z", '
                              '"end-datetime": "2027-11-25T23:59:59Z"}, "report-id": "1", "policies": [{"policy": '
                              '{"policy-type": "sts", "policy-domain": "a.test"}, "summary": '
                              '{"total-successful-session-count": 1, "total-failure-session-count": 0}}]}')
        read = ("tlsrpt-report", "-c", configuration, "read", "--no-lookup")
        self.assert_lines(self.said(*read, self.folder / "rejected", status=DATA), ERROR)
        lines = self.said(*read, self.folder / "strange", status=0)
        self.assert_lines(lines, *[WARNING] * len(lines))

    def test_an_inherited_variable_of_another_stream_has_no_effect(self) -> None:
        wrong = self.write("wrong.toml", "surplus = 1\n")
        for stream in ("0:0", "1", "", "x:y", "12:34:56"):
            for command in (("starttls-listtool", "-c", wrong, "update"), ("tlsrpt-report", "-c", wrong, "summary"),
                            ("tlsrpt-milter", "-c", wrong, "-f")):
                with self.subTest(command, stream=stream):
                    (line,) = self.said(*command, status=CONFIG, stream=stream or "0:0")
                    self.assertTrue(line.startswith(f"{command[0]}: {wrong}:1:1: "), line)


class Daemons(unittest.TestCase):
    """Their standard error is a file here, which JOURNAL_STREAM can name as well."""

    def start(self, lab: Lab, *command: str | Path, ready: str, is_journal: bool = True) -> list[str]:
        """What it has printed from its start to its exit."""
        path = lab.new_folder("journal") / "stderr"
        with path.open("w") as log:
            stream = stream_of(log.fileno()) if is_journal else "0:0"
            daemon = subprocess.Popen([path_of(str(command[0])), *command[1:]], stdin=subprocess.DEVNULL, stderr=log,
                                      env={**os.environ, "JOURNAL_STREAM": stream})
        lab.at_end(daemon.kill)
        wait.for_line(path, ready, process=daemon)
        daemon.terminate()
        self.assertEqual(daemon.wait(60), 0, path.read_text())
        return path.read_text().splitlines()

    def assert_lines(self, lines: list[str], *expected: tuple[str, str]) -> None:
        for line in lines:
            self.assertRegex(line, r"^<[346]>(?!\d{4}-)(?!starttls-listtool|tlsrpt-milter)")
        for priority, part in expected:
            self.assertTrue(any(line.startswith(priority) and part in line for line in lines), lines)

    def test_the_milter(self) -> None:
        with Lab() as lab:
            folder = lab.new_folder("milter")
            file = folder / "tlsrpt.toml"
            file.write_text(f'state_dir = "{folder}/state"\n[milter]\nsocket = "unix:{folder}/socket"\n'
                            f'mta_log = "{folder}/none.log"\n')
            command = ("tlsrpt-milter", "-f", "-c", file)
            lines = self.start(lab, *command, ready="listens on")
            self.assert_lines(lines, (INFO, "listens on"), (WARNING, "none.log"), (INFO, "stopped: "))
            for line in self.start(lab, *command, ready="listens on", is_journal=False):
                self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\S+Z tlsrpt-milter\[\d+\]: (info|warning): ")

    def test_serve(self) -> None:
        with Lab() as lab:
            folder = lab.new_folder("serve")
            file = folder / "listtool.toml"
            file.write_text(f'state_dir = "{folder}/state"\n[dns]\nservers = ["{lab.address()}"]\n'
                            f'[serve]\nlisten = ["unix:{folder}/socket"]\n')
            command = ("starttls-listtool", "-c", file, "serve")
            lines = self.start(lab, *command, ready="answers on")
            self.assert_lines(lines, (INFO, "answers on"), (INFO, "ended"))
            for line in self.start(lab, *command, ready="answers on", is_journal=False):
                self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\S+Z starttls-listtool\[\d+\]: (info|warning): ")


if __name__ == "__main__":
    unittest.main()
