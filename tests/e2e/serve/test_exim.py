"""A real Exim with Debian's configuration and our files asks `serve`, and does what the answers demand."""

import signal
import socket
import threading
import unittest

from lab import Lab
from lab.ca import CA, Certificate
from lab.dns import Dns
from lab.exim import EximDelivery, EximSender
from lab.https import HttpsServer
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer, netstring
from lab.postfix import Receiver
from lab.resolver import Resolver


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.web = HttpsServer(self.lab)
        self.zones: dict[str, dict[str, list[str]]] = {".": {}}

    def domain(self, name: str, certificate: Certificate | None, text: str = "", **more: list[str]) -> Receiver:
        """A domain with one MX host, mx.NAME; with a policy if there is a text."""
        mx = Receiver(self.lab, f"mx.{name}", [name], certificate)
        self.zones[name] = {"@": ["MX 10 mx"], "mx": [f"A {mx.address}"], **more}
        if text:
            self.zones[name] |= mta_sts_records(self.web)
            publish(self.lab, self.web, name, text)
        return mx

    def tlsa(self, certificate: Certificate, host: str = "mx") -> dict[str, list[str]]:
        """The records that bind the MX host to this certificate's key: for mail, and at the port where Exim
        delivers."""
        record = [f"TLSA 3 1 1 {certificate.key_digest()}"]
        return {f"_25._tcp.{host}": record, f"_{self.lab.smtp_port}._tcp.{host}": record}

    def serve(self, *, signed: tuple[str, ...] = (), **settings: object) -> None:
        """Start the name server, our server, and an Exim that asks it."""
        self.dns = Dns(self.lab, self.zones, signed=signed)
        self.configuration = Configuration(self.lab, self.dns, self.web)
        self.configuration.install({"listed.test": {"mode": "enforce", "mxs": ["mx.listed.test"]}})
        self.server = PolicyServer(self.lab, self.configuration, settings=settings)
        # DANE requires a resolver whose DNSSEC verdict Exim can trust.
        self.start_exim(Resolver(self.lab, self.dns) if signed else self.dns,
                        f"inet:{self.server.address}:{self.server.port}")

    def start_exim(self, resolver: Dns | Resolver, address: str, *, trust_ad: bool = True) -> None:
        self.mta = EximSender(self.lab, resolver, macros=[f"STARTTLS_SERVE = {address}"], trust_ad=trust_ad)

    def deliver(self, domain: str) -> EximDelivery:
        return self.mta.deliver("alice@sender.test", f"bob@{domain}")

    def assert_verified(self, delivery: EximDelivery) -> None:
        self.assertEqual((delivery.status, delivery.verified), ("sent", True), delivery.lines)
        self.assertEqual(delivery.transport, "starttls_smtp")

    def assert_authenticated_by_dane(self, delivery: EximDelivery) -> None:
        self.assertEqual((delivery.status, delivery.dane), ("sent", True), delivery.lines)

    def assert_sent_as_before(self, delivery: EximDelivery) -> None:
        self.assertEqual((delivery.status, delivery.transport), ("sent", "remote_smtp"), delivery.lines)

    def assert_deferred(self, delivery: EximDelivery, reason: str) -> None:
        self.assertEqual(delivery.status, "deferred", delivery.lines)
        self.assertIn(reason, "\n".join(delivery.lines))


