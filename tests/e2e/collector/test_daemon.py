"""How tlsrpt-collector starts, receives, handles signals and exits."""

import grp
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import unittest
from collections.abc import Sequence
from pathlib import Path

from lab import Lab, program, wait
from lab.collector import QUICK, Collector, Day, configuration, connect, datagram, day, policies
from lab.kept_sockets import with_sockets
from lab.process import Process, kill_and_wait

EXAMPLE = datagram("example.test")


class CheckConfig(unittest.TestCase):
    def check(self, lab: Lab, text: str) -> subprocess.CompletedProcess[str]:
        (lab.folder / "tlsrpt.toml").write_text(f'state_dir = "{lab.folder}/state"\n{text}')
        return program.run("tlsrpt-collector", "--check-config", "-c", lab.folder / "tlsrpt.toml")

    def test_reports_success_and_changes_nothing(self) -> None:
        with Lab() as lab:
            done = self.check(lab, f'[collector]\nsocket = "unix:{lab.folder}/s"\nmax_policies = 10\n')
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"{lab.folder}/tlsrpt.toml: OK\n", ""))
            self.assertFalse((lab.folder / "state").exists() or (lab.folder / "s").exists())

    def test_reports_what_is_wrong_and_where(self) -> None:
        with Lab() as lab:
            for line, message in (
                    ('sockett = "unix:/s"', r"tlsrpt\.toml:3:\d+: .*'collector\.sockett'"),
                    ("max_policies = 0", r"tlsrpt\.toml:3:\d+: 'collector\.max_policies'"),
                    ("max_policies = []", r"tlsrpt\.toml:3:\d+: 'collector\.max_policies'"),
                    ('socket = "inet:127.0.0.1:1"', r"tlsrpt\.toml:3:\d+: 'collector\.socket'"),
                    ('mta_log = "mail.log"', r"tlsrpt\.toml:3:\d+: .*'collector\.mta_log'"),
                    ('user = "nosuchuser"', r"tlsrpt\.toml:3:\d+: 'collector\.user' is wrong: there is no user"),
                    ('socket_group = "nosuchgroup"', r"tlsrpt\.toml:3:\d+: 'collector\.socket_group'"),
                    ("retention_days = 1", r"tlsrpt\.toml:3:\d+: 'collector\.retention_days'"),
                    ("nonsense", r"tlsrpt\.toml:\d+:\d+: ")):
                with self.subTest(line):
                    done = self.check(lab, f"[collector]\n{line}\n")
                    self.assertEqual((done.returncode, done.stdout), (78, ""), done.stderr)
                    self.assertRegex(done.stderr, message)

    def test_a_socket_that_is_no_unix_socket_is_refused(self) -> None:
        with Lab() as lab:
            for option in ("--check-config", "-f"):
                done = program.run("tlsrpt-collector", option, "-s", "inet:127.0.0.1:1", "--state-dir",
                                   lab.folder / "state")
                self.assertEqual((done.returncode, done.stderr), (64, "tlsrpt-collector: --socket: is no unix socket\n"))
                self.assertFalse((lab.folder / "state").exists())


class Sockets(unittest.TestCase):
    def test_only_postfix_can_use_the_socket(self) -> None:
        with Lab() as lab:
            lab.require_root()
            path = Collector(lab).socket
            self.assertEqual((path.group(), path.stat().st_mode & 0o777), ("postfix", 0o660))

    def test_has_the_rights_of_the_configuration(self) -> None:
        with Lab() as lab:
            lab.require_root()
            path = Collector(lab, settings=QUICK | {"socket_mode": "0622", "socket_owner": "daemon",
                                                    "socket_group": "games"}).socket
            info = path.stat()
            self.assertEqual((info.st_mode & 0o777, info.st_uid, info.st_gid),
                             (0o622, pwd.getpwnam("daemon").pw_uid, grp.getgrnam("games").gr_gid))

    def test_a_socket_of_a_dead_daemon_is_replaced_and_that_of_a_stopped_one_is_gone(self) -> None:
        with Lab() as lab:
            first = Collector(lab)
            first.kill()
            self.assertTrue(first.socket.is_socket())
            second = Collector(lab, state=first.state, socket=first.socket)
            second.send(EXAMPLE)
            self.assertEqual(second.stop(), 0)
            self.assertEqual(second.day(), Day(results=1))
            self.assertFalse(first.socket.exists())

    def test_another_file_in_its_place_is_not_changed(self) -> None:
        with Lab() as lab:
            file = lab.folder / "precious"
            file.write_text("kept")
            done = program.run("tlsrpt-collector", "-f", "-s", f"unix:{file}", "--state-dir", lab.new_folder("state"))
            self.assertEqual((done.returncode, file.read_text()), (69, "kept"), done.stderr)

    def test_of_the_command_line_go_before_those_of_the_file(self) -> None:
        with Lab() as lab:
            file = configuration(lab.folder, {"state_dir": lab.folder / "other", "socket": f"unix:{lab.folder}/other"})
            place, state = lab.folder / "collector.sock", lab.folder / "state"
            daemon = program.Program(lab, "tlsrpt-collector", "-f", "-c", file, "-s", f"unix:{place}", "--state-dir", state)
            daemon.stderr.wait_for("receives on", process=daemon.popen)
            with connect(place) as to:
                to.send(EXAMPLE)
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(day(state), Day(results=1))
            self.assertFalse((lab.folder / "other").exists())


