"""From a delivery to the receiver's own figures: Postfix 3.10 sends mail, tlsrpt-collector counts its handshakes, the
reports go to the receiving domains by mail and over HTTPS, tlsrpt-report there reads them, and compares them with what
tlsrpt-milter has seen at the MX host: of mail that was delivered, and of mail that was not."""

import datetime
import email.policy
import gzip
import json
import unittest
from dataclasses import dataclass
from email.parser import BytesParser
from pathlib import Path

from lab import Lab, program, unpacked, wait
from lab.ca import CA, Certificate
from lab.collector import Collector
from lab.dns import Dns
from lab.https import Answer, HttpsServer
from lab.mailbox import Mailbox
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer
from lab.postfix import Receiver, Sender
from lab.program import Program
from lab.resolver import Resolver
from stripping import StrippingAttacker

SOCKET = "tlsrpt/collector.sock"
SIGNED = ("bound.test", "broken.test")


def setUpModule() -> None:
    unpacked.choose_release("13")


def utc_today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


@dataclass(frozen=True)
class Expected:
    """What is reported of a domain, what its MX host has seen, and how they compare."""
    policy: str  # type
    successful: int = 0
    result_type: str = ""  # of the one session that failed; "" where none did
    reason: str = ""  # its failure-reason-code
    found_policy: bool = True  # whether the report has the policy that the sender found
    without_mail: str = ""  # the outcome that the milter recorded for that session
    finding: str = "matches"


# By domain. A sender that does not accept the certificate disconnects after the handshake: only the log of the MX host
# tells such a session from one without STARTTLS.
EXPECTED = {
    "good.test": Expected("sts", 2),
    "none.test": Expected("no-policy-found", 1),
    "bound.test": Expected("tlsa", 1),
    "testing.test": Expected("no-policy-found", 1),
    "stripped.test": Expected("sts", 1, "starttls-not-supported", without_mail="no_mail", finding="stripped"),
    "plain.test": Expected("sts", 0, "starttls-not-supported", without_mail="no_mail"),
    "expired.test": Expected("sts", 0, "certificate-expired", without_mail="failed"),
    "wrong.test": Expected("sts", 0, "certificate-host-mismatch", without_mail="failed"),
    "stranger.test": Expected("sts", 0, "validation-failure", "unable_to_get_local_issuer_certificate",
                              without_mail="failed"),
    "broken.test": Expected("tlsa", 0, "certificate-not-trusted", without_mail="failed"),
    "away.test": Expected("sts", 0, "sts-policy-fetch-error", found_policy=False, without_mail="failed"),
    "invalid.test": Expected("sts", 0, "sts-policy-invalid", found_policy=False, without_mail="failed"),
    "webpki.test": Expected("sts", 0, "sts-webpki-invalid", found_policy=False, without_mail="failed"),
}


class Receiving:
    """A receiving domain: its MX host with tlsrpt-milter, which reads the mail server's log, and its tlsrpt-report."""

    def __init__(self, lab: Lab, dns: Dns, web: HttpsServer, domain: str, certificate: Certificate | None) -> None:
        self._lab = lab
        self.folder = lab.new_folder("receiving")
        self.socket = f"unix:{self.folder}/milter.sock"
        self.mx = Receiver(lab, f"mx.{domain}", [domain], certificate, {"smtpd_milters": self.socket}, dns=dns)
        self.address = self.mx.address  # the one that senders connect to
        self.configuration = self.folder / "tlsrpt.toml"
        self.configuration.write_text(
            f'state_dir = "{self.folder}/state"\n[milter]\nlocal_networks = []\nmta_log = "{self.mx.log.path}"\n'
            f'[report]\ndomains = ["{domain}"]\n[dns]\nservers = ["{dns.server}"]\n'
            f'trust_anchor = "{dns.trust_anchor}"\n'
            f'[mta-sts]\nca_file = "{lab.ca.certificate}"\nhttps_port = {web.port}\nprivate_addresses = true\n')
        self._milter = self._start_milter({})

    def _start_milter(self, environment: dict[str, str]) -> Program:
        milter = Program(self._lab, "tlsrpt-milter", "-f", "-c", self.configuration, "-s", self.socket,
                         environment=environment)
        milter.stderr.wait_for("listens on", process=milter.popen)
        return milter

    def end(self) -> None:
        """End it when all that was sent is recorded, and no failure in the log waits for its session."""
        self.mx.end()
        wait.until_read(self._milter.pid, self.mx.log.path)
        self._milter.stop()
        later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=3)
        self._start_milter({"STARTTLS_TOOLKIT_NOW": later.isoformat()}).stop()


