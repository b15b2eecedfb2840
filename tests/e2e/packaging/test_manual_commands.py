"""The manual and --help name the same commands and the same options."""

import re
import unittest

from lab import manual, program

# Each program with commands, and its page.
TOOLS = {"starttls-listtool": "starttls-listtool.1", "tlsrpt-report": "tlsrpt-report.1"}


def block(help_text: str, title: str) -> list[str]:
    """The lines of a block of --help, as in "Options:"."""
    found = re.search(rf"^{title}:\n(.*?)(?:^$|\Z)", help_text, re.MULTILINE | re.DOTALL)
    return found[1].splitlines() if found else []


def help_of(*command: str) -> str:
    return program.run(command[0], *command[1:], "--help").stdout


def commands_of(*command: str) -> list[str]:
    return [line.split()[0] for line in block(help_of(*command), "(?:Subc|C)ommands") if re.match(r"  \w", line)]


def options_in(help_text: str) -> set[str]:
    """The options that a help text names, as in "  -c,--config FILE"."""
    items = (re.match(r"  (-\S+)", line) for line in block(help_text, "Options"))
    return {name for item in items if item for name in item[1].split(",")}


def options_of(*command: str) -> set[str]:
    """The options that the help of a command names, and those of the commands below it."""
    return options_in(help_of(*command)).union(*(options_of(*command, below) for below in commands_of(*command)))


class Commands(unittest.TestCase):
    def test_each_has_a_page_and_each_page_is_of_a_command(self) -> None:
        for tool, overview in TOOLS.items():
            commands = commands_of(tool)
            self.assertGreater(len(commands), 5)
            named = re.findall(rf"^\.It Xr {tool}-([\w-]+) 1$", manual.pages()[overview].text, re.MULTILINE)
            pages = [name.removesuffix(".1").removeprefix(f"{tool}-") for name in manual.pages()
                     if name.startswith(f"{tool}-")]
            self.assertEqual(sorted(named), sorted(commands), "the table of commands")
            self.assertEqual(sorted(pages), sorted(commands), "the pages")

    def test_commands_below_a_command_are_in_its_synopsis(self) -> None:
        for tool in TOOLS:
            for command in commands_of(tool):
                synopsis = manual.pages()[f"{tool}-{command}.1"].section("SYNOPSIS")
                for below in commands_of(tool, command):
                    with self.subTest(f"{tool} {command} {below}"):
                        self.assertRegex(synopsis, rf"\b{below}\b")


class Options(unittest.TestCase):
    def test_the_overview_has_those_of_every_command(self) -> None:
        for tool, overview in TOOLS.items():
            with self.subTest(tool):
                common = options_in(help_of(tool))
                self.assertGreater(len(common), 6)
                self.assertEqual(manual.pages()[overview].options(), common)

    def test_the_page_of_a_command_has_its_options_and_no_others(self) -> None:
        for tool, overview in TOOLS.items():
            common = manual.pages()[overview].options()
            for command in commands_of(tool):
                page = manual.pages()[f"{tool}-{command}.1"]
                with self.subTest(f"{tool} {command}"):
                    own = options_of(tool, command)
                    self.assertEqual(page.options() - common, own - common)
                    self.assertLessEqual(common, page.options(), "the common part is there")
                    named = {f"-{name}" for name in re.findall(r"\bFl (-?[\w-]+)", page.section("SYNOPSIS"))}
                    self.assertEqual(named, own - common, "the synopsis")

    def test_of_the_daemons_are_in_their_pages(self) -> None:
        for name, more in (("tlsrpt-milter", set()), ("tlsrpt-collector", options_of("tlsrpt-collector", "record"))):
            with self.subTest(name):
                self.assertEqual(manual.pages()[f"{name}.8"].options(), options_of(name) | more)


class Json(unittest.TestCase):
    def test_the_pages_name_every_key_and_no_others(self) -> None:
        member = re.compile(r"""\.(?:member|key)\("([a-z_]+)\"""")
        for tool, directories in {"starttls-listtool": ("listtool", "lib/listingpages"), "tlsrpt-report": ("report",)}.items():
            # Both have a `doctor`, with the same output.
            sources = "".join(path.read_text() for part in (*directories, "lib/doctor")
                              for path in (program.SOURCE_TREE / part).rglob("*.cpp"))
            written = set(member.findall(sources))
            self.assertGreater(len(written), 40)
            sections = [found[1] for name, page in manual.pages().items() if name.startswith(f"{tool}-")
                        if (found := re.search(r"\n\.Ss JSON\n(.*?)\n\.S[sh] ", page.text, re.DOTALL))]
            lines = [line for section in sections for line in re.findall(r"^\.(?:It )?Ic (.*)$", section, re.MULTILINE)]
            named = {word for line in lines for word in re.findall(r"[a-z_]{2,}", line)}
            with self.subTest(tool):
                self.assertEqual(written - named, set(), "keys that no page names")
                unwritten = {key for key in named if f'"{key}"' not in sources}
                self.assertEqual(unwritten, set(), "keys that are not written")


class Doctor(unittest.TestCase):
    def test_the_pages_name_every_code_and_no_others(self) -> None:
        code = re.compile(r"""(?:\b(?:\w+_)?code = |\.code = |(?:ok|warning|fault|cannot_tell|check|order_checks)\(\s*|\bwaiting_checks\(facts, )"([a-z]+(?:-[a-z]+)*)",?""")
        for tool, directory in {"starttls-listtool": "listtool", "tlsrpt-report": "report"}.items():
            files = [*(program.SOURCE_TREE / directory).glob("doctor*.cpp"),
                     *(program.SOURCE_TREE / "lib/doctor").glob("*.cpp")]
            written = {name for path in files for name in code.findall(path.read_text())}
            page = manual.pages()[f"{tool}-doctor.1"].text.partition("\n.Ss What is checked\n")[2].partition("\n.Ss ")[0]
            named = set(re.findall(r"^\.It Cm ([a-z-]+)$", page, re.MULTILINE))
            with self.subTest(tool):
                self.assertEqual(named - written, set(), "codes that no check has")
                of_the_other = {"ca-file", "resolver", "dnssec"} if tool == "tlsrpt-report" else {"serve", "smtpd-certificate", "smtpd-key"}
                self.assertEqual(written - named - of_the_other, set(), "codes that the page does not name")


if __name__ == "__main__":
    unittest.main()
