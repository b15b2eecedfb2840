"""An attacker on the path to the DNS cannot switch DANE off for a domain that `serve` looks up for the first time."""

import unittest

from dane_world import (DANE, DANE_ONLY, FAULTS, KINDS, ONE_OF_EACH, SIGNED, SORTS, TROUBLE, UNSIGNED, World, refused,
                        sent, sort_of)
from lab import bad_dns as bad


# For a busy machine the questions about all domains at once may be too many.
BUSY = f"{TROUBLE}no answer yet, and others wait for their turn"
# The zone of the host that the MX host is an alias of.
ALIASED = {"CNAME": SIGNED, "target": UNSIGNED}


class FirstContact(World):
    def test_no_message_goes_out_unprotected_whatever_question_is_spoilt(self) -> None:
        attacked = {}
        for kind in KINDS:
            for number, fault in enumerate(FAULTS):
                domain = self.add(f"{kind.lower()}-{fault}", ("plain", "wrong")[number % 2],
                                  own_zone=kind in ("DNSKEY", "DS"), aliased=ALIASED.get(kind, ""))
                attacked[domain.name] = (domain, kind, fault)
        usual = [self.add(server, server).name for server in ("plain", "wrong")]
        # Postfix at level "dane" also looks for TLSA records of hosts that unsigned MX records name.
        behind = [self.add(f"behind-{what}", "wrong", zone=UNSIGNED, host_zone=SIGNED) for what in ("all", "spoilt")]
        usual += [domain.name for domain in behind]
        self.start()
        self.spoil(behind[1], "target", bad.silent)
        expected = dict(zip(usual, (DANE_ONLY, DANE_ONLY, DANE, DANE), strict=True))
        self.ask_until_right(usual, lambda name, reply: reply == expected[name])
        for domain, kind, fault in attacked.values():
            self.spoil(domain, kind, FAULTS[fault])

        replies = self.ask(attacked)
        with self.subTest("replies"):
            # The truth can be known all the same: from an address of the other kind, from one that came with the MX
            # record, and from an alias whose target is spoilt.
            self.assert_each(replies, lambda name, reply: reply in (DANE, BUSY) or (
                reply == DANE_ONLY and attacked[name][1] in ("A", "AAAA", "target")))
        for sender, names in ((self.sender, [*attacked, *usual]), (self.yardstick, usual)):
            with self.subTest("mail", sender=sender.folder.name):
                self.assert_each(self.outcomes(sender, names), refused)

    def test_no_message_goes_out_unprotected_when_the_keys_of_the_root_are_spoilt(self) -> None:
        bound = self.add("bound", "plain")
        listed = self.add("listed", "wrong", listed=True)
        self.start()
        for fault in (*ONE_OF_EACH, "nodata", "stripped"):
            with self.subTest(fault):
                self.attacker.spoil("", FAULTS[fault], "DNSKEY")
                self.server.stop()
                self.server.start()
                replies = self.ask([bound.name, listed.name])
                self.assertEqual(replies[bound.name], DANE)
                # A resolver that leaves out signatures cannot serve Postfix either: what the list enforces counts.
                self.assertTrue(replies[listed.name].startswith((TROUBLE, "OK secure match=")), replies)
                self.assert_each(self.outcomes(self.sender, [bound.name]), refused)

    def test_level_dane_with_the_map_is_for_all_that_serve_does_not_look_up(self) -> None:
        """As the README describes: names that are no domain names, and next-hops that the operator configures."""
        odd = self.add("under_score", "wrong").name
        usual = self.add("usual", "wrong")
        self.start()
        sender = self.postfix({"smtp_tls_policy_maps": f"socketmap:{self.server.postfix('postfix')}",
                               "smtp_tls_security_level": "dane"})
        self.assert_each(self.outcomes(sender, [odd]), refused)
        sender.set("relayhost", f"[{usual.host}]")
        self.assert_each(self.outcomes(sender, ["anybody.test"]), refused)

    def test_a_level_that_is_stricter_than_dane_is_not_lowered(self) -> None:
        """With wait_for_dane: level "dane" would deliver in plaintext, since the zone is not signed."""
        attacked = self.add("unsigned-attacked", "plain", tlsa=False, zone=UNSIGNED)
        usual = self.add("unsigned-usual", "plain", tlsa=False, zone=UNSIGNED)
        self.start(wait_for_dane=True)
        self.spoil(attacked, "MX", bad.silent)
        sender = self.postfix({"smtp_tls_policy_maps": f"socketmap:{self.server.postfix('postfix')}",
                               "smtp_tls_security_level": "encrypt"})
        found = self.outcomes(sender, [attacked.name, usual.name])
        # So Postfix reports that it got no policy for now.
        self.assertEqual(found[attacked.name], "deferred (client TLS configuration problem)")
        self.assertTrue(self.server.ask("postfix", attacked.name).startswith(TROUBLE))
        self.assertTrue(refused(usual.name, found[usual.name]), found)

    def test_no_mail_is_deferred_that_postfix_alone_delivers(self) -> None:
        honest = {}
        for kind in ("MX", "A", "AAAA", "TLSA", "CNAME"):
            for fault in ONE_OF_EACH:
                label = f"{kind.lower()}-{fault}"
                is_alias = kind == "CNAME"
                for domain in (self.add(f"bound-{label}", "right", aliased=SIGNED if is_alias else ""),
                               self.add(f"bare-{label}", "plain", tlsa=False, aliased=SIGNED if is_alias else ""),
                               self.add(f"unsigned-{label}", "plain", tlsa=False, zone=UNSIGNED,
                                        aliased=UNSIGNED if is_alias else "")):
                    honest[domain.name] = (domain, kind, fault)
        usual = [self.add("bound", "right").name, self.add("bare", "plain", tlsa=False).name,
                 self.add("unsigned", "plain", tlsa=False, zone=UNSIGNED).name]
        self.start()
        self.learn(usual)
        for domain, kind, fault in honest.values():
            self.spoil(domain, kind, FAULTS[fault])

        replies = self.ask(honest)
        with self.subTest("replies"):
            self.assert_each(replies, lambda name, reply: reply in (DANE, SORTS[sort_of(name)].known))
        # The DNS of Postfix is never spoilt, so the kind of the domain and the reply decide.
        alike = {(sort_of(name), reply): name for name, reply in replies.items()}
        for sender in (self.sender, self.yardstick):
            with self.subTest("mail", sender=sender.folder.name):
                self.assert_each(self.outcomes(sender, [*alike.values(), *usual]), sent)


if __name__ == "__main__":
    unittest.main()
