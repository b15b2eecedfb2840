"""The cron tables and units that we install: the program accepts their command lines."""

import re
import shlex
import unittest
from collections.abc import Iterator

from lab import manual, program
from lab.program import SOURCE_TREE

PACKAGING = SOURCE_TREE / "packaging"
COMMANDS = ("check", "publish receive", "publish run", "serve", "update")


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Every command line of starttls-listtool in the cron tables and in the units, without the program's name."""
    for file in sorted([*PACKAGING.glob("cron/*"), *PACKAGING.glob("systemd/*.service*")]):
        for line in file.read_text().splitlines():
            found = re.search(r"\bstarttls-listtool( .*)", line)
            if found and not line.startswith("#") and not line.startswith("Documentation="):
                yield file.name, shlex.split(found[1])


def options_of(*command: str) -> set[str]:
    """The options that --help names."""
    return set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", program.run("starttls-listtool", *command, "--help").stdout))


class UpdateExamples(unittest.TestCase):
    def test_there_are_some(self) -> None:
        self.assertEqual([name for name, _ in command_lines()],
                         ["starttls-listtool", "starttls-listtool-check.service.in",
                          "starttls-listtool-publish-receive.service.in", "starttls-listtool-publish.service.in",
                          *["starttls-listtool-serve.service.in"] * 2,  # to start and to reload
                          "starttls-listtool-update.service.in"])

    def test_name_only_options_that_exist(self) -> None:
        known = {command: options_of() | options_of(*command.split()) for command in COMMANDS}
        self.assertIn("--splay", known["update"])
        for name, words in command_lines():
            with self.subTest(name):
                command = next((each for each in COMMANDS if each.replace(" ", "-") in name or each == "publish run" and
                                "publish" in name), "update")
                self.assertIn(command, " ".join(words))
                self.assertLessEqual({word for word in words if word.startswith("-")}, known[command])

    def test_are_understood(self) -> None:
        """Everything is valid except the configuration, which does not exist."""
        for name, words in command_lines():
            with self.subTest(name):
                words = [word if not word.startswith("/etc/") else "/nowhere/listtool.toml" for word in words]
                done = program.run("starttls-listtool", *words)
                self.assertEqual((done.returncode, done.stdout), (78, ""), done.stderr)
                self.assertIn("/nowhere/listtool.toml", done.stderr)

    def test_the_installed_configuration_is_valid_and_has_no_list(self) -> None:
        configured = "starttls-listtool", "-c", PACKAGING / "listtool.toml"
        done = program.run(*configured, "serve", "--check-config")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = program.run(*configured, "update")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("no [[list]] is configured", done.stderr)

    def test_the_example_of_a_configuration_shows_the_keys_of_the_manual(self) -> None:
        shown = set(re.findall(r"^#?(\w+) = ", (PACKAGING / "listtool.toml").read_text(), re.MULTILINE))
        items = "\n".join(re.findall(r"^\.It Cm (\w.*)$", manual.pages()["listtool.toml.5"].text, re.MULTILINE))
        keys = set(re.findall(r"\b[a-z_]+\b", re.sub(r"(?:unix|inet) : .*", "", items)))
        self.assertLessEqual(shown, keys)
        rarely = {"file", "signature", "allow_legacy", "openpgp_key_file", "postmap", "makemap", "gpgv", "minisign", "sendmail"}
        self.assertLessEqual(keys - shown, rarely)


if __name__ == "__main__":
    unittest.main()
