"""What a mail makes tlsrpt-report keep, hold and do is in proportion to the mail, and no reporter uses others' space.

Measured are bytes on the disk, the program's peak memory and its processor time. The processor time is compared with
that for an honest mail of the same size in the same run.
"""

import json
import os
import random
import sqlite3
import subprocess
import tempfile
import unittest
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import report_bombs as bombs
from lab import Lab, program

NOW = "2026-11-27T06:00:00Z"
MIB = 1 << 20


# Runs a program, and prints its peak memory (KiB) and its processor time at the end of standard error. The memory that
# a process had before exec counts as well, so a small process starts the program.
MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print("\\n", usage.ru_maxrss, usage.ru_utime + usage.ru_stime, sep=" ", file=sys.stderr)
sys.exit(done.returncode)
"""


@dataclass
class Run:
    status: int
    out: str
    said: str
    memory: int  # bytes, at most
    seconds: float  # of the processor


class Reader:
    """tlsrpt-report with a state directory of its own."""

    def __init__(self, lab: Lab, configuration: str = "") -> None:
        self.folder = lab.new_folder("reader")
        self.state = self.folder / "state"
        self.configuration = self.folder / "tlsrpt.toml"
        self.configuration.write_text(f'state_dir = "{self.state}"\n[report]\n{configuration}\n')

    def read(self, content: bytes, *arguments: str, path: str | Path = "-", now: str = NOW) -> Run:
        """The result of `read` with this on standard input, as a mail alias pipes it, or in the file."""
        if path != "-":
            Path(path).write_bytes(content)
        command = [program.path_of("tlsrpt-report"), "-c", self.configuration, "read", "--no-lookup", *arguments, path]
        with tempfile.TemporaryFile() as stdin:
            stdin.write(content if path == "-" else b"")
            stdin.seek(0)
            done = subprocess.run(["python3", "-c", MEASURED, *map(str, command)], stdin=stdin, capture_output=True,
                                  text=True, check=False, timeout=120, env=os.environ | {"STARTTLS_TOOLKIT_NOW": now})
        said, figures, _ = done.stderr.rsplit("\n", 2)
        memory, seconds = figures.split()
        return Run(done.returncode, done.stdout, said, int(memory) * 1024, float(seconds))

    def size(self) -> int:
        """Bytes of all files in the state directory."""
        return sum(file.stat().st_size for file in self.state.rglob("*") if file.is_file())

    def set_aside(self) -> list[Path]:
        return sorted((self.state / "rejected").glob("*"))

    def store(self, query: str, *values: object) -> list[tuple]:
        database = sqlite3.connect(self.state / "reports.sqlite")
        try:
            return database.execute(query, values).fetchall()
        finally:
            database.close()

    def reporters(self) -> dict[str, int]:
        """The number of kept reports by reporter."""
        return dict(self.store("SELECT organization, count(*) FROM reports GROUP BY 1"))


def report(reporter: str, number: int, size: int, day: str = "2026-11-25") -> bytes:
    """The mail with a report that uses some `size` bytes of the store."""
    text = random.Random(number).randbytes(size // 4).hex()
    texts = [text[at:at + 2000] for at in range(0, len(text), 2000)]
    return bombs.mail(bombs.packed(bombs.report_of([bombs.policy("example.test", texts)], report_id=f"r{number}",
                                                   organization=reporter, day=day)))


def honest(size: int) -> bytes:
    """A mail of this size with a report of different failures."""
    numbers = random.Random(1)

    def details() -> Iterable[dict]:
        for _ in range(1000):
            yield {"result-type": "certificate-expired", "sending-mta-ip": f"2001:db8::{numbers.randrange(1 << 16):x}",
                   "receiving-mx-hostname": "mx1.example.test", "failed-session-count": 1,
                   "additional-information": f"https://reports.sender.test/{numbers.randbytes(100).hex()}"}

    per_policy = len(bombs.packed([bombs.policy("d.test", [], details())])) * 4 // 3
    policies = [bombs.policy(f"d{number}.test", [], details()) for number in range(size // per_policy + 1)]
    return bombs.mail(bombs.packed(bombs.report_of(policies)))


class OneMail(unittest.TestCase):
    """What one mail costs."""

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())

    def bounded(self, policies: Iterable[str], status: int, said: str) -> None:
        mail = bombs.mail(bombs.packed(bombs.report_of(policies)))
        reader = Reader(self.lab)
        run = reader.read(mail)
        self.assertEqual(run.status, status, run.said)
        self.assertIn(said, run.said)
        self.assertLess(reader.size(), 24 * len(mail) + MIB)
        self.assertLess(run.memory, 64 * MIB)

    def test_long_texts_are_left_out_and_the_figures_kept(self) -> None:
        self.bounded(bombs.long_texts(100), 0, "some of its explaining texts are dropped")

    def test_a_million_policies(self) -> None:
        self.bounded(bombs.many_policies(900_000), 65, "policies and failure details in its first")

    def test_two_million_failure_details(self) -> None:
        self.bounded(bombs.many_details(2_000_000), 65, "policies and failure details in its first")

    def test_details_without_content(self) -> None:
        self.bounded(['{"failure-details": [' + ",".join(["{}"] * 2_000_000) + "]}"], 65, "as only bombs have")

    def test_the_most_that_a_digest_of_failures_holds(self) -> None:
        self.bounded(bombs.different_details(100), 0, "some of its explaining texts are dropped")

    def test_long_names(self) -> None:
        self.bounded((bombs.policy(f"{number}{'d' * 4000}", []) for number in range(10_000)), 65, "bytes of text in its")

    def test_just_below_the_limits(self) -> None:
        # As many rows and names as its size may have.
        salt = random.Random(2).randbytes
        names = (json.dumps({"policy": {"policy-type": salt(2).hex(), "policy-domain": "d" * 60}}) for _ in range(80_000))
        self.bounded(names, 0, "")

    def test_many_reports_in_one_mail(self) -> None:
        part = b"--b\nContent-Type: application/tlsrpt+json\n\n%s\n"
        parts = [part % json.dumps(bombs.head(report_id=f"r{number}") | {"policies": []}).encode()
                 for number in range(900)]
        reader = Reader(self.lab)
        run = reader.read(b"Content-Type: multipart/mixed; boundary=b\n\n" + b"".join(parts) + b"--b--\n")
        self.assertIn("a mail with 900 reports: those after the first 20 are not read", run.said)
        self.assertEqual(reader.reporters(), {"Flooder": 20})

    def test_from_lines_on_standard_input_are_one_mail(self) -> None:
        reader = Reader(self.lab)
        run = reader.read(bombs.from_lines(9_000_000))
        self.assertEqual(run.out, "0 reports read, 0 duplicates, 1 rejected\n")
        self.assertEqual(run.said.count("rejected: "), 1)
        self.assertLess(len(run.said), 1000)
        self.assertIn("use --mbox for a mailbox", run.said)

    def test_a_mail_as_mail_servers_pipe_it_is_read_whole(self) -> None:
        reader = Reader(self.lab)
        one = report("Sender", 1, 1000)
        run = reader.read(b"From tls@sender.test  Fri Nov 27 06:00:00 2026\n" + one + b"\n\nFrom here on it is text.\n\n")
        self.assertEqual((run.status, run.out.splitlines()[-1]), (0, "1 report read, 0 duplicates, 0 rejected"))

    def test_an_mbox_file_is_read_from_standard_input_if_an_option_asks_for_it(self) -> None:
        reader = Reader(self.lab)
        folder = b"".join(b"From a\n" + report("Sender", number, 1000) + b"\n" for number in range(3))
        self.assertIn("1 report read", reader.read(folder).out)
        self.assertIn("2 reports read, 1 duplicate", reader.read(folder, "--mbox").out)
        self.assertIn("0 reports read, 3 duplicates", reader.read(folder, path=reader.folder / "mbox").out)


class Work(unittest.TestCase):
    """The processor time for hostile mails of 8 MB, compared with that for an honest one."""

    SIZE = 8_000_000

    def test_hostile_mails_take_no_longer_than_an_honest_one(self) -> None:
        with Lab() as lab:
            allowed = 2 * Reader(lab).read(honest(self.SIZE)).seconds
            for mail in (bombs.parameters(self.SIZE), bombs.small_parameters(self.SIZE), bombs.nested(self.SIZE),
                         bombs.boundaries(self.SIZE), bombs.from_lines(self.SIZE)):
                run = Reader(lab).read(mail)
                self.assertEqual(run.status, 65, run.said)
                self.assertLess(run.seconds, allowed, mail[:100])
                self.assertLess(run.memory, 64 * MIB)


class Quotas(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())

    def test_one_reporter_cannot_fill_the_store(self) -> None:
        reader = Reader(self.lab, "max_store_size = 1")
        runs = [reader.read(report("Flooder", number, 40_000)) for number in range(8)]
        self.assertEqual({run.status for run in runs}, {0, 65})
        self.assertIn("one reporter's share of report.max_store_size", runs[-1].said)
        self.assertIn("; saved as ", runs[-1].said)
        self.assertEqual(reader.read(report("Honest", 1, 40_000)).status, 0)
        kept = reader.reporters()
        self.assertEqual(kept["Honest"], 1)
        self.assertLess(kept["Flooder"], 6)
        self.assertEqual(len(reader.set_aside()), 8 - kept["Flooder"], "nothing is lost")

    def test_many_reporters_cannot_displace_those_known_before(self) -> None:
        reader = Reader(self.lab, "max_store_size = 1")
        for number in range(2):
            reader.read(report("Honest", number, 40_000), now="2026-11-20T06:00:00Z")
        flood = b"".join(b"From a\n" + report(f"Flooder {number}", number, 40_000) + b"\n" for number in range(60))
        run = reader.read(flood, "--mbox")
        self.assertEqual(run.status, 65)
        self.assertIn("the store is full: all reports hold 1048576 bytes (report.max_store_size)", run.said)
        self.assertEqual(reader.reporters()["Honest"], 2)
        file = (reader.state / "reports.sqlite").stat().st_size
        self.assertLess(file, 1.5 * MIB)
        run = reader.read(report("Honest", 3, 40_000), now="2026-11-28T06:00:00Z")
        self.assertEqual(run.status, 0, run.said)
        self.assertIn("the store is full", run.said)
        self.assertEqual(reader.reporters()["Honest"], 3)
        self.assertEqual((reader.state / "reports.sqlite").stat().st_size, file)

    def test_rejected_mails_are_kept_up_to_a_limit_in_bytes(self) -> None:
        reader = Reader(self.lab, "max_rejected_size = 1")
        for number in range(20):
            run = reader.read(b"Subject: no report\n\n" + b"x" * 100_000, now=f"2026-11-27T06:00:{number:02}Z")
            self.assertEqual(run.status, 65)
        names = [file.name for file in reader.set_aside()]
        self.assertEqual(len(names), 10)
        self.assertTrue(names[0].startswith("2026-11-27T06:00:10"), "the oldest go")
        run = reader.read(b"Subject: no report\n\n" + b"x" * 200_000)
        self.assertIn("not saved: it has 200020 bytes, and one mail may have 131072", run.said)
        self.assertEqual([file.name for file in reader.set_aside()], names)

    def test_reports_dated_in_9999_are_removed_when_their_time_is_over(self) -> None:
        reader = Reader(self.lab, "[milter]\nretention_days = 30")
        future = bombs.mail(bombs.packed(bombs.report_of([bombs.policy("example.test", [])], day="9999-12-30")))
        self.assertIn("it is dated in the future", reader.read(future).said)
        reader.read(report("Sender", 1, 1000, "2026-12-19"), now="2026-12-20T06:00:00Z")
        self.assertEqual(len(reader.store("SELECT 1 FROM reports")), 2)
        reader.read(report("Sender", 2, 1000, "2026-12-27"), now="2026-12-28T06:00:00Z")
        self.assertEqual(reader.reporters(), {"Sender": 2})


if __name__ == "__main__":
    unittest.main()