class WholeWay(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.lab.require_root()
        # The milter joins its sessions with the log of the mail server, which has the time of day.
        self.day = utc_today()
        self.later = {"STARTTLS_TOOLKIT_NOW": f"{self.day + datetime.timedelta(days=2)}T06:00:00Z"}
        self.web = HttpsServer(self.lab)
        # Where reports are posted: a server with a name that the sender may connect to.
        self.intake = HttpsServer(self.lab, address="127.0.0.1", port=0)
        self.intake.add_host("reports.localhost", self.lab.ca.issue("reports.localhost"))
        self.mailbox = Mailbox(self.lab)
        zones = {name: {} for name in (*EXPECTED, "sender.test", "127.in-addr.arpa", ".")}
        self.dns = Dns(self.lab, zones, signed=SIGNED)
        self.receivers: dict[str, Receiving] = {}

    def receive(self, domain: str, certificate: Certificate | None, *, sts: str = "", answer: Answer | None = None,
                policy_host: Certificate | None = None, tlsa: Certificate | None = None,
                attacked: bool = False) -> None:
        """A domain with one MX host; `sts` is the mode of its policy, `tlsa` the certificate that it publishes."""
        receiving = self.receivers[domain] = Receiving(self.lab, self.dns, self.web, domain, certificate)
        self.intake.answer("reports.localhost", f"/{domain}", Answer(201))
        if attacked:
            self.attacker = StrippingAttacker(self.lab, receiving.mx)
            receiving.address = self.attacker.address
        rua = f"mailto:tls@{domain},https://reports.localhost:{self.intake.port}/{domain}"
        zone = {"@": ["MX 10 mx"], "mx": [f"A {receiving.address}"], "_smtp._tls": [f'TXT "v=TLSRPTv1; rua={rua}"']}
        if sts:
            zone |= mta_sts_records(self.web)
            publish(self.lab, self.web, domain, policy(sts, f"mx.{domain}"), certificate=policy_host, answer=answer)
        if tlsa:
            zone |= {f"_{port}._tcp.mx": [f"TLSA 3 1 1 {tlsa.key_digest()}"] for port in (25, self.lab.smtp_port)}
        self.dns.update(domain, zone)

    def start_sender(self) -> None:
        """The sending side: Postfix 3.10 with tlsrpt-collector."""
        server = PolicyServer(self.lab, Configuration(self.lab, self.dns, self.web),
                              settings={"hold_without_policy": True})
        self.mta = Sender(self.lab, Resolver(self.lab, self.dns), {
            "smtp_tls_policy_maps": f"socketmap:{server.postfix('QUERYwithTLSRPT')}",
            "smtp_dns_support_level": "dnssec", "smtp_tlsrpt_enable": "yes", "smtp_tlsrpt_socket_name": SOCKET})
        self.attacker.seen_as = self.mta.address  # on the path, and not another client
        # The receivers find the name of the sender by its address.
        reverse = ".".join(reversed(self.mta.address.split(".")[1:]))
        self.dns.update("127.in-addr.arpa", {reverse: ["PTR out.sender.test."]})
        self.dns.update("sender.test", {"out": [f"A {self.mta.address}"]})
        place = self.mta.folder / "queue" / SOCKET
        place.parent.mkdir()
        self.collector = Collector(self.lab, socket=place, metrics=True,
                                   environment={"STARTTLS_TOOLKIT_NOW": f"{self.day}T12:00:00Z"})
        self.sending = self.lab.new_folder("sending") / "tlsrpt.toml"
        self.sending.write_text(
            f'state_dir = "{self.collector.state}"\n[report]\norganization = "Sender Ltd."\n'
            f'contact = "tls@sender.test"\nmail = "{self.mailbox.url}"\n'
            f'[mta-sts]\nca_file = "{self.lab.ca.certificate}"\nprivate_addresses = true\n')

    def deliver(self, domain: str, status: str = "sent") -> None:
        before = self.collector.metrics()["datagrams_total"]
        delivery = self.mta.deliver("alice@sender.test", f"bob@{domain}")
        self.assertEqual(delivery.status, status, delivery)
        self.collector.wait_for_metric("datagrams_total", before + 1)

    def send(self) -> dict[str, tuple[bytes, bytes]]:
        """Send the reports. Returns what each domain got: the mail, and the body that was posted."""
        self.assertEqual(self.collector.stop(), 0)
        for receiving in self.receivers.values():
            receiving.end()
        if utc_today() != self.day:
            self.skipTest("the day has ended meanwhile")
        self.report(self.sending, "send", "--day", str(self.day))
        mails = {parsed["to"].removeprefix("tls@"): raw
                 for parsed, raw in zip(self.mailbox.messages(), self.mailbox.mails, strict=True)}
        posted = {request.path.removeprefix("/"): request.body for request in self.intake.requests}
        self.assertEqual((len(mails), len(posted)), (len(self.mailbox.mails), len(self.intake.requests)))
        self.assertEqual((set(mails), set(posted)), (set(self.receivers), set(self.receivers)))
        return {domain: (mails[domain], posted[domain]) for domain in self.receivers}

    def report(self, configuration: Path, *arguments: str | Path, expected: int = 0) -> str:
        done = program.run("tlsrpt-report", "-c", configuration, *arguments, environment=self.later)
        self.assertEqual(done.returncode, expected, done.stdout + done.stderr)
        return done.stdout

    def set_up_domains(self) -> None:
        issue = self.lab.ca.issue
        stranger = CA(self.lab.new_folder("ca"), "Stranger")
        self.own = stranger.issue("mx.bound.test")
        self.receive("good.test", issue("mx.good.test"), sts="enforce")
        self.receive("none.test", issue("mx.none.test"))
        self.receive("bound.test", self.own, tlsa=self.own)
        self.receive("testing.test", issue("mx.elsewhere.test"), sts="testing")
        self.receive("stripped.test", issue("mx.stripped.test"), sts="enforce", attacked=True)
        self.receive("plain.test", None, sts="enforce")
        self.receive("expired.test", issue("mx.expired.test", expired=True), sts="enforce")
        self.receive("wrong.test", issue("mx.elsewhere.test"), sts="enforce")
        self.receive("stranger.test", stranger.issue("mx.stranger.test"), sts="enforce")
        self.receive("broken.test", issue("mx.broken.test"), tlsa=self.own)
        self.receive("away.test", issue("mx.away.test"), sts="enforce", answer=Answer(503))
        self.receive("invalid.test", issue("mx.invalid.test"), sts="enforce", answer=Answer(body=b"version: STSv2\n"))
        self.receive("webpki.test", issue("mx.webpki.test"), sts="enforce",
                     policy_host=stranger.issue("mta-sts.webpki.test"))

    def policy_of(self, domain: str, expected: Expected) -> dict:
        """The policy in the report, as the sender found it."""
        found: dict[str, object] = {"policy-type": expected.policy, "policy-domain": domain}
        if expected.policy == "tlsa":
            return found | {"policy-domain": f"mx.{domain}", "policy-string": [f"3 1 1 {self.own.key_digest().upper()}"]}
        if expected.policy == "sts" and expected.found_policy:
            found |= {"mx-host": [f"mx.{domain}"], "policy-string": policy("enforce", f"mx.{domain}").splitlines()}
        return found

    def reported(self, domain: str, expected: Expected) -> dict:
        """The only policy in the report, with its sessions."""
        failed = int(bool(expected.result_type))
        reported: dict[str, object] = {
            "policy": self.policy_of(domain, expected),
            "summary": {"total-successful-session-count": expected.successful, "total-failure-session-count": failed}}
        if failed:
            reported["failure-details"] = [{
                "result-type": expected.result_type, "sending-mta-ip": self.mta.address,
                "receiving-mx-hostname": f"mx.{domain}", "receiving-mx-helo": f"mx.{domain}",
                "receiving-ip": self.receivers[domain].address, "failed-session-count": 1,
                **({"failure-reason-code": expected.reason} if expected.reason else {})}]
        return reported

    def assert_read(self, domain: str, expected: Expected, mail: bytes, posted: bytes) -> None:
        """The domain reads the report that came on both ways, once, and what was reported."""
        receiving = self.receivers[domain]
        files = receiving.folder / "mail", receiving.folder / "posted.json.gz"
        files[0].write_bytes(mail)
        files[1].write_bytes(posted)
        read = json.loads(self.report(receiving.configuration, "--json", "read", *files))
        self.assertEqual([one["status"] for one in read["inputs"]], ["read", "duplicate"], read)
        self.assertEqual(read["inputs"][0]["report"]["policies"], [self.reported(domain, expected)])
        self.assertEqual((read["other_domains"], read["drift"]), ([], []))
        self.assertEqual([(one["result_type"], one["sessions"], one["mx_hosts"]) for one in read["failures"]],
                         [(expected.result_type, 1, [{"name": f"mx.{domain}", "sessions": 1}])]
                         if expected.result_type else [])

    def assert_compared(self, domain: str, expected: Expected) -> None:
        """What the domain's MX host has seen, and how the report compares with that."""
        configuration = self.receivers[domain].configuration
        days = ("--since", str(self.day), "--until", str(self.day))
        total = json.loads(self.report(configuration, "--json", "summary", *days))["total"]
        failed = int(bool(expected.result_type))
        outcomes = dict.fromkeys(("plaintext", "no_mail", "no_helo", "failed"), 0)
        if failed:
            outcomes[expected.without_mail] = 1
        self.assertEqual({name: total[name] for name in ("tls", *outcomes)}, {"tls": expected.successful, **outcomes})
        reasons = json.loads(self.report(configuration, "--json", "summary", "--by", "failure", *days))["groups"]
        self.assertEqual([(one["group"], one["failed"]) for one in reasons],
                         [("disconnected", 1)] if outcomes["failed"] else [])

        told = self.report(configuration, "--json", "reconcile", *days, expected=int(expected.finding != "matches"))
        (one,) = json.loads(told)["comparisons"]
        del one["meaning"]
        self.assertEqual(one, {
            "day": str(self.day), "reporter": "Sender Ltd.", "policy_domain": domain,
            "reported_successful": expected.successful, "reported_failed": failed, "seen_tls": expected.successful,
            "seen_plaintext": 0, "seen_without_mail": failed, "result": expected.finding})

    def test_each_domain_gets_what_its_mx_host_has_seen_or_finds_the_difference(self) -> None:
        self.set_up_domains()
        self.start_sender()
        self.attacker.strips = False
        for domain, expected in EXPECTED.items():
            for _ in range(expected.successful):
                self.deliver(domain)
        self.attacker.strips = True
        for domain, expected in EXPECTED.items():
            if expected.result_type:
                self.deliver(domain, "deferred")

        for domain, (mail, posted) in self.send().items():
            with self.subTest(domain):
                attachment = list(BytesParser(policy=email.policy.default).parsebytes(mail).iter_parts())[1]
                by_mail = json.loads(gzip.decompress(attachment.get_content()))
                self.assertEqual(json.loads(gzip.decompress(posted)), by_mail)
                self.assertEqual(by_mail["policies"], [self.reported(domain, EXPECTED[domain])])
                self.assert_read(domain, EXPECTED[domain], mail, posted)
                self.assert_compared(domain, EXPECTED[domain])


if __name__ == "__main__":
    unittest.main()
