"""The bench of growth runs, and every row has its figures. Their size is not checked: this is no timed test."""

import json
import subprocess
import unittest
from pathlib import Path

from lab import program

BENCH = Path(__file__).resolve().parents[2] / "bench"
AMOUNTS = {"domain": [1_000, 2_000, 3_000], "report": [100, 200, 300], "sender": [40, 80, 120],
           "session": [1_000, 2_000, 3_000]}


def growth(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BENCH / "growth", "--quick", *arguments], capture_output=True, text=True, timeout=600,
                          check=False)


class Growth(unittest.TestCase):
    def setUp(self) -> None:
        for name in ("starttls-listtool", "tlsrpt-report", "tlsrpt-milter", "journal-sessions", "bench-measure"):
            program.path_of(name)

    def test_every_row_has_figures_for_each_amount(self) -> None:
        done = growth("--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = json.loads(done.stdout)
        self.assertEqual({row["unit"] for row in rows}, set(AMOUNTS))
        for row in rows:
            with self.subTest(row["row"]):
                self.assertEqual([one["amount"] for one in row["amounts"]], AMOUNTS[row["unit"]])
                for one in row["amounts"]:
                    self.assertGreater(one["seconds"], 0)
                    self.assertGreater(one["peak"], 0)

    def test_the_table_has_a_line_for_each_row(self) -> None:
        done = growth("lint", "milter-fold")
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in (r"^row +of each +1 x +2 x +3 x ", r"^lint +domain, from 1000 +[\d.]+ us .* linear$",
                     r"^milter-fold +session, from 1000 "):
            self.assertRegex(done.stdout, f"(?m){line}")

    def test_an_unknown_row_is_an_error(self) -> None:
        done = growth("nothing")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no row nothing; there are verify, ", done.stderr)


if __name__ == "__main__":
    unittest.main()
