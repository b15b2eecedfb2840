"""The guide's steps for the results of outbound mail on a booted system with Debian's Postfix: what it sends to the
collector, or logs, is counted, and the report goes to the recipients' domain."""

import json
import unittest

import box
import destination
import outbound
import packages
from box import Box
from destination import Destination
from lab import wait
from lab.documents import Steps

DOMAIN = destination.DOMAINS[0]
PLAIN_MAIL = "Subject: hello\n\nhello\n"
SENDS_RESULTS = box.RELEASE == "13"  # Postfix does from 3.10 on


def setUpModule() -> None:
    box.require()


class Postfix(unittest.TestCase):
    def test_results_are_counted_and_reported(self) -> None:
        self.box = self.enterContext(Box())
        self.box.install_mail_server("postfix")
        packages.install(self.box)
        self.destination = Destination(self.box)
        self.destination.create()
        self.destination.ask_for_reports(DOMAIN)
        if SENDS_RESULTS:
            self.have_results_sent()
        else:
            self.follow_the_log()
        self.deliver("anna")
        self.wait_for_sessions(1)
        self.doctor_has_no_finding()
        self.report()
        if SENDS_RESULTS:  # a log does not say which mails are reports
            self.deliver("berta")
            self.wait_for_sessions(2)
        self.both_timers_run()
        self.box.reboot()
        self.assertEqual(self.box.state(outbound.COLLECTOR), "active")
        self.assertIn("postfix.service", self.box.property(outbound.COLLECTOR, "Before").split())
        self.doctor_has_no_finding()
        self.assertEqual(self.box.journal("-u", outbound.COLLECTOR, "-p", "warning"), [])

    def have_results_sent(self) -> None:
        steps = Steps("docs/postfix.md", "Results of outbound mail")
        self.box.run(steps.take(outbound.ENABLE))
        for line in steps.take("smtp_tlsrpt_enable").splitlines():
            self.box.run(f"postconf '{line}'")
        self.box.run("postfix reload")
        found = self.box.run("find /var/spool/postfix/tlsrpt -name collector.sock -printf '%y %m %u:%g\\n'").stdout
        self.assertEqual(found, "s 660 starttls-toolkit:postfix\n")

    def follow_the_log(self) -> None:
        steps = Steps("docs/postfix.md", "Results of outbound mail")
        self.box.run("postconf 'smtp_tls_loglevel = 1'; postfix reload")
        outbound.follow_journal(self.box, steps, Steps("docs/postfix.md", "Why handshakes fail").take("[Service]"))
        self.box.run(steps.take(outbound.ENABLE))

    def deliver(self, name: str) -> None:
        recipient = f"{name}@{DOMAIN}"
        self.box.run(f"sendmail {recipient}", content=PLAIN_MAIL)
        self.wait_for_delivery(recipient)

    def wait_for_delivery(self, recipient: str) -> None:
        wait.until_equal(lambda: self.destination.status_of_mail_to(recipient), "sent")

    def wait_for_sessions(self, successful: int) -> None:
        wait.until_equal(lambda: outbound.results(self.box), {DOMAIN: (successful, 0)})

    def doctor_has_no_finding(self) -> None:
        (command,) = [line for line in Steps("docs/postfix.md", "Results of outbound mail").take(
            "tlsrpt-report doctor").splitlines()]
        done = self.box.run(command.replace(" ", " --json ", 1), check=False)
        checks = [check for check in json.loads(done.stdout)["checks"] if check["code"].startswith("collector-")]
        self.assertEqual({check["level"] for check in checks}, {"ok"}, checks)

    def report(self) -> None:
        """A test report about today, by a transport of its own, whose sessions Postfix sends no results about."""
        steps = Steps("docs/postfix.md", "Report to the domains that you send mail to")
        self.box.configure(outbound.TOML, steps.take("[report]"))
        self.box.append("/etc/postfix/main.cf", steps.take("sender_dependent_default_transport_maps"))
        self.box.append("/etc/postfix/master.cf", steps.take("tlsrpt-smtp unix"))
        self.box.append("/etc/aliases", steps.take("tls-reports:").replace("tlsrpt", "root"))
        self.box.run("newaliases; postfix reload")
        preview, test = steps.take("tlsrpt-report send").splitlines()
        self.box.run(preview)
        self.assertIn(DOMAIN, self.box.run(f"{preview} --day today").stdout)
        recipient = f"reports@{DOMAIN}"
        self.box.run(test.replace("example.com", DOMAIN).replace("postmaster@example.org", recipient) + " --day today")
        self.wait_for_delivery(recipient)
        self.timers = steps.take("systemctl enable --now tlsrpt-report-outbound.timer")
        self.assertEqual(steps.remaining(), [])

    def both_timers_run(self) -> None:
        self.box.run(self.timers)
        for name in ("tlsrpt-report-outbound", "tlsrpt-report-queue"):
            self.assertEqual(self.box.state(f"{name}.timer"), "active")
            self.box.run(f"systemctl start {name}.service")
            self.assertEqual(self.box.property(f"{name}.service", "Result"), "success")


if __name__ == "__main__":
    unittest.main()
