"""Ninety days of a list, with real servers: each edition, and what a consumer makes of it, is what must be.

Each domain has a fortune of its own. On which days it must be on the list follows from that alone, by the rules in
starttls-listtool-publish(1): 29 days with a sound examination to come onto it, three days of grace before a failing domain
leaves it. Meanwhile the publisher's network is down, an attacker answers in place of the name server, online keys are
rotated twice, one is stolen and revoked, and a root key is replaced.

Real servers also mean real time: an examination makes two connections to a mail server, a second apart.
"""

import email
import email.policy
import functools
import hashlib
import json
import os
import shutil
import unittest
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from domains import ATTACKER, Domain, DomainsCase
from e2e.update.publishing import Key
from lab.bad_dns import BadDns, rcode, record, records, wire_name
from lab.policy_domains import Configuration
from publisher import DAY, LIST, SITE

DAYS = 90
LAST = DAYS - 1
FIRST = 28  # the first edition: sound on the days 0 to 28
NETWORK_DOWN = (50, 51)  # nothing is found out on these days, and no day is counted
HIJACKED = range(58, 63)
HIJACKED_DOMAINS = ("hijacked.test", "hijacked-signed.test")
EVIL = "evil.test"
NXDOMAIN = 3

Event = Callable[[Domain], object]


@dataclass(frozen=True)
class Listed:
    """The days on which a domain must be on the list, both included, and its MX host there."""
    first: int
    last: int
    host: str = "mx"


@dataclass(frozen=True)
class Fortune:
    """What happens to a domain, and what must follow."""
    name: str
    story: str
    consent: Sequence[Event]
    events: Mapping[int, Event]  # by day, before the run
    listed: Sequence[Listed]
    mails: Mapping[int, tuple[str, str]] = field(default_factory=dict)  # to whom at the domain, and about what
    added: int = 0
    signed: bool = False
    certificate_days: int | None = None

    def hosts(self, day: int) -> list[str]:
        """The MX patterns that it must have on the list; none where it must not be there."""
        return [f"{span.host}.{self.name}" for span in self.listed if span.first <= day <= span.last]


CANNOT_DELIVER = f"mail servers that follow the list '{LIST}' cannot deliver"
NO_CONSENT = f"consent to the list '{LIST}' is not found"
ALWAYS = [Listed(FIRST, LAST)]
BY_POLICY = (Domain.set_policy, Domain.set_reports)
BY_RECORD = (Domain.set_record,)  # without TLSRPT: mail goes to the postmaster
BY_DANE = (Domain.set_tlsa, Domain.set_reports)
TESTING = functools.partial(Domain.set_policy, mode="testing")
NONE = functools.partial(Domain.set_policy, mode="none")
A_DAY = functools.partial(Domain.set_policy, max_age=86400)
UNTIL_DAY_66 = functools.partial(Domain.enter, days=66)

