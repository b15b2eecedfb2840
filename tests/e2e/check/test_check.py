"""`starttls-listtool check` of domains whose mail servers are real, sound ones and broken ones."""

import json
import unittest

from checking import Case
from lab.ca import CA
from lab.policy_domains import mta_sts_records
from lab.postfix import Receiver

OTHER_KEY = "TLSA 3 1 1 " + "ab" * 32


class Sound(Case):
    def test_a_domain_with_everything(self) -> None:
        certificate = self.lab.ca.issue("mx.sound.test")
        self.postfix("sound.test", certificate)
        self.zones["sound.test"]["_25._tcp.mx"] = [f"TLSA 3 1 1 {certificate.key_digest()}", OTHER_KEY]
        self.mta_sts("sound.test")
        self.reports("sound.test", "mailto:tls@sound.test", "https://reports.sound.test/v1")
        self.zones["sound.test"]["reports"] = [f"A {self.web.address}"]
        self.web.add_host("reports.sound.test", self.lab.ca.issue("reports.sound.test"))
        self.start(signed=["sound.test"])

        status, found = self.examine("sound.test")
        self.assertEqual([one for one in found["findings"] if one["level"] not in ("ok", "note")], [])
        self.assertEqual(status, 0)
        self.assertEqual({one["sender"]: one["outcome"] for one in found["verdicts"]},
                         {"mta-sts": "delivers", "dane": "delivers", "opportunistic": "can-be-stripped"})
        codes = {one["code"] for one in found["findings"] if one["level"] == "ok"}
        self.assertLessEqual({"mx-dnssec", "starttls", "tls-version", "tls-old-version", "certificate-trust",
                              "certificate-name", "certificate-expiry", "mta-sts-record", "mta-sts-policy",
                              "mta-sts-mx", "tlsrpt-mailto", "tlsrpt-https", "dane-match", "dane-rollover",
                              "dane-mta-sts"}, codes)
        [server] = found["servers"]
        self.assertEqual((server["version"], server["stop"]), ("TLSv1.3", "none"))

        shown = self.check(*self.connect, "sound.test")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertIn("A sender with MTA-STS delivers over authenticated TLS: 1 of 1 address", shown.stdout)
        self.assertIn("A sender with DANE delivers over authenticated TLS", shown.stdout)
        self.assertLessEqual(max(map(len, shown.stdout.splitlines())), 80)
        self.assertNotIn("\x1b", shown.stdout)

        explained = self.check("--explain", *self.connect, "sound.test").stdout
        for part in ("greeting", "220 mx.sound.test ESMTP", "STARTTLS", "TLSv1.3", "CN=mx.sound.test"):
            self.assertIn(part, explained)

        later = self.findings("sound.test", "--at", "45")
        self.assertEqual(later, set())

    def test_what_runs_out(self) -> None:
        """The lab's certificates are valid for 60 days, and 30 of these are left."""
        self.postfix("later.test", self.lab.ca.issue("mx.later.test"))
        self.mta_sts("later.test")
        self.start()
        for days, level in (("7", "ok"), ("45", "note")):
            found = self.examine("later.test", "--at", days)[1]["findings"]
            levels = {one["code"]: one["level"] for one in found}
            self.assertEqual((levels["certificate-expiry"], levels["mta-sts-policy-certificate"]), (level, level))


