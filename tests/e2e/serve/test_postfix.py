"""A real Postfix that asks `serve` delivers to the right servers only."""

import socket
import unittest

from lab import Lab
from lab.ca import CA, Certificate
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer
from lab.postfix import Delivery, Receiver, Sender
from lab.resolver import Resolver


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.web = HttpsServer(self.lab)
        self.zones: dict[str, dict[str, list[str]]] = {".": {}}

    def domain(self, name: str, certificate: Certificate | None, *, text: str = "", policy_id: str = "1",
               **more: list[str]) -> Receiver:
        """A domain with one MX host, mx.NAME; with a policy if there is a text."""
        mx = Receiver(self.lab, f"mx.{name}", [name], certificate)
        self.zones[name] = {"@": ["MX 10 mx"], "mx": [f"A {mx.address}"], **more}
        if text:
            self.zones[name] |= mta_sts_records(self.web, policy_id)
            publish(self.lab, self.web, name, text)
        return mx

    def serve(self, *, signed: tuple[str, ...] = (), lists: dict[str, object] | None = None,
              level: str = "may", **settings: object) -> None:
        """Start the name server, our server, and a Postfix that asks it."""
        self.dns = Dns(self.lab, self.zones, signed=signed)
        self.configuration = Configuration(self.lab, self.dns, self.web)
        if lists:
            self.configuration.install(lists)
        self.server = PolicyServer(self.lab, self.configuration, settings=settings)
        # DANE requires a resolver whose DNSSEC verdict Postfix can trust.
        resolver = Resolver(self.lab, self.dns) if signed else self.dns
        self.mta = Sender(self.lab, resolver, {"smtp_tls_policy_maps": f"socketmap:{self.server.postfix('postfix')}",
                                               "smtp_tls_security_level": level,
                                               "smtp_dns_support_level": "dnssec" if signed else "enabled"})

    def deliver(self, domain: str) -> Delivery:
        return self.mta.deliver("alice@sender.test", f"bob@{domain}")

    def assert_verified(self, domain: str) -> None:
        delivery = self.deliver(domain)
        self.assertEqual((delivery.status, delivery.verified), ("sent", True), delivery)

    def assert_sent_without_a_check(self, domain: str) -> None:
        delivery = self.deliver(domain)
        self.assertEqual((delivery.status, delivery.verified), ("sent", False), delivery)

    def assert_deferred(self, domain: str, reason: str) -> None:
        delivery = self.deliver(domain)
        self.assertEqual(delivery.status, "deferred", delivery)
        self.assertIn(reason, delivery.line)


class MtaSts(Case):
    def test_postfix_does_what_a_policy_demands(self) -> None:
        issue = self.lab.ca.issue
        self.domain("wild.test", issue("mx.wild.test"), text=policy("enforce", "*.wild.test"))
        self.domain("wrong-ca.test", CA(self.lab.new_folder("ca"), "Stranger").issue("mx.wrong-ca.test"),
                    text=policy("enforce", "mx.wrong-ca.test"))
        self.domain("other-mx.test", issue("mx.other-mx.test"), text=policy("enforce", "mail.other-mx.test"))
        self.domain("none.test", None, text=policy("none"))
        self.serve()
        self.assert_verified("wild.test")
        self.assert_deferred("wrong-ca.test", "Server certificate not ")
        # Postfix compares the certificate, which has none of the policy's names.
        self.assert_deferred("other-mx.test", "Server certificate not verified")
        self.assert_sent_without_a_check("none.test")

    def test_an_attacker_who_blocks_the_dns_removes_no_policy_that_is_known(self) -> None:
        for name in ("seen.test", "unseen.test", "listed.test"):
            self.domain(name, None, text=policy("enforce", f"mx.{name}"))
        self.serve(lists={"listed.test": {"mode": "enforce", "mxs": ["mx.listed.test"]}})
        self.assert_deferred("seen.test", "TLS is required")
        self.server.stop()
        # From now on no server answers us, while Postfix finds its MX hosts as before.
        silent = self.enterContext(socket.socket(type=socket.SOCK_DGRAM))
        silent.bind((self.lab.address(), 0))
        self.configuration.tables["dns"] |= {"servers": ["{}@{}".format(*silent.getsockname())], "timeout": 0.5}
        self.configuration.write()
        self.server.start()
        self.assert_deferred("seen.test", "TLS is required")
        self.assert_deferred("listed.test", "TLS is required")
        self.assert_sent_without_a_check("unseen.test")


class Dane(Case):
    def tlsa(self, certificate: Certificate) -> dict[str, list[str]]:
        """The records that bind the MX host to this certificate's key: for mail, and at the port where Postfix
        delivers."""
        record = [f"TLSA 3 1 1 {certificate.key_digest()}"]
        return {"_25._tcp.mx": record, f"_{self.lab.smtp_port}._tcp.mx": record}

    def test_dane_has_precedence_over_mta_sts_and_cannot_be_overridden(self) -> None:
        stranger = CA(self.lab.new_folder("ca"), "Stranger")
        own = stranger.issue("mx.bound.test")
        broken = self.lab.ca.issue("mx.broken.test")
        self.domain("bound.test", own, text=policy("enforce", "mx.bound.test"), **self.tlsa(own))
        # A policy that its server satisfies does not help a domain whose DANE fails.
        self.domain("broken.test", broken, text=policy("enforce", "mx.broken.test"), **self.tlsa(own))
        self.domain("sts.test", self.lab.ca.issue("mx.sts.test"), text=policy("enforce", "mx.sts.test"))
        self.serve(signed=("bound.test", "broken.test", "sts.test"))
        self.assertEqual(self.server.ask_all("postfix", ["bound.test", "broken.test", "sts.test"]),
                         ["OK dane-only", "OK dane-only", "OK secure match=mx.sts.test servername=hostname"])
        self.assertEqual(self.server.ask("sts", "bound.test"), "OK secure match=mx.bound.test servername=hostname")
        self.assert_verified("bound.test")
        self.assert_deferred("broken.test", "Server certificate not ")
        self.assert_verified("sts.test")


if __name__ == "__main__":
    unittest.main()