FORTUNES = [
    Fortune("steady.test", "nothing", BY_POLICY, {}, ALWAYS),
    Fortune("testing.test", "never consents", (TESTING,), {}, []),
    Fortune("late.test", "is added on day 30", BY_POLICY, {}, [Listed(60, LAST)], added=30),
    Fortune("early-fault.test", "no STARTTLS on one day of the watch, which begins again", BY_POLICY,
            {10: Domain.lose_starttls, 11: Domain.recover}, [Listed(39, LAST)]),
    Fortune("by-hand.test", "does not consent, is entered by hand", (TESTING,), {0: UNTIL_DAY_66}, [Listed(FIRST, 65)]),
    # Faults.
    Fortune("short-outage.test", "no STARTTLS for two days", BY_POLICY,
            {33: Domain.lose_starttls, 35: Domain.recover}, ALWAYS, {33: ("tls", CANNOT_DELIVER)}),
    Fortune("long-outage.test", "a wrong certificate for six days", BY_POLICY,
            {36: Domain.lose_certificate, 42: Domain.recover}, [Listed(FIRST, 38), Listed(72, LAST)],
            {36: ("tls", CANNOT_DELIVER)}),
    Fortune("held.test", "no STARTTLS for seven days, while the publisher holds it", BY_POLICY,
            {61: Domain.hold, 62: Domain.lose_starttls, 69: Domain.recover, 71: Domain.release}, ALWAYS),
    Fortune("expired.test", "its certificate ends on day 70, and is renewed two days later", BY_POLICY,
            {72: Domain.renew}, ALWAYS, {70: ("tls", CANNOT_DELIVER)}, certificate_days=70),
    Fortune("policy-host-down.test", "until day 57, so the last policy, of 14 days, is over on day 45", BY_POLICY,
            {32: Domain.lose_policy_host, 57: Domain.set_policy}, [Listed(FIRST, 47), Listed(85, LAST)],
            {45: ("tls", NO_CONSENT)}),
    # What cannot be told changes nothing.
    Fortune("unreachable.test", "connections are refused for ten days", BY_POLICY,
            {62: Domain.refuse_connections, 72: Domain.recover}, ALWAYS),
    Fortune("mute.test", "its server says nothing for nine days", BY_DANE,
            {76: Domain.say_nothing, 85: Domain.recover}, ALWAYS, signed=True),
    Fortune("hijacked.test", "an attacker answers for its unsigned zone", BY_POLICY, {}, ALWAYS),
    Fortune("hijacked-signed.test", "an attacker answers for its signed zone", BY_DANE, {}, ALWAYS, signed=True),
    # Moves.
    Fortune("moved.test", "to the new hosts of its policy", BY_POLICY,
            {44: Domain.move_by_policy}, [Listed(FIRST, 43), Listed(44, LAST, "new")]),
    Fortune("moved-signed.test", "to new hosts in its signed zone", BY_DANE,
            {49: Domain.move}, [Listed(FIRST, 48), Listed(49, LAST, "new")], signed=True),
    Fortune("moved-unsigned.test", "to new hosts that nobody vouches for", BY_RECORD,
            {41: Domain.move}, [Listed(FIRST, 43), Listed(75, LAST, "new")], {41: ("postmaster", CANNOT_DELIVER)}),
    Fortune("new-key.test", "its TLSA records change with the key", BY_DANE,
            {54: Domain.renew_with_tlsa}, ALWAYS, signed=True, certificate_days=80),
    # Ends of consent.
    Fortune("returned.test", "mode none; two days later mode enforce again, and four later added again", BY_POLICY,
            {47: NONE, 49: Domain.set_policy, 53: Domain.add}, [Listed(FIRST, 46), Listed(81, LAST)]),
    Fortune("short-policy.test", "its policy is for a day only", BY_POLICY, {73: A_DAY}, [Listed(FIRST, 72)]),
    Fortune("record-gone.test", "which anybody on the path may have taken out of an unsigned zone", BY_RECORD,
            {60: Domain.withdraw_record}, [Listed(FIRST, 62)], {60: ("postmaster", NO_CONSENT)}),
    Fortune("record-gone-signed.test", "which only its owner can take out of a signed zone", BY_RECORD,
            {64: Domain.withdraw_record}, [Listed(FIRST, 63)], signed=True),
    Fortune("tlsa-gone.test", "which only its owner can take out of a signed zone", BY_DANE,
            {67: Domain.withdraw_tlsa}, [Listed(FIRST, 66)], signed=True),
    Fortune("sold.test", "is removed by the publisher", BY_POLICY, {79: Domain.remove}, [Listed(FIRST, 78)]),
]

# What `publish run` prints, and its exit status, where it is not silent.
NETWORK_TROUBLE = (1, r"no edition: \d+ of \d+ checks found out nothing")
KEY_ENDS = (0, r"\A.*warning: list sector: in 14 days too few online keys are valid: '.* publish keys rotate --online KEY'\n\Z")
NOT_SILENT = {36: KEY_ENDS, 50: NETWORK_TROUBLE, 51: NETWORK_TROUBLE, 75: KEY_ENDS}


