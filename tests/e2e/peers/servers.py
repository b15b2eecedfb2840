"""Mail servers of many configurations, good and bad, that check and other programs examine side by side.

    servers = Servers(lab)
    servers.all                          Server of each, by name; all listen on lab.smtp_port
    servers.dns, servers.resolver        the name server, and a resolver that validates
    servers.posttls_finger(...)          runs it where it finds that resolver

README.md has a table of them. Most are listeners of one Postfix, which smtpd(8) lets differ.
"""

import hashlib
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import Lab, wait
from lab.ca import Certificate
from lab.cage import Cage
from lab.dns import Dns
from lab.exim import EximReceiver
from lab.postfix import Listener, Receiver
from lab.process import Process
from lab.resolver import Resolver

WEAK_SUITES = ("AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384:ADH-AES128-GCM-SHA256:AECDH-AES128-SHA:DHE-RSA-AES256-CCM8"
               ":ECDHE-RSA-CAMELLIA128-SHA256:ARIA128-GCM-SHA256:ECDHE-RSA-NULL-SHA:NULL-SHA256:@SECLEVEL=0")
SERVER_ORDER = ("NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305:+AES-128-GCM:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1"
                ":%SERVER_PRECEDENCE")
OLD_VERSIONS = ("NORMAL:+VERS-TLS1.1:+VERS-TLS1.0:-VERS-TLS1.3:-CIPHER-ALL:+AES-128-CBC:+AES-256-GCM:-GROUP-ALL"
                ":+GROUP-SECP256R1:+GROUP-SECP384R1")
MORE_CLIENTS = "smtp_accept_max = 200"  # at once; some of the examiners hang up without QUIT

NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
load_module /usr/lib/nginx/modules/ngx_mail_module.so;
events {{ worker_connections 64; }}
mail {{
    server_name {server.host};
    auth_http {server.address}:{port}/never-asked;
    smtp_auth none;
    server {{
        listen {server.address}:{port};
        protocol smtp;
        starttls on;
        ssl_certificate {certificate.certificate};
        ssl_certificate_key {certificate.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256;
        ssl_ecdh_curve X25519:secp384r1:prime256v1;
        ssl_prefer_server_ciphers on;
    }}
}}
"""


@dataclass(frozen=True)
class Server:
    name: str
    address: str

    @property
    def domain(self) -> str:
        return f"{self.name}.test"

    @property
    def host(self) -> str:
        return f"mx.{self.name}.test"


class Servers:
    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.port = lab.smtp_port
        self.authorities = lab.ca.certificate  # a file with those that clients trust
        self.all: dict[str, Server] = {}
        self._tlsa: dict[str, str] = {}  # by name of the server
        listeners = list(self._postfix_listeners())
        nginx, exim, exim_old = map(self._add, ("nginx", "exim", "exim-old"))
        exim_certificate = lab.ca.issue(exim.host)
        self._tlsa[exim.name] = f"3 1 1 {exim_certificate.key_digest()}"
        self._serve_names()
        first, *others = listeners
        Receiver(lab, self.all["default"].host, ["default.test"], first.certificate,
                 {"smtpd_tls_ask_ccert": "no", "smtpd_tls_CAfile": ""}, listeners=others, dns=self.resolver,
                 address=first.address)
        self._client = self._start_client()
        self._start_nginx(nginx)
        EximReceiver(lab, self.dns, exim_certificate, hostname=exim.host, address=exim.address,
                     macros=[MORE_CLIENTS, f"tls_require_ciphers = {SERVER_ORDER}"])
        EximReceiver(lab, self.dns, lab.ca.issue(exim_old.host, rsa=2048), hostname=exim_old.host,
                     address=exim_old.address, macros=[MORE_CLIENTS, f"tls_require_ciphers = {OLD_VERSIONS}"])

    def has_tlsa(self, server: Server) -> bool:
        return server.name in self._tlsa

    def tlsa_record(self, server: Server) -> str:
        """Its only one, as a line of a zone file."""
        return f"_25._tcp.{server.host}. 60 IN TLSA {self._tlsa[server.name]}\n"

    def publish(self, server: Server, records: Mapping[str, Sequence[str]]) -> None:
        """Add records to its zone."""
        self.dns.update(server.domain, self._records(server) | dict(records))

    def posttls_finger(self, *options: str) -> str:
        """What it prints about a server; it finds the resolver as a mail server does."""
        done = self._client.try_run("env", f"MAIL_CONFIG={self.mail_config}", "/usr/sbin/posttls-finger", *options)
        return done.stdout + done.stderr

    def _start_client(self) -> Cage:
        """A host with a main.cf and the resolver, on which programs can be run."""
        folder = self._lab.new_folder("client")
        self.mail_config = folder / "etc"
        self.mail_config.mkdir()
        (self.mail_config / "main.cf").write_text("compatibility_level = 3.6\ninet_protocols = ipv4\n")
        client = Cage(["/bin/sh", "-c", "echo ready >&2; exec sleep infinity"], folder=folder,
                      lab_folder=self._lab.folder, hostname="probe.client.test", address=self._lab.address(),
                      resolver=self.resolver.address)
        self._lab.at_end(client.kill)
        client.stderr.wait_for("ready", process=client.process)
        return client

    def _add(self, name: str) -> Server:
        self.all[name] = Server(name, self._lab.address())
        return self.all[name]

    def _listener(self, name: str, certificate: Certificate | None = None, **parameters: object) -> Listener:
        server = self._add(name)
        return Listener(server.address, self.port, certificate or self._lab.ca.issue(server.host),
                        parameters={"myhostname": server.host, **parameters})

    def _postfix_listeners(self) -> list[Listener]:
        ca = self._lab.ca
        below = ca.intermediate("Lab CA below")
        default, expired = ca.issue("mx.default.test"), ca.issue("mx.expired.test", expired=True)
        elsewhere, disorder = ca.issue("mail.elsewhere.test"), below.issue("mx.disorder.test")
        both = [ca.issue("mx.double.test"), ca.issue("mx.double.test", rsa=2048)]
        _append(disorder, ca.certificate, below.certificate)
        self._tlsa |= {"default": f"3 1 1 {default.key_digest()}", "new": f"3 1 1 {'ab' * 32}",
                       "expired": f"3 1 1 {expired.key_digest()}", "name": f"3 1 1 {elsewhere.key_digest()}",
                       "anchor": f"2 1 1 {_key_digest(ca.certificate)}",
                       "disorder": f"2 1 1 {_key_digest(below.certificate)}"}
        modern = {"tls_medium_cipherlist": "ECDHE+AESGCM:ECDHE+CHACHA20"}
        return [
            self._listener("default", default),
            self._listener("old", ca.issue("mx.old.test", rsa=2048), smtpd_tls_protocols=">=TLSv1, <=TLSv1",
                           tls_medium_cipherlist="ALL:!aNULL:@SECLEVEL=0"),
            self._listener("weak", ca.issue("mx.weak.test", rsa=2048), smtpd_tls_protocols=">=TLSv1.2, <=TLSv1.2",
                           tls_medium_cipherlist=WEAK_SUITES),
            self._listener("new", smtpd_tls_protocols=">=TLSv1.3"),
            self._listener("small", ca.issue("mx.small.test", rsa=1024, digest="sha1"),
                           tls_medium_cipherlist="ECDHE+AESGCM:@SECLEVEL=0"),
            self._listener("expired", expired, **modern),
            self._listener("incomplete", below.issue("mx.incomplete.test"), **modern),
            self._listener("disorder", disorder, **modern),
            self._listener("name", elsewhere, **modern),
            self._listener("anchor", **modern),
            self._listener("double", both[0], tls_medium_cipherlist="ECDHE+AESGCM:RSA+AESGCM",
                           tls_preempt_cipherlist="yes", smtpd_tls_chain_files=", ".join(
                               f"{one.key}, {one.certificate}" for one in both)),
        ]

    def _records(self, server: Server) -> dict[str, Sequence[str]]:
        records: dict[str, Sequence[str]] = {"@": ["MX 10 mx"], "mx": [f"A {server.address}"]}
        if data := self._tlsa.get(server.name):
            # check asks for port 25, also where --connect names another.
            records |= {f"_{port}._tcp.mx": [f"TLSA {data}"] for port in (25, self.port)}
        return records

    def _serve_names(self) -> None:
        zones = {server.domain: self._records(server) for server in self.all.values()}
        self.dns = Dns(self._lab, {".": {}, **zones}, signed=[self.all[name].domain for name in self._tlsa])
        self.resolver = Resolver(self._lab, self.dns)

    def _start_nginx(self, server: Server) -> None:
        self._lab.require_program("/usr/sbin/nginx", "nginx")
        folder = self._lab.new_folder("nginx")
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, server=server, port=self.port,
                                       certificate=self._lab.ca.issue(server.host)))
        process = Process(["/usr/sbin/nginx", "-c", config], folder=folder, lab_folder=self._lab.folder)
        self._lab.watch(process.stderr)
        self._lab.at_end(process.kill_with_workers)
        wait.for_listener(server.address, self.port, process=process.popen)


def _append(to: Certificate, *certificates: Path) -> None:
    with to.certificate.open("a") as file:
        file.writelines(one.read_text() for one in certificates)


def _key_digest(certificate: Path) -> str:
    """The SHA-256 of its public key, as in TLSA records."""
    pem = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=True, capture_output=True,
                         timeout=60).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem, check=True, capture_output=True,
                         timeout=60).stdout
    return hashlib.sha256(der).hexdigest()
