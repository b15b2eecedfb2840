"""Whether DANE binds a domain, in zones that Knot signed, and with name servers that fail."""

import unittest

from asking import Answer, run, to_server, tree
from lab import Lab
from lab import bad_dns as bad
from lab.bad_dns import BadDns
from lab.dns import Dns

GOOD = "TLSA 3 1 1 " + "ab" * 32
PKIX = "TLSA 1 1 1 " + "ab" * 32
HOSTS = {"mx": ["A 192.0.2.1"], "mx2": ["A 192.0.2.2", "AAAA 2001:db8::2"]}
TWO = {"@": ["MX 10 mx", "MX 20 mx2"], **HOSTS}
BOTH = {**TWO, "_25._tcp.mx": [GOOD], "_25._tcp.mx2": [GOOD]}


def verdict(server: Dns | BadDns, dns: Dns, domain: str) -> Answer:
    verdicts, _ = run(*to_server(server, dns.anchor_of("."), timeout=500), "--dane", domain)
    return verdicts[0]


class SignedZones(unittest.TestCase):
    def test_each_verdict(self) -> None:
        zones = {
            "all": BOTH,
            "shared": {**TWO, "_25._tcp.mx": ["CNAME _dane"], "_25._tcp.mx2": ["CNAME _dane"], "_dane": [GOOD]},
            "some": {**TWO, "_25._tcp.mx": [GOOD]},
            "half": {"@": ["MX 10 mx", "MX 20 mx.unsigned.test."], **HOSTS, "_25._tcp.mx": [GOOD]},
            "unusable": {**TWO, "_25._tcp.mx": [PKIX]},
            "none": TWO,
            "null": {"@": ["MX 0 ."]},
            "itself": {"@": ["A 192.0.2.1"], "_25._tcp": [GOOD]},
            "dead": {"@": ["MX 10 mx", "MX 20 gone"], **HOSTS, "_25._tcp.mx": [GOOD]},
            "alias": {"@": ["MX 10 other"], "other": ["CNAME mx"], **HOSTS, "_25._tcp.mx": [GOOD]},
            "own": {"@": ["MX 10 other"], "other": ["CNAME mx"], **HOSTS, "_25._tcp.other": [GOOD]},
            "away": {"@": ["MX 10 mx.unsigned.test."]},
        }
        wanted = {
            "all": ("all", "dane-only", "all 2 MX hosts have usable TLSA records"),
            "shared": ("all", "dane-only", "all 2 MX hosts have usable TLSA records"),
            "some": ("some", "dane", "1 of 2 MX hosts have usable TLSA records"),
            "half": ("some", "dane", "1 of 2 MX hosts have usable TLSA records"),
            "unusable": ("unusable", "dane", "mx.unusable.test: none of its TLSA records can be used, of 1"),
            "none": ("none", "", "no MX host has TLSA records"),
            "null": ("none", "", "the domain takes no mail (null MX)"),
            "itself": ("all", "dane-only", "the MX host has usable TLSA records"),
            "dead": ("all", "dane-only", "the MX host has usable TLSA records"),
            "alias": ("all", "dane-only", "the MX host has usable TLSA records"),
            "own": ("all", "dane-only", "the MX host has usable TLSA records"),
            "away": ("none", "", "no MX host has TLSA records"),
            "unsigned": ("none", "", "the MX records are not signed"),
            "missing": ("none", "", "there is no such domain"),
        }
        with Lab() as lab:
            dns = tree(lab, BOTH, **zones)
            verdicts, log = run(*to_server(dns, dns.anchor_of("."), timeout=5000), "--dane",
                                *(f"{name}.test" for name in wanted))
            self.assertEqual(log, "")
            found = {name: (one["status"], one["level"], one["reason"]) for name, one in zip(wanted, verdicts)}
            self.assertEqual(found, wanted)


class FailingServers(unittest.TestCase):
    def test_what_cannot_be_looked_up(self) -> None:
        with Lab() as lab:
            dns = tree(lab, BOTH)
            tlsa, tlsa2 = ("_25._tcp.mx.example.test", "TLSA"), ("_25._tcp.mx2.example.test", "TLSA")
            addresses, mx = ("mx.example.test", None), ("example.test", "MX")
            for why, spoilt, fault, status, level, reason in (
                    ("MX: SERVFAIL", [mx], bad.servfail, "unknown", "dane", "MX records cannot be looked up: SERVFAIL"),
                    ("MX: REFUSED", [mx], bad.refused, "unknown", "dane", "MX records cannot be looked up: SERVFAIL"),
                    ("MX: no answer", [mx], bad.silent, "unknown", "dane", "no answer in 500 ms"),
                    ("MX: stripped", [mx], bad.without_signatures, "unknown", "dane", "bogus"),
                    ("one TLSA: SERVFAIL", [tlsa], bad.servfail, "some", "dane", "1 of 2"),
                    ("one TLSA: no answer", [tlsa], bad.silent, "some", "dane", "1 of 2"),
                    ("one host: no answer", [addresses], bad.silent, "some", "dane", "1 of 2"),
                    ("all TLSA: SERVFAIL", [tlsa, tlsa2], bad.servfail, "unknown", "dane", "TLSA records cannot be"),
                    ("all TLSA: stripped", [tlsa, tlsa2], bad.without_signatures, "unknown", "dane", "bogus"),
                    ("all TLSA: said not to be", [tlsa, tlsa2], bad.rcode(3), "unknown", "dane", "bogus"),
                    ("all TLSA: truncated", [tlsa, tlsa2], bad.truncated, "all", "dane-only", "all 2")):
                with self.subTest(why):
                    server = BadDns(lab, dns)
                    for name, type_name in spoilt:
                        server.spoil(name, fault, type_name)
                    found = verdict(server, dns, "example.test")
                    self.assertEqual((found["status"], found["level"]), (status, level), found)
                    self.assertIn(reason, found["reason"])

    def test_tlsa_records_of_hosts_that_are_not_signed_are_not_asked_for(self) -> None:
        with Lab() as lab:
            dns = tree(lab, {"@": ["MX 10 mx.unsigned.test."]})
            server = BadDns(lab, dns)
            self.assertEqual(verdict(server, dns, "example.test")["status"], "none")
            self.assertEqual([asked for asked in server.questions if asked.type == "TLSA"], [])

    def test_if_a_resolver_removes_signatures_dane_is_unknown(self) -> None:
        with Lab() as lab:
            dns = tree(lab, BOTH)
            server = BadDns(lab, dns)
            server.spoil("*", bad.without_signatures)
            found = verdict(server, dns, "example.test")
            self.assertEqual((found["status"], found["level"], found["reason"]),
                             ("unvalidated", "dane", "the answers of the name servers are not validated"))
