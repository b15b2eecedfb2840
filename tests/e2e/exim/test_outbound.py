"""A real Exim with Debian's configuration and our files delivers to the right servers only, with a map."""

import contextlib
import re
import unittest
from collections.abc import Iterator, Mapping

from lab import Lab, command, documents, program
from lab.ca import CA
from lab.dns import Dns
from lab.exim import EximDelivery, EximSender
from lab.mx_hosts import NOW, MxHosts, enforce, testing, write_list
from lab.resolver import Resolver


class Case(unittest.TestCase):
    @contextlib.contextmanager
    def in_a_lab(self) -> Iterator[None]:
        with Lab() as self.lab:
            self.hosts = MxHosts(self.lab)
            self.host, self.receiver, self.names = self.hosts.host, self.hosts.receiver, self.hosts.names
            self.folder = self.lab.new_folder("maps")
            yield

    def generate(self, policies: Mapping[str, object], *options: str) -> None:
        """Write the map: tls_policy for lsearch, tls_policy.cdb with "--type cdb"."""
        done = program.run("starttls-listtool", "generate", "exim", "--list",
                           write_list(self.folder / "list.json", policies), "-o", self.folder / "tls_policy", *options,
                           environment=NOW)
        self.assertEqual(done.returncode, 0, done.stderr)

    def start(self, lookup: str = "lsearch", resolver: Dns | Resolver | None = None, **settings: str | bool) -> None:
        """Start the sender, with the map of this type."""
        file = self.folder / ("tls_policy.cdb" if lookup == "cdb" else "tls_policy")
        self.mta = EximSender(self.lab, resolver or self.hosts.dns(),
                              macros=[f"STARTTLS_MAP = {lookup}{{{file}}}"], **settings)

    def deliver(self, domain: str) -> EximDelivery:
        return self.mta.deliver("alice@sender.test", f"bob@{domain}")

    def assert_verified(self, delivery: EximDelivery) -> None:
        self.assertEqual((delivery.status, delivery.verified), ("sent", True), delivery.lines)
        self.assertEqual(delivery.transport, "starttls_smtp")

    def assert_sent_as_before(self, delivery: EximDelivery) -> None:
        self.assertEqual((delivery.status, delivery.transport), ("sent", "remote_smtp"), delivery.lines)

    def assert_deferred(self, delivery: EximDelivery, reason: str) -> None:
        self.assertEqual(delivery.status, "deferred", delivery.lines)
        self.assertIn(reason, "\n".join(delivery.lines))


