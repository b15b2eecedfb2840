"""The measurement of a list's publisher runs, and has figures. The size of the figures is not checked: this is no timed test."""

import json
import subprocess
import unittest
from pathlib import Path

from lab import Lab

PROGRAM = Path(__file__).resolve().parents[2] / "bench" / "publish"
RUNS = {"publish run, first edition", "publish run, no change", "publish run, 0.1 % changed"}


def bench(*arguments: str) -> dict:
    done = subprocess.run([PROGRAM, "--json", *arguments], capture_output=True, text=True, timeout=150, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


class Publish(unittest.TestCase):
    def setUp(self) -> None:
        with Lab() as lab:
            lab.require_root()
            lab.require_program("/usr/sbin/nginx", "nginx")
            lab.require_program("/usr/bin/minisign", "minisign")

    def assert_figures(self, measured: dict, *keys: str) -> None:
        for one in measured["programs"]:
            with self.subTest(one["program"]):
                for key in keys:
                    self.assertGreater(one[key], 0, key)
        for goal in measured["goals"]:
            self.assertGreater(goal["measured"], 0)
            self.assertEqual(goal["verdict"], "not judged")

    def test_each_edition_of_a_big_list_and_what_it_is_compared_with_have_figures(self) -> None:
        measured = bench("--only", "list", "--entries", "6000", "--rounds", "1")["list"]
        self.assertLess(RUNS, {one["program"] for one in measured["programs"]})
        self.assertGreater(measured["list_bytes"], 6000 * 50)
        self.assert_figures(measured, "seconds", "processor_seconds", "peak_bytes")

    def test_domains_that_are_examined_have_figures_beside_those_of_check(self) -> None:
        """The only bad server says 421: the others take minutes."""
        measured = bench("--only", "domains", "--domains", "30", "--addresses", "6", "--bad", "5")["domains"]
        self.assertEqual([one["program"] for one in measured["programs"]], ["publish run", "check -"])
        self.assert_figures(measured, "seconds", "good_seconds", "processor_seconds", "peak_bytes", "busiest_second")
        # Two to each good server, and one to the other.
        self.assertEqual([one["connections"] for one in measured["programs"]], [11, 11])


if __name__ == "__main__":
    unittest.main()
