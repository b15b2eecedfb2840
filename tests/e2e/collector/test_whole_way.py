"""From a delivery to the receiver's own figures: Postfix 3.10 sends mail, tlsrpt-collector counts its handshakes, the
report goes to the receiving domain by mail and over HTTPS, tlsrpt-report there reads it, and it agrees with what
tlsrpt-milter has seen at the MX host."""

import email.policy
import gzip
import json
import unittest
from email.parser import BytesParser
from pathlib import Path

from lab import Lab, program, unpacked
from lab.collector import Collector
from lab.dns import Dns
from lab.https import Answer, HttpsServer
from lab.mailbox import Mailbox
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer
from lab.postfix import Receiver, Sender
from lab.program import Program

DAY = "2026-11-25"
AT_NOON = {"STARTTLS_TOOLKIT_NOW": f"{DAY}T12:00:00Z"}
LATER = {"STARTTLS_TOOLKIT_NOW": "2026-11-27T06:00:00Z"}
SOCKET = "tlsrpt/collector.sock"
DOMAIN, MX = "ours.test", "mx.ours.test"


def setUpModule() -> None:
    unpacked.choose_release("13")


class WholeWay(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.lab.require_root()
        self.web = HttpsServer(self.lab)
        # Where reports are posted: a server with a name that the sender may connect to.
        self.intake = HttpsServer(self.lab, address="127.0.0.1", port=0)
        self.intake.add_host("reports.localhost", self.lab.ca.issue("reports.localhost"))
        self.intake.answer("reports.localhost", "/tls", Answer(201))
        self.mailbox = Mailbox(self.lab)
        self.dns = Dns(self.lab, {DOMAIN: {}, "sender.test": {}, "127.in-addr.arpa": {}, ".": {}})

    def receive(self) -> tuple[Path, Receiver]:
        """The receiving side: an MX host with tlsrpt-milter."""
        folder = self.lab.new_folder("receiving")
        configuration = folder / "tlsrpt.toml"
        configuration.write_text(f'state_dir = "{folder}/state"\n[milter]\nlocal_networks = []\n[report]\n'
                                 f'domains = ["{DOMAIN}"]\n')
        socket = f"unix:{folder}/milter.sock"
        milter = Program(self.lab, "tlsrpt-milter", "-f", "-c", configuration, "-s", socket, environment=AT_NOON)
        milter.stderr.wait_for("listens on", process=milter.popen)
        self.milter = milter
        return configuration, Receiver(self.lab, MX, [DOMAIN], self.lab.ca.issue(MX), {"smtpd_milters": socket},
                                       dns=self.dns)

    def send_mail(self, mx: Receiver, messages: int) -> Path:
        """The sending side: Postfix 3.10 with tlsrpt-collector. Returns its configuration."""
        rua = f"mailto:tls@{DOMAIN},https://reports.localhost:{self.intake.port}/tls"
        zone = {"@": [f"MX 10 {MX}."], "mx": [f"A {mx.address}"], "_smtp._tls": [f'TXT "v=TLSRPTv1; rua={rua}"'],
                **mta_sts_records(self.web)}
        publish(self.lab, self.web, DOMAIN, policy("enforce", MX))
        self.dns.update(DOMAIN, zone)
        server = PolicyServer(self.lab, Configuration(self.lab, self.dns, self.web))
        mta = Sender(self.lab, self.dns, {
            "smtp_tls_policy_maps": f"socketmap:{server.postfix('QUERYwithTLSRPT')}",
            "smtp_dns_support_level": "dnssec", "smtp_tlsrpt_enable": "yes", "smtp_tlsrpt_socket_name": SOCKET})
        # The receiver finds the name of the sender by its address.
        reverse = ".".join(reversed(mta.address.split(".")[1:]))
        self.dns.update("127.in-addr.arpa", {reverse: ["PTR out.sender.test."]})
        self.dns.update("sender.test", {"out": [f"A {mta.address}"]})
        place = mta.folder / "queue" / SOCKET
        place.parent.mkdir()
        collector = Collector(self.lab, socket=place, metrics=True, environment=AT_NOON)
        for number in range(messages):
            delivery = mta.deliver("alice@sender.test", f"bob@{DOMAIN}")
            self.assertEqual(delivery.status, "sent", delivery)
            collector.wait_for_metric("datagrams_total", number + 1)
        self.assertEqual(collector.stop(), 0)
        configuration = self.lab.new_folder("sending") / "tlsrpt.toml"
        configuration.write_text(
            f'state_dir = "{collector.state}"\n[report]\norganization = "Sender Ltd."\ncontact = "tls@sender.test"\n'
            f'mail = "{self.mailbox.url}"\n[mta-sts]\nca_file = "{self.lab.ca.certificate}"\nprivate_addresses = true\n')
        return configuration

    def report(self, configuration: Path, *arguments: str | Path, expected: int = 0) -> str:
        done = program.run("tlsrpt-report", "-c", configuration, *arguments, environment=LATER)
        self.assertEqual(done.returncode, expected, done.stderr)
        return done.stdout

    def test_the_report_of_the_sender_agrees_with_what_the_receiver_has_seen(self) -> None:
        receiving, mx = self.receive()
        sending = self.send_mail(mx, messages=5)
        self.milter.stop()
        self.report(sending, "send", "--day", DAY)

        (mail,) = self.mailbox.mails
        attachment = list(BytesParser(policy=email.policy.default).parsebytes(mail).iter_parts())[1]
        by_mail = json.loads(gzip.decompress(attachment.get_content()))
        (request,) = self.intake.requests
        self.assertEqual(json.loads(gzip.decompress(request.body)), by_mail)
        (reported,) = by_mail["policies"]
        self.assertEqual(reported["policy"], {
            "policy-type": "sts", "policy-domain": DOMAIN, "mx-host": [MX],
            "policy-string": ["version: STSv1", "mode: enforce", f"mx: {MX}", "max_age: 604800"]})
        self.assertEqual(reported["summary"], {"total-successful-session-count": 5, "total-failure-session-count": 0})

        folder = receiving.parent
        (folder / "mail").write_bytes(mail)
        (folder / "posted.json.gz").write_bytes(request.body)
        read = json.loads(self.report(receiving, "--json", "read", "--no-lookup", folder / "mail",
                                      folder / "posted.json.gz"))
        self.assertEqual([one["status"] for one in read["inputs"]], ["read", "duplicate"])
        (one,) = json.loads(self.report(receiving, "--json", "reconcile", "--until", DAY))["comparisons"]
        self.assertEqual((one["result"], one["reported_successful"], one["seen_tls"]), ("matches", 5, 5), one)


if __name__ == "__main__":
    unittest.main()