class SecondDaemon(unittest.TestCase):
    def assert_refused(self, first: Collector, state: Path, place: Path, reason: str) -> None:
        done = program.run("tlsrpt-collector", "-f", "-s", f"unix:{place}", "--state-dir", state)
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertRegex(done.stderr, reason)
        first.send(EXAMPLE)
        self.assertEqual((first.stop(), first.day()), (0, Day(results=1)))

    def test_on_the_same_state_directory_is_refused(self) -> None:
        with Lab() as lab:
            first, place = Collector(lab), lab.folder / "other"
            self.assert_refused(first, first.state, place, "another process records there")
            self.assertFalse(place.exists())

    def test_on_the_same_socket_is_refused(self) -> None:
        with Lab() as lab:
            first = Collector(lab)
            self.assert_refused(first, lab.new_folder("state"), first.socket, "another program listens there")

    def test_on_the_same_socket_with_a_full_queue_is_refused(self) -> None:
        with Lab() as lab:
            first = Collector(lab)
            first.signal(signal.SIGSTOP)
            with first.sender(blocking=False) as to, self.assertRaises(BlockingIOError):
                for _ in range(10_000):
                    to.send(b"")
            done = program.run("tlsrpt-collector", "-f", "-s", f"unix:{first.socket}", "--state-dir",
                               lab.new_folder("state"))
            first.signal(signal.SIGCONT)
            self.assertEqual(done.returncode, 75, done.stderr)

    def test_and_the_milter_can_share_the_state_directory(self) -> None:
        with Lab() as lab:
            first = Collector(lab)
            milter = program.Program(lab, "tlsrpt-milter", "-f", "-s", f"unix:{lab.folder}/milter.sock", "--state-dir",
                                     first.state)
            milter.stderr.wait_for("listens on", process=milter.popen)
            first.send(EXAMPLE)
            self.assertEqual((first.stop(), milter.stop(), first.day()), (0, 0, Day(results=1)))


class Signals(unittest.TestCase):
    def test_term_takes_what_waits_in_the_socket(self) -> None:
        with Lab() as lab:
            collector = Collector(lab)
            collector.signal(signal.SIGSTOP)
            sent = 0
            with collector.sender(blocking=False) as to, self.assertRaises(BlockingIOError):
                while sent < 10_000:
                    to.send(EXAMPLE)
                    sent += 1
            collector.signal(signal.SIGTERM)
            collector.signal(signal.SIGCONT)
            self.assertEqual(collector.wait(), 0)
            self.assertGreater(sent, 0)
            self.assertEqual(collector.day(), Day(results=sent))

    def test_a_full_queue_is_counted(self) -> None:
        with Lab() as lab:
            collector = Collector(lab, metrics=True)
            collector.send(EXAMPLE)
            collector.wait_for_metric("datagrams_total", 1)
            self.assertEqual(collector.metrics()["full_queues_total"], 0)
            collector.signal(signal.SIGSTOP)
            with collector.sender(blocking=False) as to, self.assertRaises(BlockingIOError):
                for _ in range(10_000):
                    to.send(EXAMPLE)
            collector.signal(signal.SIGCONT)
            collector.wait_for_metric("full_queues_total", 1)

    def test_hup_applies_what_can_change_and_logs_what_cannot(self) -> None:
        with Lab() as lab:
            collector = Collector(lab, metrics=True, settings=QUICK | {"max_policies": 1})
            text = collector.configuration.read_text()
            collector.send(datagram("a.test"), datagram("b.test"))
            collector.wait_for_metric("left_out_sessions_total", 1)

            collector.configuration.write_text(text.replace("max_policies = 1", "max_policies = -1"))
            collector.signal(signal.SIGHUP)
            collector.stderr.wait_for(r"tlsrpt\.toml:\d+:\d+: 'collector\.max_policies'.*; nothing was changed")
            collector.wait_for_metric("reloads_failed_total", 1)

            collector.configuration.write_text(
                text.replace("max_policies = 1", 'max_policies = 5\nsocket_mode = "0600"').replace(
                    "fold_interval = 0.1", "fold_interval = 7"))
            collector.signal(signal.SIGHUP)
            collector.stderr.wait_for("a restart is needed for what changed in: socket_mode, the intervals")
            collector.send(datagram("c.test"))
            self.assertEqual(collector.metrics()["reloads_total"], 2)
            self.assertEqual(collector.stop(), 0)
            self.assertEqual(set(collector.policies()), {"a.test", "c.test"})

    def test_hup_without_the_file_stops_nothing(self) -> None:
        with Lab() as lab:
            collector = Collector(lab)
            collector.configuration.unlink()
            collector.signal(signal.SIGHUP)
            collector.stderr.wait_for("error: .*tlsrpt.toml.*; nothing was changed")
            collector.send(EXAMPLE)
            self.assertEqual((collector.stop(), collector.day()), (0, Day(results=1)))


