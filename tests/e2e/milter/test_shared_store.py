"""MX hosts that share a PostgreSQL store: each session counts once, whatever happens to the server and its
connections."""

import json
import unittest
from collections.abc import Mapping

from cutting_proxy import CuttingProxy
from lab import Lab, program, wait
from lab.pgbouncer import PgBouncer
from lab.postgres import PASSWORD, Postgres
from lab.process import Process
from recording import QUICK, Milter

# The load's clients come from 10.0.0.0/8.
SETTINGS = {**QUICK, "local_networks": []}
TROUBLE = "error: (.*); mail is not affected"
RECOVERED = "recording works again; sessions lost so far: 0"

KINDS = 7  # of sessions, in turn (tests/load/identity.h)
WITH_TLS = (0, 1, 4, 6)


class Host:
    """mxNUMBER.example.test, under load: `sessions` are those it has had, each of its own client."""

    def __init__(self, lab: Lab, number: int, store: str, settings: Mapping[str, object] = SETTINGS) -> None:
        self.name = f"mx{number}.example.test"
        self.milter = Milter(lab, settings={**settings, "store": store})
        self.sessions = range(number * 1_000_000, number * 1_000_000)
        self._lab = lab

    def begin_load(self, sessions: int) -> Process:
        argv = [program.path_of("milter-load"), "-s", self.milter.socket, "--mx", self.name, "-c", "20",
                "-n", str(sessions), "--first", str(self.sessions.stop)]
        self.sessions = range(self.sessions.start, self.sessions.stop + sessions)
        load = Process(argv, folder=self._lab.new_folder("load"), lab_folder=self._lab.folder)
        self._lab.watch(load.stderr)
        self._lab.at_end(load.kill)
        return load

    def figures(self) -> tuple[int, int]:
        """How many sessions it has had, and how many of them with TLS."""
        return len(self.sessions), sum(number % KINDS in WITH_TLS for number in self.sessions)


class SharedStore(unittest.TestCase):
    def load(self, *hosts: Host, sessions: int = 2000) -> None:
        """Run sessions for all hosts at the same time, to their end; none fails."""
        for load in [host.begin_load(sessions) for host in hosts]:
            self.assertEqual(load.wait(60), 0, load.stderr.text())

    def end(self, *hosts: Host) -> None:
        for host in hosts:
            self.assertEqual(host.milter.stop(30), 0)
            self.assertRegex(host.milter.stderr.text(), r"stopped: .* 0 lost, 0 bytes waiting in the journal")
            self.assertNotIn(PASSWORD, host.milter.stderr.text())

    def assert_each_once(self, server: Postgres, *hosts: Host) -> None:
        rows = server.execute("SELECT receiving_mx, count(*), sum(sessions), count(DISTINCT client_name) "
                              "FROM session_counts GROUP BY receiving_mx ORDER BY receiving_mx")
        expected = [[host.name, *3 * [str(len(host.sessions))]] for host in hosts]
        self.assertEqual(rows, expected)

    def assert_summary(self, *hosts: Host) -> None:
        """The figures that the first of the hosts reports."""
        done = program.run("tlsrpt-report", "-c", hosts[0].milter.configuration, "--json", "summary", "--by", "mx",
                           "--since", "2000-01-01")
        self.assertEqual(done.returncode, 0, done.stderr)
        groups = json.loads(done.stdout)["groups"]
        self.assertEqual({group["group"]: (group["sessions"], group["tls"]) for group in groups},
                         {host.name: host.figures() for host in hosts})

    def test_hosts_lose_nothing_and_count_nothing_twice_whatever_happens_to_the_server(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            hosts = [Host(lab, number, server.url) for number in (1, 2)]
            self.load(*hosts)
            for end in (server.kill, server.stop):
                loads = [host.begin_load(4000) for host in hosts]
                since = [host.milter.stderr.mark() for host in hosts]
                end()
                self.load(*hosts)  # while it is down
                server.start()
                for load in loads:
                    self.assertEqual(load.wait(60), 0, load.stderr.text())
                for host, mark in zip(hosts, since, strict=True):
                    host.milter.stderr.wait_for(RECOVERED, 30, since=mark)
            with server.paused():
                self.load(*hosts)
            self.load(*hosts)
            self.end(*hosts)
            self.assert_each_once(server, *hosts)
            self.assert_summary(*hosts)

    def test_a_connection_that_is_lost_around_a_commit_loses_nothing(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            proxy = CuttingProxy(lab, server)
            hosts = [Host(lab, number, proxy.url) for number in (1, 2)]
            while min(proxy.cuts.values()) < 10:
                before = proxy.commits
                self.load(*hosts, sessions=500)
                # No more than the store can take: what is cut must be folded again, with all that came meanwhile.
                wait.until(lambda commits=before: proxy.commits > commits)
            proxy.stop_cutting()
            self.end(*hosts)
            self.assert_each_once(server, *hosts)

    def test_behind_a_pooler_that_gives_each_transaction_another_session(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            pooler = PgBouncer(lab, server)
            hosts = [Host(lab, number, pooler.url) for number in (1, 2, 3)]
            self.load(*hosts)
            self.end(*hosts)
            self.assert_each_once(server, *hosts)
            self.assert_summary(*hosts)

    def test_a_host_that_starts_without_its_store_records_anyway(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            server.stop()
            host = Host(lab, 1, server.url)
            self.load(host)
            host.milter.stderr.wait_for(TROUBLE)
            server.start()
            host.milter.stderr.wait_for(RECOVERED, 30)
            self.end(host)
            self.assert_each_once(server, host)

    def test_a_report_counts_what_waits_in_the_journal_of_its_host_too(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            reporting = Host(lab, 1, server.url, {**SETTINGS, "fold_interval": 3600})
            # A daemon lists what it folds when it starts, and then opens the store.
            wait.until_equal(lambda: server.execute("SELECT tablename FROM pg_tables WHERE tablename = 'session_counts'"),
                             [["session_counts"]])
            other = Host(lab, 2, server.url)
            self.load(reporting, other)
            self.end(other)
            self.assertEqual(server.execute("SELECT DISTINCT receiving_mx FROM session_counts"), [[other.name]])
            self.assert_summary(reporting, other)
            self.end(reporting)
            self.assert_summary(reporting, other)

    def test_a_report_gives_up_a_server_that_hangs_and_shows_no_password(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            host = Host(lab, 1, server.url)
            self.load(host)
            self.end(host)
            with server.paused():
                done = program.run("tlsrpt-report", "-c", host.milter.configuration, "summary")
            self.assertEqual(done.returncode, 75, done.stderr)
            self.assertRegex(done.stderr, rf"PostgreSQL: {server.address}: no answer in time")
            self.assertNotIn(PASSWORD, done.stderr)