class MtaSts(Case):
    def test_exim_does_what_a_policy_demands(self) -> None:
        issue = self.lab.ca.issue
        self.domain("good.test", issue("mx.good.test"), policy("enforce", "mx.other.test", "mx.good.test"))
        self.domain("wild.test", issue("wild.test", sans=["*.wild.test"]), policy("enforce", "*.wild.test"))
        self.domain("wrong-ca.test", CA(self.lab.new_folder("ca"), "Stranger").issue("mx.wrong-ca.test"),
                    policy("enforce", "mx.wrong-ca.test"))
        self.domain("other-mx.test", issue("mx.other-mx.test"), policy("enforce", "mail.other-mx.test"))
        self.domain("trial.test", None, policy("testing", "mx.trial.test"))
        self.domain("none.test", None, policy("none"))
        self.domain("bare.test", None)
        self.domain("listed.test", None)
        self.serve()
        self.assert_verified(self.deliver("good.test"))
        self.assert_verified(self.deliver("Good.TEST"))
        self.assert_verified(self.deliver("wild.test"))
        self.assert_deferred(self.deliver("wrong-ca.test"), "certificate verification failed")
        self.assert_deferred(self.deliver("other-mx.test"), "no MX host of other-mx.test is one of its TLS policy")
        self.assert_deferred(self.deliver("listed.test"), "a TLS session is required")
        for domain in ("trial.test", "none.test", "bare.test"):
            self.assert_sent_as_before(self.deliver(domain))

    def test_no_mail_goes_out_unchecked_or_is_lost_while_nobody_answers(self) -> None:
        self.domain("good.test", self.lab.ca.issue("mx.good.test"), policy("enforce", "mx.good.test"))
        self.domain("bare.test", None)
        self.serve()
        self.server.stop()
        messages = {}
        for domain in ("good.test", "bare.test"):
            before = self.mta.log.mark()
            messages[domain] = self.mta.submit("alice@sender.test", f"bob@{domain}")
            self.assert_deferred(self.mta.outcome(messages[domain], f"bob@{domain}", since=before),
                                 f"no answer about the TLS policy of {domain}: the server cannot be reached")
        self.assertEqual(sorted(self.mta.queued()), sorted(messages.values()))
        self.server.start()
        self.assert_verified(self.mta.retry(messages["good.test"], "bob@good.test"))
        self.assert_sent_as_before(self.mta.retry(messages["bare.test"], "bob@bare.test"))
        self.assertEqual(self.mta.queued(), [])

    def test_an_answer_that_is_cut_off_or_strange_defers(self) -> None:
        self.domain("good.test", None)
        self.dns = Dns(self.lab, self.zones)
        listener = self.enterContext(socket.create_server((self.lab.address(), 0)))
        self.start_exim(self.dns, "inet:{}:{}".format(*listener.getsockname()))
        for reply, reason in ((b"", "no answer about the TLS policy of good.test: "),
                              (b"35:OK secure match=mx.good.t", "35:OK secure match=mx.good.t"),
                              (b"15:OK secure match,", "secure match"), (b"16:OK secure match=,", "secure match="),
                              (b"12:OK encrypted,", "encrypted"), (b"9:NOTFOUND", "9:NOTFOUND"),
                              (b"17:TEMP backend down,", "TEMP backend down"), (b"5:PERM ,", "PERM")):
            with self.subTest(reply):
                self.assert_deferred(self.deliver_with(listener, reply), reason)

    def test_an_answer_of_many_patterns_is_read_whole(self) -> None:
        self.domain("good.test", self.lab.ca.issue("mx.good.test"))
        self.dns = Dns(self.lab, self.zones)
        listener = self.enterContext(socket.create_server((self.lab.address(), 0)))
        self.start_exim(self.dns, "inet:{}:{}".format(*listener.getsockname()))
        many = ":".join(f"mx{number}.{'x' * 50}.test" for number in range(1_000))
        self.assert_verified(self.deliver_with(listener, netstring(f"OK secure match={many}:mx.good.test")))
        self.assert_deferred(self.deliver_with(listener, netstring(f"OK secure match={many}")),
                             "no MX host of good.test is one of its TLS policy: secure match=mx0.xxx")

    def deliver_with(self, listener: socket.socket, reply: bytes) -> EximDelivery:
        """Deliver while the server's answer is this one."""
        server = threading.Thread(target=self.answer_once, args=(listener, reply), daemon=True)
        server.start()
        delivery = self.deliver("good.test")
        server.join()
        return delivery

    def answer_once(self, listener: socket.socket, reply: bytes) -> None:
        with listener.accept()[0] as connection:
            self.assertEqual(connection.recv(100), b"14:exim good.test,")
            connection.sendall(reply)

    def test_a_server_that_is_silent_defers(self) -> None:
        self.domain("good.test", self.lab.ca.issue("mx.good.test"), policy("enforce", "mx.good.test"))
        self.serve(answer_timeout=1)
        self.server.signal(signal.SIGSTOP)
        self.addCleanup(self.server.signal, signal.SIGCONT)
        files = self.mta.folder / "files/router"
        files.write_text(files.read_text().replace("{30s}", "{1s}"))
        self.assert_deferred(self.deliver("good.test"), "the server cannot be reached")
        self.server.signal(signal.SIGCONT)
        self.assert_verified(self.deliver("good.test"))

    def test_a_unix_socket(self) -> None:
        self.domain("good.test", self.lab.ca.issue("mx.good.test"), policy("enforce", "mx.good.test"))
        self.serve()
        path = self.lab.new_folder("socket") / "policies"
        self.listen_at(f"unix:{path}")
        self.start_exim(self.dns, str(path))
        self.assert_verified(self.deliver("good.test"))

    def listen_at(self, socket_name: str) -> None:
        """Start our server again, with one more socket."""
        self.server.stop()
        self.configuration.tables["serve"]["listen"] = [f"inet:{self.server.address}:{self.server.port}", socket_name]
        self.configuration.write()
        self.server.start()

    def test_ipv6(self) -> None:
        """Both Exim's way to the server and its way to the MX host."""
        certificate = self.lab.ca.issue("mx.six.test")
        own = {"inet_protocols": "all", "inet_interfaces": "127.0.0.1, [::1]"}
        Receiver(self.lab, "mx.six.test", ["six.test", "bad.test"], certificate, own, address="[::1]")
        for domain in ("six.test", "bad.test"):
            self.zones[domain] = {"@": ["MX 10 mx.six.test."], **mta_sts_records(self.web)}
        self.zones["six.test"]["mx"] = ["AAAA ::1"]
        publish(self.lab, self.web, "six.test", policy("enforce", "mx.six.test"))
        publish(self.lab, self.web, "bad.test", policy("enforce", "mx.bad.test"))
        self.serve()
        self.listen_at(f"inet:[::1]:{self.server.port}")
        self.start_exim(self.dns, f"inet:[::1]:{self.server.port}")
        delivery = self.deliver("six.test")
        self.assert_verified(delivery)
        self.assertIn("[::1]", delivery.line)
        self.assert_deferred(self.deliver("bad.test"), "no MX host of bad.test is one of its TLS policy")


