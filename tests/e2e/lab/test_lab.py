"""The lab itself: labs are separate, waiting has a limit, nothing remains."""

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import unittest
from pathlib import Path

from lab import Lab, process, wait
from lab.dns import Dns
from lab.postfix import Receiver
from lab.process import Process
from lab.web_server import start_nginx

TESTS = Path(__file__).resolve().parents[2]

LAB_THAT_IS_KILLED = """
from lab import Lab
from lab.dns import Dns
from lab.postfix import Receiver
with Lab() as lab:
    Dns(lab, {"example.test": {}})
    Receiver(lab, "mx.example.test", ["example.test"])
    print(lab.folder, flush=True)
    input()
"""


def processes_in(folder: Path) -> list[int]:
    """All processes that run in a directory or name it, whether they carry the lab's mark or not."""
    return [int(entry.name) for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and str(folder) in _traces(entry)]


def _traces(proc: Path) -> str:
    try:
        return f"{os.readlink(proc / 'cwd')} {(proc / 'cmdline').read_text()}"
    except OSError:
        return ""


def wait_for_servers(folder: Path) -> None:
    """Wait until more than Knot and Postfix' master run there: its children follow when it is ready."""
    wait.until(lambda: len(processes_in(folder)) > 4)


def descriptors_of(pids: list[int]) -> list[int]:
    """From os.pidfd_open, without those processes that have ended meanwhile."""
    opened = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            opened.append(os.pidfd_open(pid))
    return opened


class Isolation(unittest.TestCase):
    def test_two_labs_share_neither_directory_nor_address(self) -> None:
        with Lab() as one, Lab() as other:
            self.assertNotEqual(one.folder, other.folder)
            self.assertNotEqual(one.address().split(".")[1:3], other.address().split(".")[1:3])

    def test_directories_of_the_same_name_are_numbered(self) -> None:
        with Lab() as lab:
            self.assertEqual([lab.new_folder("x").name for _ in range(3)], ["x", "x-2", "x-3"])

    def test_the_machine_keeps_its_name_and_files(self) -> None:
        def machine() -> list[str]:
            return [socket.gethostname(), str(os.path.lexists("/dev/log")),
                    *(Path("/etc", name).read_text() for name in ("hosts", "resolv.conf", "nsswitch.conf"))]

        with Lab() as lab:
            before = machine()
            Receiver(lab, "mx.example.test", ["example.test"])
            self.assertEqual(machine(), before)


class Waiting(unittest.TestCase):
    def test_a_timeout_names_what_was_awaited_and_shows_the_log(self) -> None:
        with Lab() as lab:
            path = lab.folder / "log"
            path.write_text("something else\n")
            with self.assertRaisesRegex(TimeoutError, r"(?s)a line matching 'ready' in .*something else"):
                wait.for_line(path, "ready", timeout=0.1)

    def test_an_answer_that_does_not_come_is_named_with_the_one_that_came(self) -> None:
        answers = iter(["early", "late"])
        wait.until_equal(lambda: next(answers), "late")
        with self.assertRaisesRegex(TimeoutError, r"for 'never'; it is still 'always'\Z"):
            wait.until_equal(lambda: "always", "never", timeout=0.05)

    def test_a_line_is_found_when_it_is_complete(self) -> None:
        with Lab() as lab:
            writer = Process(["sh", "-c", "printf rea; read -r line <go; echo dy"], folder=self._with_fifo(lab),
                             lab_folder=lab.folder)
            lab.at_end(writer.kill)
            with self.assertRaises(TimeoutError):
                writer.stdout.wait_for("rea", timeout=0.2)
            (writer.stdout.path.parent / "go").write_text("\n")
            writer.stdout.wait_for("^ready$", process=writer.popen)

    def test_waiting_ends_with_the_process(self) -> None:
        with Lab() as lab:
            short = Process(["sh", "-c", "echo sorry >&2; exit 3"], folder=lab.new_folder("short"),
                            lab_folder=lab.folder)
            with self.assertRaisesRegex(wait.ProcessEnded, "sorry"):
                short.stderr.wait_for("ready", process=short.popen)
            self.assertEqual(short.wait(), 3)

    def test_a_listener_is_found_after_listen_and_not_after_bind(self) -> None:
        with Lab() as lab, socket.socket() as server:
            address = lab.address()
            server.bind((address, 0))
            port = server.getsockname()[1]
            with self.assertRaisesRegex(TimeoutError, f"a listener on {address}:{port}"):
                wait.for_listener(address, port, timeout=0.05)
            server.listen()
            wait.for_listener(address, port)

    def _with_fifo(self, lab: Lab) -> Path:
        folder = lab.new_folder("writer")
        os.mkfifo(folder / "go")
        return folder


