"""Cron mails what an administrator must look at, and nothing else."""

import datetime
import json
import unittest

from lab import Lab
from lab.bad_dns import BadDns, servfail
from lab.dns import Dns
from lab.https import Answer, HttpsServer
from lab.policy_domains import mta_sts_records, policy, publish
from reports import RecordedReader, failure, report

DAYS = [f"2026-11-{day:02}" for day in range(1, 27)]
YESTERDAY = DAYS[-1]


class Alert(unittest.TestCase):
    def reader(self, lab: Lab, *late: dict, until: int = 26) -> RecordedReader:
        """With a regular reporter, and further reports."""
        reader = RecordedReader(lab)
        for day in DAYS[:until]:
            reader.write(f"reports/{day}", report(day=day, report_id=day))
        for number, content in enumerate(late):
            reader.write(f"reports/late{number}", content)
        self.assertEqual(reader.run("read", reader.folder / "reports").returncode, 0)
        return reader

    def kinds(self, reader: RecordedReader, *options: str) -> list[str]:
        done = reader.run("--json", "alert", *options)
        kinds = [one["kind"] for one in json.loads(done.stdout)["alerts"]]
        self.assertEqual(done.returncode, 1 if kinds else 0)
        return kinds

    def test_failures_over_the_share_and_new_ones(self) -> None:
        with Lab() as lab:
            reader = self.reader(lab, report(failure("certificate-host-mismatch", 30), day=YESTERDAY, report_id="x"))
            self.assertEqual(self.kinds(reader), ["failure-share", "new-failure"])
            self.assertEqual(self.kinds(reader, "--failure-share", "50"), ["new-failure"])
            told = reader.run("alert").stdout
            self.assertIn("2 things need attention", told)
            self.assertIn("30 of 330 sessions failed (9.1%)", told)
            self.assertLessEqual(max(map(len, told.splitlines())), 80)

    def test_a_failure_that_was_reported_before_is_not_new(self) -> None:
        with Lab() as lab:
            old = failure("certificate-host-mismatch", 1)
            reader = self.reader(lab, report(old, day=DAYS[4], report_id="x"), report(old, day=YESTERDAY, report_id="y"))
            self.assertEqual(self.kinds(reader), [])

    def test_an_expired_certificate_is_reported_each_time(self) -> None:
        with Lab() as lab:
            old = failure("certificate-expired", 1)
            reader = self.reader(lab, report(old, day=DAYS[4], report_id="x"), report(old, day=YESTERDAY, report_id="y"))
            self.assertEqual(self.kinds(reader), ["certificate-expired"])
            self.assertEqual(self.kinds(reader, "--expired-sessions", "2"), [])

    def test_a_regular_reporter_that_has_become_silent(self) -> None:
        with Lab() as lab:
            reader = self.reader(lab, until=23)
            self.assertEqual(self.kinds(reader), ["reporter-silent"])
            self.assertEqual(self.kinds(reader, "--silent-days", "4"), [])
            self.assertIn("Sender Inc. has sent no report about the last 3 days", reader.run("alert").stdout)

    def test_downgrades_and_failed_handshakes_of_the_day(self) -> None:
        with Lab() as lab:
            reader = self.reader(lab)
            with reader.recorded():
                reader.session(YESTERDAY, "tls", 100, version="TLSv1.3")
                reader.session(YESTERDAY, "failed", 10, failed="unknown-ca")
                reader.downgrade(YESTERDAY)
                reader.downgrade(DAYS[2], "other.test")
            self.assertEqual(self.kinds(reader), ["handshake-share", "downgrade"])
            self.assertIn("sender.test sent 4 sessions without TLS, after 90 sessions", reader.run("alert").stdout)

    def test_a_milter_that_stopped_is_detected_the_next_day(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                for day in DAYS[:-1]:
                    reader.session(day, "tls", 30, version="TLSv1.3")
            self.assertEqual(self.kinds(reader), ["store-silent"])
            self.assertIn("No session with any of our MX hosts was recorded for 1 day, up to 2026-11-26;",
                          " ".join(reader.run("alert").stdout.split()))
            self.assertEqual(self.kinds(reader, "--day", "today"), ["store-silent"])
            self.assertEqual(self.kinds(reader, "--day", DAYS[-2]), [])
            with reader.recorded():
                reader.session(YESTERDAY, "no-mail", 1, mx="mx2.example.test")
            self.assertEqual(self.kinds(reader), ["host-silent"])
            self.assertIn("No session with mx1.example.test was recorded", " ".join(reader.run("alert").stdout.split()))
            with reader.recorded():
                reader.session(YESTERDAY, "no-mail", 1)
            self.assertEqual(self.kinds(reader), [])

    def test_a_host_without_mail_at_weekends_is_not_missed_on_them(self) -> None:
        with Lab() as lab:
            reader = RecordedReader(lab)
            with reader.recorded():
                for day in DAYS:
                    if datetime.date.fromisoformat(day).weekday() < 5:
                        reader.session(day, "tls", 30, version="TLSv1.3")
            self.assertEqual(self.kinds(reader, "--day", "2026-11-22"), [], "a Sunday")
            with reader.recorded() as store:
                store.execute("DELETE FROM session_counts WHERE day > unixepoch('2026-11-20') / 86400")
            self.assertEqual(self.kinds(reader, "--day", "2026-11-22"), [])
            self.assertEqual(self.kinds(reader, "--day", "2026-11-23"), ["store-silent"], "a Monday")

    def test_records_and_policies_that_are_gone(self) -> None:
        with Lab() as lab:
            web = HttpsServer(lab)
            published = {"@": ["MX 10 mx"], "_smtp._tls": ['TXT "v=TLSRPTv1; rua=mailto:tls@example.test"'],
                         **mta_sts_records(web)}
            dns = Dns(lab, {".": {}, "test": {}, "example.test": published, "bare.test": {"@": ["MX 10 mx"]}}, port=0)
            bad_dns = BadDns(lab, dns)
            publish(lab, web, "example.test", policy("enforce", "mx.example.test"))
            reader = RecordedReader(lab, f"""
[dns]
servers = ["{bad_dns.server}"]
dnssec = false
timeout = 1
[mta-sts]
ca_file = "{lab.ca.certificate}"
https_port = {web.port}
private_addresses = true
[report]
domains = ["example.test", "bare.test"]
""")
            gone = ["publication-gone"]
            self.assertEqual(self.kinds(reader), [], "what never was there is in order")
            # The lookup failed: not gone.
            for name in ("_smtp._tls.example.test", "_mta-sts.example.test", "mta-sts.example.test"):
                bad_dns.spoil(name, servfail)
                self.assertEqual(self.kinds(reader), [], name)
                bad_dns.mend(name)
            publish(lab, web, "example.test", "", answer=Answer(503))
            self.assertEqual(self.kinds(reader), [])
            # The policy host says that it is gone.
            for answer in (Answer(404), Answer(302, headers={"Location": "/"}), Answer(body=b"<html>")):
                publish(lab, web, "example.test", "", answer=answer)
                self.assertEqual(self.kinds(reader), gone, answer)
            said = " ".join(reader.run("alert").stdout.split())
            self.assertIn("example.test: its MTA-STS policy is gone, which was last seen on 2026-11-27:", said)
            self.assertEqual(self.kinds(reader, "--no-lookup"), [])
            publish(lab, web, "example.test", policy("enforce", "mx.example.test"))
            self.assertEqual(self.kinds(reader), [])
            for missing in ("_smtp._tls", "_mta-sts", "mta-sts"):
                dns.update("example.test", {name: one for name, one in published.items() if name != missing})
                self.assertEqual(self.kinds(reader), gone, missing)
                dns.update("example.test", published)
                self.assertEqual(self.kinds(reader), [], missing)
            # After a while it is no longer reported, as it was removed on purpose.
            dns.update("example.test", {"@": ["MX 10 mx"]})
            self.assertEqual(self.kinds(reader), gone * 2)
            reader.environment["STARTTLS_TOOLKIT_NOW"] = "2026-12-12T06:00:00Z"
            self.assertEqual(self.kinds(reader), [])
            reader.environment["STARTTLS_TOOLKIT_NOW"] = "2026-12-13T06:00:00Z"
            self.assertEqual(self.kinds(reader), [])


if __name__ == "__main__":
    unittest.main()
