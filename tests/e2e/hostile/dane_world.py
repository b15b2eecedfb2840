"""Domains with DANE, an attacker between `serve` and its name server, and mail servers that deliver.

    serve --> BadDns, the attacker --> Knot, a signed tree <-- Unbound, which validates <-- Postfix

The attacker spoils the answers to the questions of `serve`. The MX hosts are the attacker's, too: they offer no TLS, or
present a certificate that their TLSA records do not name. The questions of Postfix get the right answers.

A second Postfix without a map and with `smtp_tls_security_level = dane` is the reference: mail that it refuses must not
go out through `serve`, and mail that it delivers must not wait.
"""

import dataclasses
import datetime
import itertools
import time
import unittest
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import Lab, wait
from lab import bad_dns as bad
from lab.bad_dns import BadDns, Fault, Question, record, wire_name
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer
from lab.postfix import Receiver, Sender
from lab.resolver import Resolver

SIGNED, UNSIGNED = "signed.test", "unsigned.test"  # the zones in which most domains are
DNS_TIMEOUT = 1  # seconds; of [dns] in the configuration of serve
PATIENT = 15  # the same, for tests that wait for no such timeout: a busy machine answers late
TOO_LATE = DNS_TIMEOUT + 1.5  # seconds
RETRY_AFTER = 61  # seconds, after which `serve` looks up again what it could not find out
DELIVERY_TIMEOUT = RIGHT_TIMEOUT = 180  # seconds; for a message, and for all replies, on a busy machine
NOTHING, DANE, DANE_ONLY = "NOTFOUND ", "OK dane", "OK dane-only"
TROUBLE = "TEMP "  # the reason follows
SECURE = "OK secure match={host} servername=hostname"
ATTACKER = f"mx.{UNSIGNED}"  # a host whose zone is not signed

# Record data that the attacker makes up, by type.
_INVENTED: dict[str, bytes] = {
    "MX": b"\0\x05" + wire_name(ATTACKER),
    "A": b"\xc0\0\2\1",
    "AAAA": bytes.fromhex("20010db8") + b"\0" * 11 + b"\1",
    "TLSA": b"\3\1\1" + b"\xee" * 32,
    "CNAME": wire_name(ATTACKER),
    "DNSKEY": b"\1\1\3\x0d" + b"\xee" * 64,
    "DS": b"\x12\x34\x0d\2" + b"\xee" * 32,
}
_SIGNED_UNTIL, _SIGNED_SINCE = 0x7FFF0000, 0x5E000000  # in 2038, in 2019


def invented(question: Question) -> list[bytes] | None:
    """A record without a signature."""
    if question.type not in _INVENTED:
        return None
    return [question.answer(answers=[record(question.name, question.type, _INVENTED[question.type])])]


def falsely_signed(question: Question) -> list[bytes] | None:
    """A record with a signature by no key of the zone (RFC 4034 section 3.1)."""
    if question.type not in _INVENTED:
        return None
    zone = next(zone for zone in (SIGNED, UNSIGNED, question.name.partition(".")[2]) if question.name.endswith(zone))
    signature = (bad.TYPES[question.type].to_bytes(2, "big") + b"\x0d" + bytes([question.name.count(".") + 1])
                 + (60).to_bytes(4, "big") + _SIGNED_UNTIL.to_bytes(4, "big") + _SIGNED_SINCE.to_bytes(4, "big")
                 + b"\x12\x34" + wire_name(zone) + b"\xee" * 64)
    return [question.answer(answers=[record(question.name, question.type, _INVENTED[question.type]),
                                     record(question.name, "RRSIG", signature)])]


def alias(question: Question) -> list[bytes]:
    """A CNAME without a signature, to a host of an unsigned zone."""
    return [question.answer(answers=[record(question.name, "CNAME", wire_name(ATTACKER))])]


def no_mail(question: Question) -> list[bytes]:
    """A null MX (RFC 7505) without a signature; for other types an answer without records and without proof."""
    null = [record(question.name, "MX", b"\0\0\0")] if question.type == "MX" else []
    return [question.answer(answers=null)]


# What the attacker does with a question: drop, delay, forge, reset.
FAULTS: dict[str, Fault] = {
    "silent": bad.silent,
    "late": bad.delayed(TOO_LATE),
    "servfail": bad.servfail,
    "invented": invented,
    "falsely-signed": falsely_signed,
    "alias": alias,
    "nxdomain": bad.rcode(3),
    "nodata": no_mail,
    "altered": bad.altered,
    "stripped": bad.without_signatures,
    "replayed": bad.denial_of_another,
    "reset": bad.truncated_then_reset,
}
ONE_OF_EACH = ("silent", "late", "invented", "reset")


