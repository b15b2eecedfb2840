"""Domains whose records, policies and mail servers change from day to day.

    class Test(DomainsCase):
        self.issue_certificates(["good.test", "signed.test"])
        good, signed = Domain(self, "good.test"), Domain(self, "signed.test", signed=True)
        good.set_policy()                       its owner consents by MTA-STS
        signed.set_tlsa()                       by DANE
        self.publish_with([good, signed])       the servers and the publisher, who does not know the domains yet
        good.add()
        good.lose_starttls()                    from now on
        good.recover()

One Postfix is the mail server of all. Each domain has an address of its own, as connections to one address are a second
apart; domains in trouble share the servers that cause it.
"""

import subprocess
from collections.abc import Sequence

from e2e.check.checking import TWO_WEEKS
from lab.ca import Certificate
from lab.policy_domains import mta_sts_records, policy, publish
from lab.postfix import Listener, Receiver
from lab.smtp_server import SmtpServer
from publisher import DAY, LIST, PublisherCase

ATTACKER = "mx.attacker.test"
HOSTS = ("mx", "new")  # of each domain: one may be the MX host
LONG = 900  # days, more than a test has
NAME_SERVERS = 4  # addresses of it


class DomainsCase(PublisherCase):
    def setUp(self) -> None:
        super().setUp()
        self.dns = None  # until publish_with()
        self.listeners: list[Listener] = []
        self.plain = self.lab.address()  # of the server without TLS
        self.nowhere = self.lab.address()  # nothing listens there
        self.mute = SmtpServer(self.lab, lambda peer: None).address  # closes each connection without a word
        self.elsewhere = self.listen(self.certificate("elsewhere.test"))
        self.attacker = self.listen(self.certificate(ATTACKER))
        self.zones["attacker.test"] = {"mx": [f"A {self.attacker}"]}

    def issue_certificates(self, domains: Sequence[str]) -> None:
        """One for all mail servers, and one for all policy hosts: to make one takes some time."""
        hosts = [f"{host}.{domain}" for domain in domains for host in HOSTS]
        self.mx_certificate = self.lab.ca.issue("mx.provider.test", hosts, days=LONG)
        policy_hosts = [f"mta-sts.{domain}" for domain in domains]
        self.policy_certificate = self.lab.ca.issue("mta-sts.provider.test", policy_hosts, days=LONG)

    def listen(self, certificate: Certificate) -> str:
        """The address of a mail server with this certificate."""
        self.listeners.append(Listener(self.lab.address(), self.lab.smtp_port, certificate))
        return self.listeners[-1].address

    def publish_with(self, domains: Sequence["Domain"], **settings: object) -> None:
        """Start all servers, and make the publisher's directory; `settings` as in publish()."""
        self.domains = domains
        Receiver(self.lab, "mx.provider.test", [domain.name for domain in domains], listeners=self.listeners,
                 address=self.plain)
        self.publish(**settings)

    def start(self, **tables: dict[str, object]) -> None:
        signed = [domain.name for domain in self.domains if domain.signed]
        super().start(signed=signed, name_servers=NAME_SERVERS, **tables)
        self.resolve_by(*self.dns.servers)
        # What fails in these tests fails at once, and a busy machine has its time.
        for table in ("dns", "mta_sts"):
            self.configuration.tables[table]["timeout"] = 60
        self.configuration.write()

    def run_once(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.connect = ["--rate", "1000"]
        self.mx(ATTACKER, self.attacker)
        for domain in self.domains:
            for host in HOSTS:
                self.mx(f"{host}.{domain.name}", domain.server)
        return super().run_once(*arguments)

    def resolve_by(self, *servers: str) -> None:
        """The publisher asks these name servers from now on."""
        self.configuration.tables["dns"]["servers"] = servers
        self.configuration.write()


class Domain:
    """A domain whose MX host is mx.DOMAIN, or new.DOMAIN once it has moved. What is done holds from then on."""

    def __init__(self, case: DomainsCase, name: str, *, signed: bool = False, days: int | None = None) -> None:
        """`days`: until the certificate of its mail server ends. Then it has another one, to renew()."""
        self.case, self.name, self.signed = case, name, signed
        self.host = "mx"
        self.certificate = self._issue(days) if days else case.mx_certificate
        self.working = self.server = case.listen(self.certificate)
        self.renewed = days and self._issue(LONG)
        self.renewed_server = self.renewed and case.listen(self.renewed)
        self.zone: dict[str, list[str]] = {}
        self.change({"@": ["MX 10 mx"]} | {host: [f"A {self.server}"] for host in HOSTS})

    def _issue(self, days: int) -> Certificate:
        names = [f"{host}.{self.name}" for host in HOSTS]
        return self.case.lab.ca.issue(names[0], names, days=days)

    def change(self, records: dict[str, list[str]]) -> None:
        """Replace the records of these names."""
        self.zone |= records
        self.case.zones[self.name] = self.zone
        if self.case.dns:
            self.case.dns.update(self.name, self.zone)

    # What the owner publishes.

    def set_policy(self, mode: str = "enforce", max_age: int = TWO_WEEKS) -> None:
        publish(self.case.lab, self.case.web, self.name, policy(mode, f"{self.host}.{self.name}", max_age=max_age),
                certificate=self.case.policy_certificate)
        self.change(mta_sts_records(self.case.web))

    def set_record(self) -> None:
        self.change({"_starttls-list": [f'TXT "v=starttls-list1; list={LIST}"']})

    def withdraw_record(self) -> None:
        self.change({"_starttls-list": []})

    def set_tlsa(self) -> None:
        self.change({f"_25._tcp.{host}": [f"TLSA 3 1 1 {self.certificate.key_digest()}"] for host in HOSTS})

    def withdraw_tlsa(self) -> None:
        self.change({f"_25._tcp.{host}": [] for host in HOSTS})

    def set_reports(self) -> None:
        self.change({"_smtp._tls": [f'TXT "v=TLSRPTv1; rua=mailto:tls@{self.name}"']})

    def move(self) -> None:
        """To another MX host; a policy is not changed."""
        self.host = "new"
        self.change({"@": ["MX 10 new"]})

    def move_by_policy(self) -> None:
        self.move()
        self.set_policy()

    # What happens to its servers.

    def lose_starttls(self) -> None:
        self.server = self.case.plain

    def lose_certificate(self) -> None:
        """The mail server has one for another name."""
        self.server = self.case.elsewhere

    def refuse_connections(self) -> None:
        self.server = self.case.nowhere

    def say_nothing(self) -> None:
        self.server = self.case.mute

    def recover(self) -> None:
        self.server = self.working

    def renew(self) -> None:
        """The mail server has a new certificate; TLSA records are not changed."""
        self.certificate, self.working = self.renewed, self.renewed_server
        self.recover()

    def renew_with_tlsa(self) -> None:
        self.renew()
        self.set_tlsa()

    def lose_policy_host(self) -> None:
        self.change({"mta-sts": [f"A {self.case.nowhere}"]})

    # What the publisher does.

    def add(self) -> None:
        self.case.good("add", self.name)

    def remove(self) -> None:
        self.case.good("remove", self.name, "--reason", "sold")

    def hold(self) -> None:
        self.case.good("hold", self.name, "--reason", "known by phone")

    def release(self) -> None:
        self.case.good("hold", "--release", self.name, "--reason", "mended")

    def enter(self, days: int) -> None:
        """By hand, for so many days."""
        end = (self.case.time + days * DAY).strftime("%Y-%m-%d")
        self.case.good("add", self.name, "--reason", "known by phone", "--until", end, "--mx", f"mx.{self.name}")