class Map(Case):
    def test_delivers_to_the_right_server_only(self) -> None:
        for lookup, split in (("cdb", True), ("lsearch", False)):
            with self.subTest(lookup=lookup, split=split), self.in_a_lab():
                issue = self.lab.ca.issue
                self.receiver(["right.test", "wrong-mx.test", "unlisted.test"], issue("mx.right.test"))
                self.receiver(["wild.test"], issue("wild.test", sans=["*.wild.test"]))
                self.receiver(["wrong-name.test"], issue("mx.elsewhere.test"))
                self.receiver(["expired.test"], issue("mx.expired.test", expired=True))
                self.receiver(["untrusted.test"], CA(self.lab.new_folder("ca"), "Stranger").issue("mx.untrusted.test"))
                self.receiver(["plain.test", "tested.test", "unlisted-plain.test"], None)
                self.generate({"right.test": enforce("mx.other.test", "mx.right.test"),
                               "wrong-mx.test": enforce("mx.wrong-mx.test", ".wrong-mx.test"),
                               "wild.test": enforce(".wild.test"),
                               "wrong-name.test": enforce("mx.wrong-name.test"),
                               "expired.test": enforce("mx.expired.test"),
                               "untrusted.test": enforce("mx.untrusted.test"), "plain.test": enforce("mx.plain.test"),
                               "tested.test": testing("mx.tested.test")}, "--type", lookup)
                self.start(lookup, split=split)

                self.assert_verified(self.deliver("right.test"))
                self.assert_verified(self.deliver("Right.TEST"))
                self.assert_verified(self.deliver("wild.test"))
                self.assert_deferred(self.deliver("wrong-mx.test"),
                                     "no MX host of wrong-mx.test is one of its TLS policy: secure match=mx.wrong-mx.")
                self.assert_deferred(self.deliver("wrong-name.test"), "certificate verification failed")
                self.assert_deferred(self.deliver("expired.test"), "certificate verification failed")
                self.assert_deferred(self.deliver("untrusted.test"), "certificate verification failed")
                self.assert_deferred(self.deliver("plain.test"), "a TLS session is required, but ")
                self.assert_sent_as_before(self.deliver("unlisted.test"))
                self.assert_sent_as_before(self.deliver("unlisted-plain.test"))
                self.assert_sent_as_before(self.deliver("tested.test"))

    def test_a_suffix_covers_one_label(self) -> None:
        with self.in_a_lab():
            self.receiver(["one.test"], self.lab.ca.issue("a.mail.one.test"), "a.mail.one.test")
            self.receiver(["two.test"], self.lab.ca.issue("a.b.mail.two.test"), "a.b.mail.two.test")
            self.receiver(["none.test"], self.lab.ca.issue("mail.none.test"), "mail.none.test")
            self.receiver(["dot.test"], self.lab.ca.issue("mxxdot.test"), "mxxdot.test")
            self.generate({"one.test": enforce(".other.test", ".mail.one.test"), "two.test": enforce(".mail.two.test"),
                           "none.test": enforce(".mail.none.test"), "dot.test": enforce("mx.dot.test")})
            self.start()
            self.assert_verified(self.deliver("one.test"))
            for domain in ("two.test", "none.test", "dot.test"):
                self.assert_deferred(self.deliver(domain), f"no MX host of {domain} is one of its TLS policy")

    def test_uses_the_hosts_that_are_right_among_several(self) -> None:
        with self.in_a_lab():
            self.host("outside.test", ["mixed.test", "bad.test"], self.lab.ca.issue("outside.test"))
            self.host("mx1.mixed.test", ["mixed.test"], self.lab.ca.issue("elsewhere.test"))
            self.host("mx2.mixed.test", ["mixed.test"], self.lab.ca.issue("mx2.mixed.test"))
            self.host("mx1.bad.test", ["bad.test"], self.lab.ca.issue("elsewhere.test"))
            self.names["mixed"] = ["MX 5 outside.test.", "MX 10 mx1.mixed.test.", "MX 20 mx2.mixed.test."]
            self.names["bad"] = ["MX 5 outside.test.", "MX 10 mx1.bad.test."]
            self.generate({"mixed.test": enforce("mx1.mixed.test", "mx2.mixed.test"),
                           "bad.test": enforce("mx1.bad.test", "mx2.bad.test")})
            self.start()
            delivery = self.deliver("mixed.test")
            self.assert_verified(delivery)
            self.assertIn(" H=mx2.mixed.test ", delivery.line)
            self.assertNotIn("H=outside.test", "".join(delivery.lines))
            self.assert_deferred(self.deliver("bad.test"), "certificate verification failed")

    def test_an_attacker_who_strips_starttls_gets_no_mail(self) -> None:
        with self.in_a_lab():
            self.host("mx.stripped.test", ["stripped.test"], self.lab.ca.issue("mx.stripped.test"),
                      {"smtpd_discard_ehlo_keywords": "starttls"})
            self.names["stripped"] = ["MX 10 mx.stripped.test."]
            self.generate({"stripped.test": enforce("mx.stripped.test")})
            self.start()
            self.assert_deferred(self.deliver("stripped.test"), "a TLS session is required")

    def test_domains_with_the_same_host_have_their_own_policies(self) -> None:
        """Neither one message for both, nor a connection that is used again, nor what the host's retry time says."""
        with self.in_a_lab():
            self.receiver(["a.test", "b.test", "free.test"], self.lab.ca.issue("mx.a.test"))
            self.generate({"a.test": enforce("mx.a.test"), "b.test": enforce("mx.b.test")})
            self.start()
            before = self.mta.log.mark()
            message = self.mta.submit("alice@sender.test", "bob@b.test", "bob@a.test", "bob@free.test")

            def outcome(domain: str) -> EximDelivery:
                return self.mta.outcome(message, f"bob@{domain}", since=before)
            self.assert_deferred(outcome("b.test"), "no MX host of b.test is one of its TLS policy")
            self.assert_verified(outcome("a.test"))
            self.assert_sent_as_before(outcome("free.test"))

    def test_a_map_that_was_replaced_counts_for_the_next_message(self) -> None:
        with self.in_a_lab():
            self.receiver(["a.test"], self.lab.ca.issue("mx.a.test"))
            for lookup in ("lsearch", "cdb"):
                with self.subTest(lookup):
                    self.generate({"a.test": enforce("mail.a.test")}, "--type", lookup)
                    self.start(lookup)
                    message = self.mta.submit("alice@sender.test", "bob@a.test")
                    self.assertEqual(self.mta.queued(), [message])
                    self.generate({"a.test": enforce("mail.a.test", "mx.a.test")}, "--type", lookup)
                    self.assert_verified(self.mta.retry(message, "bob@a.test"))
                    self.assertEqual(self.mta.queued(), [])

    def test_all_mail_waits_while_there_is_no_map(self) -> None:
        with self.in_a_lab():
            self.receiver(["a.test", "unlisted.test"], self.lab.ca.issue("mx.a.test"))
            for lookup in ("lsearch", "cdb"):
                with self.subTest(lookup):
                    self.start(lookup)
                    messages = {}
                    for recipient in ("bob@a.test", "bob@unlisted.test"):
                        before = self.mta.log.mark()
                        messages[recipient] = self.mta.submit("alice@sender.test", recipient)
                        outcome = self.mta.outcome(messages[recipient], recipient, since=before)
                        self.assert_deferred(outcome, "failed to open")
                    self.generate({"a.test": enforce("mx.a.test")}, "--type", lookup)
                    self.assert_verified(self.mta.retry(messages["bob@a.test"], "bob@a.test"))
                    self.assert_sent_as_before(self.mta.retry(messages["bob@unlisted.test"], "bob@unlisted.test"))

    def test_a_policy_of_many_patterns_is_read_whole(self) -> None:
        with self.in_a_lab():
            self.receiver(["most.test", "other.test"], self.lab.ca.issue("mx.most.test"))
            many = [f"mx{number}.{'x' * 50}.test" for number in range(63)]
            for lookup in ("lsearch", "cdb"):
                with self.subTest(lookup):
                    self.generate({"most.test": enforce(*many, "mx.most.test"), "other.test": enforce(*many)},
                                  "--type", lookup)
                    self.start(lookup)
                    self.assert_verified(self.deliver("most.test"))
                    self.assert_deferred(self.deliver("other.test"), "no MX host of other.test is one of its TLS")

    def test_the_name_of_the_mx_record_counts_also_for_an_alias(self) -> None:
        with self.in_a_lab():
            self.host("real.test", ["alias.test", "other.test"], self.lab.ca.issue("mx.alias.test"))
            self.names["mx.alias"] = ["CNAME real.test."]
            self.names |= {"alias": ["MX 10 mx.alias.test."], "other": ["MX 10 mx.alias.test."]}
            self.generate({"alias.test": enforce("mx.alias.test"), "other.test": enforce("real.test")})
            self.start()
            self.assert_verified(self.deliver("alias.test"))
            self.assert_deferred(self.deliver("other.test"), "no MX host of other.test is one of its TLS policy")

    def test_early_adopters_enforce_testing(self) -> None:
        with self.in_a_lab():
            self.receiver(["plain.test"], None)
            self.generate({"plain.test": testing("mx.plain.test")}, "--early-adopter")
            self.start()
            self.assert_deferred(self.deliver("plain.test"), "a TLS session is required")



