"""An entry all the way: added, watched, listed, signed, fetched, verified, mapped, and enforced by real mail servers."""

import unittest
from pathlib import Path

from lab.dns import Dns
from lab.exim import EximSender
from lab.postfix import Receiver, Sender
from lab.sendmail import SendmailSender, makemap
from publisher import PublisherCase

WATCH = 28


class AllTheWay(PublisherCase):
    def setUp(self) -> None:
        super().setUp()
        self.sound("good.test")
        self.sound("hijacked.test")
        self.publish()
        self.good("add", "good.test", "hijacked.test")
        self.days(WATCH + 1)
        self.host = self.serve()
        done = self.host.tool("-q", "update")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        # From now on an attacker answers where the mail of one of them goes.
        attacker = Receiver(self.lab, "mx.evil.test", ["hijacked.test"], self.lab.ca.issue("mx.evil.test"))
        zones = self.zones | {"hijacked.test": {"@": ["MX 10 mx.evil.test."]},
                              "evil.test": {"mx": [f"A {attacker.address}"]}}
        self.hijacked_dns = Dns(self.lab, zones)
        self.maps = self.lab.new_folder("maps")

    def map(self, server: str, *options: str) -> Path:
        file = self.maps / server
        done = self.host.tool("generate", server, "-o", str(file), *options)
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
