"""Why another program may differ from `check`: each difference needs one of these rules, or it is a fault.

A rule is about the question of one program, at the servers for which it has a reason, and says what the program may
answer there: nothing else is explained by it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from readings import Answer

EVERYWHERE = ""
# Servers whose only key is on P-256, with OpenSSL.
WITH_EC_KEY = "default expired incomplete disorder name anchor nginx"


@dataclass(frozen=True)
class Difference:
    program: str
    server: str
    question: str  # of readings.py
    ours: Answer
    theirs: Answer

    def __str__(self) -> str:
        def shown(answer: Answer) -> str:
            return "cannot tell" if answer is None else ", ".join(sorted(answer)) or "nothing"

        return f"{self.server}: {self.question}: check: {shown(self.ours)}; {self.program}: {shown(self.theirs)}"


@dataclass(frozen=True)
class Rule:
    name: str
    why: str
    program: str
    questions: str  # separated by "|"
    servers: str  # names, separated by spaces; EVERYWHERE
    explains: Callable[[Difference], bool]

    def is_about(self, difference: Difference) -> bool:
        return (difference.program == self.program
                and difference.question in self.questions.split("|")
                and (self.servers == EVERYWHERE or difference.server in self.servers.split())
                and self.explains(difference))


def cannot_tell(difference: Difference) -> bool:
    return difference.theirs is None


def answers(*words: str) -> Callable[[Difference], bool]:
    return lambda difference: difference.theirs == frozenset(words)


RULES = (
    Rule("one group at a time",
         "sslscan offers a single group, and before TLS 1.3 OpenSSL uses a key on P-256 only for a client that offers "
         "P-256 (RFC 8422 section 5.1)",
         "sslscan", "groups TLSv1.2", WITH_EC_KEY, answers("secp256r1")),
    Rule("no zlib",
         "Debian's sslscan cannot compress, so it does not ask",
         "sslscan", "compression", EVERYWHERE, cannot_tell),
    Rule("old handshakes",
         "by default, Debian's OpenSSL refuses the signatures of TLS 1.0, also in posttls-finger",
         "posttls-finger", "problems", "old", cannot_tell),
    Rule("old handshakes",
         "by default, Debian's OpenSSL refuses the signatures of TLS 1.0",
         "openssl s_client", "problems", "old", cannot_tell),
    Rule("old handshakes",
         "testssl.sh gives up where Debian's openssl cannot connect",
         "testssl.sh", "versions", "old", cannot_tell),
    Rule("names of DANE-EE",
         "ldns-dane compares names also for DANE-EE, which RFC 7672 section 3.1.1 excludes",
         "ldns-dane", "dane", "name", answers("fails")),
    Rule("strength",
         "testssl.sh verifies a chain whatever the size of its keys and the hash of its signatures, which are lines of "
         "their own",
         "testssl.sh", "problems", "small", answers()),
    Rule("both certificates",
         "testssl.sh gets a certificate of each kind of key; check judges the one that a sender of today gets",
         "testssl.sh", "key", "double", answers("EC P-256", "RSA 2048")),
    Rule("DHE of GnuTLS",
         "testssl.sh finds no DHE suite of GnuTLS before TLS 1.2; sslscan finds it, as check does",
         "testssl.sh", "suites TLSv1|suites TLSv1.1", "exim-old",
         answers("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA")),
)


def rule_for(difference: Difference) -> Rule | None:
    return next((rule for rule in RULES if rule.is_about(difference)), None)