class Background(unittest.TestCase):
    def settings(self, lab: Lab, folder: Path, **more: object) -> dict[str, object]:
        return {"state_dir": lab.folder / "state", "socket": f"unix:{folder}/socket", "pid_file": folder / "pid",
                "log": "stderr", **QUICK, **more}

    def start(self, lab: Lab, folder: Path, settings: dict[str, object]) -> Process:
        """Run it until the started process exits: the daemon is the child of that process."""
        started = Process([program.path_of("tlsrpt-collector"), "-c", configuration(folder, settings)], folder=folder,
                          lab_folder=lab.folder)
        lab.watch(started.stderr)
        return started

    def test_the_command_exits_when_datagrams_can_be_sent(self) -> None:
        with Lab() as lab:
            folder = lab.new_folder("daemon")
            started = self.start(lab, folder, self.settings(lab, folder))
            self.assertEqual(started.wait(), 0)
            with connect(folder / "socket") as to:
                to.send(EXAMPLE)
            pid = int((folder / "pid").read_text())
            self.assertEqual((os.getsid(pid), os.readlink(f"/proc/{pid}/cwd")), (pid, "/"))
            pidfd = os.pidfd_open(pid)
            self.addCleanup(os.close, pidfd)
            signal.pidfd_send_signal(pidfd, signal.SIGTERM)
            wait.for_end(pidfd, wait.PATIENCE, "the end of the daemon")
            self.assertEqual(day(lab.folder / "state"), Day(results=1))
            self.assertFalse((folder / "pid").exists() or (folder / "socket").exists())
            self.assertRegex(started.stderr.text(), "info: stopped: 1 datagram received, 1 folded")

    def test_the_command_reports_that_the_daemon_cannot_start(self) -> None:
        with Lab() as lab:
            folder = lab.new_folder("daemon")
            first = Collector(lab)
            for settings, status, reason in (
                    ({"socket": f"unix:{folder}/nowhere/socket"}, 69, "No such file or directory"),
                    ({"state_dir": first.state}, 75, "another process records there"),
                    ({"socket": f"unix:{first.socket}"}, 75, "another program listens there"),
                    ({"pid_file": folder / "nowhere/pid"}, 73, "nowhere")):
                with self.subTest(reason):
                    started = self.start(lab, folder, self.settings(lab, folder) | settings)
                    self.assertEqual(started.wait(), status, started.stderr.text())
                    self.assertIn(reason, started.stderr.text())
            self.assertEqual(lab.processes(), [first.pid])

    def test_is_killed_and_starts_again(self) -> None:
        with Lab() as lab:
            folder = lab.new_folder("daemon")
            settings = self.settings(lab, folder)
            self.assertEqual(self.start(lab, folder, settings).wait(), 0)
            kill_and_wait(int((folder / "pid").read_text()))
            self.assertEqual(self.start(lab, folder, settings).wait(), 0)
            kill_and_wait(int((folder / "pid").read_text()))


