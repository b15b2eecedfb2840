"""What version 0.2.0 has left is read: its stores, caches, journals and state files.

The directory 0.2.0 has the stores as SQL, with the schemas of that version and a few rows.
"""

import contextlib
import json
import re
import sqlite3
import subprocess
import unittest
import zlib
from pathlib import Path

from lab import Lab, program, wait
from lab.collector import Collector
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration
from lab.policy_server import PolicyServer
from lab.postgres import Postgres
from e2e.milter.recording import Milter, read

OLDER = Path(__file__).with_name("0.2.0")
NOW = {"STARTTLS_TOOLKIT_NOW": "2026-11-24T12:00:00Z"}
DAYS = ("--since", "2026-11-22", "--until", "2026-11-24")
# A segment of the journal: a session and a note about the log.
SESSION = (b'{"begin":1795446000000,"end":1795446001000,"mx":"mx.example.test","address":"192.0.2.3","name":"old.sender.test",'
           b'"helo":"old.sender.test","tls":"TLSv1.2","cipher":"ECDHE-RSA-AES256-GCM-SHA384","bits":256,"transactions":1,'
           b'"messages":1,"domains":{"example.test":1}}')
POSITION = b'{"log":3,"position":"0:0:0:1000"}'


def framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "little") + zlib.crc32(payload).to_bytes(4, "little") + payload


def write_store(file: Path) -> None:
    """Make the database of that name as 0.2.0 did."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.executescript((OLDER / f"{file.stem}.sql").read_text())


class Recorded(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.state = self.lab.new_folder("state")

    def report(self, *arguments: str, status: int = 0) -> str:
        done = program.run("tlsrpt-report", "--state-dir", self.state, *arguments, environment=NOW)
        self.assertEqual((done.returncode, done.stderr), (status, ""))
        return done.stdout

    def test_sessions_are_there_before_and_after_the_daemon_has_started(self) -> None:
        write_store(self.state / "tlsrpt.sqlite")
        for _ in range(2):
            total = json.loads(self.report("--json", "summary", *DAYS))["total"]
            self.assertEqual((total["sessions"], total["failed"]), (2, 1))
            self.assertEqual(Milter(self.lab, state=self.state, environment=NOW).stop(), 0)

    def test_a_journal_that_was_not_folded_is_folded_once(self) -> None:
        write_store(self.state / "tlsrpt.sqlite")
        journal = self.state / "journal"
        journal.mkdir()
        (journal / "001795446000000-0000000000000002.segment").write_bytes(
            b"STKJRNL1" + framed(SESSION) + framed(POSITION))
        (journal / "log-position").write_bytes(POSITION)
        milter = Milter(self.lab, state=self.state, environment=NOW)
        self.assertEqual(milter.stop(), 0)
        self.assertEqual([(row.sessions, row.messages, row.client_name) for row in read(self.state)["192.0.2.3"]],
                         [(1, 1, "old.sender.test")])
        self.assertNotRegex(milter.stderr.text(), "error|warning")
        self.assertEqual(list(journal.glob("*.damaged")), [])

    def test_reports_of_others_and_our_queue_are_there(self) -> None:
        write_store(self.state / "reports.sqlite")
        (reporter,) = json.loads(self.report("--json", "summary", *DAYS))["reporters"]
        self.assertEqual((reporter["reporter"], reporter["sessions"], reporter["failed"]), ("Reporter", 6, 1))
        self.assertIn("ours@example.test", self.report("--json", "queue"))

    def test_tables_in_postgresql_are_upgraded_by_the_first_daemon(self) -> None:
        server = Postgres(self.lab)
        server.execute((OLDER / "postgres.sql").read_text())
        milter = Milter(self.lab, state=self.state, settings={"store": server.url}, environment=NOW)
        wait.until(lambda: server.execute("SELECT version FROM tlsrpt_store") == [["3"]])
        self.assertEqual(milter.stop(), 0)
        self.assertEqual(server.execute("SELECT client_address, sessions, messages FROM session_counts"),
                         [["192.0.2.1", "1", "2"]])
        self.assertEqual(server.execute("SELECT recipient_domain, sessions, messages FROM domain_counts"),
                         [["example.test", "1", "2"]])

    def test_a_collector_starts_beside_the_store_of_an_older_milter(self) -> None:
        write_store(self.state / "tlsrpt.sqlite")
        self.assertEqual(Collector(self.lab, state=self.state).stop(), 0)
        self.assertEqual(json.loads(self.report("--json", "summary", *DAYS))["total"]["sessions"], 2)


class Discovered(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.dns = Dns(self.lab, {".": {}, "test": {}}, signed=[".", "test"], port=0)
        self.configuration = Configuration(self.lab, self.dns, HttpsServer(self.lab), now=NOW["STARTTLS_TOOLKIT_NOW"])

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self.configuration.tool(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done

    def test_policies_and_dane_results_in_the_caches_are_used(self) -> None:
        self.configuration.tables["dns"] |= {"servers": [self.lab.address()], "timeout": 1}  # nobody answers
        self.configuration.write()
        write_store(self.configuration.cache)
        write_store(self.configuration.cache.with_name("dane.sqlite"))
        self.assertIn("known.test", self.tool("sts", "cache").stdout)
        server = PolicyServer(self.lab, self.configuration)
        self.assertEqual(server.ask("sts", "known.test"), "OK secure match=mx.known.test servername=hostname")
        self.assertEqual(server.ask("postfix", "dane.test"), "OK dane-only")
        self.assertEqual(server.stop(), 0)
        self.assertNotIn("warning: /", server.process.stderr.text())
        self.assertEqual(list(self.configuration.cache.parent.glob("*.damaged*")), [])

    def test_installed_lists_are_used_and_older_editions_stay_refused(self) -> None:
        self.configuration.install({"listed.test": {"mode": "enforce", "mxs": ["mx.listed.test"]}})
        state = self.configuration.state
        # Keys that version 0.2.0 did not write are not there.
        known = {"name", "edition", "origin", "signed_by", "signature", "timestamp", "expires", "domains", "digest", "etag",
                 "last_modified"}
        for file in (state / "current" / "set.toml", state / "remembered.toml"):
            keys = set(re.findall(r"^(\w+) =", file.read_text(), re.MULTILINE))
            self.assertLessEqual(keys, known, file)
        self.assertIn("listed.test", self.tool("lookup", "listed.test").stdout)
        self.tool("update")


if __name__ == "__main__":
    unittest.main()
