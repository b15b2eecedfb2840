"""How tlsrpt-milter starts, listens, handles signals and exits."""

import os
import shutil
import signal
import socket
import time
import unittest
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from lab import Lab, program, wait
from lab.cage import Cage
from lab.process import Process
from lab.smtp_client import tls13_mail
from lab.smtp_dialogue import TLS13, Dialogue, greeted, tls
from recording import EVERYBODY, QUICK, Milter, client, configuration, end_and_read, for_postfix, read, receiver, sessions_in

NO_NAMES = {"smtpd_peername_lookup": "no"}


def inet_socket(lab: Lab) -> str:
    address = lab.address()
    return f"inet:{lab.free_port(address)}@{address}"


def connect(place: str) -> socket.socket:
    """Connect to a socket in libmilter's form."""
    scheme, _, where = place.partition(":")
    if scheme == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(where)
        return connection
    port, _, host = where.partition("@")
    return socket.create_connection((host, int(port)))


def end_process(pid: int, timeout: float = 5) -> None:
    """Send TERM, and wait for the exit of a process that is not our child."""
    pidfd = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        wait.for_end(pidfd, timeout, f"the end of process {pid}")
    finally:
        os.close(pidfd)


class Sockets(unittest.TestCase):
    def test_two_milters_serve_one_postfix_over_unix_and_inet(self) -> None:
        with Lab() as lab:
            milters = [Milter(lab), Milter(lab, socket=inet_socket(lab))]
            mx = receiver(lab, *milters, parameters=NO_NAMES)
            one = client(lab, mx)
            for _ in range(3):
                tls13_mail(one)
            mx.end()
            for milter in milters:
                self.assertEqual(milter.stop(), 0)
                (row,) = read(milter.state)[one.source]
                self.assertEqual((row.outcome, row.sessions, row.messages), ("tls", 3, 3))

    def test_only_postfix_can_use_the_unix_socket(self) -> None:
        with Lab() as lab:
            path = Path(Milter(lab).socket.removeprefix("unix:"))
            self.assertEqual((path.group(), path.stat().st_mode & 0o777), ("postfix", 0o660))

    def test_the_unix_socket_may_be_below_postfixs_queue_directory(self) -> None:
        # The place for Debian, whose smtpd has no access to other directories; Postfix takes the path as relative to
        # it.
        with Lab() as lab:
            mx = receiver(lab, parameters={"smtpd_milters": "unix:tlsrpt/milter.sock", **NO_NAMES})
            folder = mx.folder / "queue/tlsrpt"
            folder.mkdir(mode=0o750)
            shutil.chown(folder, group="postfix")
            milter = Milter(lab, socket=f"unix:{folder}/milter.sock")
            tls13_mail(client(lab, mx))
            self.assertEqual(sessions_in(end_and_read(mx, milter)), 1)

    def test_a_socket_of_a_dead_daemon_is_replaced(self) -> None:
        with Lab() as lab:
            first = Milter(lab)
            first.kill()
            path = Path(first.socket.removeprefix("unix:"))
            self.assertTrue(path.is_socket())
            second = Milter(lab, state=first.state, socket=first.socket)
            self.assertIn("removing the socket that an earlier process left", second.stderr.text())
            mx = receiver(lab, second, parameters=NO_NAMES)
            tls13_mail(client(lab, mx))
            self.assertEqual(sessions_in(end_and_read(mx, second)), 1)
            self.assertFalse(path.exists(), "the socket goes with its daemon")

    def test_another_file_in_the_place_of_the_socket_is_not_changed(self) -> None:
        with Lab() as lab:
            file = lab.folder / "precious"
            file.write_text("kept")
            done = program.run("tlsrpt-milter", "-f", "-s", f"unix:{file}", "--state-dir", lab.new_folder("state"))
            self.assertEqual((done.returncode, file.read_text()), (69, "kept"), done.stderr)
            self.assertIn("exists and is no socket", done.stderr)


class SecondDaemon(unittest.TestCase):
    def assert_refused(self, first: Milter, state: Path, place: str, reason: str) -> None:
        done = program.run("tlsrpt-milter", "-f", "-s", place, "--state-dir", state)
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertRegex(done.stderr, reason)
        with connect(first.socket):
            self.assertTrue(first.running())

    def test_on_the_same_state_directory_is_refused(self) -> None:
        with Lab() as lab:
            first = Milter(lab)
            self.assert_refused(first, first.state, f"unix:{lab.folder}/other", "another process records there")

    def test_on_the_same_unix_socket_is_refused(self) -> None:
        with Lab() as lab:
            first = Milter(lab)
            self.assert_refused(first, lab.new_folder("state"), first.socket, "another program listens there")

    def test_on_the_same_port_is_refused(self) -> None:
        with Lab() as lab:
            first = Milter(lab, socket=inet_socket(lab))
            self.assert_refused(first, lab.new_folder("state"), first.socket, "another program listens there")


