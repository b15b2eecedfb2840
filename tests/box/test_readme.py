"""README's lines for Postfix, as they stand there, on a booted system with programs that were installed from source:
they record and answer."""

import json
import re
import unittest

import box
from box import Box
from lab import wait
from lab.documents import Steps


def setUpModule() -> None:
    box.require()


class Readme(unittest.TestCase):
    def test_a_few_lines_are_enough_to_record_inbound_mail_and_to_answer_postfix(self) -> None:
        install = Steps("docs/packages.md", "From source")
        postfix = Steps("README.md", "Postfix in a few lines")
        with Box() as system:
            system.install_mail_server("postfix")
            system.install_build()
            commands = install.take("packaging/install-packages").splitlines(keepends=True)
            system.run("".join(line for line in commands if line.startswith("systemd-")))
            system.run(postfix.take("systemctl enable --now tlsrpt-milter"))
            system.run(postfix.take("touch "))
            doctors = postfix.take("tlsrpt-report doctor").split(";")
            self.assertEqual((install.remaining(), postfix.remaining()), ([], []))

            system.send(f"root@{box.HOSTNAME}", "Subject: hello\n\nhello\n")
            wait.until(lambda: self.summary(system).get("tls") == 1, 60)
            self.assertEqual(system.state("starttls-listtool-serve"), "active")
            map_name = system.run("postconf -h smtp_tls_policy_maps").stdout.strip()
            # The DNS of this system answers nothing: Postfix is to look for DANE itself.
            self.assertEqual(system.run(f"postmap -q example.org {map_name}").stdout, "dane\n")
            # This system has no resolver at all. Its clock is that of the machine.
            found = [re.findall(r"(?m)^(?:warning|fault) .* \((\S+)\)$", system.run(line, check=False).stdout)
                     for line in doctors]
            self.assertEqual([[code for code in codes if code != "clock"] for codes in found], [[], ["resolver"]])

    def summary(self, system: Box) -> dict:
        done = system.run("tlsrpt-report --json summary", check=False)
        return json.loads(done.stdout)["total"] if done.returncode == 0 else {}


if __name__ == "__main__":
    unittest.main()
