"""Runs smtp_probe, for the tests in this directory."""

import json
import os
import ssl
import subprocess
import unittest
from collections.abc import Callable, Sequence
from typing import Any

from lab import Lab, program
from lab.smtp_server import Peer, SmtpServer

Facts = dict[str, Any]
Talk = Callable[[Peer], object]
# Limits that do not stop a probe before the one that a test is about.
PATIENT = ("--whole", "15000", "--silence", "15000", "--handshake", "15000", "--quit", "15000")
SNI = "mx.example.test"


def probe_all(requests: Sequence[str], *options: str | os.PathLike[str], descriptors: int = 1024) -> list[Facts]:
    """The facts of lines "ADDRESS PORT [SNI]", in their order; within twenty seconds, whatever the servers do.

    `descriptors`: how many files the probe may have open.
    """
    words = ["prlimit", f"--nofile={descriptors}", program.path_of("smtp_probe"), "--private"]
    done = subprocess.run([*words, "--address-interval", "0", *options], capture_output=True, text=True, timeout=60,
                          check=False, input="".join(f"{line}\n" for line in requests))
    if done.returncode:
        raise AssertionError(done.stderr)
    *facts, _cost = map(json.loads, done.stdout.splitlines())
    if len(facts) != len(requests):
        raise AssertionError(done.stdout)
    addresses = [line.split()[0] for line in requests]
    return sorted(facts, key=lambda each: addresses.index(each["address"]))


def probe(lab: Lab, address: str, *options: str | os.PathLike[str], port: int = 0, sni: str = SNI) -> Facts:
    return probe_all([f"{address} {port or lab.smtp_port} {sni}"], *PATIENT, *options)[0]


def over_tls(context: ssl.SSLContext) -> Talk:
    """A server that does nothing strange."""
    def talk(peer: Peer) -> None:
        peer.to_starttls()
        peer.start_tls(context)
        peer.serve()
        peer.read_to_the_end()
    return talk


class ProbeCase(unittest.TestCase):
    def assert_stop(self, facts: Facts, reached: str, stop: str, reason: str = "") -> None:
        self.assertEqual((facts["reached"], facts["stop"]), (reached, stop), facts)
        if reason:
            self.assertRegex(facts["reason"], f"^{reason}$")

    def probe_of(self, lab: Lab, talk: Talk, *options: str, sni: str = SNI) -> tuple[Facts, list[str]]:
        """The facts, and what the server heard."""
        server = SmtpServer(lab, talk)
        facts = probe(lab, server.address, *options, sni=sni)
        server.end()
        self.assertEqual(len(server.heard), 1)
        return facts, server.heard[0]
