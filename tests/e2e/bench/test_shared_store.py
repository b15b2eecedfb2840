"""The bench of the shared store runs, and has its figures. Their size is not checked: this is no timed test."""

import json
import subprocess
import unittest
from pathlib import Path

from lab import program

BENCH = Path(__file__).resolve().parents[2] / "bench"


class SharedStore(unittest.TestCase):
    def test_sessions_and_results_have_figures(self) -> None:
        for name in ("tlsrpt-collector", "journal-sessions", "datagram-load"):
            program.path_of(name)
        done = subprocess.run([BENCH / "shared_store", "--quick", "--json"], capture_output=True, text=True, timeout=600,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        measured = {one["what"]: one for one in json.loads(done.stdout)["measured"]}
        self.assertEqual(measured["inbound sessions"]["written"], 3000)
        for one in measured.values():
            for figure in ("written", "seconds", "bytes"):
                self.assertGreater(one[figure], 0, one)


if __name__ == "__main__":
    unittest.main()
