"""What is shown of our own mail: tables, page, alerts, metrics, the export for the publisher of a list, lookup."""

import csv
import gzip
import io
import json
import re
import unittest

from lab import Lab, program
from lab.collector import EXPIRED, QUICK, Collector, datagram
from reports import Reader, RecordedReader

DAY, NOW = "2026-11-26", "2026-11-27T06:00:00Z"
MISMATCH = 202
DANE = 1


def testing(domain: str, **more: object) -> bytes:
    return datagram(domain, **more).replace(b"mode: enforce", b"mode: testing")


class Outbound(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.reader = Reader(self.lab, '[report]\norganization = "Sender Ltd."\ncontact = "tls@sender.test"\n', NOW)
        self.reader.state.mkdir()
        collector = Collector(self.lab, state=self.reader.state, settings=QUICK,
                              environment={"STARTTLS_TOOLKIT_NOW": f"{DAY}T12:00:00Z"})
        collector.send(*[datagram("good.test")] * 7, *[datagram("bad.test", failure=EXPIRED)] * 15,
                       *[datagram("bad.test")] * 5, *[testing("testing.test", failure=MISMATCH)] * 3,
                       testing("testing.test"), datagram("dane.test", kind=DANE), b"no result")
        collector.stop()

    def run_command(self, *arguments: str, expected: int = 0) -> str:
        done = self.reader.run(*arguments)
        self.assertEqual((done.returncode, done.stderr), (expected, ""), done.stdout)
        return done.stdout

    def groups(self, by: str) -> dict[str, tuple[int, int]]:
        answer = json.loads(self.run_command("--json", "summary", "--outbound", "--by", by))
        return {group["group"]: (group["successful"], group["failed"]) for group in answer["groups"]}

    def test_summary_groups_sessions(self) -> None:
        self.assertEqual(self.groups("domain"), {"good.test": (7, 0), "bad.test": (5, 15), "testing.test": (1, 3),
                                                 "dane.test": (1, 0)})
        self.assertEqual(self.groups("policy"), {"MTA-STS enforce": (12, 15), "MTA-STS testing": (1, 3),
                                                 "DANE": (1, 0)})
        self.assertEqual(self.groups("result-type"), {"certificate-expired": (0, 15),
                                                      "certificate-host-mismatch": (0, 3)})
        self.assertEqual(self.groups("mx"), {"mx.bad.test": (0, 15), "mx.testing.test": (0, 3)})
        self.assertEqual(self.groups("day"), {DAY: (14, 18)})
        self.assertEqual(list(csv.reader(io.StringIO(
            self.run_command("summary", "--outbound", "--by", "domain", "--csv")))),
            [["Recipient domain", "Sessions", "Failed", "Failed %", "In testing"],
             ["bad.test", "20", "15", "75.0%", "0"], ["testing.test", "4", "3", "75.0%", "3"],
             ["good.test", "7", "0", "0.0%", "0"], ["dane.test", "1", "0", "0.0%", "0"]])

    def test_summary_says_what_enforce_would_have_deferred(self) -> None:
        text = self.run_command("summary", "--outbound")
        self.assertIn("With mode enforce instead of testing, mail would have been deferred: 3 of 32\nsessions.", text)
        listed = text.partition("would have been deferred")[2]
        self.assertRegex(listed, r"(?m)^Recipient domain +Sessions +Deferred\ntesting\.test +4 +3\nUntil ")
        self.assertIn('"starttls-listtool check DOMAIN" shows what is wrong', " ".join(listed.split()))
        self.assertNotIn("bad.test", listed)
        for more in (("--by", "domain"), ("--domain", "testing.test")):
            self.assertNotIn("starttls-listtool check", self.run_command("summary", "--outbound", *more))
        self.assertIn("1 datagram could not be read.", text)
        self.assertRegex(text, r"(?m)^MTA-STS enforce +27 +15 +55\.6% +0$")
        self.assertRegex(text, r"(?m)^certificate-host-mismatch +3 +3 +2026-11-26$")
        one = self.run_command("summary", "--outbound", "--domain", "TESTING.test.")
        self.assertIn("Outbound sessions to testing.test 2026-11-21 to 2026-11-27 (UTC)", one)
        self.assertNotIn("bad.test", one)

    def test_summary_without_results_says_why(self) -> None:
        self.assertIn("no result of outbound mail on these days",
                      self.run_command("summary", "--outbound", "--since", "2026-01-01", "--until", "2026-01-02"))
        nothing = Reader(self.lab, now=NOW).run("summary", "--outbound")
        self.assertEqual(nothing.returncode, 0)
        self.assertIn("does tlsrpt-collector run", nothing.stdout.replace("\n", " "))

    def test_wrong_options_are_named(self) -> None:
        for arguments, said in ((("--by", "cipher"), "'cipher' is none of domain, policy, result-type, mx, day"),
                                (("--tls-version", "TLSv1.2"), "--tls-version")):
            done = self.reader.run("summary", "--outbound", *arguments)
            self.assertEqual(done.returncode, 64)
            self.assertIn(said, done.stderr)

    def test_an_alert_names_the_domains_where_mail_fails(self) -> None:
        alerts = json.loads(self.run_command("--json", "alert", "--no-lookup", expected=1))["alerts"]
        self.assertEqual([(one["kind"], one["message"].partition(";")[0]) for one in alerts],
                         [("outbound-failures", "15 of 20 sessions of our own mail to bad.test failed (75.0%)")])
        self.run_command("alert", "--no-lookup", "--failure-share", "80")

    def test_metrics_are_those_of_the_day_and_bounded(self) -> None:
        file = self.reader.folder / "tlsrpt.prom"
        self.run_command("metrics", "--max-domains", "2", "-o", str(file))
        self.assertEqual(file.stat().st_mode & 0o777, 0o644)
        page = file.read_text()
        samples = dict(re.findall(r"^(\S+\{.*\}|\S+) (\S+)$", re.sub(r"(?m)^#.*\n", "", page), re.MULTILINE))
        self.assertEqual(samples['tlsrpt_outbound_sessions{policy="MTA-STS testing",result="failed"}'], "3")
        self.assertEqual(samples['tlsrpt_outbound_failures{result_type="certificate-expired"}'], "15")
        self.assertEqual(samples["tlsrpt_outbound_testing_failures"], "3")
        self.assertEqual({name: value for name, value in samples.items() if "outbound_domain" in name},
                         {f'tlsrpt_outbound_domain_sessions{{domain="{domain}",result="{result}"}}': value
                          for domain, result, value in (
                              ("bad.test", "successful", "5"), ("bad.test", "failed", "15"),
                              ("testing.test", "successful", "1"), ("testing.test", "failed", "3"),
                              ("(others)", "successful", "8"), ("(others)", "failed", "0"))})
        self.assertNotIn("outbound_domain_sessions{", self.run_command("metrics", "--day", "2026-11-20"))

    def test_the_page_has_a_section(self) -> None:
        page = self.run_command("html", "-o", "-")
        self.assertIn("<h1>TLS of outbound mail</h1>", page)
        section = page.replace("<wbr>", "").partition("Our own mail")[2]
        for text in ("bad.test", "certificate-expired", "MTA-STS testing", "mx.bad.test", "would have been deferred: 3"):
            self.assertIn(text, section)

    def test_the_export_has_no_address_and_is_a_report(self) -> None:
        (name,) = self.run_command("export", "-o", str(self.reader.folder)).splitlines()
        content = gzip.decompress((self.reader.folder / name).read_bytes())
        self.assertNotIn(b"mx.", content)
        self.assertNotIn(b"reports@", content)
        report = json.loads(content)
        self.assertEqual({policy["policy"]["policy-domain"]: (
            policy["summary"]["total-successful-session-count"], policy["summary"]["total-failure-session-count"])
            for policy in report["policies"]}, self.groups("domain"))
        other = Reader(self.lab, now=NOW)
        self.assertEqual(other.statuses(self.reader.folder / name), ["read"])
        self.assertEqual(self.run_command("export", "-o", str(self.reader.folder), "--since", "2026-01-01", "--until",
                                          "2026-01-02"), "")

    def test_lookup_shows_the_results(self) -> None:
        configuration = self.reader.folder / "listtool.toml"
        configuration.write_text(f'state_dir = "{self.reader.folder}/lists"\noverrides = "own"\n'
                                 f'deliveries = "{self.reader.state}/outbound.sqlite"\n')
        (self.reader.folder / "own").write_text("testing.test none\n")
        done = program.run("starttls-listtool", "-c", configuration, "lookup", "testing.test", "unknown.test",
                           environment=self.reader.environment)
        self.assertIn("  mail     4 sessions in 30 days, the last on 2026-11-26; 3 failed: certificate-host-mismatch (3); "
                      "with mode enforce, 3 would have been deferred\n", done.stdout, done.stderr)
        self.assertEqual(done.stdout.count("  mail "), 1)


class Evidence(unittest.TestCase):
    """Our own mail to our own domains, beside what the milter of their MX hosts has seen."""

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.reader = RecordedReader(self.lab, '[report]\ndomains = ["ours.test"]\ncontact = "tls@sender.test"\n', NOW)
        with self.reader.recorded():
            self.reader.session(DAY, "tls", 6, version="TLSv1.3", name="out.sender.test", domain="ours.test")
        collector = Collector(self.lab, state=self.reader.state, settings=QUICK,
                              environment={"STARTTLS_TOOLKIT_NOW": f"{DAY}T12:00:00Z"})
        collector.send(*[datagram("ours.test")] * 6, datagram("ours.test", failure=EXPIRED), *[datagram("other.test")] * 9)
        collector.stop()

    def test_advise_counts_it_as_a_reporter(self) -> None:
        done = self.reader.run("--json", "advise", "ours.test")
        enforce = json.loads(done.stdout)["enforce"]
        self.assertEqual((enforce["reporters"], enforce["sessions"], enforce["failed"]), (1, 7, 1), done.stderr)

    def test_reconcile_compares_it_with_what_was_seen(self) -> None:
        done = self.reader.run("--json", "reconcile", "--until", DAY)
        (one,) = json.loads(done.stdout)["comparisons"]
        self.assertEqual({key: one[key] for key in ("day", "policy_domain", "reported_successful", "reported_failed",
                                                    "seen_tls")},
                         {"day": DAY, "policy_domain": "ours.test", "reported_successful": 6, "reported_failed": 1,
                          "seen_tls": 6}, done.stderr)


if __name__ == "__main__":
    unittest.main()
