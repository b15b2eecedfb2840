"""tests/lab/case: directories that contain a configuration, an input and the expected result."""

import subprocess
import unittest

from lab import Lab
from lab.program import SOURCE_TREE
from lab.transcript import parse, with_outputs

CASE = SOURCE_TREE / "tests/lab/case"

README = """\
# A greeting

    lab: clock 2026-11-22T12:00:00Z
    $ cat greeting \\
          farewell
    hello

    bye
    (exit status 1)

Prose, with `$ code`.

    $ echo one
    one
"""


class Transcript(unittest.TestCase):
    def test_steps_start_with_a_prompt_and_the_rest_of_the_block_is_output(self) -> None:
        self.assertEqual([(step.number, step.prompt, step.command, step.output) for step in parse(README)],
                         [(3, "lab: ", "clock 2026-11-22T12:00:00Z", []),
                          (4, "$ ", "cat greeting \\\n      farewell", ["hello", "", "bye", "(exit status 1)"]),
                          (13, "$ ", "echo one", ["one"])])

    def test_outputs_are_written_in_place(self) -> None:
        self.assertEqual(with_outputs(README, [step.output for step in parse(README)]), README)
        self.assertEqual([step.output for step in parse(with_outputs(README, [["a"], [], ["b", "", "c"]]))],
                         [["a"], [], ["b", "", "c"]])


class Cases(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = self.enterContext(Lab()).new_folder("case")
        (self.folder / "greeting").write_text("hello\n\nbye\n")
        (self.folder / "README.md").write_text(README)

    def play(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([CASE, *options, self.folder], capture_output=True, text=True, check=False, timeout=60)

    def test_pass_if_all_is_as_written(self) -> None:
        text = README.replace("    (exit", "    cat: farewell: No such file or directory\n    (exit")
        (self.folder / "README.md").write_text(text)
        done = self.play()
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)

    def test_fail_with_the_difference(self) -> None:
        done = self.play()
        self.assertEqual(done.returncode, 1)
        self.assertIn("--- README.md, line 4\n+++ what it printed\n", done.stdout)
        self.assertIn("\n+cat: farewell: No such file or directory\n", done.stdout)
        self.assertNotIn("echo one", done.stdout, "what comes later would only confuse")

    def test_write_the_printed_output_if_that_is_wanted(self) -> None:
        self.assertEqual(self.play("--write").returncode, 0)
        self.assertIn("    cat: farewell: No such file or directory\n", (self.folder / "README.md").read_text())
        self.assertEqual(self.play().returncode, 0)

    def test_have_names_for_what_the_lab_has_chosen(self) -> None:
        (self.folder / "file").write_text("listens on <address>:<port>\n")
        (self.folder / "README.md").write_text("    $ pwd; cat file; date +%F\n    <directory>\n"
                                               "    listens on <address>:<port>\n    <today>\n")
        done = self.play()
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_that_cannot_work_fail(self) -> None:
        (self.folder / "README.md").write_text("    lab: dance\n")
        done = self.play()
        self.assertEqual(done.returncode, 1)
        self.assertIn("the lab cannot do this: dance", done.stderr)

    def test_are_all_in_the_list_with_their_titles(self) -> None:
        cases = SOURCE_TREE / "tests/e2e"
        listed = (cases / "README.md").read_text()
        for readme in cases.glob("*/*/README.md"):
            place = readme.relative_to(cases)
            title = readme.read_text().partition("\n")[0].removeprefix("# ")
            self.assertIn(f"| [{place.parent}]({place}) | {title} |\n", listed)


if __name__ == "__main__":
    unittest.main()