class NinetyDays(DomainsCase):
    def setUp(self) -> None:
        super().setUp()
        self.issue_certificates([fortune.name for fortune in FORTUNES])
        domains = {fortune.name: self.domain_of(fortune) for fortune in FORTUNES}
        self.publish_with(list(domains.values()), online_days=50, mail_from="list@publisher.test")
        self.mails = self.keep_mails()
        self.consumers = [self.serve()]
        self.mornings: dict[int, list[Callable[[], object]]] = {
            37: [self.rotate_online_key],
            NETWORK_DOWN[0]: [self.lose_network],
            NETWORK_DOWN[-1] + 1: [self.regain_network],
            56: [self.revoke_online_key],
            HIJACKED[0]: [self.forge_mx_records],
            HIJACKED[-1]: [self.deny_domains],
            HIJACKED[-1] + 1: [self.regain_network],
            65: [self.replace_root_key],
            76: [self.rotate_online_key]}
        self.evenings = {55: [self.sign_with_stolen_key], 56: [self.sign_with_revoked_key]}
        for fortune in FORTUNES:
            domain = domains[fortune.name]
            self.mornings.setdefault(fortune.added, []).append(domain.add)
            for day, event in fortune.events.items():
                self.mornings.setdefault(day, []).append(functools.partial(event, domain))

    def domain_of(self, fortune: Fortune) -> Domain:
        domain = Domain(self, fortune.name, signed=fortune.signed, days=fortune.certificate_days)
        for consent in fortune.consent:
            consent(domain)
        return domain

    def test_each_edition_has_the_domains_that_deserve_it(self) -> None:
        for self.day in range(DAYS):
            for event in self.mornings.get(self.day, []):
                event()
            self.check_run()
            self.check_mails()
            self.check_edition()
            for consumer in self.consumers if self.day >= FIRST else []:
                self.check_consumer(consumer)
            for event in self.evenings.get(self.day, []):
                event()
            self.time += DAY
        self.time -= DAY
        # Who begins now has the first root keys, of which one was replaced, and goes through all versions of the keys.
        self.check_consumer(self.consumer())
        self.assertEqual(self.good("lint"), "")

    # What must be.

    def check_run(self) -> None:
        status, output = NOT_SILENT.get(self.day, (0, r"\A\Z"))
        done = self.run_once()
        self.assertEqual((done.returncode, done.stdout), (status, ""), f"day {self.day}: {done.stderr}")
        self.assertRegex(done.stderr, output, f"day {self.day}")

    def check_edition(self) -> None:
        if self.day < FIRST:
            self.assertFalse(self.public().exists(), f"day {self.day}")
            return
        editions = self.day - FIRST + 1 - sum(day <= self.day for day in NETWORK_DOWN)
        self.assertEqual(os.readlink(self.public()), f"editions/{editions}", f"day {self.day}")
        self.compare("on the edition", self.entries())

    def check_consumer(self, consumer: Configuration) -> None:
        self.assertEqual(self.update(consumer), (0, ""), f"day {self.day}")
        self.compare("at the consumer", self.seen_by(consumer))

    def check_mails(self) -> None:
        """One for each failure, when it begins, to the owner."""
        due = [(fortune.name, *fortune.mails[self.day]) for fortune in FORTUNES if self.day in fortune.mails]
        wanted = sorted((f"{name}: {subject}", f"{to}@{name}") for name, to, subject in due)
        files = list(self.mails.iterdir())
        mails = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        self.assertEqual(sorted((mail["Subject"], mail["To"]) for mail in mails), wanted, f"mails on day {self.day}")
        for file in files:
            file.unlink()

    def compare(self, place: str, seen: Mapping[str, Sequence[str]]) -> None:
        """With what the fortunes demand. What differs is shown with all that the publisher knows of the domain."""
        expected = {fortune.name: fortune.hosts(self.day) for fortune in FORTUNES}
        text = ""
        for name in sorted({*expected, *seen}):
            wanted, found = expected.get(name, []), seen.get(name, [])
            if wanted != found:
                story = next((fortune.story for fortune in FORTUNES if fortune.name == name), "a stranger")
                text += (f"\nday {self.day}, {name} ({story}): {place} it must be {wanted or 'absent'}, "
                         f"and is {found or 'absent'}\n{self.tool('why', name).stdout}")
        if text:
            self.fail(text)

    def update(self, consumer: Configuration) -> tuple[int, str]:
        consumer.now = self.now()
        done = consumer.tool("-q", "update")
        return done.returncode, done.stdout + done.stderr

    def seen_by(self, consumer: Configuration) -> dict[str, list[str]]:
        """The domains that have a policy for this consumer, with its MX patterns."""
        done = consumer.tool("--json", "lookup", *(fortune.name for fortune in FORTUNES), EVIL)
        self.assertEqual((done.returncode, done.stderr), (1, ""), f"day {self.day}")  # some have none
        answers = [answer for answer in json.loads(done.stdout) if answer["source"] != "none"]
        self.assertEqual({(answer["source"], answer["mode"]) for answer in answers}, {(f"list:{LIST}", "enforce")})
        return {answer["domain"]: answer["mx"] for answer in answers}

    # What happens to the publisher.

    def lose_network(self) -> None:
        """Its resolver reaches nobody."""
        self.resolve_by(BadDns(self.lab).server)

    def regain_network(self) -> None:
        self.resolve_by(*self.dns.servers)

    def forge_mx_records(self) -> None:
        """An attacker answers that the mail of two domains goes to his server, whose certificate is valid."""
        self.attackers = [BadDns(self.lab, self.dns) for _ in self.dns.servers]
        for domain in HIJACKED_DOMAINS:
            for server in self.attackers:
                server.spoil(domain, records(record(domain, "MX", b"\0\1" + wire_name(ATTACKER))), "MX")
                server.spoil(f"_mta-sts.{domain}", records())
        self.resolve_by(*(server.server for server in self.attackers))

    def deny_domains(self) -> None:
        """He answers that the domains do not exist."""
        for domain in HIJACKED_DOMAINS:
            for server in self.attackers:
                server.spoil(domain, rcode(NXDOMAIN), "MX")

    # What happens to the keys.

    def new_key(self) -> Key:
        return Key(self.lab.new_folder("key"))

    def rotate_online_key(self) -> None:
        new = self.new_key()
        self.good("keys", "rotate", "--online", str(new.public), "--online-days", "50")
        self.take_into_use(new)

    def revoke_online_key(self) -> None:
        new = self.new_key()
        self.good("keys", "revoke", self.online.id, "--online", str(new.public), "--online-days", "33")
        self.take_into_use(new)

    def take_into_use(self, online: Key) -> None:
        self.sign(self.roots[1:], 0)
        self.online = online
        self.configuration.tables["publish"]["secret_keys"] = [online.secret]
        self.configuration.write()

    def replace_root_key(self) -> None:
        kept = self.roots[1:]
        self.roots = [*kept, self.new_key()]
        self.good("keys", "rotate", *self.options("--root", self.roots))
        self.sign(kept, 0)

    def sign_with_stolen_key(self) -> None:
        """Until the key is revoked, a consumer who asks the thief believes him."""
        self.stolen = self.online
        deceived = self.consumer()
        self.check_consumer(deceived)
        self.mirror = self.forge(self.public())
        self.site.serve_folder(SITE, self.mirror)
        self.assertEqual(self.update(deceived), (0, ""))
        self.assertIn(EVIL, self.seen_by(deceived))
        self.site.serve_folder(SITE, self.public())
        # The next edition, by the new key, must free him.
        self.consumers.append(deceived)

    def sign_with_revoked_key(self) -> None:
        """Then no consumer does, whether or not the thief shows the new keys."""
        for folder in (self.public(), self.mirror):
            self.site.serve_folder(SITE, self.forge(folder))
            for consumer in self.consumers:
                status, output = self.update(consumer)
                self.assertEqual(status, 65, output)
                self.assertRegex(output, "signed by 0 of 1 key")
                self.compare("at the consumer", self.seen_by(consumer))
        self.site.serve_folder(SITE, self.public())

    def forge(self, folder: Path) -> Path:
        """A copy of what is in this directory, but with an edition that follows the newest one and has one more domain."""
        mirror = Path(shutil.copytree(folder, self.lab.new_folder("mirror"), dirs_exist_ok=True))
        newest = (self.public() / f"{LIST}.json").read_bytes()
        document = json.loads(newest)
        document["policies"][EVIL] = {"mode": "enforce", "mxs": [ATTACKER]}
        time = self.time + DAY / 24
        document["timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ")
        content = json.dumps(document).encode()
        number = int(Path(os.readlink(self.public())).name) + 1
        comment = (f"timestamp:{int(time.timestamp())}\tfile:{LIST}.json\tlist:{LIST}\tedition:{number}\t"
                   f"previous:{hashlib.blake2b(newest).hexdigest()}")
        signature = self.stolen.sign(content, "-t", comment, name=f"{LIST}.json")
        for old in mirror.glob(f"{LIST}.json*"):
            old.unlink()
        (mirror / f"{LIST}.json").write_bytes(content)
        (mirror / f"{LIST}.json.minisig").write_bytes(signature)
        (mirror / f"{LIST}.json.{self.stolen.id}.minisig").write_bytes(signature)
        return mirror


if __name__ == "__main__":
    unittest.main()
