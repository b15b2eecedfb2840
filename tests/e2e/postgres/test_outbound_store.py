"""The outbound store that hosts share works with a real server as outbound/store.h says; the test cases are in
outbound_store_test.cpp."""

import unittest

from lab import Lab, program
from lab.postgres import Postgres


class SharedStore(unittest.TestCase):
    def test_against_a_server(self) -> None:
        with Lab() as lab:
            done = program.run("outbound_store_test", environment={"POSTGRES_URL": Postgres(lab).url}, timeout=120)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("All tests passed", done.stdout)


if __name__ == "__main__":
    unittest.main()
