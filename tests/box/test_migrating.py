"""docs/migrating.md on a booted system, with the policy server that it is about."""

import unittest

import box
import packages
from box import Box
from lab.documents import Steps

OLD, SERVE, SOCKET = "postfix-mta-sts-resolver", "starttls-listtool-serve.service", "starttls-listtool-serve.socket"


def setUpModule() -> None:
    box.require()


class Migrating(unittest.TestCase):
    def test_serve_takes_the_place_of_postfix_mta_sts_resolver_and_gives_it_back(self) -> None:
        steps = Steps("docs/migrating.md", "From postfix-mta-sts-resolver")
        with Box() as system:
            system.install_mail_server("postfix")
            system.install_mail_server("resolver")
            system.run(f"systemctl enable --now {OLD}")
            line = steps.take("smtp_tls_policy_maps").strip()
            system.run(f"postconf '{line}'; postfix reload")

            system.copy(packages.built(), "/packages")
            system.run(packages.install_command(Steps("README.md", "Install"), "/packages"), timeout=300)
            self.assertEqual([system.state(unit) for unit in (OLD, SOCKET)], ["active", "inactive"])

            # The DNS of this system answers nothing: Postfix is to look for DANE itself.
            self.assertEqual(system.run(steps.take("touch ")).stdout, "dane\n")
            self.assertEqual([system.state(unit) for unit in (OLD, SOCKET, SERVE)], ["inactive", "active", "active"])
            self.assertEqual(steps.remaining(), [])
            system.reboot()
            self.assertEqual([system.state(unit) for unit in (OLD, SOCKET, SERVE)], ["inactive", "active", "active"])

            system.run(f"systemctl disable --now {SOCKET} {SERVE}; systemctl enable --now {OLD}")
            self.assertEqual([system.state(unit) for unit in (OLD, SOCKET)], ["active", "inactive"])


if __name__ == "__main__":
    unittest.main()
