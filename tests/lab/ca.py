"""A certificate authority, made with openssl(1).

    mx = lab.ca.issue("mx.example.test")                               server and client certificate, valid
    wild = lab.ca.issue("example.net", sans=["*.example.net"])
    old = lab.ca.issue("mx.example.test", expired=True)
    stranger = CA(lab.new_folder("ca"), "Untrusted CA")                that no server or client trusts
    below = lab.ca.intermediate("Lab CA below")                        whose certificate a server must send

Keys are P-256, unless RSA is asked for. Every certificate may serve as server and as client certificate.
"""

import datetime
import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import command

CA_DAYS = "1000"  # for tests whose time goes on
ONE_DAY = datetime.timedelta(days=1)
P_256 = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")  # of openssl req -newkey
CA_EXTENSIONS = "basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign,cRLSign\n"

CONFIG = """\
[ca]
default_ca = lab
[lab]
new_certs_dir = {folder}
database = {folder}/index.txt
rand_serial = yes
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
policy = subject
unique_subject = no
[subject]
commonName = supplied
organizationName = optional
[req]
distinguished_name = none
[none]
"""


@dataclass(frozen=True)
class Certificate:
    """A private key and its certificate, each a PEM file."""
    key: Path
    certificate: Path

    def key_digest(self) -> str:
        """The SHA-256 of the public key, as in TLSA records with selector 1 and matching type 1."""
        public = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"], check=True,
                                capture_output=True, timeout=60).stdout
        return hashlib.sha256(public).hexdigest()


class CA:
    """Its own certificate is the file `certificate`; a client that trusts it also trusts what it issues."""

    def __init__(self, folder: Path, name: str, *, issuer: "CA | None" = None) -> None:
        """Create the key and the certificate of a new authority in an empty directory: self-signed without `issuer`."""
        self.folder = folder
        self.certificate = folder / "ca.pem"
        (folder / "index.txt").touch()
        (folder / "openssl.cnf").write_text(CONFIG.format(folder=folder))
        if issuer:
            issuer._sign(Certificate(folder / "ca.key", self.certificate), name, CA_EXTENSIONS, P_256, "-days", CA_DAYS)
            return
        command.run("openssl", "req", "-x509", "-config", folder / "openssl.cnf", "-subj", f"/O=Lab/CN={name}",
                    "-newkey", *P_256, "-nodes", "-days", CA_DAYS,
                    *(word for line in CA_EXTENSIONS.splitlines() for word in ("-addext", line)),
                    "-keyout", folder / "ca.key", "-out", self.certificate)

    def issue(self, name: str, sans: Sequence[str] | None = None, *, expired: bool = False,
              days: int = 30, rsa: int = 0, digest: str = "sha256") -> Certificate:
        """A new key, of the curve P-256 or RSA with so many bits, and a certificate for it, with common name `name`.

        `sans` are its DNS names, or names of another type with that before a colon, as in x509v3_config(5); without
        `sans`, `name` is the only one; with an empty list there are none.
        It ends in so many days; an expired one ended yesterday. `digest`: of the signature.
        """
        folder = self._new_folder(name)
        issued = Certificate(folder / "key.pem", folder / "cert.pem")
        now = datetime.datetime.now(datetime.UTC)
        end = now + (-ONE_DAY if expired else days * ONE_DAY)
        begin = min(end - 60 * ONE_DAY, now - 30 * ONE_DAY)
        key = ["rsa", "-pkeyopt", f"rsa_keygen_bits:{rsa}"] if rsa else P_256
        self._sign(issued, name, _extensions([name] if sans is None else sans), key, "-md", digest,
                   "-startdate", _asn1_time(begin), "-enddate", _asn1_time(end))
        return issued

    def intermediate(self, name: str) -> "CA":
        """An authority whose certificate this one has issued."""
        return CA(self._new_folder(name), name, issuer=self)

    def _sign(self, issued: Certificate, name: str, extensions: str, key: Sequence[str], *options: str) -> None:
        """Make the key and the certificate; `options` of openssl ca."""
        request = issued.certificate.with_name("request.pem")
        extensions_file = issued.certificate.with_name("extensions.cnf")
        extensions_file.write_text(extensions)
        command.run("openssl", "req", "-new", "-config", self.folder / "openssl.cnf", "-subj", f"/O=Lab/CN={name}",
                    "-newkey", *key, "-nodes", "-keyout", issued.key, "-out", request)
        command.run("openssl", "ca", "-batch", "-notext", "-config", self.folder / "openssl.cnf",
                    "-extfile", extensions_file, "-in", request, "-out", issued.certificate, *options)

    def _new_folder(self, name: str) -> Path:
        folder = self.folder / f"{len(list(self.folder.iterdir()))}-{name.replace('*', '_').replace(' ', '_')}"
        folder.mkdir()
        return folder


def _extensions(sans: Sequence[str]) -> str:
    lines = ["basicConstraints = CA:FALSE", "extendedKeyUsage = serverAuth, clientAuth"]
    if sans:
        lines.append("subjectAltName = " + ", ".join(san if ":" in san else f"DNS:{san}" for san in sans))
    return "\n".join(lines) + "\n"


def _asn1_time(time: datetime.datetime) -> str:
    return time.strftime("%Y%m%d%H%M%SZ")
