"""A real IMAP server, Dovecot, with one mailbox, over TLS only.

    server = Dovecot(lab, lab.ca.issue(HOST))                       at 127.0.0.1, where each name in .localhost is
    server.deliver(b"From: a@b.test\r\n\r\nhello\r\n")              an unseen message in INBOX; or in folder="Other"
    server.url("Reports")                                           imaps://reports@imap.localhost:PORT/Reports
    server.flags(), server.flags("Done")                            the flags of each message, {uid: {"\\Seen"}}

Only its own files are used. Dovecot's settings are those of 2.3 (Debian 12) or 2.4 (Debian 13), by its version. The mailbox
belongs to a user without rights, into which the server changes: it needs root.
"""

import contextlib
import imaplib
import os
import pwd
import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import command, wait
from .ca import Certificate
from .lab import Lab
from .process import Process

PROGRAM = "/usr/sbin/dovecot"
OWNER = "games"
HOST = "imap.localhost"
USER = "reports"
PASSWORD = 'not-"to"-be \\shown'

COMMON = """\
base_dir = {folder}/run
log_path = /dev/stderr
protocols = imap
listen = {address}
ssl = required
auth_failure_delay = 0
mail_fsync = never
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""
OF_2_3 = """\
state_dir = {folder}/state
ssl_cert = <{certificate}
ssl_key = <{key}
mail_location = maildir:{mail}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/passwd
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}
}}
first_valid_uid = 1
"""
OF_2_4 = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
state_dir = {folder}/state
ssl_server_cert_file = {certificate}
ssl_server_key_file = {key}
mail_driver = maildir
mail_path = {mail}
passdb passwd-file {{
  default_password_scheme = PLAIN
  passwd_file_path = {folder}/passwd
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {folder}
  }}
}}
first_valid_uid = 1
"""


class Dovecot:
    def __init__(self, lab: Lab, certificate: Certificate, settings: Mapping[str, str] | None = None) -> None:
        """Start it; `settings` are further ones."""
        lab.require_root()
        lab.require_program(PROGRAM, "dovecot-imapd")
        self._lab = lab
        self.host, self.address = HOST, "127.0.0.1"
        self.port = lab.free_port(self.address)
        self._folder = lab.new_folder("dovecot")
        self._mail = self._folder / "mail"
        self._owner = pwd.getpwnam(OWNER)
        self._names = 0
        for folder in (self._mail, *(self._mail / name for name in ("cur", "new", "tmp"))):
            folder.mkdir()
            os.chown(folder, self._owner.pw_uid, self._owner.pw_gid)
        os.chown(self._folder, self._owner.pw_uid, self._owner.pw_gid)
        (self._folder / "passwd").write_text(f"{USER}:{PASSWORD}\n")
        version = command.run(PROGRAM, "--version")
        values = {"folder": self._folder, "mail": self._mail, "address": self.address, "port": self.port,
                  "certificate": certificate.certificate, "key": certificate.key, "uid": self._owner.pw_uid,
                  "gid": self._owner.pw_gid}
        # The version of the configuration must stand first.
        text = (OF_2_3 if version.startswith("2.3") else OF_2_4).format(**values) + COMMON.format(**values)
        self._configuration = self._folder / "dovecot.conf"
        self._configuration.write_text(text + "".join(f"{name} = {value}\n" for name, value in (settings or {}).items()))
        self.start()

    def start(self) -> None:
        self.process = Process([PROGRAM, "-F", "-c", self._configuration], folder=self._folder,
                               lab_folder=self._lab.folder)
        self.log = self.process.stderr
        self._lab.watch(self.log)
        self._lab.at_end(self.process.stop)
        wait.for_listener(self.address, self.port, process=self.process.popen)

    def url(self, folder: str = "") -> str:
        return f"imaps://{USER}@{self.host}:{self.port}/{folder}"

    def deliver(self, message: bytes, folder: str = "") -> None:
        """Put it into a folder that exists, as a mail server does."""
        maildir = self._mail / f".{folder}" if folder else self._mail
        self._names += 1
        name = f"{self._names:06}.lab.{self.host}"
        (maildir / "tmp" / name).write_bytes(message)
        os.chown(maildir / "tmp" / name, self._owner.pw_uid, self._owner.pw_gid)
        (maildir / "tmp" / name).rename(maildir / "new" / name)

    @contextlib.contextmanager
    def client(self) -> Iterator[imaplib.IMAP4_SSL]:
        """Another client, logged in."""
        trusting = ssl.create_default_context(cafile=str(self._lab.ca.certificate))
        trusting.check_hostname = False
        with imaplib.IMAP4_SSL(self.address, self.port, ssl_context=trusting, timeout=60) as client:
            client.login(USER, PASSWORD)
            yield client

    def create(self, folder: str) -> None:
        with self.client() as client:
            done, answer = client.create(f'"{folder}"')
            assert done == "OK", answer

    def flags(self, folder: str = "INBOX") -> dict[int, set[str]]:
        """Of each message, by its UID, but \\Recent."""
        with self.client() as client:
            done, answer = client.select(f'"{folder}"', readonly=True)
            assert done == "OK", answer
            _, rows = client.uid("FETCH", "1:*", "(FLAGS)")
        found = (re.search(rb"UID (\d+)", row) and (int(re.search(rb"UID (\d+)", row)[1]),
                                                    re.search(rb"FLAGS \(([^)]*)\)", row)[1]) for row in rows if row)
        return {uid: set(flags.decode().split()) - {"\\Recent"} for uid, flags in found}
