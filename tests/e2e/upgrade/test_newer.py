"""What a newer version has written is refused with one sentence, and not changed: after a downgrade nothing is lost.

Every file gets a version that does not exist yet. A daemon goes on, so that no mail waits: what it cannot write to its
store waits in its journal.
"""

import contextlib
import re
import sqlite3
import subprocess
import unittest
from collections.abc import Iterator
from pathlib import Path

from e2e.milter.recording import Milter, read, receiver
from lab import Lab, command, program
from lab.collector import QUICK, SEGMENT_MAGIC, Collector, datagram, policies
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration
from lab.policy_server import PolicyServer
from lab.postgres import Postgres
from lab.smtp_client import tls13_mail
from lab.smtp_dialogue import Client
from test_older import write_store

DATA_ERROR = 65
NEWER = 99
SENTENCE = "made by a newer version: .*; it was not changed; install the newer version again, or restore a copy"


def set_version(store: Path, version: int) -> int:
    """Give an SQLite file another version of its schema; returns the one that it had."""
    with contextlib.closing(sqlite3.connect(store)) as database:
        ((before,),) = database.execute("PRAGMA user_version")
        assert before != 0
        database.execute(f"PRAGMA user_version = {version}")
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before


def make_newer(store: Path) -> int:
    """Give an SQLite file a newer schema; returns the version that it had."""
    return set_version(store, NEWER)


class NewerCase(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())

    @contextlib.contextmanager
    def unchanged(self, *files: Path) -> Iterator[None]:
        before = [file.read_bytes() for file in files]
        yield
        self.assertEqual([file.read_bytes() for file in files], before)

    def assert_refused(self, done: subprocess.CompletedProcess[str], file: Path | str) -> None:
        self.assertEqual(done.returncode, DATA_ERROR, done.stderr)
        self.assertRegex(done.stderr, rf"\A[^\n]*{re.escape(str(file))}[^\n]*{SENTENCE}[^\n]*\n\Z")


