"""How the dns component follows resolv.conf: which servers it names, when it changes, and when it cannot be used."""

import os
import time
import unittest
from pathlib import Path

from asking import LiveProbe, tree
from lab import Lab, wait
from lab import bad_dns as bad
from lab.bad_dns import BadDns
from lab.dns import Dns

ZONE = {"@": ["MX 10 mx"], "mx": ["A 192.0.2.1"]}


def zone_with(address: str) -> dict[str, list[str]]:
    return {f"n{number}": [f"A {address}"] for number in range(30)}


class ResolvConf(unittest.TestCase):
    def put(self, path: Path, text: str) -> None:
        """Replace the file as editors and DHCP clients do."""
        new = path.with_suffix(".new")
        new.write_text(text)
        os.replace(new, path)

    def ask_until_it_uses(self, probe: LiveProbe, server: str) -> None:
        """Ask until the log names the server: only a question makes the component look at the file, and at most one a
        second."""
        def is_used() -> bool:
            probe.ask("mx.example.test", "A")
            return f"names other servers now: {server}\n" in probe.log()

        wait.until(is_used)

    def test_is_read_again_when_it_changes(self) -> None:
        with Lab() as lab:
            old = Dns(lab, {"example.test": zone_with("192.0.2.1")}, port=0)
            new = Dns(lab, {"example.test": zone_with("192.0.2.2")}, port=0)
            conf = lab.folder / "resolv.conf"
            self.put(conf, f"nameserver {old.server}\n")
            with LiveProbe("--resolv-conf", conf, "--no-dnssec") as probe:
                self.assertEqual(probe.ask("n29.example.test", "A")["addresses"], ["192.0.2.1"])
                self.put(conf, f"nameserver {new.server}\n")
                self.ask_until_it_uses(probe, new.server)
                self.assertEqual(probe.ask("n29.example.test", "A")["addresses"], ["192.0.2.2"])

    def test_that_is_empty_or_missing_for_a_while_changes_nothing(self) -> None:
        with Lab() as lab:
            dns = Dns(lab, {"example.test": zone_with("192.0.2.1")}, port=0)
            conf = lab.folder / "resolv.conf"
            self.put(conf, f"nameserver {dns.server}\n")
            with LiveProbe("--resolv-conf", conf, "--no-dnssec", "--timeout", 500) as probe:
                self.assertEqual(probe.ask("n29.example.test", "A")["status"], "found")
                for number, spoil in enumerate([lambda: conf.write_text(""), conf.unlink,
                                                lambda: conf.write_text("nameserver nonsense\n"),
                                                lambda: conf.write_text(f"# again\nnameserver {dns.server}\n")]):
                    spoil()
                    # The next question makes the component look at the file only if the last look was a second ago. A
                    # look that changes nothing has no event.
                    time.sleep(1.05)
                    answer = probe.ask(f"n{number}.example.test", "A")
                    self.assertEqual(answer["status"], "found", answer)
                self.assertEqual(probe.log(), "")

    def test_new_servers_are_probed_for_signatures_again(self) -> None:
        with Lab() as lab:
            dns = tree(lab, ZONE)
            stripping = BadDns(lab, dns)
            stripping.spoil("*", bad.without_signatures)
            conf = lab.folder / "resolv.conf"
            self.put(conf, f"nameserver {stripping.server}\n")
            with LiveProbe("--resolv-conf", conf, "--trust-anchor", dns.anchor_of(".")) as probe:
                self.assertFalse(probe.ask("example.test", "MX")["secure"])
                self.put(conf, f"nameserver {dns.server}\n")
                self.ask_until_it_uses(probe, dns.server)
                self.assertTrue(probe.ask("example.test", "MX")["secure"])

    def test_a_server_that_is_down_does_not_matter_if_another_answers(self) -> None:
        with Lab() as lab:
            dns = Dns(lab, {"example.test": zone_with("192.0.2.1")}, port=0)
            dead = BadDns(lab)
            dead.spoil("*", bad.silent)
            conf = lab.folder / "resolv.conf"
            self.put(conf, f"nameserver {dead.server}\nnameserver {dns.server}\n")
            with LiveProbe("--resolv-conf", conf, "--no-dnssec", "--timeout", 2000) as probe:
                for number in range(10):
                    answer = probe.ask(f"n{number}.example.test", "A")
                    self.assertEqual(answer["status"], "found", answer)
