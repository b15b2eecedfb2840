"""Tasks of an administrator: check the configuration, reload it, look at the metrics, lower the daemon's rights."""

import contextlib
import http.client
import os
import pwd
import re
import signal
import socket
import subprocess
import unittest
from pathlib import Path

from lab import Lab, program, wait
from lab.smtp_client import plaintext_mail, tls13_mail
from recording import QUICK, Milter, client, configuration, end_and_read, read, receiver

NO_NAMES = {"smtpd_peername_lookup": "no"}


class Metrics(unittest.TestCase):
    def test_count_events(self) -> None:
        with Lab() as lab:
            address = lab.address()
            port = lab.free_port(address)
            milter = Milter(lab, settings=QUICK | {"metrics": f"inet:{address}:{port}", "exclude_ports": [25]})
            mx = receiver(lab, milter, parameters=NO_NAMES)
            tls13_mail(client(lab, mx))
            tls13_mail(client(lab, mx))
            plaintext_mail(client(lab, mx))
            mx.end()  # closes its connections to the milter
            ended = [f"\ntlsrpt_milter_{line}\n" for line in ("open_connections 0", "journal_records_total 3")]
            wait.until(lambda: all(line in self.page(address, port) for line in ended))

            page = self.page(address, port)
            for line in ('sessions_total{outcome="tls"} 2', 'sessions_total{outcome="plaintext"} 1',
                         'tls_sessions_total{version="TLSv1.3"} 2', "messages_total 3", "lost_records_total 0",
                         "failures_total 0", 'excluded_sessions_total{reason="local-network"} 0',
                         "open_connections 0", "journal_records_total 3"):
                self.assertIn(f"\ntlsrpt_milter_{line}\n", page)
            for name in ("fold_lag_seconds", "journal_backlog_bytes", "start_time_seconds", "uptime_seconds", "downgraded_sessions_total",
                         "refused_plaintext_total"):
                self.assertRegex(page, rf"\ntlsrpt_milter_{name} [0-9.]+\n")
            self.assertRegex(page, r'\ntlsrpt_milter_info\{version="[0-9.]+"\} 1\n')
            for line in page.strip().splitlines():
                self.assertRegex(line, r"^(# (HELP|TYPE) tlsrpt_milter_\w+ .+|tlsrpt_milter_\w+(\{\w+=\"[^\"]+\"\})? [0-9.]+)$")

    def page(self, address: str, port: int) -> str:
        with contextlib.closing(http.client.HTTPConnection(address, port, timeout=60)) as connection:
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            self.assertEqual(response.status, 200)
            self.assertEqual(response.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            return "\n" + response.read().decode()


class Reload(unittest.TestCase):
    def test_applies_what_can_change_and_logs_what_cannot(self) -> None:
        with Lab() as lab:
            milter = Milter(lab, settings=QUICK | {"local_networks": ["127.0.0.0/8"]})
            mx = receiver(lab, milter, parameters=NO_NAMES)
            before, after = client(lab, mx), client(lab, mx)
            tls13_mail(before)
            text = milter.configuration.read_text()

            milter.configuration.write_text(text.replace('["127.0.0.0/8"]', '["not a network"]'))
            os.kill(milter.pid, signal.SIGHUP)
            milter.stderr.wait_for("'milter.local_networks' is 'not a network', no network such as.*; nothing was changed")

            milter.configuration.write_text(text.replace('["127.0.0.0/8"]', "[]").replace("fold_interval = 0.1",
                                                                                      "fold_interval = 7"))
            os.kill(milter.pid, signal.SIGHUP)
            milter.stderr.wait_for("a restart is needed for what changed in: the intervals")
            tls13_mail(after)

            self.assertEqual(list(end_and_read(mx, milter)), [after.source])

    def test_in_any_number_stops_nothing(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            for _ in range(200):
                os.kill(milter.pid, signal.SIGHUP)
            one = client(lab, mx)
            tls13_mail(one)
            os.kill(milter.pid, signal.SIGHUP)
            os.kill(milter.pid, signal.SIGTERM)
            self.assertEqual(milter.wait(), 0)
            self.assertEqual(list(read(milter.state)), [one.source])


class Privileges(unittest.TestCase):
    """`daemon` and `postfix` are users that exist."""

    def test_are_those_of_the_user_who_then_can_access_everything_needed(self) -> None:
        with Lab() as lab:
            folder, state = lab.new_folder("run"), lab.new_folder("state")
            first = Milter(lab, state=state, socket=f"unix:{folder}/socket")  # as root, before the upgrade
            first.stop()
            milter = Milter(lab, state=state, socket=f"unix:{folder}/socket",
                            settings=QUICK | {"user": "daemon", "socket_group": "postfix"})
            mx = receiver(lab, milter, parameters=NO_NAMES)
            one = client(lab, mx)
            tls13_mail(one)

            status = Path(f"/proc/{milter.pid}/status").read_text()
            user = pwd.getpwnam("daemon")
            self.assertRegex(status, rf"Uid:\t{user.pw_uid}\t{user.pw_uid}\t{user.pw_uid}\t{user.pw_uid}\n")
            self.assertRegex(status, r"CapEff:\t0+\n")
            place = (folder / "socket").stat()
            self.assertEqual((place.st_uid, place.st_mode & 0o777), (user.pw_uid, 0o660))
            self.assertEqual(list(end_and_read(mx, milter)), [one.source])
            self.assertEqual({file.stat().st_uid for file in [state, *state.rglob("*")]}, {user.pw_uid})

    def test_of_a_user_who_does_not_exist_are_an_error(self) -> None:
        with Lab() as lab:
            file = configuration(lab.folder, {"state_dir": lab.folder / "state", "socket": f"unix:{lab.folder}/s",
                                              "user": "nosuchuser"})
            done = program.run("tlsrpt-milter", "-f", "-c", file)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (78, 1), done.stderr)
            self.assertIn("'milter.user' is wrong: there is no user 'nosuchuser'", done.stderr)
            self.assertFalse((lab.folder / "s").exists())


class CheckConfig(unittest.TestCase):
    def check(self, lab: Lab, **settings: object) -> subprocess.CompletedProcess[str]:
        file = configuration(lab.folder, {"state_dir": lab.folder / "state", "socket": f"unix:{lab.folder}/s", **settings})
        return program.run("tlsrpt-milter", "--check-config", "-c", file)

    def test_reports_success_and_changes_nothing(self) -> None:
        with Lab() as lab:
            done = self.check(lab)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout, f"{lab.folder}/tlsrpt.toml: OK\n")
            self.assertFalse((lab.folder / "state").exists())
            self.assertFalse((lab.folder / "s").exists())

    def test_reports_what_is_wrong(self) -> None:
        with Lab() as lab:
            for settings, status, message in (
                    ({"socket": "somewhere"}, 78, "'milter.socket' is 'somewhere', which has no host and port"),
                    ({"user": "nosuchuser"}, 78, "there is no user 'nosuchuser'"),
                    ({"socket_group": "nosuchgroup"}, 78, "there is no group 'nosuchgroup'"),
                    ({"on_downgrade": "bounce"}, 78, "'milter.on_downgrade' is 'bounce'; it must be"),
                    ({"metrics": "9461"}, 78, "which has no host and port"),
                    ({"mta_log": lab.folder / "no.log"}, 0, "")):
                with self.subTest(settings):
                    done = self.check(lab, **settings)
                    self.assertEqual(done.returncode, status, done.stderr)
                    self.assertIn(message, done.stderr)

    def test_warns_of_a_log_that_it_cannot_read(self) -> None:
        with Lab() as lab:
            done = self.check(lab, mta_log=lab.folder / "no.log")
            self.assertEqual(done.returncode, 0)
            self.assertIn("no.log: No such file or directory", done.stderr)


