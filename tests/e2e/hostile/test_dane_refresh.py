"""What `serve` knows of DANE it does not forget because somebody spoils the questions of later examinations."""

import unittest

from dane_world import DANE, DANE_ONLY, FAULTS, NOTHING, SIGNED, TROUBLE, UNSIGNED, Domain, World, is_secure, refused, sent
from lab import bad_dns as bad

A_MINUTE, A_DAY = 60, 86400


class Refresh(World):
    def add_attacked(self) -> dict[str, tuple[Domain, str, str]]:
        """Domains for each kind of question and each fault, in whose names it is said what they have."""
        attacked = {}
        for kind in ("MX", "A", "TLSA", "CNAME", "DNSKEY", "DS"):
            for number, fault in enumerate(FAULTS):
                label = f"{kind.lower()}-{fault}"
                own_zone = kind in ("DNSKEY", "DS")
                alias = SIGNED if kind == "CNAME" else ""
                added = [self.add(f"bound-{label}", ("plain", "wrong")[number % 2], own_zone=own_zone, aliased=alias)]
                if kind == "MX" or (kind == "TLSA" and fault in ("silent", "altered")):
                    added += [self.add(f"enforced-{label}", "wrong", mta_sts="enforce"),
                              self.add(f"testing-{label}", "plain", mta_sts="testing"),
                              self.add(f"bare-{label}", "plain", tlsa=False),
                              self.add(f"sts-{label}", "right", tlsa=False, mta_sts="enforce"),
                              self.add(f"plain-{label}", "plain", tlsa=False, zone=UNSIGNED)]
                attacked |= {domain.name: (domain, kind, fault) for domain in added}
        return attacked

    def test_a_failed_refresh_switches_nothing_off(self) -> None:
        attacked = self.add_attacked()
        self.start(clock=True)
        known = {"bound": DANE_ONLY, "enforced": DANE_ONLY, "testing": DANE_ONLY, "bare": NOTHING, "plain": NOTHING}

        def is_known(name: str, reply: str) -> bool:
            return is_secure(name, reply) if name.startswith("sts-") else reply == known[name.partition("-")[0]]

        self.assert_each(self.learn(attacked), is_known)
        for domain, kind, fault in attacked.values():
            self.spoil(domain, kind, FAULTS[fault])
        self.advance(A_MINUTE + 1)

        def is_kept(name: str, reply: str) -> bool:
            # Forged answers about a zone that is not signed are as good as others.
            forged = name.startswith("plain-") and reply == NOTHING
            # That there were no TLSA records is no proof that there are none: Postfix looks for itself.
            return forged or (reply == DANE if name.startswith(("bare", "plain")) else is_known(name, reply))

        with self.subTest("replies"):
            self.assert_each(self.ask(attacked), is_kept)
        with self.subTest("mail"):
            outcomes = self.outcomes(self.sender, [name for name in attacked if not name.startswith("sts")])
            self.assert_each(outcomes, lambda name, outcome: (sent if name.startswith(("bare", "plain")) else refused)(
                name, outcome))

        # What was proven is not kept for ever. Then nothing is known of DANE.
        self.advance(A_DAY + 2 * A_MINUTE)

        def is_forgotten(name: str, reply: str) -> bool:
            if name.startswith(("sts", "enforced")):
                return reply.startswith(TROUBLE)
            return reply == DANE or (name.startswith("plain") and reply == NOTHING)

        with self.subTest("replies, a day later"):
            self.assert_each(self.ask(attacked), is_forgotten)
        with self.subTest("mail, a day later"):
            outcomes = self.outcomes(self.sender, [name for name in attacked if name.startswith(("bound", "testing"))])
            self.assert_each(outcomes, refused)

        for domain, kind, _ in attacked.values():
            for question in domain.questions(kind):
                self.attacker.mend(*question)
        self.advance(A_MINUTE + 1)
        with self.subTest("replies, when the attacker has gone"):
            self.assert_each(self.learn(attacked), is_known)

    def test_no_policy_is_no_answer_once_its_time_is_over(self) -> None:
        """New TLSA records count for the very first message, however the attacker delays their discovery."""
        domains = [self.add(f"new-{fault}", "plain", tlsa=False) for fault in ("none", "late", "silent")]
        self.start(clock=True)
        names = [domain.name for domain in domains]
        self.assertEqual(self.ask(names), dict.fromkeys(names, NOTHING))
        for domain in domains:
            self.zones[SIGNED] |= self.tlsa(domain.host)
        self.dns.update(SIGNED, self.zones[SIGNED])
        for domain in domains[1:]:
            self.spoil(domain, "MX", FAULTS[domain.name.partition(".")[0][4:]])
        self.advance(A_MINUTE + 1)
        self.assertEqual(self.ask(names), dict(zip(names, (DANE_ONLY, DANE, DANE), strict=True)))

    def test_what_is_proven_to_be_gone_is_forgotten(self) -> None:
        domain = self.add("former", "plain")
        self.start(clock=True, postfix=False)
        self.assertEqual(self.server.ask("postfix", domain.name), DANE_ONLY)
        for owner in self.tlsa(domain.host):
            del self.zones[SIGNED][owner]
        self.dns.update(SIGNED, self.zones[SIGNED])
        self.advance(A_MINUTE + 1)
        # What DANE demanded counts until more is known.
        self.wait_for_reply(domain.name, NOTHING)
        self.spoil(domain, "MX", bad.silent)
        self.advance(A_MINUTE + 1)
        self.assertEqual(self.server.ask("postfix", domain.name), DANE)

    def test_how_long_it_is_kept_can_be_set(self) -> None:
        domain = self.add("briefly", "plain")
        self.start(clock=True, postfix=False, dane_kept=600)
        self.assertEqual(self.server.ask("postfix", domain.name), DANE_ONLY)
        self.spoil(domain, "MX", bad.servfail)
        self.advance(500)
        self.assertEqual(self.server.ask("postfix", domain.name), DANE_ONLY)
        self.advance(200)
        self.wait_for_reply(domain.name, DANE)


if __name__ == "__main__":
    unittest.main()