class Broken(Case):
    def test_certificates(self) -> None:
        unknown = CA(self.lab.new_folder("ca"), "Unknown")
        for domain, certificate in (("untrusted.test", unknown.issue("mx.untrusted.test")),
                                    ("name.test", self.lab.ca.issue("other.name.test")),
                                    ("expired.test", self.lab.ca.issue("mx.expired.test", expired=True)),
                                    ("demanded-by-nobody.test", unknown.issue("other.test"))):
            self.postfix(domain, certificate)
            if domain != "demanded-by-nobody.test":
                self.mta_sts(domain)
        self.start()
        no_reports = "warning tlsrpt-record"
        self.assertEqual(self.findings("untrusted.test"), {"fault certificate-chain", no_reports})
        self.assertEqual(self.findings("name.test"), {"fault certificate-name", no_reports})
        self.assertEqual(self.findings("expired.test"), {"fault certificate-expiry", no_reports})
        self.assertEqual(self.findings("demanded-by-nobody.test"), set())
        self.assertEqual(self.outcomes("untrusted.test"),
                         {"mta-sts": "defers", "dane": "can-be-stripped", "opportunistic": "can-be-stripped"})
        self.assertEqual(self.check(*self.connect, "untrusted.test").returncode, 1)
        self.assertEqual(self.check(*self.connect, "demanded-by-nobody.test").returncode, 0)

    def test_dane(self) -> None:
        own = CA(self.lab.new_folder("ca"), "Own")
        certificates = {domain: own.issue(f"mx.{domain}") for domain in ("own.test", "mismatch.test", "unsigned.test")}
        for domain, certificate in certificates.items():
            self.postfix(domain, certificate)
            matching = f"TLSA 3 1 1 {certificate.key_digest()}"
            self.zones[domain]["_25._tcp.mx"] = [OTHER_KEY] if domain == "mismatch.test" else [matching, OTHER_KEY]
        self.start(signed=["own.test", "mismatch.test"])
        no_reports = "warning tlsrpt-record"
        # Nobody knows the authority, and DANE-EE does not care.
        self.assertEqual(self.findings("own.test"), {no_reports})
        self.assertEqual(self.outcomes("own.test")["dane"], "delivers")
        self.assertEqual(self.findings("mismatch.test"), {"fault dane-match", no_reports})
        self.assertEqual(self.outcomes("mismatch.test")["dane"], "defers")
        self.assertEqual(self.findings("unsigned.test"), {"warning dane-unsigned"})
        self.assertEqual(self.outcomes("unsigned.test")["dane"], "can-be-stripped")

    def test_starttls(self) -> None:
        self.postfix("plain.test", None)
        self.postfix("enforced.test", None)
        self.mta_sts("enforced.test")
        self.postfix("old.test", self.lab.ca.issue("mx.old.test"), smtpd_tls_protocols="<=TLSv1.2",
                     smtpd_tls_mandatory_protocols="<=TLSv1.2", tls_medium_cipherlist="ALL:@SECLEVEL=0")
        self.start()
        self.assertEqual(self.findings("plain.test"), {"warning starttls"})
        self.assertEqual(self.outcomes("plain.test")["opportunistic"], "plaintext")
        self.assertEqual(self.findings("enforced.test"), {"fault starttls", "warning tlsrpt-record"})
        self.assertEqual(self.outcomes("enforced.test")["mta-sts"], "defers")
        self.assertEqual(self.findings("old.test"), {"warning tls-old-version"})

    def test_policies(self) -> None:
        for domain in ("uncovered.test", "invalid.test", "no-host.test", "status.test"):
            self.postfix(domain, self.lab.ca.issue(f"mx.{domain}"))
        self.mta_sts("uncovered.test", mxs=["mx2.uncovered.test"])
        self.mta_sts("invalid.test", text="version: STSv1\nmode: enforce\n")
        self.zones["no-host.test"] |= {"_mta-sts": ['TXT "v=STSv1; id=1;"']}
        self.zones["status.test"] |= mta_sts_records(self.web)
        self.web.add_host("mta-sts.status.test", self.lab.ca.issue("mta-sts.status.test"))
        self.start()
        self.assertEqual(self.findings("uncovered.test"), {"fault mta-sts-mx", "warning tlsrpt-record"})
        self.assertEqual(self.outcomes("uncovered.test")["mta-sts"], "defers")
        self.assertEqual(self.findings("invalid.test"), {"fault mta-sts-policy-syntax"})
        self.assertEqual(self.findings("no-host.test"), {"fault mta-sts-policy"})
        self.assertEqual(self.findings("status.test"), {"fault mta-sts-policy"})


