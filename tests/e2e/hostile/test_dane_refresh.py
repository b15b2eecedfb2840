"""`serve` keeps what DNSSEC has proven when later lookups fail, for a bounded time."""

import unittest

from dane_world import (DANE, DANE_ONLY, FAULTS, NOTHING, ONE_OF_EACH, SIGNED, SORTS, Domain, World, right_outcome,
                        sort_of)
from lab import bad_dns as bad

A_MINUTE, A_DAY = 60, 86400


class Refresh(World):
    def add_attacked(self) -> dict[str, tuple[Domain, str, str]]:
        """Domains for each kind of question and each fault, by name."""
        added = []
        for number, fault in enumerate(FAULTS):
            # There is no "A" here: an address of a host comes with its MX record, too.
            for kind in ("MX", "TLSA", "CNAME", "DNSKEY", "DS"):
                domain = self.add(f"bound-{kind.lower()}-{fault}", ("plain", "wrong")[number % 2],
                                  own_zone=kind in ("DNSKEY", "DS"), aliased=SIGNED if kind == "CNAME" else "")
                added.append((domain, kind, fault))
        for fault in ONE_OF_EACH:
            added += [(domain, "MX", fault) for domain in self.add_sorts(fault)]
        return {domain.name: (domain, kind, fault) for domain, kind, fault in added}

    def test_a_failed_refresh_switches_nothing_off(self) -> None:
        attacked = self.add_attacked()
        self.start(clock=True)
        self.learn(attacked)
        for domain, kind, fault in attacked.values():
            self.spoil(domain, kind, FAULTS[fault])
        self.advance(A_MINUTE + 1)
        with self.subTest("replies"):
            self.assert_state(self.ask(attacked), "kept")
        with self.subTest("mail"):
            self.assert_each(self.outcomes(self.sender, attacked), right_outcome)
        with self.subTest("replies, once all lookups have ended"):
            self.assert_state(self.ask(attacked), "kept")

        self.advance(A_DAY + 2 * A_MINUTE)
        with self.subTest("replies, a day later"):
            self.assert_state(self.ask(attacked), "unknown")
        with self.subTest("mail, a day later"):
            names = [name for name in attacked if SORTS[sort_of(name)].unknown == DANE]
            self.assert_each(self.outcomes(self.sender, names), right_outcome)

        for domain, kind, _ in attacked.values():
            for question in domain.questions(kind):
                self.attacker.mend(*question)
        # The resolver of `serve` caches for a minute of real time that an answer was bogus.
        self.server.stop()
        self.server.start()
        with self.subTest("replies, without the attacker"):
            self.learn(attacked)


class NewAndFormerRecords(World):
    mail = False

    def test_a_reply_without_a_policy_expires_with_its_ttl(self) -> None:
        """New TLSA records count from the first message after the TTL, even if their discovery is delayed."""
        domains = [self.add(f"new-{fault}", "plain", tlsa=False) for fault in ("none", "late", "silent")]
        self.start(clock=True)
        names = [domain.name for domain in domains]
        self.ask_until_right(names, lambda _, reply: reply == NOTHING)
        for domain in domains:
            self.zones[SIGNED] |= self.tlsa(domain.host)
        self.dns.update(SIGNED, self.zones[SIGNED])
        for domain in domains[1:]:
            self.spoil(domain, "MX", FAULTS[domain.name.partition(".")[0][4:]])
        self.advance(A_MINUTE + 1)
        replies = self.ask(names)
        self.assertEqual([replies[name] for name in names[1:]], [DANE, DANE])
        self.assertIn(replies[names[0]], (DANE_ONLY, DANE))  # a busy machine may be late, too
        self.ask_until_right(names[:1], lambda _, reply: reply == DANE_ONLY)

    def test_what_is_proven_to_be_gone_is_removed(self) -> None:
        domain = self.add("former", "plain")
        self.start(clock=True)
        self.ask_until_right([domain.name], lambda _, reply: reply == DANE_ONLY)
        for owner in self.tlsa(domain.host):
            del self.zones[SIGNED][owner]
        self.dns.update(SIGNED, self.zones[SIGNED])
        self.advance(A_MINUTE + 1)
        # The demand of DANE counts until more is known.
        self.wait_for_reply(domain.name, NOTHING)
        self.spoil(domain, "MX", bad.silent)
        self.advance(A_MINUTE + 1)
        self.assertEqual(self.server.ask("postfix", domain.name), DANE)

    def test_the_time_that_a_verdict_is_kept_can_be_set(self) -> None:
        domain = self.add("briefly", "plain")
        self.start(clock=True, dane_max_stale=600)
        self.ask_until_right([domain.name], lambda _, reply: reply == DANE_ONLY)
        self.spoil(domain, "MX", bad.servfail)
        self.advance(500)
        self.assertEqual(self.server.ask("postfix", domain.name), DANE_ONLY)
        self.advance(200)
        self.wait_for_reply(domain.name, DANE)


if __name__ == "__main__":
    unittest.main()
