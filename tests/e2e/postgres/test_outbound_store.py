"""The outbound store that hosts share works with a real server as outbound/store.h says; the test cases are in
outbound_store_test.cpp."""

import unittest

from lab import Lab, program
from lab.pgbouncer import PgBouncer
from lab.postgres import Postgres


class SharedStore(unittest.TestCase):
    def run_cases(self, url: str) -> None:
        done = program.run("outbound_store_test", environment={"POSTGRES_URL": url}, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("All tests passed", done.stdout)

    def test_against_a_server(self) -> None:
        with Lab() as lab:
            self.run_cases(Postgres(lab).url)

    def test_behind_a_pooler_that_gives_each_transaction_another_session(self) -> None:
        with Lab() as lab:
            self.run_cases(PgBouncer(lab, Postgres(lab)).url)


if __name__ == "__main__":
    unittest.main()
