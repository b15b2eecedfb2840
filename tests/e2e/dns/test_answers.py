"""What the dns component returns for valid answers: records, TTLs, CNAMEs, and what DNSSEC proves of them."""

import unittest

from asking import ask, run, to_server, tree
from lab import Lab
from lab.dns import Dns

RECORDS = {
    "@": ["MX 20 mx2", "MX 10 mx", r'TXT "v=STS" "v1; \000\255"'],
    "mx": ["A 192.0.2.1", "AAAA 2001:db8::1"],
    "_25._tcp.mx": ["TLSA 3 1 1 " + "ab" * 32],
    "alias": ["CNAME mx"],
    "away": ["CNAME mx.unsigned.test."],
    "nowhere": ["CNAME none"],
    "big": ["TXT " + " ".join(['"' + "x" * 250 + '"'] * 20)],
    "short": ["3 TXT x"],
    **{f"c{number}": [f"CNAME c{number + 1}"] for number in range(9)},
    "c9": ["A 192.0.2.9"],
}


class Answers(unittest.TestCase):
    def test_of_every_type_from_a_signed_tree(self) -> None:
        with Lab() as lab:
            dns = tree(lab, RECORDS)
            answers, log = run(*to_server(dns, dns.anchor_of(".")), "example.test", "MX", "example.test", "TXT",
                               "MX.Example.Test.", "A", "mx.example.test", "AAAA", "_25._tcp.mx.example.test", "TLSA",
                               "big.example.test", "TXT")
            self.assertEqual(log, "")
            for answer in answers:
                self.assertEqual((answer["status"], answer["secure"], answer["ttl"]), ("found", True, 60), answer)
            mx, txt, a, aaaa, tlsa, big = answers
            self.assertEqual(mx["mxs"], ["10 mx.example.test", "20 mx2.example.test"])
            self.assertEqual([bytes.fromhex(text) for text in txt["texts"]], [b"v=STSv1; \0\xff"])
            self.assertEqual((a["addresses"], aaaa["addresses"]), (["192.0.2.1"], ["2001:db8::1"]))
            self.assertEqual(tlsa["tlsas"], ["3 1 1 " + "ab" * 32])
            self.assertEqual(len(bytes.fromhex(big["texts"][0])), 5000)

    def test_a_proof_that_there_are_no_records_has_a_ttl(self) -> None:
        with Lab() as lab:
            dns = tree(lab, RECORDS)
            for name, type_name, status in (("none.example.test", "A", "no_name"),
                                            ("nowhere.example.test", "A", "no_name"),
                                            ("mx.example.test", "TXT", "no_data"),
                                            ("_tcp.mx.example.test", "A", "no_data")):
                with self.subTest(name):
                    answer = ask(dns, name, type_name, anchor=dns.anchor_of("."))
                    self.assertEqual((answer["status"], answer["secure"], answer["ttl"]), (status, True, 60))

    def test_an_unsigned_zone_is_not_secure(self) -> None:
        with Lab() as lab:
            dns = tree(lab, RECORDS)
            anchor = dns.anchor_of(".")
            answer = ask(dns, "unsigned.test", "MX", anchor=anchor)
            self.assertEqual((answer["status"], answer["secure"]), ("found", False))
            self.assertEqual(answer["mxs"], ["10 mx.unsigned.test"])
            answer = ask(dns, "nothing.unsigned.test", "A", anchor=anchor)
            self.assertEqual((answer["status"], answer["secure"]), ("no_name", False))

    def test_cnames_are_followed_and_are_as_secure_as_their_weakest_link(self) -> None:
        with Lab() as lab:
            dns = tree(lab, RECORDS)
            for name, canonical, secure in (("alias.example.test", "mx.example.test", True),
                                            ("c0.example.test", "c9.example.test", True),
                                            ("away.example.test", "mx.unsigned.test", False)):
                with self.subTest(name):
                    answer = ask(dns, name, "A", anchor=dns.anchor_of("."))
                    self.assertEqual((answer["status"], answer["canonical_name"], answer["secure"]),
                                     ("found", canonical, secure))

    def test_an_anchor_below_the_root_proves_its_zone(self) -> None:
        with Lab() as lab:
            dns = Dns(lab, {"example.test": RECORDS}, signed=["example.test"], port=0)
            for way in (["--server", dns.server], ["--stub", f"example.test={dns.server}", "--server", "127.0.0.1@1"]):
                with self.subTest(way):
                    answers, log = run("--trust-anchor", dns.trust_anchor, *way, "example.test", "MX")
                    self.assertEqual((answers[0]["status"], answers[0]["secure"], log), ("found", True, ""))

    def test_a_stub_of_the_root_is_followed_down_the_tree(self) -> None:
        with Lab() as lab:
            dns = Dns(lab, {".": {}, "test": {}, "example.test": RECORDS}, signed=[".", "test", "example.test"])
            answers, _ = run("--trust-anchor", dns.anchor_of("."), "--stub", f".={dns.server}", "example.test", "MX")
            self.assertEqual((answers[0]["status"], answers[0]["secure"]), ("found", True), answers)

    def test_a_stub_zone_without_an_anchor_of_its_own_is_not_validated(self) -> None:
        with Lab() as lab:
            inner = Dns(lab, {"inner.test": {"@": ["MX 10 mx"]}}, port=0)
            outer = tree(lab, RECORDS)
            options = [*to_server(outer, outer.anchor_of(".")), "--stub", f"inner.test={inner.server}"]
            answers, _ = run(*options, "inner.test", "MX", "example.test", "MX")
            self.assertEqual([(answer["status"], answer["secure"]) for answer in answers],
                             [("found", False), ("found", True)])

    def test_without_dnssec_nothing_is_secure(self) -> None:
        with Lab() as lab:
            answer = ask(tree(lab, RECORDS), "example.test", "MX")
            self.assertEqual((answer["status"], answer["secure"]), ("found", False))

    def test_many_questions_are_asked_a_few_at_a_time(self) -> None:
        with Lab() as lab:
            dns = tree(lab, RECORDS)
            questions = [word for number in range(300) for word in (f"n{number}.example.test", "A")]
            answers, _ = run(*to_server(dns, dns.anchor_of("."), timeout=5000), "--most-questions", 7, *questions)
            self.assertEqual([answer["status"] for answer in answers], ["no_name"] * 300)
