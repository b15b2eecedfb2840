"""A real Sendmail that reads our maps delivers to the right servers only."""

import contextlib
import unittest
from collections.abc import Iterator, Mapping
from pathlib import Path

from lab import Lab, command, documents, program
from lab.ca import CA
from lab.mx_hosts import NOW, MxHosts, enforce, testing, write_list
from lab.sendmail import SendmailDelivery, SendmailSender, makemap, makemap_script

TREE = Path(__file__).resolve().parents[3]
WILDCARD = TREE / "packaging/sendmail/sts-wildcard.m4"


class Case(unittest.TestCase):
    @contextlib.contextmanager
    def in_a_lab(self) -> Iterator[None]:
        with Lab() as self.lab:
            self.hosts = MxHosts(self.lab)
            self.receiver, self.names, self.dns = self.hosts.receiver, self.hosts.names, self.hosts.dns
            self.folder = self.lab.new_folder("maps")
            self.map = self.folder / "starttls"
            yield

    def generate(self, policies: Mapping[str, object], *options: str) -> str:
        """Write the map; returns the text on standard error."""
        done = program.run("starttls-listtool", "generate", "sendmail", "--list",
                           write_list(self.folder / "list.json", policies), "-o", self.map, *options, environment=NOW)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def assert_sent(self, delivery: SendmailDelivery) -> None:
        self.assertEqual(delivery.status, "sent", delivery)
        self.assertTrue(delivery.trusted, delivery)

    def assert_sent_without_a_check(self, delivery: SendmailDelivery) -> None:
        self.assertEqual(delivery.status, "sent", delivery)
        self.assertFalse(delivery.trusted, delivery)

    def assert_deferred(self, delivery: SendmailDelivery, reason: str) -> None:
        self.assertEqual(delivery.status, "deferred", delivery)
        self.assertIn(reason, delivery.reason or "nothing was refused", delivery)


