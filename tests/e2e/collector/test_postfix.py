"""Postfix 3.10 delivers to good and bad hosts and tells tlsrpt-collector, which counts each result under the domain, the
policy and the result type that it is of."""

import unittest
from pathlib import Path

from lab import Lab, documents, unpacked
from lab.ca import CA, Certificate
from lab.collector import QUICK, Collector, rows
from lab.dns import Dns
from lab.https import Answer, HttpsServer
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer
from lab.postfix import Receiver, Sender
from lab.resolver import Resolver
from stripping import StrippingAttacker

SOCKET = "tlsrpt/collector.sock"  # below the queue directory, as the manual has it


def documented() -> dict[str, str]:
    """The parameters of main.cf that the guide has."""
    lines = documents.lines("docs/postfix.md", "Results of outbound mail")
    parameters = dict(line.split(" = ") for line in lines if line.startswith("smtp_tlsrpt_"))
    assert parameters["smtp_tlsrpt_socket_name"] == SOCKET
    return parameters


def setUpModule() -> None:
    unpacked.choose_release("13")


class Results(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.lab.require_root()
        self.web = HttpsServer(self.lab)
        self.zones: dict[str, dict[str, list[str]]] = {".": {}}
        self.receivers: dict[str, Receiver] = {}
        self.stranger = CA(self.lab.new_folder("ca"), "Stranger")

    def domain(self, name: str, certificate: Certificate | None, *, sts: bool = False, tlsa: Certificate | None = None,
               wants_reports: bool = True) -> None:
        """A domain with one MX host, a policy if `sts`, and TLSA records of the certificate `tlsa`."""
        mx = self.receivers[name] = Receiver(self.lab, f"mx.{name}", [name], certificate)
        zone = {"@": ["MX 10 mx"], "mx": [f"A {mx.address}"]}
        if wants_reports:
            zone["_smtp._tls"] = [f'TXT "v=TLSRPTv1; rua=mailto:reports@{name}"']
        if sts:
            zone |= mta_sts_records(self.web)
            publish(self.lab, self.web, name, policy("enforce", f"mx.{name}"))
        if tlsa:
            zone |= {f"_{port}._tcp.mx": [f"TLSA 3 1 1 {tlsa.key_digest()}"] for port in (25, self.lab.smtp_port)}
        self.zones[name] = zone

    def strip(self, domain: str) -> None:
        """Put an attacker before the MX host."""
        self.zones[domain]["mx"] = [f"A {StrippingAttacker(self.lab, self.receivers[domain]).address}"]

    def start(self, *, signed: tuple[str, ...] = (), holds: bool = False, **parameters: object) -> None:
        """Start a name server, our policy server, a Postfix that asks it, and our collector."""
        dns = Dns(self.lab, self.zones, signed=signed)
        server = PolicyServer(self.lab, Configuration(self.lab, dns, self.web),
                              settings={"hold_without_policy": holds})
        self.mta = Sender(self.lab, Resolver(self.lab, dns) if signed else dns, {
            "smtp_tls_policy_maps": f"socketmap:{server.postfix('QUERYwithTLSRPT')}", "smtp_dns_support_level": "dnssec",
            **documented(), **parameters})
        place: Path = self.mta.folder / "queue" / SOCKET
        place.parent.mkdir()
        self.collector = Collector(self.lab, socket=place, metrics=True)

    def deliver(self, domain: str, *, status: str, datagrams: int = 1) -> None:
        before = self.collector.metrics()["datagrams_total"]
        delivery = self.mta.deliver("alice@sender.test", f"bob@{domain}")
        self.assertEqual(delivery.status, status, delivery)
        self.collector.wait_for_metric("datagrams_total", before + datagrams)

    def test_of_every_kind_are_counted_under_what_they_are_of(self) -> None:
        issue = self.lab.ca.issue
        self.domain("none.test", issue("mx.none.test"))
        self.domain("good.test", issue("mx.good.test"), sts=True)
        self.domain("wrong.test", issue("mx.elsewhere.test"), sts=True)
        self.domain("stranger.test", self.stranger.issue("mx.stranger.test"), sts=True)
        self.domain("expired.test", issue("mx.expired.test", expired=True), sts=True)
        self.domain("plain.test", None, sts=True)
        own = self.stranger.issue("mx.bound.test")
        self.domain("bound.test", own, tlsa=own)
        self.domain("broken.test", issue("mx.broken.test"), tlsa=own)
        self.domain("silent.test", issue("mx.silent.test"), wants_reports=False)
        self.domain("silent-wrong.test", issue("mx.elsewhere.test"), sts=True, wants_reports=False)
        self.start(signed=("bound.test", "broken.test"))
        for domain in ("none.test", "good.test", "good.test", "bound.test"):
            self.deliver(domain, status="sent")
        for domain in ("wrong.test", "stranger.test", "expired.test", "plain.test", "broken.test"):
            self.deliver(domain, status="deferred")
        self.deliver("silent.test", status="sent", datagrams=0)
        self.deliver("silent-wrong.test", status="deferred", datagrams=0)
        self.deliver("none.test", status="sent")  # after which those would have come

        self.assertEqual(self.collector.stop(), 0)
        found = rows(self.collector.state, """
            SELECT c.domain, c.policy_type, c.policy_domain, c.successful, c.failed, coalesce(f.result_type, ''),
                   coalesce(f.receiving_mx_hostname, '')
            FROM outbound_counts AS c LEFT JOIN outbound_failures AS f USING (day, policy) ORDER BY c.domain""")
        self.assertEqual(found, [
            ("bound.test", "tlsa", "mx.bound.test", 1, 0, "", ""),
            ("broken.test", "tlsa", "mx.broken.test", 0, 1, "certificate-not-trusted", "mx.broken.test"),
            ("expired.test", "sts", "expired.test", 0, 1, "certificate-expired", "mx.expired.test"),
            ("good.test", "sts", "good.test", 2, 0, "", ""),
            ("none.test", "no-policy-found", "none.test", 2, 0, "", ""),
            ("plain.test", "sts", "plain.test", 0, 1, "starttls-not-supported", "mx.plain.test"),
            ("stranger.test", "sts", "stranger.test", 0, 1, "validation-failure", "mx.stranger.test"),
            ("wrong.test", "sts", "wrong.test", 0, 1, "certificate-host-mismatch", "mx.wrong.test")])
        texts = dict(rows(self.collector.state, "SELECT c.domain, t.record || '|' || t.policy_strings || '|' || t.mx_hosts "
                                                "FROM outbound_counts AS c JOIN outbound_texts AS t USING (day, policy)"))
        self.assertEqual(texts["good.test"], "v=TLSRPTv1; rua=mailto:reports@good.test|version: STSv1\nmode: enforce\n"
                                             "mx: mx.good.test\nmax_age: 604800|mx.good.test")
        self.assertEqual(texts["none.test"], "v=TLSRPTv1; rua=mailto:reports@none.test||")
        self.assertIn(own.key_digest(), texts["bound.test"].lower().replace(" ", ""))

    def test_of_an_attack_and_of_policies_that_cannot_be_had_are_told_as_such(self) -> None:
        issue = self.lab.ca.issue
        self.domain("stripped.test", issue("mx.stripped.test"), sts=True)
        self.strip("stripped.test")
        self.domain("testing.test", issue("mx.elsewhere.test"), sts=True)
        publish(self.lab, self.web, "testing.test", policy("testing", "mx.testing.test"))
        for domain, answer in (("away.test", Answer(503)), ("invalid.test", Answer(body=b"version: STSv2\n"))):
            self.domain(domain, issue(f"mx.{domain}"), sts=True)
            publish(self.lab, self.web, domain, "", answer=answer)
        self.domain("webpki.test", issue("mx.webpki.test"))
        self.zones["webpki.test"] |= mta_sts_records(self.web)
        publish(self.lab, self.web, "webpki.test", "", certificate=self.stranger.issue("mta-sts.webpki.test"))
        self.start(holds=True)
        self.deliver("testing.test", status="sent")
        for domain in ("stripped.test", "away.test", "invalid.test", "webpki.test"):
            self.deliver(domain, status="deferred")
        self.assertEqual(self.collector.stop(), 0)
        found = rows(self.collector.state, """
            SELECT c.domain, c.policy_type, c.successful, c.failed, coalesce(f.result_type, '')
            FROM outbound_counts AS c LEFT JOIN outbound_failures AS f USING (day, policy) ORDER BY c.domain""")
        self.assertEqual(found, [
            ("away.test", "sts", 0, 1, "sts-policy-fetch-error"),
            ("invalid.test", "sts", 0, 1, "sts-policy-invalid"),
            ("stripped.test", "sts", 0, 1, "starttls-not-supported"),
            ("testing.test", "no-policy-found", 1, 0, ""),
            ("webpki.test", "sts", 0, 1, "sts-webpki-invalid")])

    def test_of_resumed_sessions_are_sent_where_the_manual_says(self) -> None:
        self.domain("none.test", self.lab.ca.issue("mx.none.test"))
        cache = {"smtp_tls_session_cache_database": "lmdb:${data_directory}/smtp_scache",
                 "smtp_connection_cache_on_demand": "no", "smtp_tlsrpt_skip_reused_handshakes": "yes"}
        self.start(**cache)
        self.deliver("none.test", status="sent")
        self.deliver("none.test", status="sent", datagrams=0)
        self.mta.set("smtp_tlsrpt_skip_reused_handshakes", "no")
        for _ in range(3):
            self.deliver("none.test", status="sent")
        self.assertEqual((self.collector.stop(), self.collector.policies()), (0, {"none.test": (4, 0)}))

    def test_cost_no_mail_while_the_collector_is_away_or_takes_nothing(self) -> None:
        self.domain("none.test", self.lab.ca.issue("mx.none.test"))
        self.start()
        self.deliver("none.test", status="sent")
        state, place = self.collector.state, self.collector.socket
        self.collector.kill()
        for _ in range(2):
            self.assertEqual(self.mta.deliver("alice@sender.test", "bob@none.test").status, "sent")
        self.mta.log.wait_for(r"warning: .*(?i:tlsrpt)")
        self.collector = Collector(self.lab, state=state, socket=place, metrics=True, settings=QUICK)
        self.deliver("none.test", status="sent")
        self.assertEqual((self.collector.stop(), self.collector.policies()), (0, {"none.test": (2, 0)}))


if __name__ == "__main__":
    unittest.main()