class Privileges(unittest.TestCase):
    def test_are_those_of_the_user(self) -> None:
        with Lab() as lab:
            lab.require_root()
            folder, state = lab.new_folder("run"), lab.new_folder("state")
            first = Collector(lab, state=state, socket=folder / "socket")  # as root
            first.send(EXAMPLE)
            first.stop()
            collector = Collector(lab, state=state, socket=folder / "socket",
                                  settings=QUICK | {"user": "daemon", "socket_group": "postfix"})
            collector.send(EXAMPLE)
            status = Path(f"/proc/{collector.pid}/status").read_text()
            user = pwd.getpwnam("daemon")
            self.assertRegex(status, rf"Uid:\t{user.pw_uid}\t{user.pw_uid}\t{user.pw_uid}\t{user.pw_uid}\n")
            self.assertRegex(status, r"CapEff:\t0+\n")
            self.assertEqual((collector.stop(), collector.day()), (0, Day(results=2)))
            self.assertEqual({file.stat().st_uid for file in [state, *state.rglob("*")]}, {user.pw_uid})
            self.assertEqual({stat.S_IMODE(file.stat().st_mode) & 0o007 for file in state.rglob("*.sqlite")}, {0})


class Activation(unittest.TestCase):
    """With sockets that systemd passes and keeps (sd_listen_fds(3), sd_pid_notify_with_fds(3))."""

    def test_a_socket_of_a_unit_is_used(self) -> None:
        activate = shutil.which("systemd-socket-activate")
        if activate is None:
            self.skipTest("needs systemd-socket-activate (package systemd)")
        with Lab() as lab:
            folder = lab.new_folder("daemon")
            place, state = folder / "socket", lab.folder / "state"
            file = configuration(folder, {"state_dir": state, "socket": f"unix:{folder}/other", **QUICK})
            started = Process([activate, "--datagram", "-l", place, program.path_of("tlsrpt-collector"), "-f", "-c", file],
                              folder=folder, lab_folder=lab.folder)
            lab.watch(started.stderr)
            lab.at_end(started.kill)
            wait.until(place.is_socket)
            with connect(place) as to:  # it starts with the first datagram
                to.send(EXAMPLE)
                started.stderr.wait_for("receives on", process=started.popen)
                to.send(EXAMPLE)
            self.assertEqual((started.stop(), day(state)), (0, Day(results=2)))
            self.assertTrue(place.exists(), "it belongs to systemd")
            self.assertFalse((folder / "other").exists())

    def test_the_queue_waits_while_the_daemon_is_away(self) -> None:
        with Lab() as lab:
            folder = lab.new_folder("daemon")
            place, state = folder / "socket", lab.folder / "state"
            file = configuration(folder, {"state_dir": state, "socket": f"unix:{place}", **QUICK})
            notices = self.enterContext(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            notices.bind(str(folder / "notices"))
            notices.settimeout(60)
            first = self.start(lab, file, folder / "notices")
            kept = self.kept(notices)
            with connect(place) as to:
                to.send(EXAMPLE)
                first.kill()
                first.wait()  # until then it holds the state directory
                for number in range(5):
                    to.send(datagram(f"waits{number}.test"))
                second = self.start(lab, file, folder / "notices", [kept])
                os.close(self.kept(notices))  # the same one
                to.send(EXAMPLE)
            second.send_signal(signal.SIGTERM)
            self.assertEqual(wait.for_exit(second), 0)
            found = policies(state)
            self.assertEqual({name for name in found if name.startswith("waits")}, {f"waits{i}.test" for i in range(5)})
            self.assertIn(found["example.test"], [(1, 0), (2, 0)])  # it may be killed before it has taken the first one

    def start(self, lab: Lab, file: Path, place: Path, sockets: Sequence[int] = ()) -> subprocess.Popen:
        """Start it as systemd does, with these kept sockets."""
        started = subprocess.Popen(
            with_sockets([program.path_of("tlsrpt-collector"), "-f", "-c", file], [("collector", one) for one in sockets]),
            pass_fds=sockets, env={**os.environ, "NOTIFY_SOCKET": str(place)}, stderr=subprocess.DEVNULL)
        lab.at_end(lambda: (started.kill(), started.wait()))
        for descriptor in sockets:
            os.close(descriptor)
        return started

    def kept(self, notices: socket.socket) -> int:
        """Wait for READY=1. Returns the descriptor that it has systemd keep."""
        kept = []
        while True:
            text, descriptors, _, _ = socket.recv_fds(notices, 1000, 1)
            if re.match(rb"FDSTORE=1\nFDNAME=collector", text):
                kept += descriptors
            else:
                for descriptor in descriptors:
                    os.close(descriptor)  # of BARRIER=1
            if text == b"READY=1":
                self.assertEqual(len(kept), 1)
                return kept[0]


if __name__ == "__main__":
    unittest.main()
