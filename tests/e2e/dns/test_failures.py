"""What the dns component returns if name servers fail: always an answer in time with its reason, never a wrong one."""

import itertools
import time
import unittest

from asking import Answer, LiveProbe, ask, run, to_server, tree
from lab import Lab, wait
from lab import bad_dns as bad
from lab.bad_dns import BadDns, record, wire_name
from lab.dns import Dns

NAME = "example.test"
ZONE = {"@": ["MX 10 mx", "TXT x"], "mx": ["A 192.0.2.1"]}
NO_ANSWER = "no answer in 500 ms"
BOGUS = "bogus: validation failure"


class Failures(unittest.TestCase):
    def assert_fails(self, answer: Answer, reason: str, *, bogus: bool = False) -> None:
        self.assertEqual((answer["status"], answer["secure"], answer["bogus"]), ("failed", False, bogus), answer)
        self.assertIn(reason, answer["reason"])
        self.assertEqual(answer["mxs"], [])

    def timely(self, server: Dns | BadDns, *question: str, anchor: object = None) -> Answer:
        begun = time.monotonic()
        answer = ask(server, *question, anchor=anchor, timeout=500)
        self.assertLess(time.monotonic() - begun, 20)
        return answer

    def test_each_has_its_reason(self) -> None:
        with Lab() as lab:
            server = BadDns(lab, Dns(lab, {NAME: ZONE}, port=0))
            for name, fault, reason in (("SERVFAIL", bad.servfail, "SERVFAIL"), ("REFUSED", bad.refused, "SERVFAIL"),
                                        ("FORMERR", bad.formerr, "SERVFAIL"), ("NOTIMP", bad.notimp, "SERVFAIL"),
                                        ("no answer", bad.silent, NO_ANSWER), ("garbage", bad.garbage, "SERVFAIL"),
                                        ("an answer that is cut short", bad.cut_short, "SERVFAIL"),
                                        ("a wrong id", bad.wrong_id, NO_ANSWER),
                                        ("an answer to another question", bad.other_question, "SERVFAIL"),
                                        ("no TCP", bad.truncated_without_tcp, NO_ANSWER)):
                with self.subTest(name):
                    server.spoil(NAME, fault)
                    self.assert_fails(self.timely(server, NAME, "MX"), reason)

    def test_a_truncated_answer_is_asked_for_again_over_tcp(self) -> None:
        with Lab() as lab:
            server = BadDns(lab, Dns(lab, {NAME: ZONE}, port=0))
            server.spoil(NAME, bad.truncated)
            self.assertEqual(self.timely(server, NAME, "MX")["mxs"], ["10 mx.example.test"])
            self.assertEqual(server.asked(NAME, "MX"), ["udp", "tcp"])

    def test_a_resolver_without_edns_is_asked_without_it(self) -> None:
        with Lab() as lab:
            server = BadDns(lab, Dns(lab, {NAME: ZONE}, port=0))
            server.spoil(NAME, lambda question: question.message[10:12] != b"\0\0" and bad.formerr(question) or None)
            self.assertEqual(self.timely(server, NAME, "MX")["mxs"], ["10 mx.example.test"])

    def test_malformed_records_are_no_answer(self) -> None:
        with Lab() as lab:
            server = BadDns(lab)
            for type_name, rdata in (("MX", b"\0\x0a"), ("MX", b"\0\x0a\x02mx"), ("TXT", b"\x05abc"), ("TXT", b""),
                                     ("A", b"abc"), ("AAAA", b"abcd"), ("TLSA", b"\3\1"), ("MX", b"\0\x0a\xc0\xff")):
                with self.subTest(type_name, rdata=rdata):
                    server.spoil(NAME, bad.records(record(NAME, type_name, rdata)))
                    status = self.timely(server, NAME, type_name)["status"]
                    # libunbound 1.26 removes an address that is malformed, and the rest is an answer without one.
                    self.assertIn(status, ("failed", "no_data") if type_name in ("A", "AAAA") else ("failed",))

    def test_odd_bytes_in_names_and_texts_are_kept_as_they_are(self) -> None:
        with Lab() as lab:
            server = BadDns(lab)
            odd = b"\0\x0a" + b"\x04a.b\xff\x04test\0"
            even = b"\0\x14" + wire_name("mx.test")
            server.spoil(NAME, bad.records(record(NAME, "MX", odd), record(NAME, "MX", even)))
            self.assertEqual(self.timely(server, NAME, "MX")["mxs"], [r"10 a\.b\255.test", "20 mx.test"])
            server.spoil(NAME, bad.records(record(NAME, "TXT", b"\x04\0\xff\n\"")))
            self.assertEqual(self.timely(server, NAME, "TXT")["texts"], [b"\0\xff\n\"".hex()])

    def test_loops_and_long_chains_of_cnames_end(self) -> None:
        with Lab() as lab:
            server = BadDns(lab)
            loop = {"a.test": "b.test", "b.test": "a.test", "self.test": "self.test"}
            chain = {f"c{number}.test": f"c{number + 1}.test" for number in range(100)}
            for name, target in (loop | chain).items():
                server.spoil(name, bad.records(record(name, "CNAME", wire_name(target))))
            for name in ("a.test", "self.test", "c0.test"):
                with self.subTest(name):
                    self.assertEqual(self.timely(server, name, "A")["status"], "failed")
            self.assertLess(len(server.questions), 100)

    def test_answers_without_a_valid_signature_are_bogus(self) -> None:
        with Lab() as lab:
            dns = tree(lab, ZONE)
            server = BadDns(lab, dns)
            forged = bad.records(record(NAME, "MX", b"\0\x0a" + wire_name("mx.attacker.test")))
            for name, fault in (("forged", forged), ("without signatures", bad.without_signatures), ("lame", bad.lame)):
                with self.subTest(name):
                    server.spoil(NAME, fault, "MX")
                    self.assert_fails(self.timely(server, NAME, "MX", anchor=dns.anchor_of(".")), BOGUS, bogus=True)

    def test_a_bogus_answer_stays_bogus_when_asked_for_again(self) -> None:
        with Lab() as lab:
            dns = tree(lab, ZONE)
            server = BadDns(lab, dns)
            server.spoil(NAME, bad.without_signatures, "MX")
            answers, _ = run(*to_server(server, dns.anchor_of(".")), NAME, "MX", NAME, "MX")
            for answer in answers:
                self.assert_fails(answer, BOGUS, bogus=True)

    def test_one_name_that_fails_delays_no_other(self) -> None:
        with Lab() as lab:
            server = BadDns(lab, Dns(lab, {NAME: ZONE}, port=0))
            server.spoil("slow.example.test", bad.silent)
            answers, _ = run(*to_server(server, timeout=500), "slow.example.test", "A", "mx.example.test", "A")
            self.assertEqual([answer["status"] for answer in answers], ["failed", "found"])

    def test_a_resolver_that_was_down_is_used_again_when_it_is_back(self) -> None:
        with Lab() as lab:
            server = BadDns(lab, Dns(lab, {NAME: ZONE}, port=0))
            server.spoil("*", bad.silent)
            with LiveProbe(*to_server(server, timeout=300)) as probe:
                for number in range(12):
                    self.assert_fails(probe.ask(f"n{number}.example.test", "MX"), "")
                server.mend("*")
                # libunbound has no event for a server that it uses again: only an answer shows that.
                names = (f"m{number}.example.test" for number in itertools.count())
                wait.until(lambda: probe.ask(next(names), "MX")["status"] != "failed")

    def test_unanswered_questions_do_not_accumulate(self) -> None:
        """libunbound continues such questions for long; if they are many, the component replaces it, with an empty
        cache."""
        with Lab() as lab:
            server = BadDns(lab, Dns(lab, {NAME: ZONE}, port=0))
            for number in range(100):
                server.spoil(f"slow{number}.example.test", bad.silent)
            with LiveProbe(*to_server(server, timeout=300), "--most-questions", 100) as probe:
                for _ in range(2):
                    probe.ask(NAME, "TXT")
                self.assertEqual(len(server.asked(NAME, "TXT")), 1)
                answers = probe.ask_all([f"slow{number}.example.test" for number in range(100)], "A")
                self.assertEqual({answer["reason"] for answer in answers}, {"no answer in 300 ms"})
                self.assertEqual(probe.ask(NAME, "TXT")["status"], "found")
                self.assertEqual(len(server.asked(NAME, "TXT")), 2)


