"""The store that hosts share works with a real server as store.h says; the test cases are in
postgres_store_test.cpp."""

import unittest

from lab import Lab, program
from lab.pgbouncer import PgBouncer
from lab.postgres import PASSWORD, Postgres


class SharedStore(unittest.TestCase):
    def run_cases(self, server: Postgres | PgBouncer, *arguments: str) -> None:
        done = program.run("postgres_store_test", *arguments, environment={"POSTGRES_URL": server.url}, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"All tests passed|\b1 passed")
        self.assertNotIn(PASSWORD, done.stdout + done.stderr)

    def test_against_a_server(self) -> None:
        with Lab() as lab:
            self.run_cases(Postgres(lab))

    def test_behind_a_pooler_that_gives_each_transaction_another_session(self) -> None:
        with Lab() as lab:
            self.run_cases(PgBouncer(lab, Postgres(lab)))

    def test_a_fold_is_on_the_disk_even_if_the_server_is_configured_to_write_late(self) -> None:
        with Lab() as lab:
            # It writes ten seconds after a commit, unless a session asks for more safety.
            server = Postgres(lab, {"synchronous_commit": "off", "wal_writer_delay": "10s"})
            self.run_cases(server, "[fold]")
            server.kill()
            server.start()
            self.assertEqual(server.execute("SELECT sessions, messages FROM session_counts"), [["1", "2"]])
