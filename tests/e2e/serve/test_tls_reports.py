"""Postfix 3.10 delivers by the policies that it gets with what belongs into its TLS reports, and reports them rightly."""

import json
import re
import socket
import unittest
from typing import Any

from lab import Lab, postfix, unpacked
from lab.ca import CA, Certificate
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer
from lab.postfix import Delivery, Receiver, Sender, settle

STS, NO_POLICY_FOUND = 2, 9  # policy types in a datagram of libtlsrpt
HOST_MISMATCH, VALIDATION_FAILURE = 202, 205  # and result types


def setUpModule() -> None:
    unpacked.choose_release("13")


class Reports(unittest.TestCase):
    """Mail for domains with and without a policy; `reported` is what Postfix says about a delivery."""

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.lab.require_root()
        self.web = HttpsServer(self.lab)
        self.zones: dict[str, dict[str, list[str]]] = {".": {}}
        self.receiver_of_reports = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.place = self.lab.new_folder("tlsrpt") / "socket"
        self.receiver_of_reports.bind(str(self.place))
        self.receiver_of_reports.settimeout(60)
        self.place.chmod(0o666)

    def domain(self, name: str, certificate: Certificate | None, text: str = "", mx_name: str = "mx") -> None:
        """A domain with one MX host, which wants reports, with a policy if there is a text."""
        mx = Receiver(self.lab, f"{mx_name}.{name}", [name], certificate)
        self.zones[name] = {"@": [f"MX 10 {mx_name}"], mx_name: [f"A {mx.address}"],
                            "_smtp._tls": [f'TXT "v=TLSRPTv1; rua=mailto:reports@{name}"']}
        if text:
            self.zones[name] |= mta_sts_records(self.web)
            publish(self.lab, self.web, name, text)

    def configure(self, lists: dict[str, object] | None = None) -> None:
        self.dns = Dns(self.lab, self.zones)
        self.configuration = Configuration(self.lab, self.dns, self.web)
        if lists:
            self.configuration.install(lists)

    def serve(self, **settings: object) -> str:
        """Start our server; returns the table that Postfix looks up."""
        server = PolicyServer(self.lab, self.configuration, settings={"dane": False} | settings)
        return f"socketmap:{server.postfix('QUERYwithTLSRPT')}"

    def start(self, table: str) -> None:
        """Start a Postfix that follows this table and reports."""
        self.mta = Sender(self.lab, self.dns, {"smtp_tls_policy_maps": table, "smtp_tlsrpt_enable": "yes",
                                               "smtp_tlsrpt_socket_name": self.place})

    def reported(self, domain: str) -> tuple[Delivery, dict[str, Any]]:
        """The outcome of a message, and the policy in the datagram about it."""
        delivery = self.mta.deliver("alice@sender.test", f"bob@{domain}")
        report = json.loads(self.receiver_of_reports.recv(65536))
        self.assertEqual(report["d"], domain)
        (of_policy,) = report["policies"]
        return delivery, of_policy

    def assert_sent(self, domain: str, kind: int, *, verified: bool) -> dict[str, Any]:
        delivery, of_policy = self.reported(domain)
        self.assertEqual((delivery.status, delivery.verified), ("sent", verified), delivery)
        self.assertEqual((of_policy["policy-type"], of_policy["f"]), (kind, 0), of_policy)
        self.assertNotIn("failure-details", {key for key, value in of_policy.items() if value})
        return of_policy

    def assert_deferred(self, domain: str, kind: int, code: int) -> None:
        delivery, of_policy = self.reported(domain)
        self.assertEqual(delivery.status, "deferred", delivery)
        self.assertEqual((of_policy["policy-type"], of_policy["f"]), (kind, 1), of_policy)
        (failure,) = of_policy["failure-details"]
        self.assertEqual(failure["c"], code, failure)

    def test_name_the_policy_that_a_domain_published(self) -> None:
        issue = self.lab.ca.issue
        self.domain("right.test", issue("mx.right.test"), policy("enforce", "mx.right.test"))
        self.domain("wrong.test", issue("mx.elsewhere.test"), policy("enforce", "mx.wrong.test"))
        self.domain("stranger.test", CA(self.lab.new_folder("ca"), "Stranger").issue("mx.stranger.test"),
                    policy("enforce", "mx.stranger.test"))
        self.domain("testing.test", issue("mx.testing.test"), policy("testing", "mx.testing.test"))
        self.domain("plain.test", issue("mx.plain.test"))
        self.domain("listed.test", issue("mx.listed.test"))
        self.configure({"listed.test": {"mode": "enforce", "mxs": ["mx.listed.test"]}})
        self.start(self.serve())
        of_policy = self.assert_sent("right.test", STS, verified=True)
        self.assertEqual(of_policy["policy-domain"], "right.test")
        self.assertEqual(of_policy["policy-string"],
                         ["version: STSv1", "mode: enforce", "mx: mx.right.test", "max_age: 604800"])
        self.assertEqual(of_policy["mx-host"], ["mx.right.test"])
        self.assert_deferred("wrong.test", STS, HOST_MISMATCH)
        self.assert_deferred("stranger.test", STS, VALIDATION_FAILURE)  # an issuer that nobody trusts
        self.assert_sent("testing.test", NO_POLICY_FOUND, verified=False)
        self.assert_sent("plain.test", NO_POLICY_FOUND, verified=False)
        self.assert_sent("listed.test", NO_POLICY_FOUND, verified=True)
        self.mta.log.wait_for(r"TLSRPT: status=failure, domain=wrong\.test, .*failure_type=certificate_host_mismatch")

    def test_a_map_says_the_same_as_our_server(self) -> None:
        self.domain("right.test", self.lab.ca.issue("mx.right.test"), policy("enforce", "mx.right.test"))
        self.domain("wrong.test", self.lab.ca.issue("mx.elsewhere.test"), policy("enforce", "mx.wrong.test"))
        self.configure()
        self.assertEqual(self.configuration.tool("sts", "fetch", "right.test", "wrong.test").returncode, 0)
        table = self.lab.new_folder("maps") / "tls_policy"
        for kind in ("texthash", "cdb", "lmdb"):
            with self.subTest(kind):
                done = self.configuration.tool("generate", "postfix", "--type", kind, "-o", str(table),
                                               "--postfix-version", postfix.version())
                self.assertEqual(done.returncode, 0, done.stderr)
                if kind == "texthash":
                    settle(table)
                self.start(f"{kind}:{table}")
                of_policy = self.assert_sent("right.test", STS, verified=True)
                self.assertEqual(of_policy["mx-host"], ["mx.right.test"])
                self.assert_deferred("wrong.test", STS, HOST_MISMATCH)

    def test_an_mx_host_that_the_policy_does_not_allow_gets_no_mail_whatever_its_certificate(self) -> None:
        both = self.lab.ca.issue("other.evil.test", "mx.evil.test")
        self.domain("evil.test", both, policy("enforce", "mx.evil.test"), mx_name="other")
        deep = self.lab.ca.issue("a.b.deep.test")
        self.domain("deep.test", deep, policy("enforce", "*.deep.test"), mx_name="a.b")
        one = self.lab.ca.issue("a.one.test")
        self.domain("one.test", one, policy("enforce", "*.one.test"), mx_name="a")
        self.configure()
        self.start(self.serve())
        for name in ("evil.test", "deep.test"):
            delivery = self.mta.deliver("alice@sender.test", f"bob@{name}")
            self.assertEqual(delivery.status, "deferred", delivery)
            self.assertRegex(self.mta.log.text(),
                             rf"MX name '\S+\.{re.escape(name)}' does not match STS MX pattern for '{name}'")
        self.assert_sent("one.test", STS, verified=True)


if __name__ == "__main__":
    unittest.main()
