"""The measurement of many domains runs, and has figures. The size of the figures is not checked: this is no timed test."""

import json
import subprocess
import unittest
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "bench" / "check-domains"


class CheckDomains(unittest.TestCase):
    def test_it_has_figures(self) -> None:
        """The only bad server says 421: the others take minutes."""
        done = subprocess.run([PROGRAM, "--json", "--domains", "30", "--addresses", "6", "--bad", "5"],
                              capture_output=True, text=True, timeout=150, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        measured = json.loads(done.stdout)
        for key in ("seconds", "good_seconds", "cpu_ms", "peak_mib", "busiest_second"):
            self.assertGreater(measured[key], 0, key)
        # Two to each good server, and one to the other.
        self.assertEqual(measured["connections"], 11)


if __name__ == "__main__":
    unittest.main()
