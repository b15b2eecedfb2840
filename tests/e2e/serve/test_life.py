"""How serve starts, reloads, drains and exits."""

import os
import pwd
import signal
import socket
import stat
import subprocess
import unittest
from collections.abc import Sequence
from pathlib import Path

from lab import Lab, program, wait
from lab.kept_sockets import with_sockets
from lab.policy_server import Client, netstring
from serving import KNOWN, OVERRIDES, Server

TEMPORARY, UNAVAILABLE, CONFIG = 75, 69, 78


class Starting(unittest.TestCase):
    def test_a_stale_socket_is_replaced_and_a_live_one_is_not(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            server.program.kill()
            self.assertTrue(server.socket.exists())
            server.start()
            self.assertEqual(server.ask("postfix known.test"), KNOWN)
            second = program.run("starttls-listtool", "-c", server.configuration, "serve")
            self.assertEqual(second.returncode, TEMPORARY, second.stderr)
            self.assertIn("another program listens there", second.stderr)
            self.assertEqual(server.ask("postfix known.test"), KNOWN)
            self.assertEqual(server.program.stop(), 0)
            self.assertFalse(server.socket.exists())

    def test_a_failed_start_has_its_reason_and_a_status_other_than_0(self) -> None:
        def refused(folder, text: str, status: int, why: str) -> None:
            file = folder / "listtool.toml"
            file.write_text(text)
            done = program.run("starttls-listtool", "-c", file, "--state-dir", folder, "serve")
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(why, done.stderr)

        with Lab() as lab:
            folder = lab.new_folder("faulty")
            listen = f'[serve]\nlisten = ["unix:{folder}/s"]\n'
            refused(folder, '[serve]\nlisten = ["unix:/no/such/folder/s"]\n', UNAVAILABLE, "/no/such/folder/s")
            refused(folder, f"{listen}user = \"nobody's\"\n", CONFIG, "there is no user")
            refused(folder, f"{listen}socket_group = \"no such group\"\n", CONFIG, "there is no group")
            refused(folder, f'overrides = "missing"\n{listen}', CONFIG, "missing")
            refused(folder, f'{listen}[dns]\ntrust_anchor = "missing"\n', CONFIG, "missing")
            refused(folder, "[serve]\nlisten = []\n", CONFIG, "2:10: 'serve.listen' names no socket")
            self.assertFalse((folder / "s").exists())

    def test_the_check_reports_what_a_start_would_and_changes_nothing(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            good = server.configuration.read_text()

            def checked(configuration: str, overrides: str = OVERRIDES) -> subprocess.CompletedProcess[str]:
                server.configuration.write_text(configuration)
                server.overrides.write_text(overrides)
                return program.run("starttls-listtool", "-c", server.configuration, "serve", "--check-config")

            done = checked(good)  # while the server has the sockets
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"{server.configuration}: OK\n", ""))
            for what, configuration, overrides in (("unknown key", f"{good}bogus = 1\n", OVERRIDES),
                                                   ("parsing", f"{good}\nbogus\n", OVERRIDES),
                                                   ("there is no group", f"{good}socket_group = \"no such group\"\n",
                                                    OVERRIDES),
                                                   ("there is no user", f"{good}user = \"nobody's\"\n", OVERRIDES),
                                                   ("overrides:", good, "known.test enforced\n")):
                with self.subTest(what):
                    done = checked(configuration, overrides)
                    self.assertEqual((done.returncode, done.stdout), (CONFIG, ""), done.stderr)
                    self.assertIn(what, done.stderr)
            self.assertEqual(server.ask("postfix known.test"), KNOWN)

    def test_root_becomes_the_user_who_owns_the_socket_and_the_cache(self) -> None:
        with Lab() as lab:
            lab.require_root()
            server = Server(lab, 'user = "daemon"\nsocket_mode = "0600"')
            uid = pwd.getpwnam("daemon").pw_uid
            status = Path(f"/proc/{server.program.pid}/status").read_text()
            self.assertIn(f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}", status)
            info = server.socket.stat()
            self.assertEqual((info.st_uid, stat.S_IMODE(info.st_mode)), (uid, 0o600))
            cache = server.folder / "cache/mta-sts.db"
            wait.until(cache.exists)
            self.assertEqual(cache.stat().st_uid, uid)
            self.assertNotIn("memory only", server.program.stderr.text())
            self.assertEqual(server.ask("postfix known.test"), KNOWN)

    def test_systemd_passes_sockets_and_is_notified(self) -> None:
        with Lab() as lab, socket.socket() as listener:
            server = Server(lab)
            server.program.stop()
            listener.bind(server.address)  # the address where the configuration has it listen, too
            listener.listen()
            systemd = Systemd(lab, server)
            started = systemd.start([listener.fileno()], "starttls-listtool-serve.socket")
            self.assertEqual(systemd.notices(), [KEEP, b"READY=1"], "it has opened one more socket")
            with Client(socket.create_connection(listener.getsockname())) as client:
                self.assertEqual(client.ask("postfix known.test"), KNOWN)
            self.assertEqual(server.ask("postfix known.test"), KNOWN, "what else is configured is there as well")
            started.send_signal(signal.SIGHUP)
            self.assertRegex(systemd.notice(), rb"\ARELOADING=1\nMONOTONIC_USEC=\d+\Z")
            self.assertEqual(systemd.notice(), b"READY=1")
            started.send_signal(signal.SIGTERM)
            self.assertEqual(systemd.notice(), b"STOPPING=1")
            self.assertEqual(wait.for_exit(started), 0)

    def test_a_restart_by_systemd_refuses_nobody(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            server.program.stop()
            systemd = Systemd(lab, server)
            started = systemd.start()
            self.assertEqual(systemd.notices(), [KEEP, KEEP, b"READY=1"])
            for _ in range(2):
                started.send_signal(signal.SIGTERM)
                self.assertEqual(systemd.notice(), b"STOPPING=1")
                self.assertEqual(wait.for_exit(started), 0)
                clients = [server.connect(), server.connect_inet()]  # which nobody accepts now
                for client in clients:
                    client.send(netstring("postfix known.test"))
                started = systemd.start(systemd.kept, "listen:listen")
                self.assertEqual(systemd.notices(), [KEEP, KEEP, b"READY=1"])
                for client in clients:
                    with client:
                        self.assertEqual(client.reply(), KNOWN)
            started.send_signal(signal.SIGTERM)
            wait.for_exit(started)

    def test_a_socket_that_was_kept_and_whose_settings_have_changed_is_replaced(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            server.program.stop()
            systemd = Systemd(lab, server)
            started = systemd.start()
            systemd.notices()
            started.send_signal(signal.SIGTERM)
            wait.for_exit(started)
            systemd.notice()
            server.configuration.write_text(f'{server.configuration.read_text()}socket_mode = "0600"\n')
            for descriptor in systemd.kept:  # systemd closes its own some time after it was told to forget them
                self.addCleanup(os.close, os.dup(descriptor))
            started = systemd.start(systemd.kept, "listen:listen")
            forgets = [b"FDSTOREREMOVE=1\nFDNAME=listen", b"BARRIER=1"]
            self.assertEqual(systemd.notices(), [*forgets, KEEP, KEEP, b"READY=1"])
            self.assertEqual(stat.S_IMODE(server.socket.stat().st_mode), 0o600)
            for client in (server.connect(), server.connect_inet()):
                with client:
                    self.assertEqual(client.ask("postfix known.test"), KNOWN)
            started.send_signal(signal.SIGTERM)
            wait.for_exit(started)


KEEP = b"FDSTORE=1\nFDNAME=listen"


class Systemd:
    """What systemd does for the service: it passes sockets, gets notices, and keeps descriptors (sd_notify(3))."""

    def __init__(self, lab: Lab, server: Server) -> None:
        self._lab, self._server = lab, server
        self._place = lab.new_folder("notices") / "socket"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._place))
        self._socket.settimeout(60)
        lab.at_end(self._socket.close)
        self.kept: list[int] = []

    def start(self, sockets: Sequence[int] = (), names: str = "") -> subprocess.Popen:
        """Start the server with these sockets, whose names have a colon between them."""
        named = list(zip(names.split(":"), sockets, strict=True)) if sockets else []
        started = subprocess.Popen(
            with_sockets([program.path_of("starttls-listtool"), "-c", self._server.configuration, "serve"], named),
            pass_fds=sockets, env={**os.environ, "NOTIFY_SOCKET": str(self._place)}, stderr=subprocess.DEVNULL)
        self._lab.at_end(started.kill)
        for descriptor in self.kept:
            os.close(descriptor)
        self.kept = []
        return started

    def notice(self) -> bytes:
        text, descriptors, _, _ = socket.recv_fds(self._socket, 1000, 1)
        if text.startswith(b"FDSTORE=1\n"):
            self.kept += descriptors
        else:
            for descriptor in descriptors:
                os.close(descriptor)  # of BARRIER=1, whose sender waits for that
        return text

    def notices(self) -> list[bytes]:
        """Up to the next READY=1."""
        notices = [self.notice()]
        while notices[-1] != b"READY=1":
            notices.append(self.notice())
        return notices


