"""The bench's rows about the milter have figures, whatever they are."""

import json
import unittest

from lab import Lab

from test_bench import bench

ROWS = {"milter", "milter-memory", "milter-idle", "milter-fold", "milter-postfix"}


class Rows(unittest.TestCase):
    def test_every_row_has_figures_and_its_requirement(self) -> None:
        with Lab() as lab:
            lab.require_root()
        done = bench("--json", "milter", "milter-memory", "milter-fold", "milter-postfix")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = json.loads(done.stdout)["milter"]
        self.assertEqual({row["row"].partition(",")[0] for row in rows}, ROWS)
        for row in rows:
            with self.subTest(row["row"]):
                self.assertIn(row["ours"], [one["program"] for one in row["programs"]])
                self.assertTrue(row["targets"])
                for target in row["targets"]:
                    self.assertGreater(target["measured"], 0 if "CPU" not in target["target"] else -1000)
                for one in row["programs"]:
                    self.assertTrue(one["per_second"] or one["resident"], one)