class TakenMetricsSocket(unittest.TestCase):
    """The daemon works without the page, and serves it once the other program has stopped."""

    def assert_is_used_once_it_is_free(self, lab: Lab, other: socket.socket, address: str) -> None:
        with other:
            other.listen()
            milter = Milter(lab, settings=QUICK | {"metrics": address})
            self.assertIn(f"error: metrics: {address.removeprefix('unix:')}: another program listens there; all else works",
                          milter.stderr.text())
        milter.stderr.wait_for("info: metrics: .* answers now")
        family, place = (socket.AF_UNIX, address[5:]) if address.startswith("unix:") else (socket.AF_INET, None)
        host, _, port = address.removeprefix("inet:").rpartition(":")
        with socket.socket(family) as page:
            page.settimeout(60)
            page.connect(place or (host, int(port)))
            page.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: page.recv(65536), b"")).decode()
        self.assertRegex(text, r"(?m)^tlsrpt_milter_metrics_listen_failures_total [1-9]\d*$")
        self.assertEqual(milter.stderr.text().count(" metrics: "), 2, "logged once")
        self.assertEqual(milter.stop(), 0)

    def test_a_port(self) -> None:
        with Lab() as lab:
            other = socket.socket()
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind((lab.address(), 0))
            self.assert_is_used_once_it_is_free(lab, other, "inet:%s:%d" % other.getsockname())

    def test_a_path(self) -> None:
        with Lab() as lab:
            path = lab.new_folder("run") / "metrics"
            other = socket.socket(socket.AF_UNIX)
            other.bind(str(path))
            self.assert_is_used_once_it_is_free(lab, other, f"unix:{path}")
            self.assertFalse(path.exists(), "removed at the end")


class StaleSocket(unittest.TestCase):
    def test_of_a_metrics_page_is_replaced_too(self) -> None:
        with Lab() as lab:
            path = lab.new_folder("run") / "metrics"
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(path))
            milter = Milter(lab, settings=QUICK | {"metrics": f"unix:{path}"})
            with socket.socket(socket.AF_UNIX) as page:
                page.connect(str(path))
                page.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                self.assertTrue(re.match(rb"HTTP/1\.[01] 200", page.recv(100)))
            milter.stop()
            self.assertFalse(path.exists())
