"""Domains with DANE, an attacker between `serve` and its name server, and mail servers that deliver.

    serve --> BadDns, the attacker --> Knot, a signed tree <-- Unbound, which validates <-- Postfix

The attacker spoils what `serve` asks, and holds the MX hosts, too: they offer no TLS, or present a certificate that their
TLSA records do not name. What Postfix itself asks is answered rightly. The yardstick is a second Postfix that has no map and
`smtp_tls_security_level = dane`.
"""

import dataclasses
import datetime
import time
import unittest
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from lab import Lab
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
TOO_LATE = DNS_TIMEOUT + 1.5
PATIENCE = 60  # seconds for a delivery, on a busy machine
NOTHING, DANE, DANE_ONLY = "NOTFOUND ", "OK dane", "OK dane-only"
TROUBLE = "TEMP "  # and why
ATTACKER = f"mx.{UNSIGNED}"  # a host whose zone is not signed

# Data that the attacker makes up for each type.
_INVENTED: dict[str, bytes] = {
    "MX": b"\0\x05" + wire_name(ATTACKER),
    "A": b"\xc0\0\2\1",
    "AAAA": bytes.fromhex("20010db8") + b"\0" * 11 + b"\1",
    "TLSA": b"\3\1\1" + b"\xee" * 32,
    "CNAME": wire_name(ATTACKER),
    "DNSKEY": b"\1\1\3\x0d" + b"\xee" * 64,
    "DS": b"\x12\x34\x0d\2" + b"\xee" * 32,
}
# A signature over it: type covered, algorithm, labels, TTL, until 2038, since 2020, key tag, signer, nonsense.
_SIGNED_UNTIL, _SIGNED_SINCE = 0x7FFF0000, 0x5E000000


def invented(question: Question) -> list[bytes] | None:
    """Records that nobody has signed; of types that the attacker does not care about the truth."""
    if question.type not in _INVENTED:
        return None
    return [question.answer(answers=[record(question.name, question.type, _INVENTED[question.type])])]


def falsely_signed(question: Question) -> list[bytes] | None:
    if question.type not in _INVENTED:
        return None
    zone = next(zone for zone in (SIGNED, UNSIGNED, question.name.partition(".")[2]) if question.name.endswith(zone))
    signature = (bad.TYPES[question.type].to_bytes(2, "big") + b"\x0d" + bytes([question.name.count(".") + 1])
                 + (60).to_bytes(4, "big") + _SIGNED_UNTIL.to_bytes(4, "big") + _SIGNED_SINCE.to_bytes(4, "big")
                 + b"\x12\x34" + wire_name(zone) + b"\xee" * 64)
    return [question.answer(answers=[record(question.name, question.type, _INVENTED[question.type]),
                                     record(question.name, "RRSIG", signature)])]


def alias(question: Question) -> list[bytes]:
    """A CNAME that nobody has signed, to a host of an unsigned zone."""
    return [question.answer(answers=[record(question.name, "CNAME", wire_name(ATTACKER))])]


def no_mail(question: Question) -> list[bytes]:
    """A null MX (RFC 7505) that nobody has signed; of other types, that there are none."""
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


@dataclasses.dataclass(frozen=True)
class Domain:
    """A mail domain; `host` is its first MX host, `target` the name that this one is an alias of, or itself."""
    name: str
    zone: str
    host: str
    target: str

    def questions(self, kind: str) -> list[tuple[str, str | None]]:
        """What serve asks of this kind: names and types as BadDns.spoil() takes them."""
        return {"MX": [(self.name, "MX")], "A": [(self.host, "A")], "AAAA": [(self.host, "AAAA")],
                "TLSA": [(f"_25._tcp.{self.host}", "TLSA")],
                "CNAME": [(self.host, None)],  # of whatever type: a CNAME answers them all
                "target": [(self.target, None)],
                "DNSKEY": [(self.zone, "DNSKEY")], "DS": [(self.zone, "DS")]}[kind]