class Dane(Case):
    def test_tlsa_records_of_a_listed_host_decide_before_its_list(self) -> None:
        with self.in_a_lab():
            stranger = CA(self.lab.new_folder("ca"), "Stranger")
            certificates = {"bound": stranger.issue("mx.bound.test"), "broken": self.lab.ca.issue("mx.broken.test")}
            for name, certificate in certificates.items():
                self.receiver([f"{name}.test"], certificate)
                self.names[f"_{self.lab.smtp_port}._tcp.mx.{name}"] = [
                    f"TLSA 3 1 1 {certificates['bound'].key_digest()}"]
            self.generate({"bound.test": enforce("mx.bound.test"), "broken.test": enforce("mx.broken.test")})
            dns = Dns(self.lab, {"test": self.names}, signed=["test"])
            self.start(resolver=Resolver(self.lab, dns), trust_ad=True)
            delivery = self.deliver("bound.test")
            self.assertEqual((delivery.status, delivery.dane), ("sent", True), delivery.lines)
            self.assert_deferred(self.deliver("broken.test"), "certificate verification failed")



class Guide(Case):
    """docs/exim.md, whose commands for the two layouts the lab runs for every test."""

    def test_the_map_works_as_in_the_guide(self) -> None:
        (lines,) = [block for block in documents.blocks("docs/exim.md", "Enforce TLS to listed domains")
                    if block.startswith("STARTTLS_MAP")]
        (test,) = [line for line in documents.lines("docs/exim.md") if line.startswith("exim4 -bt ")]
        for split in (True, False):
            with self.subTest(split=split), self.in_a_lab():
                self.receiver(["example.org.test"], self.lab.ca.issue("mx.example.org.test"))
                self.generate({"example.org.test": enforce("mx.example.org.test")}, "--type", "cdb")
                self.mta = EximSender(self.lab, Dns(self.lab, {"test": self.names}), macros=lines.splitlines(),
                                      split=split)
                (self.mta.etc / "exim4/tls_policy.cdb").write_bytes((self.folder / "tls_policy.cdb").read_bytes())
                self.assert_verified(self.deliver("example.org.test"))
                said = self.mta.run(*test.replace("example.org", "example.org.test").split()[1:])
                self.assertIn("router = starttls_enforce, transport = starttls_smtp", said)
                self.assertIn("host mx.example.org.test ", said)

    def test_only_mail_that_is_delivered_by_mx_records_is_concerned(self) -> None:
        with self.in_a_lab():
            self.receiver(["relayed.test", "hubbed.test", "a.test"], None, "mx.a.test")
            self.generate({f"{name}.test": enforce("mx.elsewhere.test") for name in ("relayed", "hubbed", "a")})
            self.start(relay_domains="relayed.test")
            (self.mta.etc / "exim4/hubbed_hosts").write_text("hubbed.test: mx.a.test\n")
            self.assert_sent_as_before(self.deliver("relayed.test"))
            self.assert_sent_as_before(self.deliver("hubbed.test"))
            self.assert_deferred(self.deliver("a.test"), "no MX host of a.test is one of its TLS policy")

    def test_mail_to_a_smart_host_is_as_the_guide_says(self) -> None:
        (line,) = [line.strip() for line in documents.section("docs/exim.md").splitlines()
                   if line.strip().startswith("REMOTE_SMTP_SMARTHOST_")]
        for host, certificate, outcome in (("right.test", "right.test", "sent"),
                                           ("wrong.test", "elsewhere.test", "deferred"), ("plain.test", "", "deferred")):
            with self.subTest(host), self.in_a_lab():
                self.host(host, ["a.test"], self.lab.ca.issue(certificate) if certificate else None)
                self.names["a"] = ["MX 10 mx.elsewhere.test."]
                self.generate({"a.test": enforce("mx.elsewhere.test")})
                self.mta = EximSender(self.lab, Dns(self.lab, {"test": self.names}), macros=[line], kind="smarthost",
                                      smarthost=host)
                delivery = self.deliver("a.test")
                self.assertEqual(delivery.status, outcome, delivery.lines)
                self.assertEqual(delivery.transport, "remote_smtp_smarthost")

    def test_debians_macros_apply_and_further_cas_can_be_trusted(self) -> None:
        with self.in_a_lab():
            stranger = CA(self.lab.new_folder("ca"), "Stranger")
            mx = self.host("mx.a.test", ["a.test"], stranger.issue("mx.a.test"))
            self.names["a"] = ["MX 10 mx.a.test."]
            self.generate({"a.test": enforce("mx.a.test")})
            own = self.lab.address()
            self.mta = EximSender(self.lab, Dns(self.lab, {"test": self.names}), macros=[
                f"STARTTLS_MAP = lsearch{{{self.folder / 'tls_policy'}}}",
                f"STARTTLS_VERIFY_CERTIFICATES = {stranger.certificate}",
                f"REMOTE_SMTP_INTERFACE = {own}", "REMOTE_SMTP_HELO_DATA = helo.sender.test"])
            self.assert_verified(self.deliver("a.test"))
            mx.log.wait_for(rf"connect from .*\[{re.escape(own)}\]")

    def test_senders_are_verified_without_their_policy(self) -> None:
        with self.in_a_lab():
            self.receiver(["a.test"], self.lab.ca.issue("mx.a.test"))
            self.start()  # without a map
            self.assertIn("verified", self.mta.run("-bvs", "alice@a.test"))
            with self.assertRaisesRegex(command.CommandFailed, "cannot be resolved at this time"):
                self.mta.run("-bv", "bob@a.test")


if __name__ == "__main__":
    unittest.main()
