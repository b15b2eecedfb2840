"""`starttls-listtool check` of several domains: what they share, and what is said once."""

import fcntl
import json
import os
import pty
import re
import subprocess
import time
import unittest

from checking import NOWHERE, Case
from lab import program
from lab.smtp_server import Peer


def without_tls(peer: Peer) -> None:
    peer.welcome()
    peer.read_to_the_end()


class Several(Case):
    def test_a_network_that_blocks_port_25_is_named_once(self) -> None:
        names = [f"d{number}.test" for number in range(3)]
        for name in names:
            self.zones[name] = {"@": ["MX 10 mx"], "mx": ["A 192.0.2.1"]}
            self.connect += ["--connect", f"mx.{name}={NOWHERE}"]
        self.start()
        done = self.check(*self.connect, *names)
        self.assertEqual((done.returncode, done.stderr), (75, ""))
        self.assertEqual(done.stdout.count("(smtp-own-network)"), 1)
        self.assertRegex(done.stdout, r"\n3 domains\n  cannot tell  this host cannot connect to port 25 of any MX host")
        self.assertTrue(all(f"{name}: 0 faults" in done.stdout for name in names))
        found = json.loads(self.check("--json", *self.connect, *names).stdout)["domains"]
        self.assertEqual([[one["code"] for one in domain["findings"] if one["level"] == "cannot-tell"]
                          for domain in found], [["smtp-own-network"]] * 3)
        self.assertIn("(smtp-own-network)", self.check(*self.connect, names[0]).stdout)

    def test_connections_a_second(self) -> None:
        names = [f"d{number}.test" for number in range(4)]
        servers = [self.scripted(name, without_tls) for name in names]
        self.start()
        begin = time.monotonic()
        done = self.check(*self.connect, "--rate", "2", *names)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        # The last of four begins three half seconds after the first.
        self.assertGreaterEqual(time.monotonic() - begin, 1.5)
        self.assertEqual([len(server.heard) for server in servers], [1] * 4)

    def test_a_terminal_shows_the_progress(self) -> None:
        """With one connection a second, the second domain takes long enough for it."""
        names = ["a.test", "b.test"]
        for name in names:
            self.scripted(name, without_tls)
        self.start()
        shown, output = self._on_a_terminal(*self.connect, "--rate", "1", *names)
        self.assertRegex(shown, r"\r\x1b\[K[01] of 2 domains, \d connections?")
        self.assertTrue(shown.endswith("\r\x1b[K"), shown)
        self.assertIn("b.test: 0 faults", output)
        quiet, _ = self._on_a_terminal("-q", *self.connect, "--rate", "1", *names)
        self.assertEqual(quiet, "")

    def test_a_state_shows_what_has_changed_and_what_need_not_be_examined_again(self) -> None:
        servers = [self.scripted(name, without_tls) for name in ("a.test", "b.test")]
        self.start()
        state = ["--state", str(self.configuration.folder / "state.checks")]
        first = self.check(*self.connect, *state, "--changed", "a.test", "b.test")
        self.assertEqual((first.returncode, first.stderr), (0, ""))
        self.assertRegex(first.stdout, r"^a\.test: 1 worse, 0 better\n\nmx\.a\.test\[[\d.]+\]\n  warning ")
        for arguments in (["--since", "1"], ["--since", "1", "--changed"]):
            done = self.check(*self.connect, *state, *arguments, "a.test", "b.test")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual([len(server.heard) for server in servers], [1, 1])
        same = self.check(*self.connect, *state, "--changed", "a.test", "b.test")
        self.assertEqual((same.returncode, same.stdout, same.stderr), (0, "", ""))
        self.assertEqual([len(server.heard) for server in servers], [2, 2])

        self.dns.update("a.test", {"@": ["MX 0 ."]})
        better = self.check(*self.connect, *state, "--changed", "a.test", "b.test")
        self.assertRegex(better.stdout, r"^a\.test: 0 worse, 1 better\n\nmx\.a\.test\[[\d.]+\]\n"
                                        r"  better       no longer a warning \(starttls\)\n$")
        self.dns.update("a.test", self.zones["a.test"])
        worse = self.check("--json", *self.connect, *state, "--changed", "a.test", "b.test")
        self.assertEqual([one["domain"] for one in json.loads(worse.stdout)["domains"]], ["a.test"])

    def test_a_state_that_another_run_has_or_that_is_damaged(self) -> None:
        self.zones["a.test"] = {"@": ["MX 0 ."]}
        self.start()
        path = self.configuration.folder / "state.checks"
        with path.with_name(path.name + ".lock").open("w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            done = self.check("--state", str(path), "a.test")
            self.assertEqual((done.returncode, done.stdout), (75, ""))
            self.assertIn("another check", done.stderr)
        path.write_text("hello\n")
        done = self.check("--state", str(path), "a.test")
        self.assertEqual(done.returncode, 65)
        self.assertIn(f"{path}:1: ", done.stderr)
        for arguments in (["--since", "1"], ["--changed"]):
            self.assertEqual(self.check(*arguments, "a.test").returncode, 64)

    def _on_a_terminal(self, *arguments: str) -> tuple[str, str]:
        """Standard error, which is a terminal, and standard output, which is not."""
        master, slave = pty.openpty()
        try:
            argv = [program.path_of("starttls-listtool"), "-c", self.configuration.path, "check", *arguments]
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave, text=True,
                                  timeout=60, check=False)
            os.write(slave, b"\n")  # else there may be nothing to read
            shown = b""
            while not shown.endswith(b"\n"):
                shown += os.read(master, 65536)
        finally:
            os.close(master)
            os.close(slave)
        return re.sub(r"\r?\n$", "", shown.decode()), done.stdout


if __name__ == "__main__":
    unittest.main()
