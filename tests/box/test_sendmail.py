"""The guides' steps for the milter on a booted system with Debian's Sendmail, which has no group "postfix"."""

import json
import unittest

import box
import outbound
import packages
from box import Box
from lab import wait
from lab.documents import Steps, section
from lab.program import SOURCE_TREE

MC = "/etc/mail/sendmail.mc"


def setUpModule() -> None:
    box.require()


class Sendmail(unittest.TestCase):
    def test_the_units_work_as_they_are_and_inbound_mail_is_recorded(self) -> None:
        start = Steps("docs/postfix.md", "Record inbound sessions")
        steps = Steps("docs/sendmail.md", "Record inbound sessions")
        with Box() as system:
            system.install_mail_server("sendmail")
            self.assertNotEqual(system.run("getent group postfix", check=False).returncode, 0)
            packages.install(system)
            system.run(start.take("systemctl enable"))
            found = system.run("find /var/spool/postfix/tlsrpt -printf '%y %m %u:%g\\n'").stdout.splitlines()
            owner = "starttls-toolkit:starttls-toolkit"
            self.assertEqual(found, [f"d 2750 {owner}", f"s 660 {owner}"])

            lines = steps.take("INPUT_MAIL_FILTER")
            self.assertEqual(steps.remaining(), [])
            mc = (system.folder / MC.lstrip("/")).read_text()
            self.assertIn("\nMAILER_DEFINITIONS\n", mc)
            mc = mc.replace("\nMAILER_DEFINITIONS\n", f"\n{lines}MAILER_DEFINITIONS\n")
            mc = mc.replace("Port=smtp, Addr=127.0.0.1')", "Port=smtp')")  # Debian's listens on loopback only
            system.run(f"cat >{MC}; make -C /etc/mail; systemctl restart sendmail", content=mc)

            self.assertIn("tlsrpt-milter.service", system.property("sendmail.service", "After").split())
            system.send(f"root@{box.HOSTNAME}", "Subject: hello\n\nhello\n", "--plaintext")
            summary = "tlsrpt-report --json summary"
            wait.until(lambda: json.loads(system.run(summary).stdout)["total"]["plaintext"] == 1, 60)

            self.follow_outbound_mail(system)

            if box.RELEASE == "13":
                enable = "systemctl enable sendmail"
                self.assertIn(f"`{enable}`", (SOURCE_TREE / "docs/sendmail.md").read_text())
                system.run(enable)
            system.reboot()
            self.assertEqual([system.state(unit) for unit in ("tlsrpt-milter", "tlsrpt-collector", "sendmail")],
                             ["active"] * 3)

    def follow_outbound_mail(self, system: Box) -> None:
        guide = "docs/sendmail.md", "Results of outbound mail"
        steps = Steps(*guide)
        outbound.follow_journal(system, steps, steps.take("[Service]"))
        self.assertEqual(steps.remaining(), [])
        self.assertIn(f"`{outbound.ENABLE}`", section(*guide))
        system.run(outbound.ENABLE)
        self.assertEqual(system.state(outbound.COLLECTOR), "active")
        self.assertEqual(system.journal("-b", "-u", outbound.COLLECTOR, "-p", "warning"), [])


if __name__ == "__main__":
    unittest.main()