@dataclasses.dataclass(frozen=True)
class Domain:
    """A mail domain; `host` is its first MX host, `target` the host of which that is an alias, or the host itself."""
    name: str
    zone: str
    host: str
    target: str

    def questions(self, kind: str) -> list[tuple[str, str | None]]:
        """The questions of this kind that `serve` asks: names and types for BadDns.spoil(); None is every type."""
        return {"MX": [(self.name, "MX")], "A": [(self.host, "A")], "AAAA": [(self.host, "AAAA")],
                "TLSA": [(f"_25._tcp.{self.host}", "TLSA")],
                "CNAME": [(self.host, None)],  # a CNAME answers questions of every type
                "target": [(self.target, None)],
                "DNSKEY": [(self.zone, "DNSKEY")], "DS": [(self.zone, "DS")]}[kind]


KINDS = ("MX", "A", "AAAA", "TLSA", "CNAME", "target", "DNSKEY", "DS")


@dataclasses.dataclass(frozen=True)
class Sort:
    """A kind of domain, and the replies to Postfix about it."""
    options: Mapping[str, object]  # of World.add()
    known: str  # when no answer is spoilt
    kept: str  # when its lookups fail, and a verdict was proven before
    unknown: str  # when its lookups fail, and no verdict is kept
    protected: bool  # whether Postfix at level "dane" refuses its MX host


SORTS = {
    "bound": Sort({"server": "plain"}, DANE_ONLY, DANE_ONLY, DANE, True),
    "enforced": Sort({"server": "wrong", "mta_sts": "enforce"}, DANE_ONLY, DANE_ONLY, TROUBLE, True),
    "testing": Sort({"server": "plain", "mta_sts": "testing"}, DANE_ONLY, DANE_ONLY, DANE, True),
    # An earlier proof that there are no TLSA records says nothing about now: Postfix looks for itself.
    "bare": Sort({"server": "plain", "tlsa": False}, NOTHING, DANE, DANE, False),
    "unsigned": Sort({"server": "plain", "tlsa": False, "zone": UNSIGNED}, NOTHING, DANE, DANE, False),
    "sts": Sort({"server": "plain", "tlsa": False, "mta_sts": "enforce"}, SECURE, SECURE, TROUBLE, True),
    "listed": Sort({"server": "plain", "tlsa": False, "listed": True}, SECURE, SECURE, TROUBLE, True),
}


