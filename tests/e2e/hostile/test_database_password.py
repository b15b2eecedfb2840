"""An attacker between a mail server and its PostgreSQL server gets neither the password nor the data."""

import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import unittest
from collections.abc import Sequence
from pathlib import Path

from lab import Lab, program
from lab.ca import CA, Certificate
from lab.postgres import NAME, PASSWORD, Postgres
from lab.process import Process
from lab.program import path_of

HOST = "db.example.test"
SYSTEM_STORE = "/etc/ssl/certs/ca-certificates.crt"
SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
CLEAR_TEXT_PLEASE = b"R" + struct.pack("!ii", 8, 3)
WITHIN = """
set -e
mount --bind "$1" /etc/hosts
test -z "$2" || mount --bind "$2" /etc/ssl/certs/ca-certificates.crt
shift 2
exec "$@"
"""


class ManInTheMiddle:
    """A server in the place of PostgreSQL, with TLS if it has a certificate, that asks for the password in clear
    text."""

    def __init__(self, lab: Lab, certificate: Certificate | None = None) -> None:
        self.address = lab.address()
        self.heard = b""  # in plaintext, or decrypted
        self.asked_for_tls = False
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate.certificate, certificate.key)
        self._listening = socket.create_server((self.address, 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        lab.at_end(self._close)

    @property
    def url(self) -> str:
        return f"postgresql://{NAME}:{PASSWORD}@{HOST}:{self.port}/{NAME}"

    def _close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            client.settimeout(60)
            try:
                self._listen_to(client)
            except OSError:
                pass
            finally:
                client.close()

    def _listen_to(self, client: socket.socket) -> None:
        while True:
            head = client.recv(8)
            self.heard += head
            if len(head) < 8:
                return
            size, code = struct.unpack("!ii", head)
            if code in (SSL_REQUEST, GSS_REQUEST):
                self.asked_for_tls |= code == SSL_REQUEST
                if code == SSL_REQUEST and self._context:
                    client.sendall(b"S")
                    client = self._context.wrap_socket(client, server_side=True)
                else:
                    client.sendall(b"N")
                continue
            self.heard += client.recv(size - 8)
            client.sendall(CLEAR_TEXT_PLEASE)
            self.heard += client.recv(1000)
            return


class DatabaseCase(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.lab.require_root()
        self.state = self.lab.new_folder("state")
        self.configuration = self.lab.folder / "tlsrpt.toml"

    def configure(self, url: str, mode: int = 0o600) -> None:
        self.configuration.write_text(
            f'state_dir = "{self.state}"\nstore = {json.dumps(url)}\n[milter]\nsocket = "unix:{self.lab.folder}/socket"\n'
            f"sync_interval = 0.05\nfold_interval = 0.1\n")
        self.configuration.chmod(mode)

    def within(self, address: str, *argv: str | Path, trusted: Path | None = None) -> Sequence[str | Path]:
        """The command, with that address for HOST, and this as the system's store of authorities."""
        hosts = self.lab.folder / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{address} {HOST}\n")
        return ["unshare", "--mount", "sh", "-c", WITHIN, "sh", hosts, trusted or "", *argv]

    def summary(self, address: str, **more: Path) -> subprocess.CompletedProcess[str]:
        argv = self.within(address, path_of("tlsrpt-report"), "-c", self.configuration, "summary", **more)
        return subprocess.run(argv, env={**os.environ, "HOME": str(self.lab.folder)}, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, check=False)


class OnThePath(DatabaseCase):
    def assert_learns_nothing(self, certificate: Certificate | None) -> None:
        middle = ManInTheMiddle(self.lab, certificate)
        self.configure(middle.url)
        done = self.summary(middle.address, trusted=self.lab.ca.certificate)
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(middle.asked_for_tls)
        self.assertNotIn(PASSWORD.encode(), middle.heard)
        self.assertNotIn(NAME.encode(), middle.heard)
        self.assertNotIn(PASSWORD, done.stderr)
        self.assertNotIn("warning", done.stderr)

    def test_a_server_without_tls_gets_no_password(self) -> None:
        self.assert_learns_nothing(None)

    def test_a_server_with_a_certificate_of_another_authority_gets_no_password(self) -> None:
        self.assert_learns_nothing(CA(self.lab.new_folder("other"), "Other CA").issue(HOST))

    def test_a_server_with_a_certificate_for_another_name_gets_no_password(self) -> None:
        self.assert_learns_nothing(self.lab.ca.issue("other.example.test"))

    def test_a_server_with_an_expired_certificate_gets_no_password(self) -> None:
        self.assert_learns_nothing(self.lab.ca.issue(HOST, expired=True))

    def test_a_weaker_setting_is_used_with_a_warning(self) -> None:
        """It gives the password away, which shows that this man in the middle can read one."""
        for mode, certificate in (("prefer", None), ("disable", None), ("require", self.lab.ca.issue("other.test"))):
            middle = ManInTheMiddle(self.lab, certificate)
            self.configure(f"{middle.url}?sslmode={mode}")
            done = self.summary(middle.address, trusted=self.lab.ca.certificate)
            self.assertIn(PASSWORD.encode(), middle.heard)
            self.assertRegex(done.stderr, rf"(?m)^.*warning.*'store': the connection to {HOST} .*\(sslmode={mode}\); "
                             "set sslmode=verify-full$")
            self.assertNotIn(PASSWORD, done.stderr)

    def test_the_daemon_gives_nothing_away_and_logs_the_reason_once(self) -> None:
        middle = ManInTheMiddle(self.lab)
        for parameters, warnings in (("", 0), ("?sslmode=prefer", 1)):
            self.configure(middle.url + parameters)
            daemon = Process(self.within(middle.address, path_of("tlsrpt-milter"), "-f", "-c", self.configuration),
                             folder=self.lab.new_folder("milter"), lab_folder=self.lab.folder,
                             environment={"HOME": str(self.lab.folder)})
            self.lab.watch(daemon.stderr)
            self.lab.at_end(daemon.kill)
            daemon.stderr.wait_for("listens on", process=daemon.popen)
            daemon.stderr.wait_for("error: .*; mail is not affected", process=daemon.popen)
            self.assertEqual(PASSWORD.encode() in middle.heard, warnings > 0)
            daemon.stop(60)
            self.assertEqual(daemon.stderr.text().count("set sslmode=verify-full"), warnings)


class TheRightServer(DatabaseCase):
    def assert_works(self, url: str, address: str, **more: Path) -> None:
        self.configure(url)
        daemon = Process(self.within(address, path_of("tlsrpt-milter"), "-f", "-c", self.configuration, **more),
                         folder=self.lab.new_folder("milter"), lab_folder=self.lab.folder,
                         environment={"HOME": str(self.lab.folder)})
        self.lab.watch(daemon.stderr)
        self.lab.at_end(daemon.kill)
        daemon.stderr.wait_for("listens on", process=daemon.popen)
        daemon.stop(60)
        self.assertNotRegex(daemon.stderr.text(), "warning|error")
        done = self.summary(address, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_is_connected_to_with_tls_and_a_verified_name(self) -> None:
        server = Postgres(self.lab, {"log_connections": "on"}, certificate=self.lab.ca.issue(HOST))
        encrypted = r"connection authorized: .*SSL enabled"
        # Authorities of the system; those that the URL names; an unencrypted one on this machine.
        for url, trusted in ((server.url_with(host=HOST), self.lab.ca.certificate),
                             (server.url_with(host=HOST, sslrootcert=str(self.lab.ca.certificate)), None)):
            since = server.log.mark()
            self.assert_works(url, server.address, **({"trusted": trusted} if trusted else {}))
            server.log.wait_for(encrypted, since=since)
        self.assert_works(server.url, server.address)
        self.assert_works(server.socket_url, server.address)


class Configuration(DatabaseCase):
    def warnings(self, url: str, mode: int, group: int = 0) -> list[str]:
        self.configure(url, mode)
        os.chown(self.configuration, 0, group)
        done = program.run("tlsrpt-milter", "--check-config", "-c", self.configuration)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("secret", done.stderr)
        return [line for line in done.stderr.splitlines() if "warning" in line]

    def test_a_password_that_others_can_read_causes_a_warning(self) -> None:
        url, without = "postgresql://u:secret@localhost/d", "postgresql://u@localhost/d"
        every, group = "every user of this machine can read", "its group can read"
        for mode, gid, wanted in ((0o644, 0, every), (0o604, 0, every), (0o640, 12345, group), (0o640, 0, None),
                                  (0o600, 12345, None)):
            warnings = self.warnings(url, mode, gid)
            self.assertEqual(len(warnings), 1 if wanted else 0, (oct(mode), gid, warnings))
            if wanted:
                self.assertIn(f"{wanted} the database's password", warnings[0])
        self.assertEqual(self.warnings(without, 0o644), [])

    def test_every_command_of_the_report_warns(self) -> None:
        self.configure("postgresql://u:secret@localhost:1/d", 0o644)
        done = program.run("tlsrpt-report", "-c", self.configuration, "summary")
        self.assertIn("every user of this machine can read the database's password", done.stderr)


if __name__ == "__main__":
    unittest.main()
