"""The examples of the manual: configurations and command lines are valid, and all examples can be pasted."""

import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from lab import manual, postfix, program, unpacked
from lab.manual import Example
from lab.program import SOURCE_TREE

PROGRAMS = {"starttls-listtool", "tlsrpt-report", "tlsrpt-milter", "tlsrpt-collector"}
KEY = "RWTF4yuwIAnmYbpPD5yPkSKKgETilaz2EDUjwK4iWzL18LYnsWSL6okf"
CRON = re.compile(r"(?:[\d*/,-]+\s+){5}(?P<user>\S+)\s+(?P<command>.*)")


def examples(*kinds: str) -> Iterator[tuple[str, Example]]:
    """The blocks of these kinds, each with its place."""
    for page in manual.pages().values():
        for example in page.examples():
            if example.kind in kinds:
                yield f"{page.path.name}:{example.line}", example


def simple_commands(script: str) -> Iterator[list[str]]:
    """The words of each command of a script without compound commands; redirections are left out."""
    lexer = shlex.shlex(script.replace("\\\n", " "), posix=True, punctuation_chars="|&;<>\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    words: list[str] = []
    tokens = iter(lexer)
    for token in tokens:
        if token in ("<", ">", ">>"):
            next(tokens)
        elif re.fullmatch(r"[|&;\n]+", token):
            yield words
            words = []
        elif words or not re.fullmatch(r"\w+=.*", token):
            words.append(token)
    yield words


class Examples(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def write(self, name: str, text: str) -> Path:
        (self.directory / name).write_text(text)
        (self.directory / name).chmod(0o600)
        return self.directory / name

    def assert_understood(self, words: list[str]) -> None:
        """Everything is valid except the configuration, which does not exist."""
        name, configuration = Path(words[0]).name, self.directory / "none.toml"
        done = program.run(name, "-c", configuration, *words[1:])
        if words[1:] == ["-q", "read", "-"]:  # the mail server keeps the mail, and the reason is in the log
            self.assertEqual((done.returncode, done.stdout, done.stderr), (75, "", ""))
            return
        self.assertEqual((done.returncode, done.stdout), (78, ""), f"{words}: {done.stderr}")
        self.assertIn("none.toml", done.stderr)

    def test_every_display_of_the_examples_has_a_kind(self) -> None:
        known = {"shell", "cron", "listtool.toml", "tlsrpt.toml", "overrides", "list", "main.cf", "main.cf 3.10",
                 "sendmail.mc", "unit", "nginx", "Caddyfile", "prometheus.yml", "text", "result"}
        for page in manual.pages().values():
            for section in ("HOW DO I", "EXAMPLES"):
                lines = page.section(section).splitlines()
                for before, line in zip(["", *lines], lines, strict=False):
                    if line.startswith(".Bd -literal"):
                        self.assertRegex(before, r'^\.\\" example: ', f"{page.path.name}: {line}")
            self.assertLessEqual({example.kind for example in page.examples()}, known, page.path.name)

    def test_every_program_answers_what_administrators_ask(self) -> None:
        questions = {
            "starttls-listtool.1": ["see that it works", "exempt one domain", "accept a second key", "exit status 75",
                                    "postfix-mta-sts-resolver", "postfix-tlspol", "Prometheus", "disk is full",
                                    "back up and restore", "uninstall"],
            "tlsrpt-report.1": ["see that it works", "TLS 1.0", "exit status 75", "keep 90 days", "disk is full",
                                "back up and restore"],
            "tlsrpt-milter.8": ["see that it works", "monitoring host", "keep 90 days", "exempt one domain",
                                "Prometheus", "disk is full", "PostgreSQL", "back up and restore", "uninstall"],
            "tlsrpt-collector.8": ["see that it works", "each handshake", "Prometheus", "disk is full", "PostgreSQL",
                                   "uninstall"],
        }
        for page, words in questions.items():
            titles = "\n".join(re.findall(r"^\.Ss (.*)$", manual.pages()[page].section("HOW DO I"), re.MULTILINE))
            for question in words:
                self.assertIn(question, titles, page)

    def test_command_lines_are_understood(self) -> None:
        count = 0
        for place, example in examples("shell", "cron"):
            script = example.text
            if example.kind == "cron":
                found = [CRON.fullmatch(line) for line in script.splitlines()]
                self.assertNotIn(None, found, place)
                self.assertLessEqual({line["user"] for line in found}, {"root", "starttls-toolkit", "starttls-publish"})
                script = "\n".join(line["command"] for line in found)
            with self.subTest(place):
                done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, timeout=60)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                for words in simple_commands(script):
                    if words and words[0] in PROGRAMS:
                        self.assert_understood(words)
                        count += 1
                for pipe in re.findall(r'"\|(\S+ [^"]*)"', script):  # the program of an alias
                    self.assert_understood(shlex.split(pipe))
        self.assertGreater(count, 40)

    def test_command_lines_with_a_mistake_are_not(self) -> None:
        for line in ("tlsrpt-report summary --buy sender", "starttls-listtool updaet", "tlsrpt-milter --fork"):
            with self.assertRaises(AssertionError):
                self.assert_understood(shlex.split(line))

    def assert_listtool_takes(self, configuration: Path) -> None:
        done = program.run("starttls-listtool", "-c", configuration, "--state-dir", self.directory / "lists", "serve",
                           "--check-config")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_configurations_of_listtool_are_valid(self) -> None:
        self.write("overrides", "")
        for name in ("group.pub", "group-next.pub"):
            self.write(name, f"untrusted comment: an example\n{KEY}\n")
        for place, example in examples("listtool.toml"):
            with self.subTest(place):
                self.assert_listtool_takes(self.write("listtool.toml", example.text))

    def test_overrides_are_valid(self) -> None:
        for place, example in examples("overrides"):
            with self.subTest(place):
                self.write("overrides", example.text)
                self.assert_listtool_takes(self.write("listtool.toml", 'overrides = "overrides"\n'))

    def test_configurations_of_the_daemons_are_valid(self) -> None:
        for place, example in examples("tlsrpt.toml"):
            with self.subTest(place):
                configuration = self.write("tlsrpt.toml", example.text)
                for daemon, table in (("tlsrpt-collector", "collector"), ("tlsrpt-milter", "milter")):
                    done = program.run(daemon, "--check-config", "-c", configuration)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertRegex(done.stderr, rf"\A({daemon}: warning: '{table}\.mta_log': .*\n)?\Z")

    def test_results_for_the_collector_are_read(self) -> None:
        place = self.directory / "collector.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind(str(place))
            found = list(examples("result"))
            self.assertGreater(len(found), 0)
            for where, example in found:
                with self.subTest(where):
                    done = program.run("tlsrpt-collector", "record", "-s", f"unix:{place}",
                                       text_in=" ".join(example.text.splitlines()))
                    self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "1 result recorded\n", ""))

    def test_lists_have_no_faults(self) -> None:
        for place, example in examples("list"):
            with self.subTest(place):
                done = program.run("starttls-listtool", "lint", "list", self.write("list.json", example.text),
                                   environment={"STARTTLS_TOOLKIT_NOW": "2026-11-23T12:00:00Z"})
                self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)

    def assert_postfix_knows(self, words: list[str], kind: str) -> None:
        self.write("master.cf", "")
        for place, example in examples(kind):
            with self.subTest(place):
                self.write("main.cf", f"compatibility_level = 3.6\nmeta_directory = {self.directory}\n{example.text}")
                done = subprocess.run([*words, "-c", self.directory, "-n"], capture_output=True, text=True, timeout=60)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                for line in example.text.splitlines():
                    self.assertIn(line, done.stdout.splitlines())

    def test_postfix_knows_every_line_of_main_cf(self) -> None:
        if not shutil.which("postconf"):
            self.skipTest("needs the program postconf (package postfix)")
        self.assert_postfix_knows(["postconf"], "main.cf")

    def test_postfix_of_debian_13_knows_what_only_that_has(self) -> None:
        self.enterContext(mock.patch.dict("os.environ"))
        unpacked.choose_release("13")
        self.assert_postfix_knows(postfix.postconf(), "main.cf 3.10")

    def test_systemd_accepts_the_additions_to_units(self) -> None:
        for place, example in examples("unit"):
            with self.subTest(place):
                unit = self.write("example.service", example.text + "ExecStart=/bin/true\n")
                done = subprocess.run(["systemd-analyze", "--no-pager", "verify", "--man=no", unit],
                                      capture_output=True, text=True, timeout=60)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_prometheus_accepts_its_configuration(self) -> None:
        promtool = shutil.which("promtool")
        if promtool is None:
            self.skipTest("needs the program promtool (package prometheus)")
        for place, example in examples("prometheus.yml"):
            with self.subTest(place):
                done = subprocess.run([promtool, "check", "config", self.write("prometheus.yml", example.text)],
                                      capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_metrics_page_of_the_examples_is_the_one_that_prometheus_asks(self) -> None:
        for name in ("starttls-listtool.1", "tlsrpt-milter.8", "tlsrpt-collector.8"):
            section = manual.pages()[name].section("HOW DO I")
            asked = re.search(r'targets: \["(.*)"\]', section)
            self.assertIn(f'metrics = "inet:{asked[1]}"', section)

    def test_lines_for_sendmail_are_quoted_and_include_our_files(self) -> None:
        for place, example in examples("sendmail.mc"):
            with self.subTest(place):
                self.assertEqual(example.text.count("`"), example.text.count("'"))
                for path in re.findall(r"include\(`(.*?)'\)", example.text):
                    name = Path(path).name
                    self.assertTrue(list((SOURCE_TREE / "packaging/sendmail").glob(f"{name}*")), name)


if __name__ == "__main__":
    unittest.main()
