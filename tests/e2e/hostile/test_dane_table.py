"""The reply for each state of DANE combined with each state of MTA-STS, lists and overrides, to each kind of mail
server.

The table is in starttls-listtool-serve(1), DANE.
"""

import unittest

from dane_world import DANE, DANE_ONLY, NOTHING, PATIENT, SECURE, SIGNED, TROUBLE, UNSIGNED, World
from lab import bad_dns as bad

DIALECTS = ("postfix", "QUERYwithTLSRPT", "sts")
OVERRIDE = "mx.override.test"
# Other policies of the domain; the options of World.add().
ENFORCING = {"enforce": {"mta_sts": "enforce"}, "listed": {"listed": True}}
OTHERS = {"nobody": {}, "testing": {"mta_sts": "testing"}, "never": {"mta_sts": "none"}}
# By the state of DANE: the reply if no other source enforces, and if MTA-STS or a list does.
TABLE = {
    "all": (DANE_ONLY, DANE_ONLY),
    "some": (DANE, DANE),
    "unusable": (DANE, SECURE),
    "none": (NOTHING, SECURE),
    "unsigned": (NOTHING, SECURE),
    "failing": (DANE, SECURE),
    "unknown": (DANE, TROUBLE),
    "bogus": (DANE, TROUBLE),
    "no-host-known": (DANE, TROUBLE),
    # RFC 7672 section 2.2.2: the host is a signed alias of one in a zone that is not signed.
    "alias": (DANE_ONLY, DANE_ONLY),
    "bare-alias": (NOTHING, SECURE),
    # The MX set is not signed, but its host is, and has TLSA records: smtp_tls_dane_insecure_mx_policy decides.
    "behind": (DANE, SECURE),
}


class Table(World):
    mail = False

    def add_all(self, standings: dict[str, tuple[str, str]]) -> str:
        """Add the domains STANDING-SOURCE; the text of the overrides."""
        for standing in standings:
            for source, options in {**ENFORCING, **OTHERS, "override": {}}.items():
                self.add(f"{standing}-{source}", "plain", tlsa=standing not in ("none", "unsigned", "bare-alias"),
                         usable=standing != "unusable", aliased=UNSIGNED if standing.endswith("alias") else "",
                         zone=UNSIGNED if standing in ("unsigned", "behind") else SIGNED,
                         host_zone=SIGNED if standing == "behind" else "",
                         second_host=standing in ("some", "failing"), **options)
        return "".join(f"{name} enforce {OVERRIDE}\n" for name in self.domains if "-override" in name)

    def spoil_all(self) -> None:
        spoilt = {"failing": ("TLSA", bad.servfail), "unknown": ("MX", bad.servfail), "bogus": ("MX", bad.altered),
                  "no-host-known": ("TLSA", bad.servfail)}
        for name, domain in self.domains.items():
            standing = name.partition(".")[0].rpartition("-")[0]
            if standing in spoilt:
                self.spoil(domain, *spoilt[standing])

    def assert_replies(self, standings: dict[str, tuple[str, str]], *, sendmail: bool = True) -> None:
        for dialect in DIALECTS if sendmail else DIALECTS[:2]:
            def is_right(name: str, reply: str, dialect: str = dialect) -> bool:
                standing, _, source = name.partition(".")[0].rpartition("-")
                enforced = source in ENFORCING
                expected = standings[standing][enforced]
                if dialect == "sts":
                    expected = SECURE if enforced else NOTHING
                if source == "override":
                    expected, host = SECURE, OVERRIDE
                else:
                    host = self.domains[name].host
                expected = expected.format(host=host)
                # The reason why mail waits, and attributes for the TLS reports of Postfix, follow.
                more = expected == TROUBLE or (dialect == "QUERYwithTLSRPT" and expected.startswith("OK secure"))
                return reply.startswith(expected) if more else reply == expected

            with self.subTest(dialect):
                self.ask_until_right(self.domains, is_right, dialect)

    def test_every_row(self) -> None:
        overrides = self.add_all(TABLE)
        self.start(dns_timeout=PATIENT, clock=True, overrides=overrides)
        self.spoil_all()
        self.assert_replies(TABLE)

    def test_mail_waits_if_dane_cannot_be_looked_up(self) -> None:
        """The setting for a Postfix whose own level is stricter than "dane"."""
        table = TABLE | dict.fromkeys(("unknown", "bogus", "no-host-known"), (TROUBLE, TROUBLE)) | {
            "failing": (TROUBLE, SECURE), "behind": (NOTHING, SECURE), "some": (DANE_ONLY, DANE_ONLY),
            "unusable": (NOTHING, SECURE)}
        overrides = self.add_all(table)
        self.start(dns_timeout=PATIENT, clock=True, overrides=overrides, wait_for_dane=True)
        self.spoil_all()
        self.assert_replies(table)

    def test_mail_waits_if_the_resolver_leaves_out_the_signatures(self) -> None:
        table = dict.fromkeys(("all", "none", "unsigned"), (TROUBLE, SECURE))
        self.assert_replies_without_signatures(table, wait_for_dane=True)

    def test_dane_is_switched_off(self) -> None:
        table = dict.fromkeys(TABLE, (NOTHING, SECURE))
        overrides = self.add_all(table)
        self.start(dns_timeout=PATIENT, clock=True, overrides=overrides, dane=False)
        self.spoil_all()
        self.assert_replies(table)

    def test_a_resolver_that_leaves_out_the_signatures(self) -> None:
        table = dict.fromkeys(("all", "some", "none", "unsigned"), (DANE, SECURE))
        self.assert_replies_without_signatures(table)

    def assert_replies_without_signatures(self, table: dict[str, tuple[str, str]], **settings: object) -> None:
        """The attacker removes them from the start of `serve` on."""
        overrides = self.add_all(table)
        self.start(dns_timeout=PATIENT, clock=True, overrides=overrides, **settings)
        self.attacker.spoil("*", bad.without_signatures)
        self.server.stop()
        self.server.start()
        self.server.process.stderr.wait_for("signatures")
        self.assert_replies(table)


if __name__ == "__main__":
    unittest.main()
