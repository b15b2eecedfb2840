"""The store that several senders share, as a large site runs it: a primary and two standbys, one of which takes over."""

import unittest

from lab import Lab
from lab.collector import QUICK, Collector, datagram
from lab.postgres import NAME, PASSWORD, Postgres

DATAGRAMS = 200


class Standbys(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.primary = Postgres(self.lab)
        self.standbys = [self.primary.standby(), self.primary.standby()]
        # A commit is on one of the standbys, too.
        self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'", superuser=True)
        self.primary.execute("SELECT pg_reload_conf()", superuser=True)

    def url(self) -> str:
        hosts = ",".join(f"{server.address}:{server.port}" for server in (self.primary, *self.standbys))
        return f"postgresql://{NAME}:{PASSWORD}@{hosts}/{NAME}?target_session_attrs=read-write&sslmode=disable"

    def test_a_standby_takes_over_and_each_result_counts_once(self) -> None:
        collectors = [Collector(self.lab, settings={**QUICK, "store": self.url()}, metrics=True) for _ in range(3)]
        for collector in collectors:
            collector.send(*[datagram("a.test")] * DATAGRAMS)
        for collector in collectors:
            collector.wait_for_metric("folded_results_total", DATAGRAMS)
        self.primary.kill()
        for number, collector in enumerate(collectors):
            collector.send(*[datagram(f"b{number}.test")] * DATAGRAMS)
        successor, other = self.standbys
        # The one that has everything: a commit has waited for either.
        ((received,),) = other.execute("SELECT pg_last_wal_receive_lsn()", superuser=True)
        if successor.execute(f"SELECT '{received}'::pg_lsn > pg_last_wal_receive_lsn()", superuser=True) == [["t"]]:
            successor, other = other, successor
        # Only the other one could be waited for, and it does not follow this one.
        successor.execute("ALTER SYSTEM SET synchronous_standby_names = ''", superuser=True)
        successor.promote()
        for collector in collectors:
            collector.wait_for_metric("folded_results_total", 2 * DATAGRAMS)
            self.assertEqual(collector.stop(), 0)
        rows = successor.execute("SELECT domain, sum(successful) FROM outbound_counts GROUP BY domain ORDER BY domain")
        self.assertEqual(rows, [["a.test", str(3 * DATAGRAMS)]] +
                         [[f"b{number}.test", str(DATAGRAMS)] for number in range(3)])
        self.assertEqual(successor.execute("SELECT sum(results) FROM outbound_days"), [[str(6 * DATAGRAMS)]])


if __name__ == "__main__":
    unittest.main()