class MtaSts(Case):
    """FEATURE(`sts') with a map of type hash."""

    def sender(self, macros: str | None = None) -> SendmailSender:
        """A Sendmail with the lines for the .mc file that the head of the map shows."""
        return SendmailSender(self.lab, self.dns(), macros=macros or self.told_by_the_map())

    def told_by_the_map(self) -> str:
        """The lines, with the path of our m4 file in the sources."""
        lines = [line.removeprefix("#   ") for line in self.map.read_text().splitlines() if line.endswith("dnl")]
        self.assertEqual(len(lines), 2, lines)
        self.assertTrue(lines[1].endswith(f"/{WILDCARD.name}')dnl"), lines[1])
        return f"{lines[0]}\ninclude(`{WILDCARD}')dnl\n"

    def make(self, policies: Mapping[str, object], *options: str) -> str:
        told = self.generate(policies, *options)
        makemap(self.map, self.map)
        return told

    def deliver(self, domain: str) -> SendmailDelivery:
        return self.mta.deliver("alice@sender.test", f"bob@{domain}")

    def test_delivers_to_the_right_server_only(self) -> None:
        with self.in_a_lab():
            issue = self.lab.ca.issue
            self.receiver(["right.test"], issue("mx.right.test"))
            self.receiver(["wrong-mx.test", "unlisted.test"], issue("mx.wrong-mx.test"))
            self.receiver(["wrong-name.test"], issue("mx.elsewhere.test"))
            self.receiver(["cn-only.test"], issue("mx.cn-only.test", sans=[]))
            self.receiver(["untrusted.test"], CA(self.lab.new_folder("ca"), "Stranger").issue("mx.untrusted.test"))
            self.receiver(["plain.test", "tested.test", "unlisted-plain.test"], None)
            self.make({"right.test": enforce("mx.other.test", "mx.right.test"),
                       "wrong-mx.test": enforce("mx.right.test", "mail.wrong-mx.test"),
                       "wrong-name.test": enforce("mx.wrong-name.test"), "cn-only.test": enforce("mx.cn-only.test"),
                       "untrusted.test": enforce("mx.untrusted.test"), "plain.test": enforce("mx.plain.test"),
                       "tested.test": testing("mx.tested.test")})
            self.mta = self.sender()

            self.assert_sent(self.deliver("right.test"))
            self.assert_sent(self.deliver("Right.TEST"))
            self.assert_deferred(self.deliver("wrong-mx.test"), "mx.wrong-mx.test not found in mx.right.test:mail.")
            self.assert_deferred(self.deliver("wrong-name.test"), "mx.wrong-name.test not listed in SANs")
            self.assert_deferred(self.deliver("cn-only.test"), "mx.cn-only.test not listed in SANs")
            self.assert_deferred(self.deliver("untrusted.test"), "authentication failed")
            self.assert_deferred(self.deliver("plain.test"), "other side does not support STARTTLS")
            self.assert_sent(self.deliver("unlisted.test"))
            self.assert_sent_without_a_check(self.deliver("unlisted-plain.test"))
            self.assert_sent_without_a_check(self.deliver("tested.test"))

    def test_follows_a_map_that_generate_compiles(self) -> None:
        with self.in_a_lab():
            self.receiver(["right.test"], self.lab.ca.issue("mx.right.test"))
            self.receiver(["wrong.test"], self.lab.ca.issue("mx.elsewhere.test"))
            makemap_here = makemap_script(self.folder / "makemap")
            configuration = self.folder / "listtool.toml"
            configuration.write_text(f'[programs]\nmakemap = "{makemap_here}"\n')
            policies = {name: enforce(f"mx.{name}") for name in ("right.test", "wrong.test")}
            said = self.generate(policies, "-c", str(configuration), "--type", "hash", "-v")
            self.assertFalse(self.map.exists())
            self.assertIn(f"{self.map}.db: written\n", said)
            self.assertIn("Both confCACERT and confCACERT_PATH must be set", said)
            feature, include = (line for line in said.splitlines() if line.endswith("dnl"))
            self.assertTrue(include.endswith(f"/{WILDCARD.name}')dnl"), include)
            self.mta = self.sender(f"{feature}\ninclude(`{WILDCARD}')dnl\n")
            self.assert_sent(self.deliver("right.test"))
            self.assert_deferred(self.deliver("wrong.test"), "mx.wrong.test not listed in SANs")

            with self.subTest("and one that takes its place"):
                del policies["wrong.test"]
                self.generate(policies, "-c", str(configuration), "--type", "hash")
                self.assert_sent(self.deliver("right.test"))
                self.assert_sent(self.deliver("wrong.test"))

    def test_works_as_in_the_guide(self) -> None:
        lines = [line for line in documents.lines("docs/sendmail.md", "Enforce TLS to listed domains")
                 if line.endswith("dnl")]
        self.assertEqual(len(lines), 5, lines)
        with self.in_a_lab():
            self.receiver(["wild.test"], self.lab.ca.issue("wild.test", sans=["*.wild.test"]))
            self.receiver(["wrong.test"], self.lab.ca.issue("mx.elsewhere.test"))
            self.make({name: enforce(f"mx.{name}") for name in ("wild.test", "wrong.test")})
            here = {"/etc/mail/starttls": self.map, "/usr/share/starttls-toolkit/sendmail": WILDCARD.parent,
                    "/etc/ssl/certs/ca-certificates.crt": self.lab.ca.certificate, "/etc/ssl/certs": self.lab.ca.folder}
            macros = "".join(f"{line}\n" for line in lines)
            for there, place in here.items():
                self.assertIn(f"{there}", macros)
                macros = macros.replace(there, str(place))
            self.mta = self.sender(macros)
            self.assert_sent(self.deliver("wild.test"))
            self.assert_deferred(self.deliver("wrong.test"), "mx.wrong.test not listed in SANs")

    def test_accepts_a_wildcard_certificate_with_our_correction_only(self) -> None:
        with self.in_a_lab():
            wild = self.lab.ca.issue("wild.test", sans=["*.wild.test"])
            self.receiver(["wild.test"], wild)
            self.receiver(["deep.test"], self.lab.ca.issue("deep.test", sans=["*.test"]))
            self.receiver(["other.test"], wild)
            self.make({domain: enforce(f"mx.{domain}") for domain in ("wild.test", "deep.test", "other.test")})
            self.mta = self.sender()
            self.assert_sent(self.deliver("wild.test"))
            self.assert_deferred(self.deliver("deep.test"), "mx.deep.test not listed in SANs")  # one label is one label
            self.assert_deferred(self.deliver("other.test"), "mx.other.test not listed in SANs")

            self.mta = self.sender(self.told_by_the_map().splitlines()[0] + "\n")
            self.assert_deferred(self.deliver("wild.test"), "mx.wild.test not listed in SANs")

    def test_names_in_one_certificate_do_not_count_for_the_next_server(self) -> None:
        with self.in_a_lab():
            self.receiver(["wild.test"], self.lab.ca.issue("wild.test", sans=["*.wild.test"]))
            self.receiver(["other.test"], self.lab.ca.issue("mx.other.test"), host="other.wild.test")
            self.make({"wild.test": enforce("mx.wild.test"), "other.test": enforce("other.wild.test")})
            self.mta = self.sender()
            queue_id = self.mta.submit("alice@sender.test", "bob@wild.test", "bob@other.test")
            self.assert_sent(self.mta.outcome(queue_id, recipient="bob@wild.test"))
            self.assert_deferred(self.mta.outcome(queue_id, recipient="bob@other.test"),
                                 "other.wild.test not listed in SANs")

    def test_a_suffix_covers_one_label(self) -> None:
        with self.in_a_lab():
            self.receiver(["one.test"], self.lab.ca.issue("a.mail.one.test"), "a.mail.one.test")
            self.receiver(["two.test"], self.lab.ca.issue("a.b.mail.two.test"), "a.b.mail.two.test")
            self.make({"one.test": enforce(".mail.one.test"), "two.test": enforce(".mail.two.test")})
            self.mta = self.sender()
            self.assert_sent(self.deliver("one.test"))
            self.assert_deferred(self.deliver("two.test"), "a.b.mail.two.test not found in .mail.two.test")

    def test_a_map_that_was_replaced_counts_for_the_next_message(self) -> None:
        with self.in_a_lab():
            self.receiver(["a.test"], self.lab.ca.issue("mx.a.test"))
            self.make({"a.test": enforce("mail.a.test")})
            self.mta = self.sender()
            self.assert_deferred(self.deliver("a.test"), "mx.a.test not found in mail.a.test")
            with self.subTest("in place"):
                self.make({"a.test": enforce("mail.a.test", "mx.a.test")})
                self.assert_sent(self.deliver("a.test"))
            with self.subTest("renamed into its place"):
                self.generate({"a.test": enforce("mail.a.test")})
                makemap(self.map, self.folder / "new")
                (self.folder / "new.db").rename(self.map.with_suffix(".db"))
                self.assert_deferred(self.deliver("a.test"), "mx.a.test not found in mail.a.test")

    def test_all_mail_waits_while_there_is_no_map(self) -> None:
        with self.in_a_lab():
            self.receiver(["a.test", "unlisted.test"], self.lab.ca.issue("mx.a.test"))
            self.generate({"a.test": enforce("mx.a.test")})
            self.mta = self.sender()
            self.assert_deferred(self.deliver("a.test"), "STS lookup temp fail")
            self.assert_deferred(self.deliver("unlisted.test"), "STS lookup temp fail")
            makemap(self.map, self.map)
            self.assert_sent(self.deliver("a.test"))
            self.assert_sent(self.deliver("unlisted.test"))

    def test_mail_waits_if_the_cas_are_configured_in_only_one_way(self) -> None:
        with self.in_a_lab():
            self.receiver(["a.test"], self.lab.ca.issue("mx.a.test"))
            self.make({"a.test": enforce("mx.a.test")})
            for setting in ("confCACERT", "confCACERT_PATH"):
                with self.subTest(setting):
                    self.mta = self.sender(self.told_by_the_map() + f"undefine(`{setting}')dnl\n")
                    self.assert_deferred(self.deliver("a.test"), "authentication failed")

    def test_mail_through_a_smart_host_waits(self) -> None:
        with self.in_a_lab():
            self.receiver(["a.test"], self.lab.ca.issue("mx.a.test"))
            self.receiver(["relay.test"], self.lab.ca.issue("mx.relay.test"))
            self.make({"a.test": enforce("mx.a.test")})
            self.mta = self.sender(self.told_by_the_map() + "define(`SMART_HOST', `mx.relay.test')dnl\n")
            self.assert_deferred(self.deliver("a.test"), "mx.relay.test not found in mx.a.test")

    def test_patterns_that_sendmail_would_truncate_are_not_in_the_map(self) -> None:
        with self.in_a_lab():
            self.receiver(["most.test", "more.test"], self.lab.ca.issue("mx.most.test"))
            fit, unfit = self.patterns(255, "mx.most.test"), self.patterns(258, "mx.most.testing")
            told = self.make({"most.test": enforce(*fit), "more.test": enforce(*unfit)})
            self.assertIn("NOT ENFORCED", told)
            self.assertIn("\n# more.test NOT ENFORCED: its MX patterns take 258 bytes", self.map.read_text())
            self.mta = self.sender()
            self.assert_sent(self.deliver("most.test"))

            with self.subTest("a Sendmail that is configured for them delivers to the host whose name is left after the cut"):
                with self.map.open("a") as text:
                    text.write(f"more.test\tsecure match={':'.join(unfit)} servername=hostname\n")
                makemap(self.map, self.map)
                self.assert_sent(self.deliver("more.test"))
                self.make({"more.test": enforce("mx.most.testing")})
                self.assert_deferred(self.deliver("more.test"), "mx.most.test not found in mx.most.testing")

    def patterns(self, size: int, last: str) -> list[str]:
        """Patterns that need this many bytes as a match=."""
        others = [f"mx{number}.{'x' * 40}.test" for number in range(4)]
        room = size - len(":".join([*others, ".test", last]))
        return [*others, f"{'x' * room}.test", last]

    def test_early_adopters_enforce_testing(self) -> None:
        with self.in_a_lab():
            self.receiver(["plain.test"], None)
            self.make({"plain.test": testing("mx.plain.test")}, "--early-adopter")
            self.mta = self.sender()
            self.assert_deferred(self.deliver("plain.test"), "other side does not support STARTTLS")

    def test_the_correction_reports_a_configuration_that_it_does_not_fit(self) -> None:
        with self.in_a_lab():
            include = f"include(`{WILDCARD}')dnl\n"
            feature = "FEATURE(`sts', `hash -T<TMPF> /nowhere')dnl\n"
            for macros in (include, include + feature, feature + include + include,
                           "FEATURE(`sts', `hash -T<TMPF> /nowhere', `NO_SAN_TST')dnl\n" + include):
                with self.subTest(macros), self.assertRaisesRegex(command.CommandFailed, "ERROR: sts-wildcard.m4"):
                    self.sender(macros)


