"""A certificate authority, made with openssl(1).

    mx = lab.ca.issue("mx.example.test")                               server and client certificate, valid
    wild = lab.ca.issue("example.net", sans=["*.example.net"])
    old = lab.ca.issue("mx.example.test", expired=True)
    stranger = CA(lab.new_folder("ca"), "Untrusted CA")                that no server or client trusts

Keys are P-256. Every certificate may serve as server and as client certificate.
"""

import datetime
import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import command

ONE_DAY = datetime.timedelta(days=1)

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
                                capture_output=True, timeout=10).stdout
        return hashlib.sha256(public).hexdigest()


class CA:
    """Its own certificate is the file `certificate`; a client that trusts it also trusts what it issues."""

    def __init__(self, folder: Path, name: str) -> None:
        """Create the key and the self-signed certificate of a new authority in an empty directory."""
        self.folder = folder
        self.certificate = folder / "ca.pem"
        (folder / "index.txt").touch()
        (folder / "openssl.cnf").write_text(CONFIG.format(folder=folder))
        command.run("openssl", "req", "-x509", "-config", folder / "openssl.cnf", "-subj", f"/O=Lab/CN={name}",
                    "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                    "-keyout", folder / "ca.key", "-out", self.certificate)

    def issue(self, name: str, sans: Sequence[str] | None = None, *, expired: bool = False,
              days: int = 30, rsa: bool = False) -> Certificate:
        """A new key, of the curve P-256 or with RSA, and a certificate for it, with common name `name`.

        `sans` are its DNS names; without `sans`, `name` is the only one; with an empty list there are none.
        It ends in so many days; an expired one ended yesterday.
        """
        folder = self._new_folder(name)
        issued = Certificate(folder / "key.pem", folder / "cert.pem")
        extensions = folder / "extensions.cnf"
        extensions.write_text(_extensions([name] if sans is None else sans))
        end = datetime.datetime.now(datetime.UTC) + (-ONE_DAY if expired else days * ONE_DAY)
        key = ["-newkey", "rsa:2048"] if rsa else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        command.run("openssl", "req", "-new", "-config", self.folder / "openssl.cnf", "-subj", f"/O=Lab/CN={name}",
                    *key, "-nodes",
                    "-keyout", issued.key, "-out", folder / "request.pem")
        command.run("openssl", "ca", "-batch", "-notext", "-config", self.folder / "openssl.cnf",
                    "-extfile", extensions, "-in", folder / "request.pem", "-out", issued.certificate,
                    "-startdate", _asn1_time(end - 60 * ONE_DAY), "-enddate", _asn1_time(end))
        return issued

    def _new_folder(self, name: str) -> Path:
        folder = self.folder / f"{len(list(self.folder.iterdir()))}-{name.replace('*', '_')}"
        folder.mkdir()
        return folder


def _extensions(sans: Sequence[str]) -> str:
    lines = ["basicConstraints = CA:FALSE", "extendedKeyUsage = serverAuth, clientAuth"]
    if sans:
        lines.append("subjectAltName = " + ", ".join(f"DNS:{san}" for san in sans))
    return "\n".join(lines) + "\n"


def _asn1_time(time: datetime.datetime) -> str:
    return time.strftime("%Y%m%d%H%M%SZ")
