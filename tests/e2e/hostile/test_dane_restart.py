"""A restart loses no DANE verdict, whatever the attacker does to the lookups after it."""

import signal
import unittest

from dane_world import FAULTS, ONE_OF_EACH, World, right_outcome
from lab import bad_dns as bad
from lab.bad_dns import Fault


class Restart(World):
    def assert_nothing_is_forgotten(self, how: signal.Signals, faults: dict[str, Fault]) -> None:
        """Look up all domains, stop `serve` with this signal, and start it while the names have these faults."""
        self.learn(self.domains)
        self.server.stop(how)
        for name, fault in faults.items():
            self.attacker.spoil(name, fault)
        self.server.start()
        with self.subTest("replies"):
            self.assert_state(self.ask(self.domains), "kept")
        with self.subTest("mail"):
            self.assert_each(self.outcomes(self.sender, self.domains), right_outcome)

    def test_a_killed_server_has_all_verdicts_after_its_next_start(self) -> None:
        faults = {self.add(f"bound-by-{label}", "wrong").name: fault for label, fault in FAULTS.items()}
        faults |= {domain.name: FAULTS[label] for label in ONE_OF_EACH for domain in self.add_sorts(label)}
        self.start()
        self.assert_nothing_is_forgotten(signal.SIGKILL, faults)

    def test_the_whole_dns_is_silent_after_a_restart(self) -> None:
        self.add_sorts("old")
        self.start()
        self.assert_nothing_is_forgotten(signal.SIGTERM, {"*": bad.silent})

    def test_a_damaged_file_loses_the_kept_verdicts_and_nothing_else(self) -> None:
        """Then the domains are unknown as at first contact."""
        self.add_sorts("old")
        self.start()
        self.learn(self.domains)
        self.server.stop()
        files = [path for path in self.configuration.state.rglob("*") if path.is_file() and "dane" in path.name]
        self.assertTrue(files, "no file with DANE verdicts in the state directory")
        for file in files:
            file.write_bytes(b"\xff" * 10_000)
        self.attacker.spoil("*", bad.silent)
        self.server.start()
        self.assert_state(self.ask(self.domains), "unknown")


if __name__ == "__main__":
    unittest.main()
