"""Domains of an attacker, asked for by mail to any names below them, use no more memory of `serve` than its limit.

The counter on the metrics page has their size.
"""

import unittest
from collections.abc import Sequence

from lab import Lab
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer, netstring
from memory import resident

LIMIT = 64 << 20  # TableLimits::bytes
# What serve needs in addition: the cache of libunbound, examinations in progress, overhead of the allocator.
BESIDE = 40 << 20
HOSTS = 20
# 56 KB of records in one answer, of which one is usable.
TLSA = [*(f"TLSA 3 1 0 {number:02x}{'ab' * 5600}" for number in range(10)), "TLSA 3 1 1 " + "cd" * 32]
PATTERNS = 1400


def ask_all(server: PolicyServer, names: Sequence[str], *, on_each: int = 100) -> list[str]:
    """The replies, over as many connections as necessary."""
    clients = []
    for start in range(0, len(names), on_each):
        clients.append((server.client(), names[start:start + on_each]))
        clients[-1][0].send(b"".join(netstring(f"postfix {name}") for name in clients[-1][1]))
    replies = []
    for client, asked in clients:
        with client:
            replies += [client.reply() for _ in asked]
    return replies


def counted(server: PolicyServer) -> int:
    return int(server.metrics()["starttls_listtool_domains_bytes"])


class HostileDomains(unittest.TestCase):
    def test_tlsa_records_of_many_hosts_are_not_kept(self) -> None:
        with Lab() as lab:
            hosts = {f"mx{number}": [f"A {lab.address()}"] for number in range(HOSTS)}
            records = {f"_25._tcp.mx{number}": TLSA for number in range(HOSTS)}
            evil = {"*": [f"MX 10 mx{number}" for number in range(HOSTS)], **hosts, **records}
            dns = Dns(lab, {".": {}, "test": {}, "evil.test": evil}, signed=[".", "test", "evil.test"], port=0)
            configuration = Configuration(lab, dns, HttpsServer(lab))
            configuration.tables["dns"]["trust_anchor"] = dns.anchor_of(".")
            server = PolicyServer(lab, configuration)
            # More hosts than are examined: Postfix examines the others itself.
            self.assertEqual(set(ask_all(server, [f"first{number}.evil.test" for number in range(10)])), {"OK dane"})
            before, table_before = resident(server.process.pid), counted(server)
            names = [f"d{number}.evil.test" for number in range(300)]
            # At most this many domains of one owner are looked up at the same time.
            for some in range(0, len(names), 50):
                self.assertEqual(set(ask_all(server, names[some:some + 50])), {"OK dane"})
            self.assertLess(resident(server.process.pid) - before, BESIDE)
            self.assertLess(counted(server) - table_before, 300 * 2000)

    def test_long_policies_fill_the_table_up_to_its_limit(self) -> None:
        """Each uses some 250 KiB: its text, its patterns and three replies."""
        domains = [f"d{number}.evil.test" for number in range(400)]
        with Lab() as lab:
            web = HttpsServer(lab)
            zone = {"@": ["MX 10 mx"], "mx": ["A 192.0.2.1"]}
            for domain in domains:
                name = domain.removesuffix(".evil.test")
                zone |= {f"{key}.{name}": value for key, value in mta_sts_records(web).items()}
            dns = Dns(lab, {"evil.test": zone}, port=0)
            certificate = lab.ca.issue("evil.test", sans=[f"mta-sts.{domain}" for domain in domains])
            patterns = [f"mx{number}.{'a' * 20}.evil.test" for number in range(PATTERNS)]
            for domain in domains:
                publish(lab, web, domain, policy("enforce", *patterns), certificate=certificate)
            configuration = Configuration(lab, dns, web)
            configuration.tables["mta_sts"]["max_fetches_per_address"] = 100
            server = PolicyServer(lab, configuration)
            self.assertIn("secure", ask_all(server, domains[:1])[0])
            before, table_before = resident(server.process.pid), counted(server)
            for start in range(1, len(domains), 50):
                replies = ask_all(server, domains[start:start + 50], on_each=1)
                self.assertEqual({reply[:16] for reply in replies}, {"OK secure match="})
            grown = resident(server.process.pid) - before
            table = counted(server)
            self.assertLessEqual(table, LIMIT)
            self.assertGreater(table, LIMIT * 3 // 4)
            self.assertGreater(server.metrics()["starttls_listtool_evicted_total"], 0)
            self.assertLess(grown, LIMIT + BESIDE)
            self.assertGreater(table - table_before, grown // 2)


if __name__ == "__main__":
    unittest.main()
