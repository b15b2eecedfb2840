"""Domains with MTA-STS: their records in Knot, their policies on nginx.

    hosts = PolicyHosts(lab, 2000, silent=500)
    hosts.domains                       d0.test and so on, each of an owner of its own: enforce, for a week
    hosts.silent                        others, whose policy hosts do not answer until release()

With `mail`, the zone has these records, too, and another one is signed: without any there is no trust anchor, and
nothing is validated. All policies have the same `mxs`.

The hosts have twenty addresses, on port 443, and each certificate is for twenty of them: many domains share a hoster.
nginx is one process, with TLS 1.3 and P-256. Other names do not exist (NXDOMAIN). Needs root.
"""

import socket
import threading
from collections.abc import Sequence
from pathlib import Path

from lab import Lab, wait
from lab.acceptor import Acceptor
from lab.ca import Certificate
from lab.dns import Dns, Zone
from lab.log import Log
from lab.process import Process

ADDRESSES = 20
NAMES_PER_CERTIFICATE = 20
HTTPS_PORT = 443
NGINX = "/usr/sbin/nginx"
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")

MXS = ("mx1.bench.test", "*.mail.bench.test")
MAX_AGE = 604800
RECORD = 'TXT "v=STSv1; id=20261122;"'

NGINX_HEAD = """\
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  ssl_protocols TLSv1.3;
  ssl_session_cache off;
  server_names_hash_max_size 16384;
  server_names_hash_bucket_size 128;
  default_type text/plain;
  proxy_read_timeout 600;
"""
TEMPORARY_FOLDERS = "".join(f"  {what}_temp_path {{folder}}/{what};\n"
                            for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
NGINX_SERVER = """\
  server {{
    listen {address}:{port} ssl;
    server_name {names};
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location = /.well-known/mta-sts.txt {{ {answer}; }}
  }}
"""


class PolicyHosts:
    port = HTTPS_PORT

    def __init__(self, lab: Lab, count: int, silent: int = 0, *, zone: str = "test", mxs: Sequence[str] = MXS,
                 mail: Zone | None = None) -> None:
        """The domains are in `zone`. Below a registered domain, all would be of one owner, for whom `serve` looks up a
        tenth as many at the same time."""
        lab.require_program(NGINX, "nginx")
        self.domains = [f"d{number}.{zone}" for number in range(count)]
        self.silent = [f"s{number}.{zone}" for number in range(silent)]
        self._addresses = [lab.address() for _ in range(ADDRESSES)]
        self._folder = lab.new_folder("nginx")
        self.holder = _Holder(self._folder / "holder")
        lab.at_end(self.holder.close)
        self._policy = "".join(rf"{line}\r\n" for line in (
            "version: STSv1", "mode: enforce", *(f"mx: {mx}" for mx in mxs), f"max_age: {MAX_AGE}"))
        signed = ["signed.test"] if mail else []
        self.dns = Dns(lab, {zone: self._zone(zone) | (mail or {}), **{name: {} for name in signed}, ".": {}},
                       signed=signed)
        self.ca_file = self._folder / "trusted.pem"
        self.ca_file.write_text(lab.ca.certificate.read_text() + _machines_authorities())
        self._start_nginx(lab)

    def address_of(self, domain: str) -> str:
        """The address of its policy host."""
        return self._addresses[int(domain.partition(".")[0][1:]) // NAMES_PER_CERTIFICATE % ADDRESSES]

    def _zone(self, zone: str) -> dict[str, list[str]]:
        records = {}
        for domain in (*self.domains, *self.silent):
            name = domain.removesuffix("." + zone)
            records[f"_mta-sts.{name}"] = [RECORD]
            records[f"mta-sts.{name}"] = [f"A {self.address_of(domain)}"]
        return records

    def _start_nginx(self, lab: Lab) -> None:
        answers = f'return 200 "{self._policy}"', f"proxy_pass http://unix:{self.holder.path}"
        config = self._folder / "nginx.conf"
        config.write_text((NGINX_HEAD + TEMPORARY_FOLDERS).format(folder=self._folder) + "".join(
            self._server(group, lab.ca.issue(f"mta-sts.{group[0]}", [f"mta-sts.{domain}" for domain in group]), answer)
            for domains, answer in zip((self.domains, self.silent), answers)
            for group in _groups(domains)) + "}\n")
        log = Log(self._folder / "error.log")
        nginx = Process([NGINX, "-p", self._folder, "-e", log.path, "-c", config], folder=self._folder,
                        lab_folder=lab.folder)
        lab.watch(log, nginx.stderr)
        lab.at_end(nginx.kill_with_workers)
        wait.for_listener(self._addresses[0], HTTPS_PORT, process=nginx.popen)

    def _server(self, group: Sequence[str], certificate: Certificate, answer: str) -> str:
        return NGINX_SERVER.format(
            address=self.address_of(group[0]), port=HTTPS_PORT, answer=answer, key=certificate.key,
            certificate=certificate.certificate, names=" ".join(f"mta-sts.{domain}" for domain in group))


class _Holder:
    """The upstream of nginx for silent hosts: accepts every request and does not answer it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen(4096)
        self._held: list[socket.socket] = []
        self._changed = threading.Condition()
        self._acceptor = Acceptor(listener, self._hold)

    def wait_for(self, number: int, timeout: float) -> int:
        """Wait until this many requests are waiting. Returns their number, which is lower after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._held) >= number, timeout)
            return len(self._held)

    def release(self) -> None:
        """Answer all waiting requests with status 502."""
        with self._changed:
            for request in self._held:
                request.close()
            self._held.clear()

    def close(self) -> None:
        self._acceptor.end()
        self.release()

    def _hold(self, request: socket.socket) -> None:
        with self._changed:
            self._held.append(request)
            self._changed.notify_all()


def _groups(domains: Sequence[str]) -> list[Sequence[str]]:
    return [domains[first:first + NAMES_PER_CERTIFICATE] for first in range(0, len(domains), NAMES_PER_CERTIFICATE)]


def _machines_authorities() -> str:
    """All certificates that Debian trusts, so that the cost of reading them is included."""
    return CA_BUNDLE.read_text(encoding="utf-8") if CA_BUNDLE.exists() else ""
