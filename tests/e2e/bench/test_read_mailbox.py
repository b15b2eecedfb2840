"""The measurement of large mailboxes runs, and has figures. Their size is not checked: this is no timed test."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from lab import program

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

from make_reports import write_maildir, write_mbox  # noqa: E402


class ReadMailbox(unittest.TestCase):
    def test_each_mailbox_has_figures(self) -> None:
        program.path_of("bench-measure")
        done = subprocess.run([BENCH / "read-mailbox", "--reports", "20,40", "--json"], capture_output=True, text=True,
                              timeout=150, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        measured = json.loads(done.stdout)["measured"]
        self.assertEqual([(one["form"], one["reports"]) for one in measured],
                         [("mbox", 20), ("mbox", 40), ("maildir", 20), ("maildir", 40)])
        for one in measured:
            for figure in ("bytes", "seconds", "cpu_seconds", "peak_bytes"):
                self.assertGreater(one[figure], 0, one)

    def test_a_hundred_thousand_reports_make_two_gigabytes_and_are_the_same_each_time(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            first, again, maildir = (Path(folder, name) for name in ("first", "again", "maildir"))
            size = write_mbox(first, 50)
            self.assertAlmostEqual(size / 50 * 100_000 / 1e9, 2, delta=0.2)
            write_mbox(again, 50)
            self.assertEqual(first.read_bytes(), again.read_bytes())
            write_maildir(maildir, 50)
            for mail in (maildir / "new").iterdir():
                self.assertIn(mail.read_bytes(), first.read_bytes())


if __name__ == "__main__":
    unittest.main()
