"""An entry all the way: added, watched, listed, signed, fetched, verified, mapped, and enforced by real mail servers."""

import unittest
from pathlib import Path

from lab.dns import Dns
from lab.exim import EximSender
from lab.https import HttpsServer
from lab.policy_domains import Configuration
from lab.postfix import Receiver, Sender
from lab.sendmail import SendmailSender, makemap
from publisher import LIST, PublisherCase

SITE = "lists.localhost"
WATCH = 28


class AllTheWay(PublisherCase):
    def setUp(self) -> None:
        super().setUp()
        self.sound("good.test")
        self.sound("hijacked.test")
        self.publish()
        self.good("add", "good.test", "hijacked.test")
        self.days(WATCH + 1)
        self.site = HttpsServer(self.lab, address="127.0.0.1")
        self.site.add_host(SITE, self.lab.ca.issue(SITE))
        self.site.serve_folder(SITE, self.public())
        self.consumer = Configuration(self.lab, self.dns, self.web, now=self.now(), fetch={"ca_file": self.lab.ca.certificate})
        self.consumer.lists.append({"name": LIST, "url": f"https://{SITE}:{self.site.port}/{LIST}.json",
                                    "root_keys": [key.text for key in self.roots], "threshold": 2})
        self.consumer.write()
        done = self.consumer.tool("-q", "update")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        # From now on an attacker answers where the mail of one of them goes.
        attacker = Receiver(self.lab, "mx.evil.test", ["hijacked.test"], self.lab.ca.issue("mx.evil.test"))
        zones = self.zones | {"hijacked.test": {"@": ["MX 10 mx.evil.test."]},
                              "evil.test": {"mx": [f"A {attacker.address}"]}}
        self.hijacked_dns = Dns(self.lab, zones)
        self.maps = self.lab.new_folder("maps")

    def map(self, server: str, *options: str) -> Path:
        file = self.maps / server
        done = self.consumer.tool("generate", server, "-o", str(file), *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return file

    def test_postfix(self) -> None:
        file = self.map("postfix", "--type", "texthash")
        mta = Sender(self.lab, self.hijacked_dns, {"smtp_tls_policy_maps": f"texthash:{file}",
                                                   "smtp_tls_security_level": "may"})
        good = mta.deliver("alice@sender.test", "bob@good.test")
        self.assertEqual((good.status, good.verified), ("sent", True), good)
        self.assertEqual(mta.deliver("alice@sender.test", "bob@hijacked.test").status, "deferred")

    def test_sendmail(self) -> None:
        file = self.map("sendmail")
        makemap(file, file)
        lines = [line.removeprefix("#   ") for line in file.read_text().splitlines() if line.endswith("dnl")]
        mta = SendmailSender(self.lab, self.hijacked_dns, macros=lines[0] + "\n")
        good = mta.deliver("alice@sender.test", "bob@good.test")
        self.assertEqual((good.status, good.trusted), ("sent", True), good)
        self.assertEqual(mta.deliver("alice@sender.test", "bob@hijacked.test").status, "deferred")

    def test_exim(self) -> None:
        file = self.map("exim", "--type", "lsearch")
        mta = EximSender(self.lab, self.hijacked_dns, macros=[f"STARTTLS_MAP = lsearch{{{file}}}"])
        good = mta.deliver("alice@sender.test", "bob@good.test")
        self.assertEqual((good.status, good.verified), ("sent", True), good)
        self.assertEqual(mta.deliver("alice@sender.test", "bob@hijacked.test").status, "deferred")


if __name__ == "__main__":
    unittest.main()
