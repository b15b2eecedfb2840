"""The postgres component works with a real server as its header says; the test cases are in postgres_test.cpp."""

import re
import unittest

from lab import Lab, program
from lab.postgres import PASSWORD, Postgres

TEMPORARY, PERMISSION, CONFIG = 75, 77, 78


class Connection(unittest.TestCase):
    def run_cases(self, url: str, *arguments: str) -> str:
        done = program.run("postgres_test", *arguments, environment={"POSTGRES_URL": url}, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn(PASSWORD, done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def refusal(self, url: str) -> tuple[int, str]:
        """The fault and the message if the component cannot connect."""
        text = " ".join(self.run_cases(url, "[refused]").split())
        found = re.search(r"fault (\d+): (.*?) =====", text)
        self.assertTrue(found, text)
        return int(found[1]), found[2]

    def test_against_a_server(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            self.assertIn("All tests passed", self.run_cases(server.url))
            self.assertEqual(server.connections(), 0)

    def test_over_tls(self) -> None:
        with Lab() as lab:
            server = Postgres(lab, certificate=lab.ca.issue("db.example.test"))
            trusted = {"sslmode": "verify-full", "sslrootcert": str(lab.ca.certificate), "hostaddr": server.address}
            url = server.url_with(**trusted).replace(f"@{server.address}:", "@db.example.test:")
            self.assertIn("All tests passed", self.run_cases(url))
            fault, words = self.refusal(server.url_with(**trusted))
            self.assertIn("does not match host name", words)
            self.assertEqual(fault, TEMPORARY)

    def test_connecting_to_a_server_that_does_not_answer_is_given_up(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            with server.paused():
                self.run_cases(server.url, "[paused]")

    def test_a_refused_connection_has_its_reason_and_never_the_password(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            where = f'PostgreSQL: connection to server at "{server.address}", port {server.port} failed: '
            for url, fault, words in (
                    (server.url_with(password="wrong-secret"), PERMISSION,
                     where + 'password authentication failed for user "tlsrpt"'),
                    (server.url_with(password=""), PERMISSION, where + "fe_sendauth: no password supplied"),
                    (server.url_with(database="nowhere"), CONFIG, where + 'database "nowhere" does not exist'),
                    (server.url_with(sslmode="require"), TEMPORARY,
                     where + "server does not support SSL, but SSL was required"),
                    (server.url_with(sslmode="nonsense"), CONFIG, 'invalid sslmode value: "nonsense"')):
                with self.subTest(url):
                    actual_fault, actual_words = self.refusal(url)
                    self.assertIn(words, actual_words)
                    self.assertEqual(actual_fault, fault)
                    self.assertNotIn("secret", actual_words)
            server.execute("ALTER ROLE tlsrpt CONNECTION LIMIT 0", superuser=True)
            self.assertEqual(self.refusal(server.url),
                             (TEMPORARY, where + 'too many connections for role "tlsrpt"'))
            server.stop()
            fault, words = self.refusal(server.url)
            self.assertEqual(fault, TEMPORARY)
            self.assertIn("Connection refused", words)

    def test_of_several_hosts_one_that_serves_is_found(self) -> None:
        with Lab() as lab:
            hung, dead, serving = Postgres(lab), Postgres(lab), Postgres(lab)
            dead.stop()
            hosts = ",".join(f"{server.address}:{server.port}" for server in (hung, dead, serving))
            with hung.paused():
                url = f"postgresql://tlsrpt:{PASSWORD}@{hosts}/tlsrpt?connect_timeout=1"
                self.assertIn("1 passed", self.run_cases(url, "notices*"))