class Ending(unittest.TestCase):
    def test_nothing_remains_of_a_lab(self) -> None:
        with Lab() as lab:
            lab.require_root()
            Dns(lab, {"example.test": {}})
            Receiver(lab, "mx.example.test", ["example.test"])
            wait_for_servers(lab.folder)
        self.assertEqual(processes_in(lab.folder), [])
        self.assertFalse(lab.folder.exists())

    def test_no_process_outlives_a_killed_test(self) -> None:
        with Lab() as lab:
            lab.require_root()
            test = subprocess.Popen([sys.executable, "-P", "-c", LAB_THAT_IS_KILLED], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True,
                                    env={**os.environ, "PYTHONPATH": str(TESTS), "TMPDIR": str(lab.folder)})
            with test:
                folder = Path(test.stdout.readline().strip())
                wait_for_servers(folder)
                servers = descriptors_of(processes_in(folder))
                test.kill()
            for server in servers:
                wait.for_end(server, 10, "the end of a server")
                os.close(server)

    def test_daemons_without_their_parent_are_stopped_too(self) -> None:
        with Lab() as lab:
            daemon = Process(["setsid", "--fork", "sh", "-c", "echo $$; exec cat <wait"], folder=self._with_fifo(lab),
                             lab_folder=lab.folder)
            pid = int(daemon.stdout.wait_for(r"\d+")[0])
            daemon.wait()
            self.assertEqual(process.marked(lab.folder), [pid])
        self.assertEqual(processes_in(lab.folder), [])

    def test_a_failure_shows_the_logs(self) -> None:
        shown = io.StringIO()
        with self.assertRaises(ZeroDivisionError), contextlib.redirect_stderr(shown), Lab() as lab:
            dns = Dns(lab, {"example.test": {}}, port=0)
            1 / 0
        self.assertIn("--- dns/knot.log", shown.getvalue())
        self.assertIn("server started", shown.getvalue())
        self.assertFalse(dns.process.running())

    def test_a_program_that_ignores_term_is_killed_and_reported(self) -> None:
        with Lab() as lab:
            stubborn = Process(["sh", "-c", "trap '' TERM; echo ready; cat <wait; cat <wait"],
                               folder=self._with_fifo(lab), lab_folder=lab.folder)
            stubborn.stdout.wait_for("ready")
            with self.assertRaises(TimeoutError):
                stubborn.stop(timeout=0.2)
            self.assertEqual(stubborn.wait(), -signal.SIGKILL)

    def test_the_workers_of_a_web_server_end_with_the_lab(self) -> None:
        with Lab() as lab:
            lab.require_root()
            address = lab.address()
            port = lab.free_port(address)
            server = start_nginx(lab, f"server {{ listen {address}:{port}; }}", address, port)
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
            wait.until(lambda: children.read_text() != "")
            workers = [os.pidfd_open(int(pid)) for pid in children.read_text().split()]
        for worker in workers:
            wait.for_end(worker, wait.PATIENCE, "the end of a worker")
            os.close(worker)

    def _with_fifo(self, lab: Lab) -> Path:
        folder = lab.new_folder("program")
        os.mkfifo(folder / "wait")
        return folder


if __name__ == "__main__":
    unittest.main()
