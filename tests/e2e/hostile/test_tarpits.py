"""An attacker makes `starttls-listtool serve` look up a thousand domains whose policy hosts or name servers accept
connections and never answer, and then 50 more a second. New domains of all others are still answered, and soon."""

import contextlib
import itertools
import socket
import statistics
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from lab import Lab, wait
from lab import bad_dns as bad
from lab.bad_dns import BadDns, Question, record
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration, policy, publish
from lab.policy_server import PolicyServer, netstring

RATE = 50  # lookups a second
DOMAINS = 1000
SILENT_ADDRESSES = 100
HONEST = 8
# Seconds. The attack would delay an answer for ANSWER_TIMEOUT, or for as long as it continues.
ANSWER_TIMEOUT, POLICY_HOST_TIMEOUT, DNS_TIMEOUT = 20, 40, 3
SOON = 10  # for most of the answers


def secure(domain: str) -> str:
    return f"OK secure match=mx.{domain} servername=hostname"


class Tarpit(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.web = HttpsServer(self.lab)
        self.zone: dict[str, list[str]] = {}
        for number in range(HONEST):
            self.zone |= {f"with{number}": [f"MX 10 mx.with{number}"], f"mx.with{number}": ["A 192.0.2.1"],
                          f"_mta-sts.with{number}": ['TXT "v=STSv1; id=1;"'],
                          f"mta-sts.with{number}": [f"A {self.web.address}"],
                          f"without{number}": [f"MX 10 mx.without{number}"], f"mx.without{number}": ["A 192.0.2.1"]}
            publish(self.lab, self.web, f"with{number}.test", policy("enforce", f"mx.with{number}.test"))

    def serve(self, attacker: bad.Fault, *, signed: bool = False) -> None:
        """Start the server; the attacker's name server is asked first, for every name."""
        zones = {".": {}, "test": self.zone}
        self.dns = Dns(self.lab, zones, signed=tuple(zones) if signed else (), port=0)
        self.bad_dns = BadDns(self.lab, self.dns)
        self.bad_dns.spoil("*", attacker)
        configuration = Configuration(self.lab, self.dns, self.web, mta_sts={"timeout": POLICY_HOST_TIMEOUT})
        configuration.tables["dns"] |= {"servers": [self.bad_dns.server], "timeout": DNS_TIMEOUT}
        self.server = PolicyServer(self.lab, configuration, settings={"answer_timeout": ANSWER_TIMEOUT})

    def silent_addresses(self) -> list[str]:
        """A network of its own, whose kernel accepts every connection and where no program ever answers."""
        others = self.enterContext(Lab())
        addresses = [others.address() for _ in range(SILENT_ADDRESSES)]
        for address in addresses:
            listener = socket.create_server((address, self.web.port), backlog=4096)
            self.addCleanup(listener.close)
        return addresses

    @contextlib.contextmanager
    def attack(self, domains: list[str]) -> Iterator[None]:
        """Ask about all of the domains at once, then for RATE of them a second, and wait for no answer."""
        ended = threading.Event()
        asked: list[socket.socket] = []

        def ask(domain: str) -> None:
            connection = socket.create_connection((self.server.address, self.server.port))
            connection.sendall(netstring(f"postfix {domain}"))
            asked.append(connection)

        def go_on() -> None:
            for domain in itertools.cycle(domains):
                if ended.wait(1 / RATE):
                    return
                ask(domain)

        for domain in domains:
            ask(domain)
        with ThreadPoolExecutor(1) as threads:
            going_on = threads.submit(go_on)
            try:
                yield
            finally:
                ended.set()
                going_on.result()
                for connection in asked:
                    connection.close()

    def assert_others_are_answered(self, expected: dict[str, str]) -> None:
        """Ask about new domains, one after the other while the attack goes on."""
        taken, others = [], []
        for domain, reply in expected.items():
            begun = time.monotonic()
            given = self.server.ask("postfix", domain)
            taken.append(time.monotonic() - begun)
            if given != reply:
                others.append((domain, given))
        # On a busy machine the lab's own servers answer some too late.
        self.assertLess(len(others), len(expected) / 2, others)
        self.assertLess(statistics.median(taken), SOON, taken)
        self.assertLess(max(taken), ANSWER_TIMEOUT, taken)

    def honest(self) -> dict[str, str]:
        pairs = ({f"with{number}.test": secure(f"with{number}.test"), f"without{number}.test": "NOTFOUND "}
                 for number in range(HONEST))
        return {domain: reply for pair in pairs for domain, reply in pair.items()}

    def metric(self, name: str) -> float:
        return self.server.metrics()[f"starttls_listtool_{name}"]

    def assert_holds_out(self, domains: list[str]) -> None:
        with self.attack(domains):
            wait.until(lambda: self.metric("misses_total") >= len(domains))
            self.assert_others_are_answered(self.honest())


class SilentPolicyHosts(Tarpit):
    def policy_hosts_at(self, addresses: list[str], attackers: str) -> Callable[[Question], list[bytes] | None]:
        """Answers for a domain of the attacker's as if it had MTA-STS, its policy host at one of these addresses."""
        next_address = itertools.cycle(addresses)

        def answer(question: Question) -> list[bytes] | None:
            if attackers not in question.name:
                return None
            records = []
            if question.type == "TXT":
                records = [record(question.name, "TXT", b"\x0ev=STSv1; id=1;")]
            elif question.type == "A" and question.name.startswith("mta-sts."):
                records = [record(question.name, "A", socket.inet_aton(next(next_address)))]
            return [question.answer(answers=records)]

        return answer

    def test_a_thousand_domains_each_of_another_owner(self) -> None:
        self.serve(self.policy_hosts_at(self.silent_addresses(), "attacker"))
        self.assert_holds_out([f"attacker{number}.test" for number in range(DOMAINS)])

    def test_a_thousand_domains_of_one_owner(self) -> None:
        self.serve(self.policy_hosts_at(self.silent_addresses(), "attacker"))
        self.assert_holds_out([f"d{number}.attacker.test" for number in range(DOMAINS)])
        self.assertGreater(self.metric("owner_refused_total"), 0)


class SilentNameServers(Tarpit):
    def test_a_thousand_domains(self) -> None:
        self.serve(lambda question: [] if "attacker" in question.name else None)
        self.assert_holds_out([f"attacker{number}.test" for number in range(DOMAINS)])

    def test_mx_hosts_of_signed_domains(self) -> None:
        domains = [f"attacker{number}" for number in range(DOMAINS // 10)]
        self.zone |= {domain: [f"MX {host} mx{host}.{domain}" for host in range(20)] for domain in domains}
        self.serve(lambda question: [] if ".attacker" in question.name and question.name.startswith("mx") else None,
                   signed=True)
        self.assert_holds_out([f"{domain}.test" for domain in domains])
        self.assertGreater(self.metric("dns_questions_refused_total"), 0)


if __name__ == "__main__":
    unittest.main()
