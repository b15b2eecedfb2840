"""Runs smtp_probe, for the tests in this directory."""

import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any

from lab import Lab, program

Facts = dict[str, Any]
# Limits that do not stop a probe before the one that a test is about.
PATIENT = ("--whole", "15000", "--silence", "15000", "--handshake", "15000", "--quit", "15000")
SNI = "mx.example.test"


def probe_all(requests: Sequence[str], *options: str | os.PathLike[str], descriptors: int = 1024) -> list[Facts]:
    """The facts of lines "ADDRESS PORT [SNI]", in their order; within twenty seconds, whatever the servers do.

    `descriptors`: how many files the probe may have open.
    """
    words = ["prlimit", f"--nofile={descriptors}", program.path_of("smtp_probe"), "--private", "--address-interval", "0"]
    done = subprocess.run([*words, *options], input="".join(f"{line}\n" for line in requests), capture_output=True,
                          text=True, timeout=20, check=False)
    if done.returncode:
        raise AssertionError(done.stderr)
    *facts, _cost = map(json.loads, done.stdout.splitlines())
    if len(facts) != len(requests):
        raise AssertionError(done.stdout)
    addresses = [line.split()[0] for line in requests]
    return sorted(facts, key=lambda each: addresses.index(each["address"]))


def probe(lab: Lab, address: str, *options: str | os.PathLike[str], port: int = 0, sni: str = SNI) -> Facts:
    return probe_all([f"{address} {port or lab.smtp_port} {sni}"], *PATIENT, *options)[0]
