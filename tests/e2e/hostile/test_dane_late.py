"""Neither a slow DNS nor too many lookups at once switch DANE off."""

import unittest

from dane_world import DANE, DANE_ONLY, NOTHING, SIGNED, SORTS, TROUBLE, World, refused, sort_of
from lab import bad_dns as bad


class Slow(World):
    """Every answer is right, but slow."""

    def test_dane_is_waited_for_if_only_a_policy_is_known(self) -> None:
        testing = self.add("testing", "plain", mta_sts="testing")
        enforced = self.add("enforced", "plain", mta_sts="enforce")
        self.add("listed", "plain", listed=True)
        self.start(dns_timeout=20)
        for domain in (testing, enforced):
            self.assertEqual(self.configuration.tool("sts", "fetch", domain.name).returncode, 0)
        # The resolver of `serve` asks again after 0.37 s. All questions for one domain together take some seconds.
        self.attacker.spoil("*", bad.delayed(0.25))
        self.server.stop()
        self.server.start()
        names = list(self.domains)
        self.assertEqual(self.ask(names), dict.fromkeys(names, DANE_ONLY))
        self.assert_each(self.outcomes(self.sender, names), refused)


class EndOfPatience(World):
    mail = False

    def test_an_unknown_verdict_at_the_time_limit_defers_the_mail(self) -> None:
        late = [self.add("bound", "plain"), self.add("testing", "plain", mta_sts="testing"),
                self.add("enforced", "plain", mta_sts="enforce"), self.add("listed", "plain", listed=True)]
        self.start(dns_timeout=5, answer_timeout=1)
        for domain in late:
            if domain.name.startswith(("testing", "enforced")):
                self.assertEqual(self.configuration.tool("sts", "fetch", domain.name).returncode, 0)
            # libunbound 1.26 gives up a server that does not answer over UDP after less than a second.
            self.spoil(domain, "MX", bad.truncated_without_tcp)
        names = [domain.name for domain in late]
        self.assert_each(self.ask(names), lambda _, reply: reply.startswith(TROUBLE))
        self.assert_each(self.ask(names[2:], "sts"), self.is_secure)

    def test_an_earlier_verdict_is_replied_at_the_time_limit(self) -> None:
        self.add("bound", "plain")
        self.add("bare", "plain", tlsa=False)
        self.assertEqual(list(self.replies_when_silent().values()), [DANE_ONLY, DANE])

    def test_an_enforced_policy_is_replied_at_the_time_limit(self) -> None:
        self.add("enforced", "plain", mta_sts="enforce")
        self.add("sts", "right", tlsa=False, mta_sts="enforce")
        bound, bare = self.replies_when_silent().values()
        self.assertEqual(bound, DANE_ONLY)
        self.assertTrue(bare.startswith(TROUBLE) or self.is_secure(f"sts.{SIGNED}", bare), bare)

    def replies_when_silent(self) -> dict[str, str]:
        """The replies about known domains, if their MX records cannot be looked up again in time."""
        names = list(self.domains)
        self.start(dns_timeout=3, answer_timeout=1.5, clock=True)
        self.learn(names)
        for domain in self.domains.values():
            self.spoil(domain, "MX", bad.silent)
        self.advance(61)
        return self.ask(names)


class Busy(World):
    mail = False

    def test_on_a_busy_server_no_domain_is_unprotected(self) -> None:
        self.add("kept", "plain", mta_sts="testing")
        self.add("testing", "plain", mta_sts="testing")
        self.add("enforced", "plain", mta_sts="enforce")
        self.add("listed", "plain", listed=True)
        self.add("overridden", "plain")
        names = list(self.domains)
        places = 4
        # Known domains and new ones each have their own places.
        busy = [self.add(f"{kind}-{number}", "plain", listed=kind == "listed").name
                for kind in ("listed", "new") for number in range(places)]
        self.start(dns_timeout=8, answer_timeout=3, max_lookups=places, overrides=f"overridden.{SIGNED} none\n")
        self.assertEqual(self.server.ask("postfix", f"kept.{SIGNED}"), DANE_ONLY)
        for name in names[1:3]:
            self.assertEqual(self.configuration.tool("sts", "fetch", name).returncode, 0)
        self.server.stop()
        self.server.start()
        for name in busy:
            self.attacker.spoil(name, bad.silent)
        # Their examinations go on after these replies.
        self.assert_each(self.ask(busy), lambda _, reply: reply.startswith(TROUBLE))
        found = self.ask(names)
        self.assertEqual((found[names[0]], found[names[4]]), (DANE_ONLY, NOTHING), found)
        # Known domains may have found a place; without one they wait. On a busy machine the verdict may be unknown, too.
        self.assert_each({name: found[name] for name in names[1:4]},
                         lambda name, reply: reply in (DANE_ONLY, SORTS[sort_of(name)].unknown) or
                         reply.startswith(TROUBLE))
        self.assert_each(self.ask(names[2:4], "sts"), self.is_secure)


if __name__ == "__main__":
    unittest.main()