class Recorders(NewerCase):
    """tlsrpt-milter, tlsrpt-collector, and tlsrpt-report, which reads what they write."""

    def setUp(self) -> None:
        super().setUp()
        self.state = self.lab.new_folder("state")

    def report(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return program.run("tlsrpt-report", "--state-dir", self.state, *arguments)

    def record_session(self, milter: Milter) -> None:
        mx = receiver(self.lab, milter, parameters={"smtpd_peername_lookup": "no"})
        tls13_mail(Client(mx.address, mx.port, source=self.lab.address()))
        mx.end()

    def assert_one_session(self) -> None:
        self.assertEqual([(row.sessions, row.messages) for rows in read(self.state).values() for row in rows], [(1, 1)])

    def test_a_store_of_the_milter(self) -> None:
        self.assertEqual(Milter(self.lab, state=self.state).stop(), 0)
        store = self.state / "tlsrpt.sqlite"
        version = make_newer(store)
        with self.unchanged(store):
            self.assert_refused(self.report("summary"), store)
            self.assert_refused(self.report("forget", "sender.test"), store)
            milter = Milter(self.lab, state=self.state)
            self.record_session(milter)  # Postfix would answer with 451 if the milter failed
            milter.stderr.wait_for(rf"error: .*{re.escape(str(store))}.*{SENTENCE}.*; mail is not affected")
            self.assertEqual(milter.stop(), 0)
        self.assertEqual([file.name for file in self.state.glob("*.damaged*")], [])
        # The newer version is installed again: here, its store is one of this version again.
        set_version(store, version)
        self.assertEqual(Milter(self.lab, state=self.state).stop(), 0)
        self.assert_one_session()

    def test_a_store_of_the_collector(self) -> None:
        self.assertEqual(Collector(self.lab, state=self.state).stop(), 0)
        store = self.state / "outbound.sqlite"
        version = make_newer(store)
        with self.unchanged(store):
            self.assert_refused(self.report("summary", "--outbound"), store)
            collector = Collector(self.lab, state=self.state)
            collector.send(datagram("example.test"))
            collector.stderr.wait_for(rf"error: .*{re.escape(str(store))}.*{SENTENCE}.*; mail is not affected")
            self.assertEqual(collector.stop(), 0)
        self.assertEqual([file.name for file in self.state.glob("*.damaged*")], [])
        set_version(store, version)
        self.assertEqual(Collector(self.lab, state=self.state).stop(), 0)
        self.assertEqual(policies(self.state), {"example.test": (1, 0)})

    def test_tables_of_both_in_postgresql(self) -> None:
        server = Postgres(self.lab)
        shared = QUICK | {"store": server.url}
        self.assertEqual(Milter(self.lab, settings=shared).stop(), 0)
        self.assertEqual(Collector(self.lab, settings=shared).stop(), 0)
        versions = {table: server.execute(f"SELECT version FROM {table}")[0][0]
                    for table in ("tlsrpt_store", "tlsrpt_outbound")}
        for table in versions:
            server.execute(f"UPDATE {table} SET version = {NEWER}")
        milter = Milter(self.lab, state=self.state, settings=shared)
        self.record_session(milter)
        milter.stderr.wait_for(rf"error: .*{SENTENCE}.*; mail is not affected")
        collector = Collector(self.lab, settings=shared)
        collector.send(datagram("example.test"))
        collector.stderr.wait_for(rf"error: .*{SENTENCE}.*; mail is not affected")
        for arguments in (["summary"], ["summary", "--outbound"]):
            self.assert_refused(program.run("tlsrpt-report", "-c", milter.configuration, *arguments), f"tlsrpt at {server.address}")
        self.assertEqual((milter.stop(), collector.stop()), (0, 0))
        for table, version in versions.items():
            self.assertEqual(server.execute(f"UPDATE {table} SET version = {version} RETURNING (SELECT {NEWER})"),
                             [[str(NEWER)]])
        self.assertEqual(Milter(self.lab, state=milter.state, settings=shared).stop(), 0)
        self.assertEqual(Collector(self.lab, state=collector.state, settings=shared).stop(), 0)
        self.assertEqual(server.execute("SELECT sum(sessions) FROM session_counts"), [["1"]])
        self.assertEqual(server.execute("SELECT sum(results) FROM outbound_days"), [["1"]])

    def segment(self, journal: str) -> Path:
        """A segment of a newer version, before all others."""
        folder = self.state / journal
        folder.mkdir(parents=True)
        file = folder / "000000000000001-0000000000000001.segment"
        file.write_bytes(SEGMENT_MAGIC[:-1] + b"2" + b"what this version cannot know")
        return file

    def test_a_segment_of_the_milters_journal(self) -> None:
        segment = self.segment("journal")
        with self.unchanged(segment):
            milter = Milter(self.lab, state=self.state)
            self.record_session(milter)
            milter.stderr.wait_for(rf"error: .*{re.escape(str(segment))}.*{SENTENCE}.*; mail is not affected")
            self.assertEqual(milter.stop(), 0)
            self.assert_one_session()  # the others are folded
            self.assert_refused(self.report("summary"), segment.stem)

    def test_a_segment_of_the_collectors_journal(self) -> None:
        segment = self.segment("outbound-journal")
        with self.unchanged(segment):
            collector = Collector(self.lab, state=self.state)
            collector.send(datagram("example.test"))
            collector.stderr.wait_for(rf"error: .*{re.escape(str(segment))}.*{SENTENCE}.*; mail is not affected")
            self.assertEqual(collector.stop(), 0)
            self.assertEqual(policies(self.state), {"example.test": (1, 0)})
            self.assert_refused(self.report("summary", "--outbound"), segment.stem)

    def test_a_store_of_reports(self) -> None:
        report = self.lab.folder / "report.json"
        report.write_text('{"organization-name":"R","date-range":{"start-datetime":"2026-11-22T00:00:00Z","end-datetime":'
                          '"2026-11-22T23:59:59Z"},"contact-info":"r@r.test","report-id":"1","policies":[]}')
        self.report("read", str(report))
        store = self.state / "reports.sqlite"
        make_newer(store)
        with self.unchanged(store):
            for arguments in (["summary"], ["queue"]):
                self.assert_refused(self.report(*arguments), store)
            done = self.report("read", str(report))
            self.assertEqual(done.returncode, DATA_ERROR, done.stderr)
            self.assertRegex(done.stderr, SENTENCE)


class Tool(NewerCase):
    """starttls-listtool."""

    def setUp(self) -> None:
        super().setUp()
        self.dns = Dns(self.lab, {".": {}, "test": {}}, signed=[".", "test"], port=0)
        self.configuration = Configuration(self.lab, self.dns, HttpsServer(self.lab))

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.configuration.tool("-q", *arguments)

    def test_the_caches_of_policies_and_of_dane(self) -> None:
        """`serve` answers without them, and keeps what it finds in memory."""
        cache, dane = self.configuration.cache, self.configuration.cache.with_name("dane.sqlite")
        write_store(cache)
        write_store(dane)
        make_newer(cache)
        make_newer(dane)
        with self.unchanged(cache, dane):
            self.assert_refused(self.tool("sts", "cache"), cache)
            server = PolicyServer(self.lab, self.configuration)
            self.assertEqual(server.ask("postfix", "plain.test"), "NOTFOUND ")
            for file in (cache, dane):
                server.process.stderr.wait_for(rf"warning: .*{re.escape(str(file))}.*{SENTENCE}.*memory only")
            self.assertEqual(server.stop(), 0)
        self.assertEqual(list(cache.parent.glob("*.damaged*")), [])

    def test_the_state_of_update(self) -> None:
        self.configuration.install({"listed.test": {"mode": "enforce", "mxs": ["mx.listed.test"]}})
        state = self.configuration.state
        for file, commands in ((state / "current" / "set.toml", (["update"], ["lookup", "listed.test"])),
                               (state / "remembered.toml", (["update"],))):
            good = file.read_bytes()
            file.write_bytes(b"format = 2\nfrom_a_newer_version = true\n" + good)
            sets = sorted(file.name for file in (state / "sets").iterdir())
            with self.subTest(file.name), self.unchanged(file):
                for arguments in commands:
                    self.assert_refused(self.tool(*arguments), file.name)
                self.assertEqual(sorted(file.name for file in (state / "sets").iterdir()), sets)
            file.write_bytes(good)
        self.assertEqual(self.tool("update").returncode, 0)

    def test_the_state_of_check(self) -> None:
        state = self.lab.new_folder("check") / "state"
        state.write_text("# format 2\nplain.test\t2026-11-28T12:00:00Z\tnew\n")
        with self.unchanged(state):
            self.assert_refused(self.tool("check", "--state", str(state), "plain.test"), state)

    def test_the_state_of_publish(self) -> None:
        folder = self.lab.new_folder("publisher")
        keys = self.lab.new_folder("keys")
        command.run("minisign", "-G", "-W", "-p", keys / "p", "-s", keys / "s")
        self.configuration.tables["publish"] = {"name": "sector", "url": "https://lists.localhost/", "author": "Lab",
                                                "directory": folder, "secret_keys": [keys / "s"]}
        self.configuration.write()
        made = self.tool("publish", "init")
        self.assertEqual(made.returncode, 0, made.stderr)
        (store,) = [file for file in folder.rglob("*.sqlite") if file.name != "reports.sqlite"]
        make_newer(store)
        with self.unchanged(store):
            self.assert_refused(self.tool("publish", "status"), store)


if __name__ == "__main__":
    unittest.main()