class Signatures(unittest.TestCase):
    def test_a_resolver_that_leaves_them_out_is_detected_and_logged_once(self) -> None:
        with Lab() as lab:
            dns = tree(lab, ZONE)
            server = BadDns(lab, dns)
            server.spoil("*", bad.without_signatures)
            answers, log = run(*to_server(server, dns.anchor_of(".")), NAME, "MX", "mx.example.test", "A")
            self.assertEqual([(answer["status"], answer["secure"]) for answer in answers], [("found", False)] * 2)
            self.assertEqual(log.count("leave out DNSSEC signatures"), 1)

    def test_a_resolver_of_an_unsigned_root_counts_as_one_that_leaves_them_out(self) -> None:
        with Lab() as lab:
            signed = Dns(lab, {".": {}}, signed=["."], port=0)
            unsigned = Dns(lab, {".": {}, NAME: ZONE}, port=0)
            answers, log = run(*to_server(unsigned, signed.trust_anchor), NAME, "MX")
            self.assertEqual((answers[0]["status"], answers[0]["secure"]), ("found", False))
            self.assertIn("leave out DNSSEC signatures", log)

    def test_a_forged_key_does_not_switch_validation_off(self) -> None:
        with Lab() as lab:
            other = tree(lab, ZONE)
            dns = tree(lab, ZONE)
            answers, log = run(*to_server(dns, other.anchor_of(".")), NAME, "MX")
            self.assertTrue(answers[0]["bogus"], answers)
            self.assertEqual(log, "")

    def test_a_resolver_that_does_not_answer_the_probe_is_not_taken_for_one(self) -> None:
        with Lab() as lab:
            dns = tree(lab, ZONE)
            server = BadDns(lab, dns)
            server.spoil("", bad.silent, "DNSKEY")
            answers, log = run(*to_server(server, dns.anchor_of(".")), "unsigned.test", "MX")
            self.assertEqual((answers[0]["status"], log), ("failed", ""))

