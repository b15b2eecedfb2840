"""Reports about outbound mail whose results come from the mail server's log, which knows neither records nor policies:
both are looked up, for many domains at once."""

import email
import email.policy
import gzip
import json
import unittest

from lab import Lab, program
from lab.collector import QUICK, Collector
from lab.dns import Dns
from lab.https import HttpsServer
from lab.mailbox import Mailbox
from lab.policy_domains import Configuration, mta_sts_records, policy, publish

NOON, NEXT_DAY = "2026-11-26T12:00:00Z", "2026-11-27T06:00:00Z"
SILENT = 1_200  # domains that ask for no reports


class Send(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.mailbox = Mailbox(self.lab)
        web = HttpsServer(self.lab)
        wanted = {name: {"_smtp._tls": [f'TXT "v=TLSRPTv1; rua=mailto:tls@{name}"']} for name in ("sts.test", "none.test")}
        wanted["sts.test"] |= mta_sts_records(web)
        publish(self.lab, web, "sts.test", policy("enforce", "mx.sts.test"))
        configuration = Configuration(self.lab, Dns(self.lab, {".": {}, **wanted}), web)
        self.tables = [line for name in ("dns", "mta_sts") for line in (
            f"[{name.replace('_', '-')}]", *(f"{key} = {json.dumps(value if isinstance(value, bool | int | list) else str(value))}"
                                             for key, value in configuration.tables[name].items()))]

    def record(self, lines: list[str]) -> None:
        """Let the collector read these lines of smtp(8)."""
        log = self.lab.new_folder("log") / "mail.log"
        log.touch()
        collector = Collector(self.lab, metrics=True, settings=QUICK | {"mta_log": log},
                              environment={"STARTTLS_TOOLKIT_NOW": NOON})
        log.write_text("".join(f"2026-11-26T12:00:00.{number // 100:06}+00:00 mx postfix/smtp[{number}]: {line}\n"
                               for number, line in enumerate(lines, 10_000)))
        collector.wait_for_metric("log_lines_total", len(lines))
        self.assertEqual(collector.stop(), 0)
        self.state = collector.state

    def send(self, *options: str) -> dict:
        file = self.lab.new_folder("report") / "tlsrpt.toml"
        file.write_text("\n".join([f'state_dir = "{self.state}"', "[report]", 'contact = "tls@sender.test"',
                                   f'mail = "{self.mailbox.url}"', *self.tables, ""]))
        done = program.run("tlsrpt-report", "-c", file, "--json", "send", *options,
                           environment={"STARTTLS_TOOLKIT_NOW": NEXT_DAY})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def reports(self) -> dict[str, list[dict]]:
        """The policies in the mails, by the address that got them."""
        mails = [email.message_from_bytes(mail, policy=email.policy.default) for mail in self.mailbox.mails]
        return {mail["to"]: json.loads(gzip.decompress(list(mail.iter_parts())[1].get_content()))["policies"]
                for mail in mails}

    def test_goes_to_those_who_ask_for_it_with_the_policies_that_they_publish(self) -> None:
        def plain(domain: str) -> str:
            return (f"QUEUEID: to=<bob@{domain}>, relay=mx.{domain}[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=4.7.4, "
                    f"status=deferred (TLS is required, but was not offered by host mx.{domain}[192.0.2.1])")

        self.record([*(plain(f"d{number}.test") for number in range(SILENT)), plain("sts.test"), plain("none.test")])
        told = self.send()
        self.assertEqual((told["results"], told["queued"], told["domains"]["reported"], told["domains"]["no-record"]),
                         (SILENT + 2, 2, 2, SILENT))
        reports = self.reports()
        self.assertEqual(set(reports), {"tls@sts.test", "tls@none.test"})
        (sts,), (none,) = reports["tls@sts.test"], reports["tls@none.test"]
        self.assertEqual(sts["policy"], {
            "policy-type": "sts", "policy-domain": "sts.test", "mx-host": ["mx.sts.test"],
            "policy-string": ["version: STSv1", "mode: enforce", "mx: mx.sts.test", "max_age: 604800"]})
        self.assertEqual(sts["summary"], {"total-successful-session-count": 0, "total-failure-session-count": 1})
        (detail,) = sts["failure-details"]
        self.assertEqual((detail["result-type"], detail["receiving-mx-hostname"], detail["receiving-ip"]),
                         ("starttls-not-supported", "mx.sts.test", "192.0.2.1"))
        self.assertEqual(none["policy"], {"policy-type": "no-policy-found", "policy-domain": "none.test"})
        self.assertEqual(self.send()["queued"], 0, "each is sent once")


if __name__ == "__main__":
    unittest.main()
