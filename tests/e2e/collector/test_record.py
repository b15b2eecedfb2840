"""`tlsrpt-collector record`: results of other programs."""

import os
import signal
import subprocess
import unittest
from pathlib import Path

from lab import Lab, program, wait
from lab.collector import EXPIRED, QUICK, Collector, Day, configuration, datagram, rows

GOOD = datagram("good.test").decode()
BAD = '{"d":"bad.test"}'


def record(*arguments: str | Path, text: str = "", within: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*within, program.path_of("tlsrpt-collector"), "record", *arguments], input=text, text=True,
                          capture_output=True, timeout=300, check=False)


class Record(unittest.TestCase):
    def test_lines_are_recorded_as_datagrams_are(self) -> None:
        with Lab() as lab:
            collector = Collector(lab)
            failed = datagram("failed.test", failure=EXPIRED).decode()
            done = record("-c", collector.configuration, text=f"{GOOD}\n\n  \n{failed}\r\n{GOOD}")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "3 results recorded\n", ""))
            done = record("-q", "-s", f"unix:{collector.socket}", text=GOOD)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            self.assertEqual(collector.stop(), 0)
            self.assertEqual((collector.policies(), collector.day()),
                             ({"good.test": (3, 0), "failed.test": (0, 1)}, Day(results=4)))
            self.assertEqual(rows(collector.state, "SELECT DISTINCT source FROM outbound_counts"), [("datagram",)])

    def test_bad_lines_are_reported_with_their_numbers_and_the_others_recorded(self) -> None:
        with Lab() as lab:
            collector = Collector(lab)
            long = GOOD[:-1] + ',"x":"' + "x" * 100_000 + '"}'
            done = record("-c", collector.configuration, text="\n".join([GOOD, BAD, "\x1b[31m", GOOD, long, "", GOOD]))
            self.assertEqual((done.returncode, done.stdout), (65, "3 results recorded\n"))
            lines = done.stderr.splitlines()
            self.assertEqual([line.partition(": ")[2].partition(": ")[0] for line in lines], ["line 2", "line 3", "line 5"])
            self.assertEqual([line.partition(": ")[0] for line in lines], ["tlsrpt-collector record"] * 3)
            self.assertNotIn("\x1b", done.stderr)
            self.assertEqual((collector.stop(), collector.day()), (0, Day(results=3)))

    def test_of_many_bad_lines_the_first_are_reported(self) -> None:
        with Lab() as lab:
            collector = Collector(lab)
            done = record("-c", collector.configuration, text=f"{BAD}\n" * 1000 + GOOD)
            self.assertEqual((done.returncode, done.stdout), (65, "1 result recorded\n"))
            self.assertEqual(len(done.stderr.splitlines()), 21)
            self.assertIn("980 errors of other lines not shown", done.stderr)

    def test_without_a_daemon_it_fails(self) -> None:
        with Lab() as lab:
            place = lab.folder / "collector.sock"
            done = record("-s", f"unix:{place}", text=GOOD)
            self.assertEqual((done.returncode, done.stdout), (69, ""))
            self.assertIn(f"{place}: No such file or directory; does tlsrpt-collector run?", done.stderr)
            collector = Collector(lab, socket=place)
            collector.kill()
            done = record("-s", f"unix:{place}", text=GOOD)
            self.assertEqual((done.returncode, done.stdout), (69, ""))
            self.assertIn("Connection refused", done.stderr)

    def test_without_the_right_to_the_socket_it_fails(self) -> None:
        with Lab() as lab:
            lab.require_root()
            collector = Collector(lab)
            unprivileged = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--")
            done = record("-s", f"unix:{collector.socket}", text=GOOD, within=unprivileged)
            self.assertEqual((done.returncode, done.stdout), (77, ""))
            self.assertIn(f"{collector.socket}: Permission denied", done.stderr)

    def test_of_a_wrong_command_line_or_configuration_it_complains(self) -> None:
        with Lab() as lab:
            self.assertEqual(record("-s", "inet:127.0.0.1:1").returncode, 64)
            self.assertEqual(record("--no-such-option").returncode, 64)
            self.assertEqual(record("-c", lab.folder / "missing.toml").returncode, 78)
            file = configuration(lab.folder, {"nonsense": 1})
            done = record("-c", file, text=GOOD)
            self.assertEqual(done.returncode, 78)
            self.assertRegex(done.stderr, r"tlsrpt\.toml:2:\d+: ")

    def test_more_lines_than_the_queue_holds_are_not_lost(self) -> None:
        lines = 100_000
        with Lab() as lab:
            collector = Collector(lab, settings=QUICK | {"fold_interval": 2})
            done = record("-c", collector.configuration, text=f"{GOOD}\n" * lines)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"{lines} results recorded\n", ""))
            self.assertEqual((collector.stop(), collector.day()), (0, Day(results=lines)))

    def test_it_waits_for_a_daemon_that_takes_nothing_and_fails_when_that_ends(self) -> None:
        with Lab() as lab:
            collector = Collector(lab)
            collector.signal(signal.SIGSTOP)
            text = lab.folder / "lines"
            text.write_text(f"{GOOD}\n" * 10_000)
            with text.open() as lines:
                recording = subprocess.Popen([program.path_of("tlsrpt-collector"), "record", "-c", collector.configuration],
                                             stdin=lines, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            lab.at_end(recording.kill)
            wait.until(lambda: is_asleep(recording.pid))
            collector.kill()
            _, errors = recording.communicate(timeout=60)
            self.assertEqual(recording.returncode, 69)
            self.assertIn("tlsrpt-collector: ", errors)


def is_asleep(pid: int) -> bool:
    """Whether it has sent something and waits."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    sockets = [name for name in Path(f"/proc/{pid}/fd").iterdir() if os.readlink(name).startswith("socket:")]
    return fields[0] == "S" and bool(sockets)


if __name__ == "__main__":
    unittest.main()