KINDS = ("MX", "A", "AAAA", "TLSA", "CNAME", "target", "DNSKEY", "DS")


class World(unittest.TestCase):
    """Add domains, then start(); MX hosts accept mail for whatever domain."""

    maxDiff = None

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.web = HttpsServer(self.lab)
        anybody = {"virtual_mailbox_domains": "static:all"}
        issue = self.lab.ca.issue
        self.right = issue("mx.right.test")
        # By what their MX hosts do; the first two are the attacker's.
        self.servers = {"plain": Receiver(self.lab, "mx.plain.test", [], None, anybody),
                        "wrong": Receiver(self.lab, "mx.wrong.test", [], issue("mx.wrong.test"), anybody),
                        "right": Receiver(self.lab, "mx.right.test", [], self.right, anybody)}
        self.zones: dict[str, dict[str, list[str]]] = {".": {}, "test": {}, SIGNED: {}, UNSIGNED: {}}
        self.domains: dict[str, Domain] = {}
        self.lists: dict[str, object] = {}
        self.tables: dict[str, Mapping[str, object]] = {}
        self.zones[UNSIGNED] |= {"mx": [f"A {self.servers['plain'].address}"], "clock": ["MX 10 mx"]}

    def tlsa(self, host: str, *, usable: bool = True) -> dict[str, list[str]]:
        """Records that name the right certificate's key, for mail and where the lab's Postfix delivers."""
        data = [f"TLSA {3 if usable else 0} 1 1 {self.right.key_digest()}"]
        return {f"_{port}._tcp.{host}.": data for port in (25, self.lab.smtp_port)}

    def add(self, label: str, server: str, *, tlsa: bool = True, usable: bool = True, zone: str = SIGNED,
            own_zone: bool = False, aliased: str = "", mta_sts: str = "", listed: bool = False,
            second_host: bool = False) -> Domain:
        """A domain LABEL.ZONE, or in a signed zone of its own.

        With `aliased`, its MX host is an alias of one in that zone. With `mta_sts`, it has a policy of that mode. A second
        host has no TLSA records.
        """
        name = f"{label}.test" if own_zone else f"{label}.{zone}"
        host = f"mx.{name}"
        zone = name if own_zone else zone
        records = self.zones.setdefault(zone, {})
        records[f"{name}."] = [f"MX 10 {host}."]
        address = [f"A {self.servers[server].address}"]
        target = f"host.{label}.{aliased}" if aliased else host
        if aliased:
            records[f"{host}."] = [f"CNAME {target}."]
        self.zones[aliased or zone][f"{target}."] = address
        if second_host:
            records[f"{name}."] = [f"MX 10 {host}.", f"MX 20 mx2.{name}."]
            records[f"mx2.{name}."] = address
        if tlsa:
            records |= self.tlsa(host, usable=usable)
        if mta_sts:
            records |= {f"{of}.{name}.": data for of, data in mta_sts_records(self.web).items()}
            publish(self.lab, self.web, name, policy(mta_sts, host))
        if listed:
            self.lists[name] = {"mode": "enforce", "mxs": [host]}
        self.domains[name] = Domain(name, zone, host, target)
        return self.domains[name]

    def start(self, *, postfix: bool = True, dns_timeout: float = DNS_TIMEOUT, overrides: str = "", clock: bool = False,
              **settings: object) -> None:
        """Start the name server, the attacker, `serve`, and the Postfix instances; spoil nothing yet.

        With `clock`, the time of `serve` stands still and is moved by advance(), and its resolver caches nothing
        from one time to the next.
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
            self.attacker.max_ttl = 1
            self.clock = self.configuration.folder / "clock"
            self._set_clock(datetime.datetime.now(datetime.UTC))
            self.configuration.now = str(self.clock)
        self.server = PolicyServer(self.lab, self.configuration, settings=settings)
        if postfix:
            resolver = Resolver(self.lab, self.dns)
            maps = {"smtp_tls_policy_maps": f"socketmap:{self.server.postfix('postfix')}"}
            self.sender = self._postfix(resolver, maps)
            self.yardstick = self._postfix(resolver, {"smtp_tls_security_level": "dane"})

    def _postfix(self, resolver: Resolver, parameters: Mapping[str, object]) -> Sender:
        return Sender(self.lab, resolver, {"smtp_dns_support_level": "dnssec", **parameters})

    def advance(self, seconds: float) -> None:
        """Move the clock of `serve`; when this returns, it counts."""
        self.server.ask("postfix", f"clock.{UNSIGNED}")
        before = self.server.metrics()["starttls_listtool_examined_total"]
        self._set_clock(self.time + datetime.timedelta(seconds=seconds))
        # What the resolver of `serve` has cached ends by a clock that no test moves, in whole seconds.
        time.sleep(2)
        while self.server.metrics()["starttls_listtool_examined_total"] == before:
            self.server.ask("postfix", f"clock.{UNSIGNED}")
            time.sleep(0.02)

    def _set_clock(self, now: datetime.datetime) -> None:
        self.time = now
        draft = self.clock.with_suffix(".draft")
        draft.write_text(now.isoformat() + "\n")
        draft.rename(self.clock)

    def spoil(self, domain: Domain, kind: str, fault: Fault) -> None:
        for name, type_name in domain.questions(kind):
            self.attacker.spoil(name, fault, type_name)

    def ask(self, names: Iterable[str], dialect: str = "postfix") -> dict[str, str]:
        """The replies about domains, all asked at the same time, each on a connection of its own."""
        return in_parallel(lambda name: self.server.ask(dialect, name), names)

    def learn(self, names: Iterable[str]) -> dict[str, str]:
        """The same while nobody spoils anything, a few at a time, so that a busy machine answers within DNS_TIMEOUT."""
        return in_parallel(lambda name: self.server.ask("postfix", name), names, threads=8)

    def wait_for_reply(self, name: str, reply: str, timeout: float = 20) -> None:
        """Ask until this is the reply: what is known of DANE may count while it is found out anew."""
        deadline = time.monotonic() + timeout
        while (found := self.server.ask("postfix", name)) != reply:
            self.assertLess(time.monotonic(), deadline, f"{name}: still {found}")
            time.sleep(0.02)

    def outcomes(self, sender: Sender, names: Iterable[str]) -> dict[str, str]:
        """What became of a message to each of the domains: "sent", or another status and why."""
        queued = in_parallel(lambda name: sender.submit("alice@sender.test", f"bob@{name}"), names, threads=4)
        found = {}
        for name, queue_id in queued.items():
            delivery = sender.outcome(queue_id, PATIENCE)
            found[name] = delivery.status if delivery.status == "sent" else delivery.line.partition(" status=")[2]
        return found


    def assert_each(self, found: Mapping[str, str], right: Callable[[str, str], bool]) -> None:
        """For every domain, what was found must be right; all that is not is shown."""
        self.assertEqual({name: what for name, what in found.items() if not right(name, what)}, {})


def is_secure(name: str, reply: str) -> bool:
    return reply == f"OK secure match=mx.{name} servername=hostname"


def sent(_: str, outcome: str) -> bool:
    return outcome == "sent"


def refused(_: str, outcome: str) -> bool:
    """Whether the mail waits because of what the MX host presents, and not because of anything else."""
    return outcome.startswith("deferred") and ("certificate not" in outcome or "TLS is required" in outcome)


def in_parallel(action: Callable[[str], str], names: Iterable[str], threads: int = 0) -> dict[str, str]:
    names = list(names)
    with ThreadPoolExecutor(threads or len(names)) as pool:
        return dict(zip(names, pool.map(action, names), strict=True))
