"""Questions that the publisher of a domain can make `starttls-listtool serve` send to the name servers of others."""

import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from lab import Lab
from lab import bad_dns as bad
from lab.bad_dns import BadDns
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration
from lab.policy_server import PolicyServer

HOSTS = 20  # MX hosts of one domain
PER_SECOND, BURST, LONGEST_WAIT = 100, 300, 2  # QuestionRateLimits
HOSTS_OF_ONE_OWNER = 6  # AskingLimits
TLSA = "TLSA 3 1 1 " + "ab" * 32
FOR_THE_ZONE = 6  # questions about the zone itself: DNSKEY and DS, SOA where there is no zone cut


class Amplification(unittest.TestCase):
    def serve(self, zone: dict[str, list[str]]) -> None:
        """All names are in one signed zone, .test; each name directly below it is another owner's."""
        self.lab = self.enterContext(Lab())
        zones = {".": {}, "test": zone}
        dns = Dns(self.lab, zones, signed=tuple(zones), port=0)
        self.bad_dns = BadDns(self.lab, dns)
        configuration = Configuration(self.lab, dns, HttpsServer(self.lab))
        configuration.tables["dns"] |= {"servers": [self.bad_dns.server], "timeout": 3}
        self.server = PolicyServer(self.lab, configuration, settings={"answer_timeout": 60})

    def asked_of(self, owner: str) -> list[str]:
        """Every packet that a resolver between `serve` and the owner's servers would get."""
        return [f"{question.type} {question.name}" for question in list(self.bad_dns.questions)
                if question.name.endswith(owner)]

    def ask_all(self, domains: list[str]) -> set[str]:
        with ThreadPoolExecutor(50) as threads:
            return set(threads.map(lambda domain: self.server.ask("postfix", domain), domains))

    @staticmethod
    def hosts(owner: str, count: int = HOSTS, prefix: str = "mx") -> dict[str, list[str]]:
        zone: dict[str, list[str]] = {}
        for number in range(count):
            host = f"{prefix}{number}.{owner}"
            zone |= {host: ["A 192.0.2.1", "AAAA 2001:db8::1"], f"_25._tcp.{host}": [TLSA]}
        return zone

    def test_mx_hosts_in_the_zone_of_a_victim(self) -> None:
        self.serve({"attacker": [f"MX {number} mx{number}.victim" for number in range(HOSTS)], **self.hosts("victim")})
        reply = self.server.ask("postfix", "attacker.test")
        asked = self.asked_of("victim.test")
        self.assertLessEqual(len(set(asked)), HOSTS_OF_ONE_OWNER * 3 + FOR_THE_ZONE, asked)
        self.assertEqual(reply, "OK dane")  # the verdict about some of its hosts is unknown

    def test_aliases_of_a_victims_names(self) -> None:
        zone = {"attacker": [f"MX {number} mx{number}.attacker" for number in range(HOSTS)], **self.hosts("victim")}
        zone |= {f"mx{number}.attacker": [f"CNAME mx{number}.victim"] for number in range(HOSTS)}
        self.serve(zone)
        reply = self.server.ask("postfix", "attacker.test")
        asked = self.asked_of("victim.test")
        # Four hosts are asked about at the same time before the first alias is seen.
        self.assertLessEqual(len(set(asked)), (HOSTS_OF_ONE_OWNER + 4) * 3 + FOR_THE_ZONE, asked)
        self.assertEqual(reply, "OK dane")

    def test_a_victim_whose_servers_do_not_answer(self) -> None:
        self.serve({"attacker": [f"MX {number} mx{number}.victim" for number in range(HOSTS)], **self.hosts("victim")})
        for number in range(HOSTS):
            self.bad_dns.spoil(f"mx{number}.victim.test", bad.silent)
        self.assertNotEqual(self.server.ask("postfix", "attacker.test"), "NOTFOUND ")
        asked = self.asked_of("victim.test")
        self.assertLessEqual(len(set(asked)), 10 + FOR_THE_ZONE, asked)
        self.assertLessEqual(len(asked), 100, "with all that libunbound asks again")

    def test_many_domains_against_one_victim(self) -> None:
        count = 80
        zone: dict[str, list[str]] = {}
        for number in range(count):
            prefix = f"mx{number}-"
            zone[f"attacker{number}"] = [f"MX 10 {prefix}{host}.victim" for host in range(HOSTS_OF_ONE_OWNER)]
            zone |= self.hosts("victim", HOSTS_OF_ONE_OWNER, prefix)
        self.serve(zone)
        begun = time.monotonic()
        replies = self.ask_all([f"attacker{number}.test" for number in range(count)])
        taken = time.monotonic() - begun
        self.assertLessEqual(replies, {"OK dane-only", "OK dane"})
        asked = self.asked_of("victim.test")
        self.assertLessEqual(len(set(asked)), BURST + PER_SECOND * (taken + LONGEST_WAIT) + FOR_THE_ZONE)
        if taken < 5:  # a slower machine asks slowly enough
            self.assertGreater(self.server.metrics()["starttls_listtool_dns_questions_refused_total"], 0)

    def test_many_customers_of_one_provider_are_no_flood(self) -> None:
        customers = [f"customer{number}" for number in range(300)]
        zone = {customer: ["MX 10 mx0.provider", "MX 20 mx1.provider"] for customer in customers}
        self.serve(zone | self.hosts("provider", 2))
        self.assertEqual(self.ask_all([f"{customer}.test" for customer in customers]), {"OK dane-only"})
        self.assertEqual(self.server.metrics()["starttls_listtool_dns_questions_refused_total"], 0)


if __name__ == "__main__":
    unittest.main()
