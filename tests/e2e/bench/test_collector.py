"""The bench of tlsrpt-collector runs, and has its figures. Their size is not checked: this is no timed test."""

import json
import subprocess
import unittest
from pathlib import Path

from lab import program

BENCH = Path(__file__).resolve().parents[2] / "bench"


class Collector(unittest.TestCase):
    def test_every_program_has_figures(self) -> None:
        for name in ("tlsrpt-collector", "tlsrpt-report", "datagram-load", "datagram-floor", "bench-measure"):
            program.path_of(name)
        done = subprocess.run([BENCH / "collector", "--json", "--rate", "2000", "--seconds", "1"], capture_output=True,
                              text=True, timeout=600, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        figures = json.loads(done.stdout)
        self.assertEqual([one["program"] for one in figures["received"]],
                         ["recvmmsg loop", "tlsrpt-collector", "tlsrpt-collector"])
        for one in figures["received"]:
            self.assertGreater(one["sent"], 0)
            self.assertGreater(one["peak"], 0)
        for one in figures["send"]:
            self.assertGreater(one["seconds"], 0)


if __name__ == "__main__":
    unittest.main()
