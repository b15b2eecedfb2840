"""What is replied for each state of DANE, beside each state of MTA-STS and lists, to each kind of mail server.

The table is in listtool.toml(5), [serve]; here it is written out once more.
"""

import unittest

from dane_world import DANE, DANE_ONLY, NOTHING, SIGNED, TROUBLE, UNSIGNED, World
from lab import bad_dns as bad

DIALECTS = ("postfix", "QUERYwithTLSRPT", "sts")
OVERRIDE = "mx.override.test"
# What MTA-STS, a list or the operator say of the domain.
ENFORCING = {"enforce": {"mta_sts": "enforce"}, "listed": {"listed": True}}
OTHERS = {"nobody": {}, "testing": {"mta_sts": "testing"}, "never": {"mta_sts": "none"}}
# What is so of DANE: reply where nothing else enforces, reply where something does.
SECURE = "OK secure match={host} servername=hostname"
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
}


class Table(World):
    def add_all(self, standings: dict[str, tuple[str, str]]) -> str:
        """Domains STANDING-SOURCE; the overrides for those that have one."""
        for standing in standings:
            for source, options in {**ENFORCING, **OTHERS, "override": {}}.items():
                self.add(f"{standing}-{source}", "plain", tlsa=standing not in ("none", "unsigned", "bare-alias"),
                         usable=standing != "unusable", aliased=UNSIGNED if standing.endswith("alias") else "", zone=UNSIGNED if standing == "unsigned" else SIGNED,
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
                # Nothing but why mail has to wait, and what Postfix is to report, comes after it.
                more = expected == TROUBLE or (dialect == "QUERYwithTLSRPT" and expected.startswith("OK secure"))
                return reply.startswith(expected) if more else reply == expected

            with self.subTest(dialect):
                self.assert_each(self.ask(self.domains, dialect), is_right)

    def test_every_row(self) -> None:
        overrides = self.add_all(TABLE)
        self.start(postfix=False, overrides=overrides)
        self.spoil_all()
        self.assert_replies(TABLE)

    def test_every_row_where_the_operator_wants_no_dane(self) -> None:
        table = dict.fromkeys(TABLE, (NOTHING, SECURE))
        overrides = self.add_all(table)
        self.start(postfix=False, overrides=overrides, dane=False)
        self.spoil_all()
        self.assert_replies(table)

    def test_a_resolver_that_takes_away_the_signatures(self) -> None:
        """Who strips them on the way cannot have mail go out weaker than Postfix would send it by itself."""
        table = dict.fromkeys(("all", "some", "none", "unsigned"), (DANE, SECURE))
        overrides = self.add_all(table)
        self.start(postfix=False, overrides=overrides)
        self.attacker.spoil("*", bad.without_signatures)
        self.server.stop()
        self.server.start()
        self.server.process.stderr.wait_for("signatures")
        self.assert_replies(table)


if __name__ == "__main__":
    unittest.main()
