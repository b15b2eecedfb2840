"""A publisher of signed lists, and an administrator whose host keeps them up to date.

    publisher = Publisher(lab)
    publisher.publish(edition(20))
    host = Host(lab, publisher)
    host.configure()
    host.update()                          .returncode, .stdout, .stderr

The publisher's web server is on 127.0.0.1 under a name in .localhost; time on the host is what the caller says.
"""

import base64
import hashlib
import itertools
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from lab import Lab, command, program, wait
from lab.https import Answer, HttpsServer, Request

HOST = "lists.localhost"
NOW = "2026-11-22T12:00:00Z"
MAP_LINE = "secure match=mx.{0} servername=hostname"

OK, USAGE, DATA, UNAVAILABLE, CANNOT_CREATE, IO, TEMPORARY, CONFIG = 0, 64, 65, 69, 73, 74, 75, 78

_numbers = itertools.count(1)


def edition(day: int, domains: Sequence[str] = ("a.test", "b.test", "c.test", "d.test"), *,
            expires: str = "2026-12-20T00:00:00Z", mode: str = "enforce", **policies: Mapping[str, object]) -> bytes:
    """A list of that day of November 2026; each domain has one MX host, mx.DOMAIN."""
    entries = {domain: {"mode": mode, "mxs": [f"mx.{domain}"]} for domain in domains}
    entries |= {name.replace("_", "."): policy for name, policy in policies.items()}
    return json.dumps({"timestamp": f"2026-11-{day:02}T00:00:00Z", "expires": expires, "version": "0.1",
                       "author": "Lab", "policies": entries}, indent=1).encode()


class Key:
    """A minisign key pair."""

    def __init__(self, folder: Path) -> None:
        number = next(_numbers)
        self.public, self.secret = folder / f"{number}.pub", folder / f"{number}.key"
        command.run("minisign", "-G", "-W", "-p", self.public, "-s", self.secret)
        self.text = self.public.read_text().split("\n")[1]
        # As in the names of signatures: minisign itself omits leading zeros.
        self.id = base64.b64decode(self.text)[2:10][::-1].hex().upper()
        self._folder = folder

    def sign(self, content: bytes, *options: str, name: str = "list.json") -> bytes:
        """A signature of a file of that name, which is in its trusted comment."""
        folder = self._folder / f"{next(_numbers)}"
        folder.mkdir()
        file, signature = folder / name, folder / "signature"
        file.write_bytes(content)
        command.run("minisign", "-S", "-s", self.secret, "-m", file, "-x", signature, *options)
        return signature.read_bytes()


class Signer:
    """A signer with an OpenPGP key, and a directory for gpg."""

    def __init__(self, folder: Path, name: str, kind: str = "ed25519") -> None:
        self.home = folder / name
        self.home.mkdir(mode=0o700)
        self.key_file = folder / f"{name}.asc"
        self.gpg("--quick-generate-key", f"{name} <{name}@example.test>", kind, "sign", "never")
        self.key_file.write_text(self.gpg("--armor", "--export"))

    def gpg(self, *arguments: str | Path) -> str:
        return command.run("gpg", "--homedir", self.home, "--batch", "--quiet", "--no-tty", "--passphrase", "",
                           "--pinentry-mode", "loopback", *arguments)

    def sign(self, content: bytes, *options: str) -> bytes:
        file = self.home / "content"
        file.write_bytes(content)
        return self.gpg(*options, "--armor", "--detach-sign", "--output", "-", file).encode()

    def end(self) -> None:
        command.run("gpgconf", "--homedir", self.home, "--kill", "all")


