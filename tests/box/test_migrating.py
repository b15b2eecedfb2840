"""docs/migrating.md on a booted system, with the policy servers that it is about: before and after, mail to a domain with
an MTA-STS policy goes out over verified TLS; in between it waits.

postfix-tlspol is not in Debian. In its place, at its port and with the name of its unit, is postfix-mta-sts-resolver.
"""

import re
import unittest

import box
import destination
import packages
from box import Box
from destination import Destination
from lab import wait
from lab.documents import Steps, lines
from lab.policy_server import PostfixClient
from repeated import Repeated

SERVE, SOCKET = "starttls-listtool-serve.service", "starttls-listtool-serve.socket"
TOML = "/etc/starttls-toolkit/listtool.toml"
DOMAIN = "dest.example"
POLICY = f"secure match={destination.NAME} servername=hostname\n"
TLSPOL = """\
[Service]
DynamicUser=yes
ExecStart=/usr/bin/mta-sts-daemon -c /etc/postfix-tlspol/config.yaml
[Install]
WantedBy=multi-user.target
"""
TLSPOL_CONFIGURATION = """\
host: 127.0.0.1
port: 8642
cache: {type: internal}
default_zone: {timeout: 4}
"""
# Its README.
TLSPOL_PARAMETERS = "smtp_dns_support_level=dnssec smtp_tls_security_level=dane"
TLSPOL_PARAMETERS_12 = "smtp_tls_dane_insecure_mx_policy=dane"


def setUpModule() -> None:
    box.require()


class Migrating(unittest.TestCase):
    def setUp(self) -> None:
        self.box = self.enterContext(Box())
        self.box.install_mail_server("postfix")
        self.box.install_mail_server("resolver")
        self.box.run("systemctl disable --now postfix-mta-sts-resolver")
        self.box.run("postconf smtp_tls_CAfile=/etc/ssl/certs/ca-certificates.crt")
        self.destination = Destination(self.box)
        self.destination.create()
        self.destination.publish_policy(DOMAIN)
        self.mails = 0

    def test_serve_takes_the_place_of_postfix_mta_sts_resolver_and_gives_it_back(self) -> None:
        steps = Steps("docs/migrating.md", "From postfix-mta-sts-resolver")
        line = steps.take("smtp_tls_policy_maps").strip()
        self.start_old("postfix-mta-sts-resolver", f"'{line}'")
        self.change("postfix-mta-sts-resolver", steps.take("touch "))
        self.assertEqual(steps.remaining(), [])
        self.go_back("postfix-mta-sts-resolver")

    def test_serve_takes_the_place_of_postfix_tlspol_and_gives_it_back(self) -> None:
        self.box.append("/etc/systemd/system/postfix-tlspol.service", TLSPOL)
        self.box.run("mkdir /etc/postfix-tlspol; systemctl daemon-reload")
        self.box.append("/etc/postfix-tlspol/config.yaml", TLSPOL_CONFIGURATION)
        steps = Steps("docs/migrating.md", "From postfix-tlspol")
        by_release = dict(zip(("12", "13"), steps.take("smtp_tls_policy_maps").splitlines(), strict=True))
        self.start_old("postfix-tlspol", f"'{by_release[box.RELEASE]}' {TLSPOL_PARAMETERS}")
        if box.RELEASE == "12":
            self.box.run(f"postconf {TLSPOL_PARAMETERS_12}")
        toml = steps.take("[serve]")
        self.change("postfix-tlspol", steps.take("systemctl disable"), toml)
        self.assertEqual(steps.remaining(), [])
        self.a_restart_refuses_nobody()
        self.go_back("postfix-tlspol")

    def start_old(self, unit: str, parameters: str) -> None:
        self.box.run(f"systemctl enable --now {unit}")
        self.box.run(f"postconf {parameters}; postfix reload")
        self.wait_for_answer()
        self.assert_sent(self.send())

    def change(self, old: str, commands: str, toml: str = "") -> None:
        """From the installation of our packages to mail that goes out by them, as the guide says."""
        packages.install(self.box)
        self.assertEqual([self.box.state(unit) for unit in (old, SOCKET)], ["active", "inactive"])
        self.assert_sent(self.send())
        # The policy host of this system has an address of a documentation, and its DNS is not signed.
        self.box.configure(TOML, "[mta-sts]\nprivate_addresses = true\n[dns]\ndnssec = false\n")
        if toml:
            self.box.configure(TOML, toml)
        before, command, after = commands.partition(f"systemctl disable --now {old}\n")
        self.box.run(before + command)
        waits = self.send()
        wait.until(lambda: self.destination.status_of_mail_to(waits) == "deferred", 60)
        self.assertIn(" example.org ", after)
        self.assertEqual(self.box.run(after.replace("example.org", DOMAIN)).stdout, POLICY)
        self.box.run("postqueue -f")
        self.assert_sent(waits)
        (fetch,) = lines("docs/migrating.md", "Both")
        self.box.run(f"cd /root; echo {DOMAIN} >domains; {fetch}")
        self.assert_sent(self.send())
        self.assertEqual([self.box.state(unit) for unit in (old, SOCKET, SERVE)], ["inactive", "active", "active"])
        at_boot = [self.box.run(f"systemctl is-enabled {unit}", check=False).stdout for unit in (old, SOCKET, SERVE)]
        self.assertEqual(at_boot, ["disabled\n", "enabled\n", "enabled\n"])

    def a_restart_refuses_nobody(self) -> None:
        client = PostfixClient("127.0.0.1", 8642)

        def ask() -> None:
            self.box.enter_network()
            self.assertEqual(client.ask(f"QUERY {DOMAIN}"), f"OK {POLICY.strip()}")
            client.close()

        with Repeated(ask) as questions:
            self.box.run(f"systemctl restart {SERVE}; kill -9 $(systemctl show -P MainPID {SERVE})")
            wait.until(lambda: self.box.property(SERVE, "NRestarts") == "1" and self.box.state(SERVE) == "active", 60)
            questions.wait_for_another()

    def go_back(self, old: str) -> None:
        self.box.run(f"systemctl disable --now {SOCKET} {SERVE}; systemctl enable --now {old}")
        self.assertEqual([self.box.state(unit) for unit in (old, SOCKET)], ["active", "inactive"])
        self.wait_for_answer()
        self.assert_sent(self.send())

    def wait_for_answer(self) -> None:
        """Of the old server, which listens some time after its start."""
        question = f"postmap -q {DOMAIN} $(postconf -h smtp_tls_policy_maps)"
        wait.until(lambda: self.box.run(question, check=False).stdout.startswith("secure "), 60)

    def send(self) -> str:
        """Returns the recipient, another one each time."""
        self.mails += 1
        recipient = f"anna{self.mails}@{DOMAIN}"
        self.box.run(f"sendmail {recipient}", content="Subject: hello\n\nhello\n")
        return recipient

    def assert_sent(self, recipient: str) -> None:
        """Over TLS with a verified certificate."""
        wait.until(lambda: self.destination.status_of_mail_to(recipient) == "sent", 60)
        log = self.box.journal("-b", "-t", "postfix/smtp")
        (number,) = [number for number, line in enumerate(log) if f"to=<{recipient}>" in line and "status=sent" in line]
        process = re.search(r"smtp\[\d+\]:", log[number])[0]
        (*_, connection) = [line for line in log[:number] if process in line and "TLS connection established" in line]
        self.assertIn(f"Verified TLS connection established to {destination.NAME}", connection)


if __name__ == "__main__":
    unittest.main()
