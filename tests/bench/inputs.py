"""The inputs of the measured programs, in the lab's directory. Each is created when a row first uses it."""

import os
import shutil
import subprocess
from functools import cached_property
from pathlib import Path

from lab import Lab, command
from lab.https import Answer, HttpsServer, Request
from lab.program import SOURCE_TREE, Program, path_of

import programs
from make_list import LATER_TIMESTAMP, TIMESTAMP, Shape, first_domain, write_list
from make_reports import fill_store, write_reports
from programs import Command

HOST = "list.localhost"
LIST_PATH = "/list.json"
ETAG = '"edition-1"'
LAST_MODIFIED = "Fri, 20 Nov 2026 00:00:00 GMT"


class ListServer(HttpsServer):
    """Serves one list and its signature, on 127.0.0.1, which libcurl uses for names under localhost without a query.

    Once `only_changes` is set, it answers 304 to a request with the validators of its edition, and 500 to all others,
    so that a client without them fails.
    """

    only_changes = False

    def answer_to(self, request: Request) -> Answer:
        answer = super().answer_to(request)
        if not self.only_changes or answer.status != 200:
            return answer
        asked_for = {name.lower(): value for name, value in request.headers.items()}
        if asked_for.get("if-none-match") == ETAG or asked_for.get("if-modified-since") == LAST_MODIFIED:
            return Answer(status=304, headers=_edition())
        return Answer(status=500, body=b"the bench waits for a conditional request\n")


def _edition() -> dict[str, str]:
    return {"Content-Type": "application/json", "ETag": ETAG, "Last-Modified": LAST_MODIFIED}


