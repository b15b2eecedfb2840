"""The bench runs, and every row has figures. The size of the figures is not checked: this is no timed test."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from lab import program

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

from make_list import NOW, Shape, first_domain, write_list  # noqa: E402
from rows import ROWS  # noqa: E402

PEERS = ["minisign", "gpg", "gpgv", "jq", "postmap", "curl"]


def bench(*arguments: str, build: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BUILD_DIR": str(build)} if build else None
    return subprocess.run([BENCH / "run", "--quick", "--domains", "1000", *arguments], env=environment,
                          capture_output=True, text=True, timeout=150, check=False)


class Bench(unittest.TestCase):
    def setUp(self) -> None:
        path = f"{os.environ['PATH']}:/usr/sbin"
        if missing := [name for name in PEERS if not shutil.which(name, path=path)]:
            self.skipTest(f"needs {', '.join(missing)}: packaging/install-packages test")
        self.measure = program.path_of("bench-measure")

    def test_every_row_has_figures(self) -> None:
        done = bench("--json", *ROWS)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = {row["row"]: row for row in json.loads(done.stdout)["rows"]}
        self.assertEqual(set(rows), set(ROWS))
        for name, row in rows.items():
            with self.subTest(name):
                self.assertTrue(row["peers"])
                for measured in [row, *row["peers"]]:
                    self.assertGreater(measured["seconds"], 0, measured)
                    self.assertGreater(measured["peak_bytes"], 0, measured)
                for target in row["targets"]:
                    self.assertIsInstance(target["measured"], int | float)

    def test_the_table_has_a_line_for_each_program_and_judges_only_what_does_not_depend_on_the_list(self) -> None:
        done = bench("verify", "verify-small")
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in (r"^verify +verify +[\d.]+ ms +[\d.]+ MiB  .*x  not judged$", r"^ +minisign -V +[\d.]+ ms ",
                     r"^ +gpgv +[\d.]+ ms ", r"^verify-small .* ms  (met|NOT met)$"):
            self.assertRegex(done.stdout, f"(?m){line}")

    def test_a_program_that_fails_fails_the_bench(self) -> None:
        with tempfile.TemporaryDirectory() as build:
            Path(build, "bench-measure").symlink_to(self.measure)
            Path(build, "starttls-listtool").symlink_to("/bin/false")
            done = bench("lint", build=Path(build))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("starttls-listtool lint list", done.stderr)
        self.assertIn("ended with status 1", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_memory_is_that_of_the_program_and_not_of_its_parent(self) -> None:
        ballast = bytearray(os.urandom(1 << 20)) * 100
        done = subprocess.run([self.measure, os.devnull, "true"], capture_output=True, text=True, check=True)
        self.assertLess(int(done.stdout.split()[3]) * 1024, len(ballast) // 10)


class MadeList(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def made(self, **how: int | str) -> bytes:
        file = self.folder / "list.json"
        write_list(file, Shape(**how))
        return file.read_bytes()

    def policies(self, **how: int | str) -> dict:
        return json.loads(self.made(**how))["policies"]

    def test_the_same_options_give_the_same_bytes(self) -> None:
        self.assertEqual(self.made(domains=500), self.made(domains=500))
        self.assertNotEqual(self.made(domains=500), self.made(domains=500, seed=2))

    def test_order_and_form_change_no_entry(self) -> None:
        shuffled = self.policies(domains=500)
        self.assertNotEqual(list(shuffled), sorted(shuffled))
        in_order = self.policies(domains=500, order="sorted")
        self.assertEqual(list(in_order), sorted(shuffled))
        self.assertEqual(in_order, shuffled)
        self.assertEqual(self.policies(domains=500, form="compact"), shuffled)
        self.assertLess(len(self.made(domains=500, form="compact")), len(self.made(domains=500)))

    def test_one_in_ten_takes_an_alias_and_the_others_have_one_to_four_mxs(self) -> None:
        policies = self.policies(domains=10_000)
        self.assertEqual(len(policies), 10_000)
        counts = [len(policy["mxs"]) for policy in policies.values() if "mxs" in policy]
        self.assertEqual(set(counts), {1, 2, 3, 4})
        self.assertAlmostEqual(len(counts), 9000, delta=150)

    def test_a_million_domains_take_118_bytes_each(self) -> None:
        self.assertAlmostEqual(len(self.made(domains=10_000)) / 10_000, 118, delta=3)

    def test_changed_says_how_many_domains_differ(self) -> None:
        old, new = self.policies(domains=5000), self.policies(domains=5000, changed=100)
        differ = [domain for domain in old.keys() | new.keys() if old.get(domain) != new.get(domain)]
        self.assertEqual(len(differ), 100)
        self.assertTrue(old.keys() - new.keys())
        self.assertTrue(new.keys() - old.keys())
        self.assertIn(first_domain(Shape(domains=5000)), new)

    def test_the_list_has_no_faults(self) -> None:
        for changed in (0, 50):
            self.made(domains=1000, changed=changed)
            done = program.run("starttls-listtool", "lint", "list", self.folder / "list.json",
                               environment={"STARTTLS_TOOLKIT_NOW": NOW})
            self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