class Metrics(unittest.TestCase):
    def test_a_port_in_use_stops_nothing_and_is_used_once_it_is_free(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            server.program.stop()
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind(server.metrics_address)
                other.listen()
                server.start()
                server.program.stderr.wait_for(f"error: metrics: {server.metrics_address[0]}:{server.metrics_address[1]}: "
                                               "another program listens there; all else works")
                self.assertEqual(server.ask("postfix known.test"), KNOWN)
            server.program.stderr.wait_for("info: metrics: .* answers now")
            self.assertGreaterEqual(server.metrics()["metrics_listen_failures_total"], 1)
            self.assertEqual(server.program.stderr.text().count("metrics: "), 2, "logged once")
            self.assertEqual(server.program.stop(), 0)

    def test_sockets_that_cannot_be_created_do_not_stop_it_either(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            written = server.configuration.read_text()
            file = lab.new_folder("taken") / "file"
            file.write_text("precious")
            for metrics in (f"unix:{file}", f"unix:{file}/s", "unix:/no/such/directory/s", "inet:no.such.host.invalid:9"):
                with self.subTest(metrics):
                    server.program.stop()
                    server.configuration.write_text(written.replace(
                        f'metrics = "{server.metrics_address[0]}:{server.metrics_address[1]}"', f'metrics = "{metrics}"'))
                    server.start()
                    self.assertIn("error: metrics: ", server.program.stderr.text())
                    self.assertEqual(server.ask("postfix known.test"), KNOWN)
            self.assertEqual(file.read_text(), "precious")


class Reloading(unittest.TestCase):
    def test_changed_overrides_are_detected_and_faulty_ones_change_nothing(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            self.assertEqual(server.ask("postfix known.test"), KNOWN)
            server.overrides.write_text("known.test enforce mx2.known.test\n")
            wait.until(lambda: "mx2" in server.ask("postfix known.test"))
            server.overrides.write_text("known.test nonsense\n")
            server.program.stderr.wait_for("stay as they were")
            self.assertIn("mx2", server.ask("postfix known.test"))
            metrics = server.metrics()
            self.assertEqual((metrics["reloads_total"], metrics["reloads_failed_total"]), (2, 1))

    def test_hup_reads_the_configuration_again_while_requests_are_answered(self) -> None:
        with Lab() as lab:
            server = Server(lab)
            server.configuration.write_text(
                server.configuration.read_text().replace("[serve]", '[serve]\npostfix_version = "3.7"'))
            with server.connect() as client:
                self.assertEqual(client.ask("postfix known.test"), KNOWN)
                server.program.signal(signal.SIGHUP)
                wait.until(lambda: client.ask("postfix known.test") == f"{KNOWN} protocols=>=TLSv1.2")
                server.configuration.write_text("nonsense")
                server.program.signal(signal.SIGHUP)
                server.program.stderr.wait_for("the configuration stays as it was")
                self.assertEqual(client.ask("postfix known.test"), f"{KNOWN} protocols=>=TLSv1.2")
                metrics = server.metrics()
                self.assertEqual((metrics["reloads_total"], metrics["reloads_failed_total"]), (2, 1))
                # Nothing was read that time. The lists were read once, by the HUP before.
                self.assertEqual(server.program.stderr.text().count("lists and overrides were read"), 1)


class Ending(unittest.TestCase):
    def test_term_answers_what_was_asked_and_the_exit_status_is_0(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number), Lab() as lab:
                server = Server(lab)
                with server.connect() as waiting, server.connect() as idle:
                    waiting.send(netstring("postfix unknown.test") + netstring("postfix known.test"))
                    wait.until(lambda: server.metrics()["waiting"] == 1)
                    server.program.signal(number)
                    self.assertTrue(idle.is_closed())
                    with self.assertRaises(OSError):
                        socket.create_connection(server.address)
                    self.assertEqual(waiting.reply(), "OK dane")
                    self.assertEqual(waiting.reply(), KNOWN)
                    self.assertTrue(waiting.is_closed())
                self.assertEqual(server.program.wait(), 0)

    def test_term_does_not_wait_for_a_peer_that_never_reads(self) -> None:
        with Lab() as lab:
            server = Server(lab, "answer_timeout = 0.5")
            with server.connect() as peer:
                peer.connection.setblocking(False)
                try:
                    while True:
                        peer.send(netstring("postfix known.test") * 1000)
                except BlockingIOError:
                    pass
                server.program.signal(signal.SIGTERM)
                self.assertEqual(server.program.wait(), 0)


if __name__ == "__main__":
    unittest.main()
