"""The measurement of check beside other programs runs, and has figures. Their size is not checked."""

import json
import subprocess
import unittest
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "bench" / "check-peers"


class CheckPeers(unittest.TestCase):
    def test_it_has_figures(self) -> None:
        """Without testssl.sh, which takes minutes."""
        done = subprocess.run([PROGRAM, "--json", "--rounds", "1", "--testssl", "none"], capture_output=True, text=True,
                              timeout=240, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        measured = {one["program"]: one for one in json.loads(done.stdout)}
        self.assertEqual(list(measured),
                         ["check", "check --thorough", "openssl s_client", "posttls-finger", "sslscan"])
        for program, one in measured.items():
            for key in ("seconds", "processor_seconds", "peak_bytes"):
                self.assertGreater(one[key], 0, (program, key))
        for program in ("check", "check --thorough"):
            self.assertEqual((measured[program]["found"]["problems"], measured[program]["found"]["dane"]),
                             ([], ["matches"]))
            self.assertEqual(measured[program]["found"]["policies"], ["MTA-STS", "TLSRPT"])


if __name__ == "__main__":
    unittest.main()
