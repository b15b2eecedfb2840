"""A restart, a slow DNS and too many questions at once: nothing of it lets anybody switch DANE off."""

import signal
import unittest

from dane_world import DANE, DANE_ONLY, FAULTS, NOTHING, SIGNED, TROUBLE, UNSIGNED, World, is_secure, refused, sent
from lab import bad_dns as bad
from lab.bad_dns import Fault


class Restart(World):
    def restart(self, faults: dict[str, Fault], *, how: signal.Signals = signal.SIGKILL) -> None:
        """End `serve` in the middle of whatever it does, and start it when the attacker spoils these names."""
        self.server.stop(how)
        for name, fault in faults.items():
            self.attacker.spoil(name, fault)
        self.server.start()

    def assert_holds_on(self, how: signal.Signals, faults: dict[str, Fault]) -> None:
        """Learn, restart, and see what is replied and delivered when nobody learns anything any more."""
        known = {"bound": DANE_ONLY, "enforced": DANE_ONLY, "testing": DANE_ONLY, "bare": NOTHING, "plain": NOTHING}
        names = [name for name in self.domains if not name.startswith("new")]
        self.assert_each(self.learn(names), lambda name, reply: reply == known.get(name.partition("-")[0])
                         or (name.startswith("sts") and is_secure(name, reply)))
        self.restart(faults, how=how)

        def is_held_on_to(name: str, reply: str) -> bool:
            if name.startswith("sts"):
                return is_secure(name, reply)
            if name.startswith(("bare", "plain", "new-bound")):
                return reply == DANE or (name.startswith("plain") and reply == NOTHING)
            return reply.startswith(TROUBLE) if name.startswith("new") else reply == DANE_ONLY

        with self.subTest("replies"):
            self.assert_each(self.ask(self.domains), is_held_on_to)
        with self.subTest("mail"):
            outcomes = self.outcomes(self.sender, [name for name in self.domains if not name.startswith("sts")])
            self.assert_each(outcomes, lambda name, outcome:
                             sent(name, outcome) if name.startswith(("bare", "plain"))
                             else refused(name, outcome) or (name.startswith("new-listed") and outcome != "sent"))

    def add_all(self, label: str) -> None:
        self.add(f"bound-{label}", "plain")
        self.add(f"enforced-{label}", "wrong", mta_sts="enforce")
        self.add(f"testing-{label}", "plain", mta_sts="testing")
        self.add(f"bare-{label}", "plain", tlsa=False)
        self.add(f"sts-{label}", "right", tlsa=False, mta_sts="enforce")
        self.add(f"plain-{label}", "plain", tlsa=False, zone=UNSIGNED)

    def test_a_restart_forgets_nothing_when_each_domain_is_spoilt_in_its_own_way(self) -> None:
        for fault in FAULTS:
            self.add_all(fault)
        self.start()
        self.assert_holds_on(signal.SIGKILL, {name: FAULTS[name.partition(".")[0].partition("-")[2]]
                                              for name in self.domains})

    def test_a_restart_forgets_nothing_when_the_whole_dns_is_silent(self) -> None:
        self.add_all("silent")
        self.add("new-bound", "plain")
        self.add("new-listed", "plain", listed=True)
        self.start()
        self.assert_holds_on(signal.SIGTERM, {"*": bad.silent})


class Slow(World):
    """The right answers, but too late to be waited for."""

    def test_dane_is_waited_for_where_only_a_policy_is_known(self) -> None:
        testing = self.add("testing", "plain", mta_sts="testing")
        enforced = self.add("enforced", "plain", mta_sts="enforce")
        listed = self.add("listed", "plain", listed=True)
        self.start(dns_timeout=10)
        domains = (testing, enforced, listed)
        for domain in domains[:2]:
            self.assertEqual(self.configuration.tool("sts", "fetch", domain.name).returncode, 0)
        for domain in domains:
            self.spoil(domain, "MX", bad.delayed(1.2))
            self.spoil(domain, "TLSA", bad.delayed(1.2))
        names = [domain.name for domain in domains]
        self.assertEqual(self.ask(names), dict.fromkeys(names, DANE_ONLY))
        self.assert_each(self.outcomes(self.sender, names), refused)

    def test_what_is_not_known_at_the_end_of_patience_is_tried_again(self) -> None:
        late = [self.add("bound", "plain"), self.add("testing", "plain", mta_sts="testing"),
                self.add("enforced", "plain", mta_sts="enforce"), self.add("listed", "plain", listed=True)]
        self.start(dns_timeout=5, answer_timeout=1)
        for domain in late:
            if domain.name.startswith(("testing", "enforced")):
                self.assertEqual(self.configuration.tool("sts", "fetch", domain.name).returncode, 0)
            self.spoil(domain, "MX", bad.silent)
        names = [domain.name for domain in late]
        self.assert_each(self.ask(names), lambda _, reply: reply.startswith(TROUBLE))
        self.assertEqual(self.ask(names[2:], "sts"), {name: f"OK secure match=mx.{name} servername=hostname"
                                                      for name in names[2:]})

    def test_what_was_known_is_replied_at_the_end_of_patience(self) -> None:
        known = [self.add("bound", "plain"), self.add("enforced", "plain", mta_sts="enforce"),
                 self.add("bare", "plain", tlsa=False), self.add("sts", "right", tlsa=False, mta_sts="enforce")]
        self.start(dns_timeout=3, answer_timeout=1.5, clock=True)
        names = [domain.name for domain in known]
        self.learn(names)
        for domain in known:
            self.spoil(domain, "MX", bad.silent)
        self.advance(61)
        found = self.ask(names)
        self.assertEqual(found, {names[0]: DANE_ONLY, names[1]: DANE_ONLY, names[2]: DANE, names[3]: found[names[3]]})
        self.assertTrue(found[names[3]].startswith(TROUBLE) or is_secure(names[3], found[names[3]]), found)


class Busy(World):
    def test_a_busy_server_lets_nobody_go_unprotected(self) -> None:
        self.add("kept", "plain", mta_sts="testing")
        self.add("testing", "plain", mta_sts="testing")
        self.add("enforced", "plain", mta_sts="enforce")
        self.add("listed", "plain", listed=True)
        self.add("overridden", "plain")
        names = list(self.domains)
        busy = [self.add(f"busy-{number}", "plain").name for number in range(4)]
        self.start(dns_timeout=8, answer_timeout=1, max_lookups=len(busy), overrides=f"overridden.{SIGNED} none\n")
        self.assertEqual(self.server.ask("postfix", f"kept.{SIGNED}"), DANE_ONLY)
        for name in names[1:3]:
            self.assertEqual(self.configuration.tool("sts", "fetch", name).returncode, 0)
        self.restart_without_table()
        for name in busy:
            self.attacker.spoil(name, bad.silent)
        # Their examinations go on after these replies.
        self.assert_each(self.ask(busy), lambda _, reply: reply.startswith(TROUBLE))
        found = self.ask(names)
        self.assertEqual((found[names[0]], found[names[4]]), (DANE_ONLY, NOTHING), found)
        self.assert_each({name: found[name] for name in names[1:4]}, lambda _, reply: reply.startswith(TROUBLE))
        self.assert_each(self.ask(names[2:4], "sts"), is_secure)
        self.assertEqual(self.server.metrics()["starttls_listtool_under_way"], len(busy))

    def restart_without_table(self) -> None:
        self.server.stop()
        self.server.start()


if __name__ == "__main__":
    unittest.main()