class Signals(unittest.TestCase):
    def test_term_records_open_sessions_and_the_daemon_exits_soon(self) -> None:
        with Lab() as lab, ExitStack() as sessions:
            milter = Milter(lab, settings={})
            mx = receiver(lab, milter, parameters=NO_NAMES)
            silent, polite, encrypted, in_mail = (client(lab, mx) for _ in range(4))

            sessions.enter_context(Dialogue(silent)).banner()
            sessions.enter_context(greeted(polite))
            dialogue = sessions.enter_context(greeted(encrypted))
            dialogue.starttls(tls(TLS13))
            dialogue.ehlo()
            dialogue = sessions.enter_context(greeted(in_mail))
            dialogue.mail()
            dialogue.envelope()

            begun = time.monotonic()
            self.assertEqual(milter.stop(), 0)
            self.assertLess(time.monotonic() - begun, 20, "sessions may last for minutes")

            outcomes = {address: [(row.outcome, row.sessions, row.messages) for row in rows]
                        for address, rows in read(milter.state).items()}
            self.assertEqual(outcomes, {
                silent.source: [("no-helo", 1, 0)],
                polite.source: [("no-mail", 1, 0)],
                encrypted.source: [("tls", 1, 0)],
                in_mail.source: [("plaintext", 1, 1)],
            })

    def test_hup_does_not_stop_it(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            for _ in range(3):
                for _ in range(1000):  # libmilter's own thread must not get a single one of them
                    milter.signal(signal.SIGHUP)
                tls13_mail(client(lab, mx))
            self.assertEqual(sessions_in(end_and_read(mx, milter)), 3)


class Background(unittest.TestCase):
    def settings(self, lab: Lab, folder: Path, **more: object) -> Mapping[str, object]:
        return {"state_dir": lab.new_folder("state"), "socket": f"unix:{folder}/socket", "pid_file": folder / "pid",
                **EVERYBODY, **QUICK, **more}

    def start(self, lab: Lab, folder: Path, file: Path) -> Process:
        """Run it until the started process exits: the daemon is the child of that process."""
        started = Process([program.path_of("tlsrpt-milter"), "-c", file], folder=folder, lab_folder=lab.folder)
        lab.watch(started.stderr)
        return started

    def test_the_command_exits_when_mail_can_be_watched(self) -> None:
        with Lab() as lab:
            folder = lab.new_folder("daemon")
            settings = self.settings(lab, folder, log="stderr")
            started = self.start(lab, folder, configuration(folder, settings))
            self.assertEqual(started.wait(), 0)
            connect(settings["socket"]).close()
            pid = int((folder / "pid").read_text())
            self.assertEqual(os.getsid(pid), pid, "a session of its own")
            self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")

            mx = receiver(lab, parameters={"smtpd_milters": for_postfix(settings["socket"]), **NO_NAMES})
            tls13_mail(client(lab, mx))
            mx.end()
            end_process(pid)

            self.assertEqual(sessions_in(read(settings["state_dir"])), 1)
            self.assertFalse((folder / "pid").exists())
            self.assertRegex(started.stderr.text(), r"info: stopped: 1 session journalled, 1 folded, 0 lost")

    def test_the_command_reports_that_the_daemon_cannot_start(self) -> None:
        with Lab() as lab:
            folder = lab.new_folder("daemon")
            settings = self.settings(lab, folder) | {"socket": f"unix:{folder}/nowhere/socket"}
            started = self.start(lab, folder, configuration(folder, settings))
            self.assertEqual(started.wait(), 69)
            self.assertRegex(started.stderr.text(), "nowhere/socket: cannot listen there: No such file or directory")
            self.assertEqual(lab.processes(), [])

    def test_a_second_daemon_is_refused_by_the_command(self) -> None:
        with Lab() as lab:
            folder = lab.new_folder("daemon")
            first = Milter(lab)
            settings = self.settings(lab, folder) | {"state_dir": first.state}
            started = self.start(lab, folder, configuration(folder, settings))
            self.assertEqual(started.wait(), 75)
            self.assertIn("another process records there", started.stderr.text())

    def test_logs_to_syslog(self) -> None:
        with Lab() as lab:
            folder = lab.new_folder("daemon")
            file = configuration(folder, self.settings(lab, folder))
            lab.require_root()
            # The cage ends with its first command, but the daemon runs on.
            start = '"$@"; echo "started: $?"; exec sleep infinity'
            cage = Cage(["sh", "-c", start, "sh", program.path_of("tlsrpt-milter"), "-c", file], folder=folder,
                        lab_folder=lab.folder, hostname="mx.example.test", address=lab.address(),
                        resolver=lab.address())
            lab.at_end(cage.kill)
            lab.watch(cage.stderr, cage.syslog)
            wait.for_line(folder / "stdout", "^started: 0$", process=cage.process)
            cage.syslog.wait_for(r"<22>.*tlsrpt-milter\[\d+\]: .*listens on unix:")
            cage.run("sh", "-c", f"kill $(cat {folder}/pid)")
            cage.syslog.wait_for(r"<22>.*tlsrpt-milter\[\d+\]: stopped: 0 sessions journalled")
            self.assertEqual(cage.stderr.text(), "", "nothing on standard error")


if __name__ == "__main__":
    unittest.main()
