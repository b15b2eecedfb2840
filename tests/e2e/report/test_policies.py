"""The policies that our domains publish are in self reports, and are compared with what reporters saw."""

import json
import unittest

from lab import Lab
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import mta_sts_records, policy, publish
from reports import RecordedReader, report

TLSA = "TLSA 3 1 1 " + "ab" * 32
DAY = "2026-11-26"


class Policies(unittest.TestCase):
    def world(self, lab: Lab, more: str = "") -> RecordedReader:
        """sts.test publishes MTA-STS, dane.test TLSA records in a signed zone, bare.test nothing."""
        web = HttpsServer(lab)
        zones = {".": {}, "test": {}, "sts.test": {"@": ["MX 10 mx"], **mta_sts_records(web)},
                 "dane.test": {"@": ["MX 10 mx"], "mx": ["A 192.0.2.1"], "_25._tcp.mx": [TLSA]},
                 "bare.test": {"@": ["MX 10 mx"]}}
        dns = Dns(lab, zones, signed=zones, port=0)
        publish(lab, web, "sts.test", policy("enforce", "mx.sts.test", "*.backup.test"))
        return RecordedReader(lab, f"""
[dns]
servers = ["{dns.address}@{dns.port}"]
trust_anchor = "{dns.trust_anchor}"
[mta-sts]
ca_file = "{lab.ca.certificate}"
https_port = {web.port}
private_addresses = true
[report]
domains = ["sts.test", "bare.test"]
{more}""")

    def policies(self, reader: RecordedReader, *options: str) -> dict[str, dict]:
        done = reader.run("self", "--day", DAY, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {one["policy"]["policy-domain"]: one for one in json.loads(done.stdout)["policies"]}

    def test_published_now_are_in_the_self_report(self) -> None:
        with Lab() as lab:
            reader = self.world(lab)
            with reader.recorded():
                for domain in ("sts.test", "dane.test", "bare.test"):
                    reader.session(DAY, "tls", 5, version="TLSv1.3", domain=domain, name=f"mail.{domain}")
            found = self.policies(reader)
            self.assertEqual(found["sts.test"]["policy"],
                             {"policy-type": "sts", "policy-domain": "sts.test",
                              "policy-string": ["version: STSv1", "mode: enforce", "mx: mx.sts.test", "mx: *.backup.test",
                                                "max_age: 604800"],
                              "mx-host": ["mx.sts.test", "*.backup.test"]})
            self.assertEqual(found["dane.test"]["policy"],
                             {"policy-type": "tlsa", "policy-domain": "dane.test", "policy-string": ["3 1 1 " + "ab" * 32],
                              "mx-host": ["mx.dane.test"]})
            self.assertEqual(found["bare.test"]["policy"], {"policy-type": "no-policy-found", "policy-domain": "bare.test"})
            self.assertEqual(self.policies(reader, "--no-lookup")["sts.test"]["policy"]["policy-type"], "no-policy-found")

    def test_a_configured_file_replaces_what_is_published(self) -> None:
        with Lab() as lab:
            file = lab.new_folder("policy") / "mta-sts.txt"
            file.write_text(policy("testing", "mx.bare.test"))
            reader = self.world(lab, f'[[policy]]\ndomain = "bare.test"\nfile = "{file}"\n')
            with reader.recorded():
                reader.session(DAY, "tls", 5, version="TLSv1.3", domain="bare.test")
            found = self.policies(reader)["bare.test"]["policy"]
            self.assertEqual((found["policy-type"], found["mx-host"]), ("sts", ["mx.bare.test"]))
            file.write_text("<html>")
            done = reader.run("self", "--day", DAY)
            self.assertEqual(done.returncode, 78)
            self.assertIn("no MTA-STS policy", done.stderr)

    def test_sessions_below_the_minimum_version_are_failures(self) -> None:
        with Lab() as lab:
            reader = self.world(lab, 'min_tls = "TLSv1.2"\n')
            with reader.recorded():
                reader.session(DAY, "tls", 5, version="TLSv1.2", domain="bare.test")
                reader.session(DAY, "tls", 3, version="TLSv1", domain="bare.test")
            found = self.policies(reader, "--no-lookup")["bare.test"]
            self.assertEqual(found["summary"], {"total-successful-session-count": 5, "total-failure-session-count": 3})
            (detail,) = found["failure-details"]
            self.assertEqual((detail["result-type"], detail["failed-session-count"]), ("validation-failure", 3))
            self.assertTrue(detail["failure-reason-code"].startswith("old-tls: the session had TLSv1, below TLSv1.2"))

    def test_a_policy_that_has_changed_since_it_was_seen_is_reported(self) -> None:
        with Lab() as lab:
            reader = self.world(lab)
            now = ("version: STSv1", "mode: enforce", "mx: *.backup.test", "mx:mx.sts.test", "max_age: 604800")
            same = reader.write("same", report(domain="sts.test", strings=now, report_id="same"))
            self.assertEqual(reader.read(same)["drift"], [])
            old = reader.write("old", report(domain="sts.test", report_id="old"))
            (drift,) = reader.read(old)["drift"]
            self.assertEqual((drift["policy_domain"], drift["reporter"], drift["day"]), ("sts.test", "Sender Inc.", "2026-11-25"))
            self.assertIn("mode: testing", drift["seen"])
            self.assertIn("mode: enforce", drift["published"])
            self.assertIn("sts.test: the published MTA-STS policy differs from the one that a reporter saw", reader.run("read", old).stdout)
            self.assertEqual(reader.run("read", "--no-lookup", old).stdout.count("another one"), 0)
            stranger = reader.write("stranger", report(domain="stranger.test", report_id="x"))
            self.assertEqual(reader.read(stranger)["drift"], [], "nobody is asked about domains that are not ours")


if __name__ == "__main__":
    unittest.main()