class Inputs:
    def __init__(self, lab: Lab, shape: Shape, changed: int) -> None:
        self.shape = shape
        self._lab = lab
        self._changed = changed
        self.folder = lab.new_folder("bench")
        self.listtool = path_of("starttls-listtool")
        self.small_list = SOURCE_TREE / "policies/example-list.json"
        self.small_list_key = SOURCE_TREE / "policies/example-list.pub"

    @cached_property
    def key(self) -> Path:
        """The public key of the signatures of all big lists."""
        key = self.folder / "list.pub"
        command.run("minisign", "-G", "-W", "-p", key, "-s", self.folder / "list.key")
        return key

    @cached_property
    def big_list(self) -> Path:
        return self._signed_list("list.json", self.shape)

    @cached_property
    def changed_list(self) -> Path:
        """A later edition of the big list."""
        shape = self.shape
        return self._signed_list("changed.json", Shape(shape.domains, shape.seed, shape.order, shape.form,
                                                       self._changed))

    @property
    def domain(self) -> str:
        """A domain of the big list."""
        return first_domain(self.shape)

    @cached_property
    def openpgp(self) -> tuple[Path, Path]:
        """The key ring and the signature with which gpgv(1) verifies the big list."""
        home = self.folder / "gnupg"
        home.mkdir(mode=0o700)
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet"]
        self._lab.at_end(lambda: subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False))
        command.run(*gpg, "--passphrase", "", "--quick-generate-key", "list@example.test", "ed25519", "sign", "0")
        command.run(*gpg, "--output", self.folder / "list.gpg", "--export")
        signature = self.folder / "list.json.sig"
        command.run(*gpg, "--output", signature, "--detach-sign", self.big_list)
        return self.folder / "list.gpg", signature

    @cached_property
    def text_map(self) -> Path:
        """The big list as a text map, for postmap(1)."""
        file = self.folder / "tls_policy"
        programs.run(Command("", [self.listtool, "generate", "postfix", "--list", self.big_list, "-p", self.key,
                                  "-o", file]))
        return file

    @cached_property
    def cdb_map(self) -> Path:
        """The cdb that postmap(1) makes of it; the file's name has the suffix .cdb."""
        copy = self.folder / "compiled"
        copy.hardlink_to(self.text_map)
        programs.run(Command("", ["postmap", "-c", self.postfix_folder, f"cdb:{copy}"]))
        return copy

    @cached_property
    def postfix_folder(self) -> Path:
        """A configuration for postmap(1) with defaults only."""
        folder = self.folder / "postfix"
        folder.mkdir()
        (folder / "main.cf").touch()
        return folder

    @cached_property
    def web(self) -> ListServer:
        web = ListServer(self._lab, address="127.0.0.1")
        web.add_host(HOST, self._lab.ca.issue(HOST))
        signature = self.big_list.with_name(self.big_list.name + ".minisig")
        web.answer(HOST, LIST_PATH, Answer(headers=_edition(), body=self.big_list.read_bytes()))
        web.answer(HOST, LIST_PATH + ".minisig", Answer(body=signature.read_bytes()))
        return web

    @property
    def report_tool(self) -> Path:
        return path_of("tlsrpt-report")

    @property
    def reports(self) -> int:
        """The number of received reports: 10,000 with a list of the bench's full size."""
        return max(100, min(10_000, self.shape.domains // 10))

    @cached_property
    def report_folders(self) -> tuple[Path, Path]:
        """Received reports, packed, as files and as mails."""
        files, mails = self.folder / "report-files", self.folder / "report-mails"
        write_reports(files, mails, self.reports)
        return files, mails

    @cached_property
    def recorded_state(self) -> Path:
        """The state directory of a tlsrpt-milter that has recorded 20,000 senders, or twice as many as there are
        reports."""
        state = self.folder / "recorded"
        milter = Program(self._lab, "tlsrpt-milter", "-f", "--state-dir", state, "-s",
                         f"unix:{self._lab.new_folder('socket')}/milter")
        milter.stderr.wait_for("listens on")
        milter.stop()
        fill_store(state / "tlsrpt.sqlite", 2 * self.reports)
        return state

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.web.port}{LIST_PATH}"

    @property
    def ca_file(self) -> Path:
        return self._lab.ca.certificate

    @cached_property
    def installed(self) -> Path:
        """The configuration of a state in which `update` has installed the big list."""
        config = self.folder / "listtool.toml"
        public_key = self.key.read_text(encoding="ascii").splitlines()[1]
        config.write_text(
            f'state_dir = "{self.folder / "state"}"\n'
            f'[fetch]\nca_file = "{self.ca_file}"\n'
            f'[[list]]\nname = "big"\nurl = "{self.url}"\nkeys = ["{public_key}"]\n'
            f'[[output]]\nmta = "postfix"\nfile = "{self.folder / "installed"}"\ntype = "cdb"\n')
        programs.run(Command("", [self.listtool, "-c", config, "update"]))
        self.web.only_changes = True
        return config

    @cached_property
    def updating(self) -> Path:
        """The configuration of a state in which `update` has installed the big list, and finds the changed one."""
        config, state, published = self.folder / "updating.toml", self.folder / "updating", self.folder / "published.json"
        public_key = self.key.read_text(encoding="ascii").splitlines()[1]
        config.write_text(
            f'state_dir = "{state}"\n[[list]]\nname = "big"\nfile = "{published}"\nkeys = ["{public_key}"]\n'
            f'[[output]]\nmta = "postfix"\nfile = "{self.folder / "updated"}"\ntype = "cdb"\n')
        self._publish(self.big_list, published)
        programs.run(Command("", [self.listtool, "-c", config, "update"]))
        state.rename(self._installed_state)
        self._publish(self.changed_list, published)
        return config

    def install_again(self) -> None:
        """Undo what `update` has done: the state is one in which the big list is installed."""
        state = self.folder / "updating"
        shutil.rmtree(state, ignore_errors=True)
        command.run("cp", "--archive", "--link", self._installed_state, state)

    @property
    def updated_bytes(self) -> int:
        """Of what an update must write: the list, its index and the map. The changed ones are as large as those before."""
        assert self.updating
        return sum(file.stat().st_size for file in (
            self.changed_list, self._installed_state / "current/big.cdb", self.folder / "updated.cdb"))

    @property
    def _installed_state(self) -> Path:
        return self.folder / "installed-state"

    @staticmethod
    def _publish(edition: Path, published: Path) -> None:
        for suffix in ("", ".minisig"):
            file = published.with_name(published.name + suffix)
            file.unlink(missing_ok=True)
            file.hardlink_to(edition.with_name(edition.name + suffix))

    def _signed_list(self, name: str, shape: Shape) -> Path:
        file = self.folder / name
        write_list(file, shape)
        comment = f"timestamp:{LATER_TIMESTAMP if shape.changed else TIMESTAMP}"
        assert self.key
        command.run("minisign", "-S", "-s", self.folder / "list.key", "-m", file, "-t", comment)
        return file