class Dane(Case):
    def test_dane_has_precedence_over_mta_sts_and_cannot_be_overridden(self) -> None:
        stranger = CA(self.lab.new_folder("ca"), "Stranger")
        own = stranger.issue("mx.bound.test")
        outside = stranger.issue("mx.outside.test")
        broken = self.lab.ca.issue("mx.broken.test")
        self.domain("bound.test", own, policy("enforce", "mx.bound.test"), **self.tlsa(own))
        # The policy does not allow the host, but DANE authenticates it.
        self.domain("outside.test", outside, policy("enforce", "mail.outside.test"), **self.tlsa(outside))
        # A policy that its server satisfies does not help a domain whose DANE fails.
        self.domain("broken.test", broken, policy("enforce", "mx.broken.test"), **self.tlsa(own))
        self.domain("sts.test", self.lab.ca.issue("mx.sts.test"), policy("enforce", "mx.sts.test"))
        domains = ("bound.test", "outside.test", "broken.test", "sts.test")
        self.serve(signed=domains)
        self.assertEqual(self.server.ask_all("exim", domains),
                         ["OK dane-only"] * 3 + ["OK secure match=mx.sts.test"])
        self.assert_authenticated_by_dane(self.deliver("bound.test"))
        self.assert_authenticated_by_dane(self.deliver("outside.test"))
        self.assert_deferred(self.deliver("broken.test"), "certificate verification failed")
        self.assert_verified(self.deliver("sts.test"))

    def test_a_domain_with_dane_gets_no_mail_where_exim_cannot_validate(self) -> None:
        own = self.lab.ca.issue("mx.bound.test")
        self.domain("bound.test", own, **self.tlsa(own))
        self.serve(signed=("bound.test",))
        self.assert_authenticated_by_dane(self.deliver("bound.test"))
        for resolver, trust_ad in ((self.dns, True), (Resolver(self.lab, self.dns), False)):
            with self.subTest(trust_ad=trust_ad):
                self.start_exim(resolver, f"inet:{self.server.address}:{self.server.port}", trust_ad=trust_ad)
                self.assert_deferred(self.deliver("bound.test"), "host lookup done insecurely")

    def test_a_host_whose_records_exim_does_not_find_gets_no_mail(self) -> None:
        own = self.lab.ca.issue("mx.bound.test")
        records = self.tlsa(own)
        self.domain("bound.test", own, **{"_25._tcp.mx": records["_25._tcp.mx"]})
        self.serve(signed=("bound.test",))
        self.assertEqual(self.server.ask("exim", "bound.test"), "OK dane-only")
        self.assert_deferred(self.deliver("bound.test"), "Event requests alternate response")

    def test_dane_at_some_hosts_is_what_exim_does_by_itself(self) -> None:
        own = CA(self.lab.new_folder("ca"), "Stranger").issue("mx.some.test")
        self.domain("some.test", own, **self.tlsa(own))
        self.zones["some.test"] |= {"@": ["MX 10 mx", "MX 20 mx2"], "mx2": ["A 127.0.0.2"]}
        self.serve(signed=("some.test",))
        self.assertEqual(self.server.ask("exim", "some.test"), "OK dane")
        delivery = self.deliver("some.test")
        self.assert_authenticated_by_dane(delivery)
        self.assertEqual(delivery.transport, "remote_smtp")


if __name__ == "__main__":
    unittest.main()
