"""With our policy domains configured, no report is left out without notice: it is ours, or shown separately."""

import json
import sqlite3
import unittest
from pathlib import Path

from lab import Lab
from lab.bad_dns import BadDns, servfail
from lab.dns import Dns
from reports import RecordedReader, Reader, failure, mail, packed, report

CASES = Path(__file__).with_name("cases")
OURS = '[report]\ndomains = ["example.org", "gräfe.example"]\n'
YESTERDAY = "2026-11-26"
STRANGE = ("of other domains (not in report.domains): stranger.example (53 sessions, 50 failed, by Sender Inc.)",
           "'stranger.example' is none of our policy domains")


def nameless(host: str = "mx1.example.test", **more: object) -> dict:
    content = report(failure("starttls-not-supported", 50) | {"receiving-mx-hostname": host}, day=YESTERDAY, policy_type="no-policy-found", strings=(), **more)
    del content["policies"][0]["policy"]["policy-domain"]
    del content["policies"][0]["policy"]["mx-host"]
    return content


class OtherDomains(unittest.TestCase):
    def take(self, reader: Reader, *contents: dict | bytes | Path, options: tuple[str, ...] = ("--no-lookup",)) -> dict:
        paths = [content if isinstance(content, Path) else reader.write(f"input{number}", content)
                 for number, content in enumerate(contents)]
        done = reader.run("--json", "read", *options, *paths)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def answer(self, reader: Reader, *arguments: str) -> dict:
        done = reader.run("--json", *arguments)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return json.loads(done.stdout)

    def failed(self, reader: Reader) -> dict[str, tuple[int, int]]:
        """Sessions and failed ones of each reporter, as summary shows them among ours."""
        return {one["reporter"]: (one["sessions"], one["failed"])
                for one in self.answer(reader, "summary")["reporters"]}

    def others(self, reader: Reader, *command: str) -> dict[str, int]:
        return {one["policy_domain"]: one["failed"] for one in self.answer(reader, *(command or ("summary",)))["other_domains"]}

    def assert_ours(self, reader: Reader, failed: int = 50) -> None:
        """The failures are among ours in every output."""
        self.assertEqual(sum(one for _, one in self.failed(reader).values()), failed)
        self.assertEqual(self.others(reader), {})
        alerts = self.answer(reader, "alert")["alerts"]
        self.assertIn("failure-share", [one["kind"] for one in alerts])
        self.assertNotIn("other-domains", [one["kind"] for one in alerts])
        self.assertTrue(self.answer(reader, "reconcile")["comparisons"])
        self.assertNotIn("not in report.domains", reader.run("html", "-o", "-").stdout)

    def recorded(self, lab: Lab, configuration: str = OURS) -> RecordedReader:
        """A report with sessions of the reporter on another day, at a host that is no name of ours."""
        reader = RecordedReader(lab, configuration)
        with reader.recorded():
            reader.session("2026-11-22", "tls", 10, version="TLSv1.3", domain="example.org")
        return reader

    def test_the_cases_from_the_field_are_ours(self) -> None:
        for name in ("report-dane-mx-host", "report-domain-trailing-dot", "report-domain-u-label"):
            with self.subTest(name), Lab() as lab:
                reader = self.recorded(lab)
                (item,) = self.take(reader, CASES / f"{name}.json")["inputs"]
                self.assertEqual(item["warnings"], [])
                self.assert_ours(reader)

    def test_a_report_without_a_policy_domain_is_shown_separately_and_alerted(self) -> None:
        with Lab() as lab:
            reader = self.recorded(lab)
            answer = self.take(reader, CASES / "report-no-policy-domain.json")
            self.assertIn("it gives no policy domain", answer["inputs"][0]["warnings"][0])
            self.assertEqual([one["failed"] for one in answer["other_domains"]], [50])
            for command in (("summary",), ("summary", "--by", "reporter"), ("summary", "--by", "result-type"), ("alert",),
                            ("reconcile",)):
                self.assertEqual(self.others(reader, *command), {"": 50}, command)
            self.assertEqual([one["kind"] for one in self.answer(reader, "alert")["alerts"]], ["other-domains"])
            shown = "of other domains (not in report.domains): (none given) (50 sessions, 50 failed, by libtlsrpt site)"
            for command in (("summary",), ("alert",), ("reconcile",), ("advise", "example.org"), ("html", "-o", "-")):
                self.assertIn(shown, " ".join(reader.run(*command).stdout.split()), command)
            self.assertIn(shown, " ".join(reader.run("read", CASES / "report-no-policy-domain.json").stdout.split()))

    def test_the_domain_in_the_mail_is_that_of_a_report_without_one(self) -> None:
        headed = b"TLS-Report-Domain: Example.Org.\n" + mail(packed(nameless()))
        with Lab() as lab:
            reader = self.recorded(lab)
            (item,) = self.take(reader, headed)["inputs"]
            self.assertEqual(item["warnings"], [])
            self.assert_ours(reader)
            self.assertIn("(none given) (in a report about example.org)", " ".join(reader.run("alert").stdout.split()))
            stranger = b"TLS-Report-Domain: stranger.example\n" + mail(packed(nameless("mx.stranger.example", report_id="x", organization="X")))
            self.take(reader, stranger)
            self.assertEqual(self.others(reader), {"": 50})

    def test_a_policy_of_ours_in_the_same_report_makes_it_ours(self) -> None:
        content = nameless()
        content["policies"] += report(domain="EXAMPLE.org", day=YESTERDAY)["policies"]
        with Lab() as lab:
            reader = self.recorded(lab)
            self.take(reader, content)
            self.assert_ours(reader)

    def test_what_the_reporter_saw_of_our_mx_hosts_decides(self) -> None:
        dane = report(failure("validation-failure", 50), domain="in.cloud.example", day=YESTERDAY, policy_type="tlsa",
                      report_id="dane")
        seen = report(domain="example.org", day="2026-11-10", strings=("version: STSv1", "mx: *.cloud.example"))
        with Lab() as lab:
            reader = self.recorded(lab)
            self.take(reader, dane)
            self.assertEqual(self.others(reader), {"in.cloud.example": 50})
            self.take(reader, seen)
            self.assert_ours(reader)

    def test_the_milter_has_the_name_of_its_host(self) -> None:
        dane = report(failure("validation-failure", 50), domain="MX1.example.test.", day=YESTERDAY, policy_type="tlsa")
        with Lab() as lab:
            reader = self.recorded(lab)
            (item,) = self.take(reader, dane)["inputs"]
            self.assertEqual(item["warnings"], [])
            self.assert_ours(reader)
            comparisons = self.answer(reader, "reconcile")["comparisons"]
            self.assertEqual({one["policy_domain"] for one in comparisons}, {"example.org"})

    def test_mx_hosts_are_looked_up_once_and_then_known_offline(self) -> None:
        dane = report(failure("validation-failure", 50), domain="in.hoster.example", day=YESTERDAY, policy_type="tlsa")
        with Lab() as lab:
            dns = Dns(lab, {".": {}, "example.org": {"@": ["MX 10 in.hoster.example."]}, "example": {}, "org": {}}, port=0)
            bad_dns = BadDns(lab, dns)
            reader = self.recorded(lab, f'[dns]\nservers = ["{bad_dns.server}"]\ndnssec = false\ntimeout = 1\n{OURS}')
            bad_dns.spoil("example.org", servfail)
            self.take(reader, dane, options=())
            self.assertEqual(self.others(reader), {"in.hoster.example": 50}, "cannot tell is not ours")
            bad_dns.mend("example.org")
            (item,) = self.take(reader, dane, options=())["inputs"]
            self.assertEqual(item["warnings"], [])
            bad_dns.spoil("example.org", servfail)
            self.assert_ours(reader)
            with sqlite3.connect(reader.state / "reports.sqlite") as store:
                self.assertEqual(store.execute("SELECT policy_domain, host FROM mx_hosts").fetchall(),
                                 [("example.org", "in.hoster.example")])

    def test_policies_in_files_name_our_mx_hosts(self) -> None:
        dane = report(failure("validation-failure", 50), domain="a.file.example", day=YESTERDAY, policy_type="tlsa")
        with Lab() as lab:
            file = lab.new_folder("policy") / "mta-sts.txt"
            file.write_text("version: STSv1\nmode: enforce\nmx: *.file.example\nmax_age: 604800\n")
            reader = self.recorded(lab, f'{OURS}[[policy]]\ndomain = "example.org"\nfile = "{file}"\n')
            self.take(reader, dane)
            self.assert_ours(reader)

    def test_a_report_about_another_domain_is_shown_separately_and_does_not_count(self) -> None:
        stranger = report(failure("certificate-expired", 50), domain="stranger.example", day=YESTERDAY, successful=3)
        with Lab() as lab:
            reader = self.recorded(lab)
            done = reader.run("read", "--no-lookup", reader.write("stranger", stranger))
            self.assertIn(STRANGE[0], " ".join(done.stdout.split()))
            self.assertIn(STRANGE[1], done.stderr)
            self.assertEqual(self.failed(reader), {})
            for command in (("summary",), ("alert",), ("reconcile",), ("advise", "example.org"), ("html", "-o", "-")):
                self.assertIn(STRANGE[0], " ".join(reader.run(*command).stdout.split()), command)
            self.assertEqual([one["kind"] for one in self.answer(reader, "alert")["alerts"]], ["other-domains"])
            enforce = self.answer(reader, "advise", "example.org")["enforce"]
            self.assertEqual((enforce["failed"], [one["policy_domain"] for one in enforce["other_domains"]]),
                             (0, ["stranger.example"]))

    def test_a_report_about_another_domain_that_is_not_authenticated_is_counted_as_that(self) -> None:
        with Lab() as lab:
            reader = self.recorded(lab, f'{OURS}trusted_authserv_ids = ["mx.example.test"]\n')
            self.take(reader, report(domain="stranger.example", day=YESTERDAY))
            answer = self.answer(reader, "alert")
            self.assertEqual(([one["kind"] for one in answer["alerts"]], answer["ignored_reports"]), (["not-authenticated"], 1))
            self.assertEqual(self.others(reader), {"stranger.example": 0})

    def test_without_configured_domains_all_are_ours(self) -> None:
        with Lab() as lab:
            reader = self.recorded(lab, "")
            self.take(reader, *sorted(CASES.glob("report-d*.json")), CASES / "report-no-policy-domain.json")
            self.assert_ours(reader, failed=200)
            self.assertIn("(none given)", reader.run("summary", "--by", "result-type").stdout)
            self.assertEqual([one["failed"] for one in self.answer(reader, "summary", "--domain", "gräfe.example")["reporters"]],
                             [50])


if __name__ == "__main__":
    unittest.main()
