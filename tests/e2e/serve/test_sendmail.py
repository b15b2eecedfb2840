"""A real Sendmail 8.17 with an unchanged FEATURE(`sts') asks `serve`, and does what the answers demand."""

import unittest
from pathlib import Path

from lab import Lab
from lab.ca import CA, Certificate
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer
from lab.postfix import Receiver
from lab.sendmail import SendmailDelivery, SendmailSender

WILDCARD = Path(__file__).resolve().parents[3] / "packaging/sendmail/sts-wildcard.m4"


class Sendmail(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.web = HttpsServer(self.lab)
        self.zones: dict[str, dict[str, list[str]]] = {".": {}}

    def domain(self, name: str, certificate: Certificate | None, text: str = "") -> None:
        mx = Receiver(self.lab, f"mx.{name}", [name], certificate)
        self.zones[name] = {"@": ["MX 10 mx"], "mx": [f"A {mx.address}"]}
        if text:
            self.zones[name] |= mta_sts_records(self.web)
            publish(self.lab, self.web, name, text)

    def serve(self) -> None:
        self.dns = Dns(self.lab, self.zones)
        self.configuration = Configuration(self.lab, self.dns, self.web)
        self.configuration.install({"listed.test": {"mode": "enforce", "mxs": ["mx.listed.test"]}})
        self.server = PolicyServer(self.lab, self.configuration)
        socket = f"inet:{self.server.port}@{self.server.address}"
        self.mta = SendmailSender(self.lab, self.dns, macros=f"FEATURE(`sts', `socket -d5 -T<TMPF> {socket}')dnl\n"
                                                             f"include(`{WILDCARD}')dnl\n")

    def deliver(self, domain: str) -> SendmailDelivery:
        return self.mta.deliver("alice@sender.test", f"bob@{domain}")

    def assert_sent(self, domain: str, *, trusted: bool) -> None:
        delivery = self.deliver(domain)
        self.assertEqual((delivery.status, delivery.trusted), ("sent", trusted), delivery)

    def assert_deferred(self, domain: str, reason: str) -> None:
        delivery = self.deliver(domain)
        self.assertEqual(delivery.status, "deferred", delivery)
        self.assertIn(reason, delivery.reason or "nothing was refused", delivery)

    def test_sendmail_does_what_a_policy_demands(self) -> None:
        issue = self.lab.ca.issue
        self.domain("good.test", issue("mx.good.test"), policy("enforce", "mx.other.test", "mx.good.test"))
        self.domain("wild.test", issue("wild.test", sans=["*.wild.test"]), policy("enforce", "*.wild.test"))
        self.domain("wrong-ca.test", CA(self.lab.new_folder("ca"), "Stranger").issue("mx.wrong-ca.test"),
                    policy("enforce", "mx.wrong-ca.test"))
        self.domain("other-mx.test", issue("mx.other-mx.test"), policy("enforce", "mail.other-mx.test"))
        self.domain("none.test", None, policy("none"))
        self.domain("listed.test", None)
        self.serve()
        self.assert_sent("good.test", trusted=True)
        self.assert_sent("Good.TEST", trusted=True)
        self.assert_sent("wild.test", trusted=True)
        self.assert_deferred("wrong-ca.test", "authentication failed")
        self.assert_deferred("other-mx.test", "mx.other-mx.test not found in mail.other-mx.test")
        self.assert_deferred("listed.test", "other side does not support STARTTLS")
        self.assert_sent("none.test", trusted=False)

    def test_no_mail_goes_out_unchecked_while_nobody_answers(self) -> None:
        self.domain("good.test", self.lab.ca.issue("mx.good.test"), policy("enforce", "mx.good.test"))
        self.serve()
        self.server.stop()
        self.assert_deferred("good.test", "STS lookup temp fail")
        self.server.start()
        self.assert_sent("good.test", trusted=True)


if __name__ == "__main__":
    unittest.main()