class World(unittest.TestCase):
    """Add domains, then start(). The MX hosts accept mail for every domain."""

    mail = True  # whether mail is delivered; without it there are no mail servers
    maxDiff = None
    clock: Path | None = None  # the file with the time of `serve`

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.web = HttpsServer(self.lab)
        self.right = self.lab.ca.issue("mx.right.test")
        # The first two are the attacker's: no TLS, and a certificate that no TLSA record names.
        self.addresses = dict.fromkeys(("plain", "wrong", "right"), "192.0.2.1")
        if self.mail:
            certificates = {"plain": None, "wrong": self.lab.ca.issue("mx.wrong.test"), "right": self.right}
            self.addresses = {name: Receiver(self.lab, f"mx.{name}.test", [], certificate,
                                             {"virtual_mailbox_domains": "static:all"}).address
                              for name, certificate in certificates.items()}
        self.zones: dict[str, dict[str, list[str]]] = {".": {}, "test": {}, SIGNED: {}, UNSIGNED: {}}
        self.domains: dict[str, Domain] = {}
        self.lists: dict[str, object] = {}
        self.tables: dict[str, Mapping[str, object]] = {}
        self.zones[UNSIGNED] |= {"mx": [f"A {self.addresses['plain']}"], "*.clock": ["MX 10 mx"]}
        self.clocks = (f"{number}.clock.{UNSIGNED}" for number in itertools.count())

    def tlsa(self, host: str, *, usable: bool = True) -> dict[str, list[str]]:
        """Records that name the right certificate's key, for mail and where the lab's Postfix delivers."""
        data = [f"TLSA {3 if usable else 0} 1 1 {self.right.key_digest()}"]
        return {f"_{port}._tcp.{host}.": data for port in (25, self.lab.smtp_port)}

    def add(self, label: str, server: str, *, tlsa: bool = True, usable: bool = True, zone: str = SIGNED,
            own_zone: bool = False, host_zone: str = "", aliased: str = "", mta_sts: str = "", listed: bool = False,
            second_host: bool = False) -> Domain:
        """A domain LABEL.ZONE, or in a signed zone of its own, with the MX host mx.LABEL.ZONE or mx.LABEL.HOST_ZONE.

        With `aliased`, its MX host is an alias of one in that zone. With `mta_sts`, it has a policy of that mode. A
        second host has no TLSA records.
        """
        name = f"{label}.test" if own_zone else f"{label}.{zone}"
        host = f"mx.{label}.{host_zone}" if host_zone else f"mx.{name}"
        zone = name if own_zone else zone
        records = self.zones.setdefault(zone, {})
        of_host = self.zones[host_zone or zone]
        records[f"{name}."] = [f"MX 10 {host}."]
        address = [f"A {self.addresses[server]}"]
        target = f"host.{label}.{aliased}" if aliased else host
        if aliased:
            of_host[f"{host}."] = [f"CNAME {target}."]
        self.zones[aliased or host_zone or zone][f"{target}."] = address
        if second_host:
            records[f"{name}."] = [f"MX 10 {host}.", f"MX 20 mx2.{name}."]
            records[f"mx2.{name}."] = address
        if tlsa:
            of_host |= self.tlsa(host, usable=usable)
        if mta_sts:
            records |= {f"{of}.{name}.": data for of, data in mta_sts_records(self.web).items()}
            publish(self.lab, self.web, name, policy(mta_sts, host))
        if listed:
            self.lists[name] = {"mode": "enforce", "mxs": [host]}
        self.domains[name] = Domain(name, zone, host, target)
        return self.domains[name]

    def add_sorts(self, label: str) -> list[Domain]:
        """A domain KIND-LABEL of each kind."""
        return [self.add(f"{name}-{label}", **sort.options) for name, sort in SORTS.items()]

    def start(self, *, dns_timeout: float = DNS_TIMEOUT, overrides: str = "", clock: bool = False,
              **settings: object) -> None:
        """Start the name server, the attacker, `serve`, and the Postfix instances; spoil nothing yet.

        With `clock`, the time of `serve` is fixed and moved by advance(), and its resolver caches nothing from one time
        to the next.
        """
        signed = [zone for zone in self.zones if not zone.endswith(UNSIGNED)]
        self.dns = Dns(self.lab, self.zones, signed=signed)
        self.attacker = BadDns(self.lab, self.dns)
        self.configuration = Configuration(self.lab, self.dns, self.web)
        self.configuration.tables["dns"] |= {"servers": [self.attacker.server], "timeout": dns_timeout,
                                             "trust_anchor": self.dns.anchor_of(".")}
        if overrides:
            file = self.configuration.folder / "overrides"
            file.write_text(overrides)
            self.configuration.tables["top"]["overrides"] = file
        if self.lists:
            self.configuration.install(self.lists)
        if clock:
            self.attacker.max_ttl = 0
            self.clock = self.configuration.folder / "clock"
            self._set_clock(datetime.datetime.now(datetime.UTC))
            self.configuration.now = str(self.clock)
        self.server = PolicyServer(self.lab, self.configuration, settings=settings)
        if self.mail:
            self.resolver = Resolver(self.lab, self.dns)
            # The default of smtp_tls_dane_insecure_mx_policy is what smtp_tls_security_level is, not what the map says.
            self.sender = self.postfix({"smtp_tls_policy_maps": f"socketmap:{self.server.postfix('postfix')}",
                                        "smtp_tls_dane_insecure_mx_policy": "dane"})
            self.yardstick = self.postfix({"smtp_tls_security_level": "dane"})

    def postfix(self, parameters: Mapping[str, object]) -> Sender:
        """Another Postfix that can do DANE."""
        return Sender(self.lab, self.resolver, {"smtp_dns_support_level": "dnssec", **parameters})

    def advance(self, seconds: float) -> None:
        """Move the clock of `serve`, by at least the minute that it uses a reply for; on return the new time counts.

        The resolver of `serve` counts real time in whole seconds: it uses a TTL of 0 until the second has ended.
        """
        name = self._known_clock()
        second = int(time.time())
        self.attacker.spoil(name, bad.servfail)
        self._set_clock(self.time + datetime.timedelta(seconds=seconds))
        wait.until(lambda: int(time.time()) > second and self.server.ask("postfix", name) != NOTHING)

    def _known_clock(self) -> str:
        """A domain that was looked up just now, and demands nothing."""
        asked = []

        def is_known() -> bool:
            asked.append(next(self.clocks))
            return self.server.ask("postfix", asked[-1]) == NOTHING

        wait.until(is_known, RIGHT_TIMEOUT)
        return asked[-1]

    def _set_clock(self, now: datetime.datetime) -> None:
        self.time = now
        draft = self.clock.with_suffix(".draft")
        draft.write_text(now.isoformat() + "\n")
        draft.rename(self.clock)

    def spoil(self, domain: Domain, kind: str, fault: Fault) -> None:
        for name, type_name in domain.questions(kind):
            self.attacker.spoil(name, fault, type_name)

    def ask(self, names: Iterable[str], dialect: str = "postfix") -> dict[str, str]:
        """The replies about domains, asked at the same time, each on a connection of its own."""
        return in_parallel(lambda name: self.server.ask(dialect, name), names)

    def learn(self, names: Iterable[str]) -> None:
        """Ask while no answer is spoilt, until each reply is that of a known domain."""
        self.ask_until_right(names, lambda name, reply: self.is_in_state(name, reply, "known"))

    def ask_until_right(self, names: Iterable[str], is_right: Callable[[str, str], bool],
                        dialect: str = "postfix") -> None:
        """Ask a few at a time, until each reply is right.

        Where a busy machine has not answered in time, `serve` asks again a minute later, by its clock.
        """
        def wrong() -> dict[str, str]:
            replies = in_parallel(lambda name: self.server.ask(dialect, name), names, threads=8)
            found = {name: reply for name, reply in replies.items() if not is_right(name, reply)}
            if found and self.clock:
                self.advance(RETRY_AFTER)
            return found

        wait.until_equal(wrong, {}, RIGHT_TIMEOUT)

    def wait_for_reply(self, name: str, reply: str, timeout: float = wait.PATIENCE) -> None:
        """Ask until this is the reply: an earlier verdict about DANE may count while it is looked up again."""
        wait.until_equal(lambda: self.server.ask("postfix", name), reply, timeout)

    def outcomes(self, sender: Sender, names: Iterable[str]) -> dict[str, str]:
        """The result of a message to each of the domains: "sent", or another status and its reason."""
        queued = in_parallel(lambda name: sender.submit("alice@sender.test", f"bob@{name}"), names, threads=4)
        found = {}
        for name, queue_id in queued.items():
            delivery = sender.outcome(queue_id, DELIVERY_TIMEOUT)
            found[name] = delivery.status if delivery.status == "sent" else delivery.line.partition(" status=")[2]
        return found


    def assert_each(self, found: Mapping[str, str], is_right: Callable[[str, str], bool]) -> None:
        """Fail with everything that is wrong, by domain."""
        self.assertEqual({name: what for name, what in found.items() if not is_right(name, what)}, {})

    def is_secure(self, name: str, reply: str) -> bool:
        """Whether the reply is what the MTA-STS policy or the list enforces."""
        return reply == SECURE.format(host=self.domains[name].host)

    def assert_state(self, replies: Mapping[str, str], state: str) -> None:
        """Each domain, named after its kind, gets the reply of this state: "known", "kept" or "unknown"."""
        self.assert_each(replies, lambda name, reply: self.is_in_state(name, reply, state))

    def is_in_state(self, name: str, reply: str, state: str) -> bool:
        sort = sort_of(name)
        expected = getattr(SORTS[sort], state).format(host=self.domains[name].host)
        # Forged answers about an unsigned zone count like the right ones.
        return (reply.startswith(expected) if expected == TROUBLE else reply == expected) or (
            sort == "unsigned" and reply == NOTHING)


def sort_of(name: str) -> str:
    return name.partition(".")[0].partition("-")[0]


def sent(_: str, outcome: str) -> bool:
    """Whether the mail was delivered."""
    return outcome == "sent"


def refused(_: str, outcome: str) -> bool:
    """Whether the mail waits because of what the MX host presents, and not because of anything else."""
    return outcome.startswith("deferred") and ("certificate not" in outcome or "TLS is required" in outcome)


def right_outcome(name: str, outcome: str) -> bool:
    """Whether a domain named after its kind gets its mail exactly if it should."""
    return (refused if SORTS[sort_of(name)].protected else sent)(name, outcome)


def in_parallel(action: Callable[[str], str], names: Iterable[str], threads: int = 0) -> dict[str, str]:
    """The result of the action for each name; one thread for each name unless the number of threads is given."""
    names = list(names)
    with ThreadPoolExecutor(threads or len(names)) as pool:
        return dict(zip(names, pool.map(action, names), strict=True))