class Publisher:
    """Serves lists and signatures with ETag and Last-Modified, and answers 304 to a condition that is true."""

    def __init__(self, lab: Lab) -> None:
        self.web = HttpsServer(lab, address="127.0.0.1")
        self.web.add_host(HOST, lab.ca.issue(HOST))
        self.folder = lab.new_folder("publisher")
        self.key = Key(self.folder)

    def url(self, path: str = "/list.json", scheme: str = "https") -> str:
        return f"{scheme}://{HOST}:{self.web.port}{path}"

    def publish(self, content: bytes, path: str = "/list.json", *, key: Key | None = None,
                signature: bytes | None = None, etag: str | None = None, validators: Sequence[str] = ("ETag",)) -> None:
        """Put a list and its signature on the server. `validators` are the fields that the server sends."""
        self.web.answer(HOST, path, conditional(content, etag, validators))
        self.serve(path + ".minisig", signature or (key or self.key).sign(content, name=PurePosixPath(path).name))

    def serve(self, path: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        self.web.answer(HOST, path, Answer(headers={"Content-Type": content_type}, body=body))

    def answer(self, answer: Answer, path: str = "/list.json") -> None:
        self.web.answer(HOST, path, answer)

    def requests(self) -> list[Request]:
        """The requests since the last call."""
        asked, self.web.requests[:] = list(self.web.requests), []
        return asked


def conditional(content: bytes, etag: str | None, validators: Sequence[str]):
    """An answer with the validators of a version, and 304 to a client that sends them."""
    digest = hashlib.sha256(content).hexdigest()
    all_fields = {"ETag": etag or f'"{digest[:16]}"',
                  "Last-Modified": f"Sun, 22 Nov 2026 0{int(digest[0], 16) % 10}:00:00 GMT"}
    fields = {name: all_fields[name] for name in validators}

    def answer(request: Request) -> Answer:
        known = {"ETag": request.headers.get("If-None-Match"),
                 "Last-Modified": request.headers.get("If-Modified-Since")}
        if fields and all(known[name] == value for name, value in fields.items()):
            return Answer(304, fields)
        return Answer(headers={"Content-Type": "application/json", **fields}, body=content)

    return answer


class Host:
    """The administrator's machine: a configuration, a state directory and maps."""

    def __init__(self, lab: Lab, publisher: Publisher) -> None:
        self.publisher = publisher
        self.folder = lab.new_folder("host")
        self.state = self.folder / "state"
        self.configuration = self.folder / "listtool.toml"
        self.maps = self.folder / "maps"
        self.map = self.maps / "tls_policy"
        self.ran = self.folder / "ran"  # one line for each run of the map's command
        self.ca_file = lab.ca.certificate
        self.now = NOW
        self.maps.mkdir()
        (self.folder / "main.cf").touch()  # postmap wants one

    def main_list(self, **settings: object) -> dict[str, object]:
        """The [[list]] of the publisher's list, with these keys in addition."""
        return {"name": "main", "url": self.publisher.url(), "keys": [self.publisher.key.text]} | settings

    def texthash(self, **settings: object) -> dict[str, object]:
        """The [[output]] of the map, whose command writes a trace."""
        return {"mta": "postfix", "file": str(self.map),
                "command": ["/bin/sh", "-c", f"echo ran >>{self.ran}"]} | settings

    def configure(self, lists: Sequence[Mapping[str, object]] | None = None,
                  outputs: Sequence[Mapping[str, object]] | None = None, fetch: Mapping[str, object] = {},
                  programs: Mapping[str, object] = {}, **settings: object) -> None:
        """By default the publisher's list, and a texthash of it."""
        text = _lines({"state_dir": str(self.state)} | settings)
        text += "[fetch]\n" + _lines({"ca_file": str(self.ca_file), "timeout": 20, **fetch})
        text += "[programs]\n" + _lines(programs)
        for table, entries in (("list", lists), ("output", outputs)):
            default = [self.main_list()] if table == "list" else [self.texthash()]
            for entry in default if entries is None else entries:
                text += f"\n[[{table}]]\n" + _lines(entry)
        self.configuration.write_text(text)

    def environment(self) -> dict[str, str]:
        return {"STARTTLS_TOOLKIT_NOW": self.now, "no_proxy": "*", "TMPDIR": str(self.folder),
                "MAIL_CONFIG": str(self.folder)}

    def tool(self, *arguments: str | os.PathLike[str], timeout: float = wait.PATIENCE) -> subprocess.CompletedProcess[str]:
        return program.run("starttls-listtool", "-c", self.configuration, *arguments, environment=self.environment(),
                           timeout=timeout)

    def update(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.tool("update", *arguments)

    def policies(self, file: Path | None = None) -> dict[str, str]:
        """The content of the text map, by domain."""
        lines = (file or self.map).read_text().splitlines()
        return dict(line.split(" ", 1) for line in lines if not line.startswith("#"))

    def runs(self) -> int:
        """How often the command ran."""
        return len(self.ran.read_text().splitlines()) if self.ran.exists() else 0

    def content(self) -> dict[str, bytes]:
        """Every file and link of the state directory and of the maps, by its name."""
        return {name: path.readlink().name.encode() if path.is_symlink() else path.read_bytes()
                for name, path in self._tree() if path.is_symlink() or path.is_file()}

    def stamps(self) -> dict[str, tuple[int, int, int]]:
        """Inode, size and time of last change of all files, directories too."""
        def stamp(path: Path) -> tuple[int, int, int]:
            info = path.lstat()
            return info.st_ino, info.st_size, info.st_mtime_ns

        return {name: stamp(path) for name, path in self._tree()}

    def _tree(self) -> list[tuple[str, Path]]:
        roots = [root for root in (self.state, self.maps) if root.exists()]
        paths = [path for root in roots for path in [root, *root.rglob("*")]]
        return sorted((str(path.relative_to(self.folder)), path) for path in paths)

    def leftovers(self) -> list[str]:
        """The files that an undisturbed update would have removed."""
        sets = {path.readlink().name for path in (self.state / "current", self.state / "previous") if path.is_symlink()}
        return [name for name, path in self._tree()
                if ".new" in path.name or path.name.startswith("__db.")
                or (path.parent == self.state / "sets" and path.name not in sets)]


def _lines(settings: Mapping[str, object]) -> str:
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