class CannotTell(Case):
    def test_a_rate_limit_is_no_lack_of_starttls(self) -> None:
        limited = self.scripted("limited.test", lambda peer: (peer.say("421 4.7.0 Too many connections\r\n"),
                                                              peer.read_to_the_end()))
        self.scripted("blocked.test", lambda peer: (peer.say("554 5.7.1 Go away\r\n"), peer.read_to_the_end()))
        self.mta_sts("limited.test")
        self.start()
        status, found = self.examine("limited.test")
        self.assertEqual(status, 75)
        self.assertEqual([one["code"] for one in found["findings"] if one["level"] == "cannot-tell"],
                         ["smtp-rate-limit"])
        self.assertEqual([one["level"] for one in found["findings"] if one["code"] == "starttls"], [])
        self.assertEqual(found["verdicts"][0]["outcome"], "cannot-tell")
        self.assertEqual(len(limited.heard), 1)
        self.assertEqual(self.findings("blocked.test"), {"cannot-tell smtp-rejected"})

    def test_a_firewall_overwrites_the_offer(self) -> None:
        self.scripted("stripped.test", lambda peer: (peer.welcome("XXXXXXXA"), peer.read_to_the_end()))
        self.start()
        self.assertEqual(self.findings("stripped.test"), {"warning starttls-stripped"})

    def test_mail_servers_that_are_not_asked(self) -> None:
        server = self.scripted("quiet.test", lambda peer: peer.welcome())
        self.mta_sts("quiet.test")
        self.reports("quiet.test", "mailto:tls@quiet.test")
        self.start()
        done = self.check("--json", "--no-smtp", "quiet.test")
        found = json.loads(done.stdout)["domains"][0]
        self.assertEqual(done.returncode, 0)
        self.assertIn(("note", "smtp-skipped"), {(one["level"], one["code"]) for one in found["findings"]})
        self.assertEqual(found["verdicts"][0]["outcome"], "cannot-tell")
        self.assertEqual(server.heard, [])

    def test_private_addresses_are_not_connected_to(self) -> None:
        server = self.scripted("private.test", lambda peer: peer.welcome())
        self.start()
        done = self.check("--json", "private.test")
        codes = {one["code"] for one in json.loads(done.stdout)["domains"][0]["findings"] if one["level"] == "fault"}
        self.assertEqual(codes, {"mx-address-private"})
        self.assertEqual(server.heard, [])


class ManyDomains(Case):
    def test_domains_share_the_connections_to_a_server_and_come_in_their_order(self) -> None:
        server = self.scripted("mail.test", lambda peer: (peer.welcome(), peer.read_to_the_end()))
        names = [f"d{number}.test" for number in range(30)]
        for name in names:
            self.zones[name] = {"@": ["MX 10 mx.mail.test."]}
        self.zones["nothing.test"] = {"@": ["MX 0 ."]}
        self.start()
        done = self.configuration.tool("--json", "check", *self.connect, "-", text_in="\n".join(names + ["nothing.test"]))
        found = json.loads(done.stdout)["domains"]
        self.assertEqual([one["domain"] for one in found], names + ["nothing.test"])
        self.assertEqual({one["level"] for one in found[:-1]}, {"warning"})
        self.assertEqual([one["outcome"] for one in found[-1]["verdicts"]], ["no-mail"] * 3)
        self.assertEqual(len(server.heard), 1)

    def test_one_host_alone_before_it_is_published(self) -> None:
        self.postfix("example.test", None)
        new = Receiver(self.lab, "new.example.test", ["example.test"], self.lab.ca.issue("new.example.test"))
        self.zones["example.test"]["new"] = [f"A {new.address}"]
        self.mx("new.example.test", new.address)
        self.start()
        self.assertEqual(self.findings("example.test"), {"warning starttls"})
        self.assertEqual(self.findings("example.test", "--mx", "new.example.test"), set())

    def test_a_list_and_an_override(self) -> None:
        self.postfix("listed.test", self.lab.ca.issue("other.test"))
        self.postfix("overridden.test", None)
        overrides = self.lab.new_folder("overrides") / "overrides"
        overrides.write_text("overridden.test enforce mx.overridden.test\n")
        self.start(top={"overrides": str(overrides)})
        self.configuration.install({"listed.test": {"mode": "enforce", "mxs": ["mx.listed.test", "old.listed.test"]}})
        self.assertEqual(self.findings("listed.test"), {"fault certificate-name"})
        self.assertEqual(self.outcomes("listed.test")["list"], "defers")
        self.assertEqual(self.findings("overridden.test"), {"fault starttls"})

    def test_wrong_command_lines(self) -> None:
        self.start()
        for arguments in (["--connect", "mx.a.test", "a.test"], ["--connect", "mx.a.test=host:25", "a.test"],
                          ["--at", "-1", "a.test"], ["--ehlo", "a\r\nMAIL FROM:<>", "a.test"],
                          ["--mx", "mx.a.test", "a.test", "b.test"], ["192.0.2.1"],
                          ["--no-smtp", "--thorough", "a.test"], []):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.check(*arguments).returncode, 64)


if __name__ == "__main__":
    unittest.main()
