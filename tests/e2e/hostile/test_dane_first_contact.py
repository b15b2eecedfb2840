"""Who stands between `serve` and the DNS when it hears of a domain for the first time switches DANE off for no message."""

import unittest

from dane_world import DANE, DANE_ONLY, FAULTS, KINDS, NOTHING, SIGNED, TROUBLE, UNSIGNED, World, is_secure, refused, sent


def expected(name: str) -> str:
    """The reply about an honest domain whose DNS nobody spoils."""
    return DANE_ONLY if name.startswith("bound") else NOTHING


# In which zone the MX host's other name is, where it is an alias.
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
        self.start()
        self.assertEqual(self.ask(usual), dict.fromkeys(usual, DANE_ONLY))
        for domain, kind, fault in attacked.values():
            self.spoil(domain, kind, FAULTS[fault])

        replies = self.ask(attacked)
        with self.subTest("replies"):
            # A host with an address of one kind is a host, whatever is said of the other kind. Answers of a zone that is
            # not signed can be forged, but do not take away the TLSA records of an alias.
            self.assert_each(replies, lambda name, reply: reply == DANE or (reply == DANE_ONLY and attacked[name][1] in
                                                                            ("AAAA", "target")))
        for sender, names in ((self.sender, [*attacked, *usual]), (self.yardstick, usual)):
            with self.subTest("mail", sender=sender.folder.name):
                self.assert_each(self.outcomes(sender, names), refused)

    def test_no_message_goes_out_unprotected_when_the_keys_of_the_root_are_spoilt(self) -> None:
        bound = self.add("bound", "plain")
        listed = self.add("listed", "wrong", listed=True)
        self.start()
        for fault in FAULTS:
            with self.subTest(fault):
                self.attacker.spoil("", FAULTS[fault], "DNSKEY")
                self.server.stop()
                self.server.start()
                replies = self.ask([bound.name, listed.name])
                self.assertEqual(replies[bound.name], DANE)
                # Where nobody can validate, Postfix cannot either, and does what the list says.
                self.assertTrue(replies[listed.name].startswith(TROUBLE) or is_secure(listed.name, replies[listed.name]))
                self.assert_each(self.outcomes(self.sender, [bound.name]), refused)

    def test_no_mail_is_held_that_postfix_alone_delivers(self) -> None:
        honest = {}
        for kind in ("MX", "A", "AAAA", "TLSA", "CNAME"):
            for fault in FAULTS:
                label = f"{kind.lower()}-{fault}"
                alias = SIGNED if kind == "CNAME" else ""
                for domain in (self.add(f"bound-{label}", "right", aliased=alias),
                               self.add(f"bare-{label}", "plain", tlsa=False, aliased=alias),
                               self.add(f"plain-{label}", "plain", tlsa=False, zone=UNSIGNED,
                                        aliased=UNSIGNED if alias else "")):
                    honest[domain.name] = (domain, kind, fault)
        usual = [self.add("bound", "right").name, self.add("bare", "plain", tlsa=False).name,
                 self.add("plain", "plain", tlsa=False, zone=UNSIGNED).name]
        self.start()
        self.assert_each(self.ask(usual), lambda name, reply: reply == expected(name))
        for domain, kind, fault in honest.values():
            self.spoil(domain, kind, FAULTS[fault])

        replies = self.ask(honest)
        with self.subTest("replies"):
            self.assert_each(replies, lambda name, reply: reply == DANE or reply == expected(name))
        # Postfix, whose own DNS nobody spoils, does the same with the same reply.
        alike = {(name.partition("-")[0], reply): name for name, reply in replies.items()}
        for sender in (self.sender, self.yardstick):
            with self.subTest("mail", sender=sender.folder.name):
                self.assert_each(self.outcomes(sender, [*alike.values(), *usual]), sent)


if __name__ == "__main__":
    unittest.main()