class AccessMap(Case):
    """FEATURE(`access_db') in a Sendmail without FEATURE(`sts')."""

    def test_enforces_what_its_comments_describe_and_no_more(self) -> None:
        with self.in_a_lab():
            issue = self.lab.ca.issue
            self.receiver(["right.test", "many.right.test"], issue("mx.right.test"))
            self.receiver(["wrong.test"], issue("mx.elsewhere.test"))
            self.receiver(["san.test"], issue("other.san.test", sans=["mx.san.test"]))
            self.receiver(["untrusted.test"], CA(self.lab.new_folder("ca"), "Stranger").issue("mx.untrusted.test"))
            self.receiver(["plain.test", "sub.plain.test", "tested.plain.test", "many.plain.test", "tested.test"],
                          None)
            told = self.generate({
                "right.test": enforce("mx.right.test"), "many.right.test": enforce("mx1.right.test", "mx2.right.test"),
                "wrong.test": enforce("mx.wrong.test"), "san.test": enforce("mx.san.test"),
                "untrusted.test": enforce("mx.untrusted.test"), "plain.test": enforce("mx.plain.test"),
                "tested.plain.test": testing("mx.plain.test"), "many.plain.test": enforce(".plain.test"),
                "tested.test": testing("mx.tested.test")}, "--type", "access")
            self.assertIn("NOT ENFORCED", told)
            text = self.map.read_text()
            self.assertIn("\n# many.right.test NOT ENFORCED: it has 2 MX patterns, ", text)
            self.assertIn("\n# many.plain.test NOT ENFORCED: .plain.test is a suffix, ", text)
            makemap(self.map, self.map)
            mta = SendmailSender(self.lab, self.dns(),
                                 macros=f"FEATURE(`access_db', `hash -T<TMPF> {self.map}')dnl\n")

            def deliver(domain: str) -> SendmailDelivery:
                return mta.deliver("alice@sender.test", f"bob@{domain}")

            self.assert_sent(deliver("right.test"))
            self.assert_sent(deliver("many.right.test"))
            self.assert_deferred(deliver("wrong.test"), "CN mx.elsewhere.test does not match mx.wrong.test")
            self.assert_deferred(deliver("san.test"), "CN other.san.test does not match mx.san.test")
            self.assert_deferred(deliver("untrusted.test"), "authentication failed")
            self.assert_deferred(deliver("plain.test"), "other side does not support STARTTLS")
            self.assert_deferred(deliver("sub.plain.test"), "other side does not support STARTTLS")
            for domain in ("tested.plain.test", "many.plain.test", "tested.test"):
                self.assert_sent_without_a_check(deliver(domain))


if __name__ == "__main__":
    unittest.main()
