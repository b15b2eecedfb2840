"""docs/publishing-a-list.md, carried out as written: only paths, passwords and the addresses of mail servers are the lab's."""

import os
import re
import subprocess
import tomllib
import unittest
from pathlib import Path

from lab import documents, program
from publisher import PublisherCase

GUIDE = "docs/publishing-a-list.md"
DIRECTORY = "/var/lib/starttls-toolkit/publish"


class Guide(PublisherCase):
    def setUp(self) -> None:
        super().setUp()
        self.sound("example.org")
        self.blocks = documents.blocks(GUIDE)
        self.folder = self.lab.new_folder("publisher")
        settings = tomllib.loads(self.block("[publish]").replace(DIRECTORY, str(self.folder)))["publish"]
        self.start(publish=settings | {"directory": self.folder})
        # The program of the build, with the configuration of the lab. A run connects to the lab's mail servers.
        wrapper = self.lab.new_folder("bin") / "starttls-listtool"
        wrapper.write_text("#!/bin/sh\n"
                           f'case "$*" in *"publish run"*) set -- "$@" {" ".join(self.connect)} ;; esac\n'
                           f'exec {program.path_of("starttls-listtool")} -c {self.configuration.path} "$@"\n')
        wrapper.chmod(0o755)
        self.path = f"{wrapper.parent}:{os.environ['PATH']}"

    def block(self, start: str) -> str:
        """The first block of the guide that begins so and was not taken yet."""
        found = next(block for block in self.blocks if block.startswith(start))
        self.blocks.remove(found)
        return found

    def shell(self, script: str, *, folder: Path | None = None, status: int = 0) -> str:
        """Run the lines like a shell into which they are pasted. The keys of the lab have no password."""
        script = re.sub(r"minisign -G -p", "minisign -G -W -p", script).replace("minisign -Sm", "minisign -W -Sm")
        done = subprocess.run(["bash", "-e"], input=script, cwd=folder or self.folder, capture_output=True, text=True,
                              timeout=120, env={**os.environ, "PATH": self.path}, check=False)
        self.assertEqual((done.returncode, done.stderr), (status, ""), (script, done.stdout))
        return done.stdout

    def make_root_keys(self) -> None:
        make = self.block("minisign -G -p a.pub")
        self.homes = {name: self.lab.new_folder(f"root-{name}") for name in "abc"}
        for name, home in self.homes.items():
            self.shell(make.replace("a.pub", f"{name}.pub").replace("a.key", f"{name}.key"), folder=home)
            (self.folder / f"{name}.pub").write_bytes((home / f"{name}.pub").read_bytes())

    def sign_with(self, version: int, names: str = "ab") -> str:
        """The ceremony: what the last signature makes `publish keys sign` say."""
        file = f"keys.{version}.json"
        for name in names:
            home, said = self.homes[name], ""
            (home / file).write_bytes((self.folder / "keys" / file).read_bytes())
            self.shell(self.sign_elsewhere.replace("keys.1.json", file).replace("a.key", f"{name}.key"), folder=home)
            (self.folder / f"{file}.minisig").write_bytes((home / f"{file}.minisig").read_bytes())
            said = self.shell(self.take.replace("keys.1.json", file), status=0 if name == names[-1] else 1)
        return said

    def test_from_nothing_to_an_edition_and_through_what_may_go_wrong(self) -> None:
        self.make_root_keys()
        self.shell(self.block("starttls-listtool publish init"))
        self.assertIn("keys.1.json", self.shell(self.block("starttls-listtool publish keys init")))
        self.sign_elsewhere, self.take = self.block("minisign -Sm"), self.block("starttls-listtool publish keys sign")
        self.assertRegex(self.shell("starttls-listtool publish keys sign", status=1), r"\Asigned by 0 of 3 keys, of which 2 must")
        self.assertIn("version 1 is in use", self.sign_with(1))

        self.assertIn("edition 1 with 1 entry", self.shell(self.block("starttls-listtool publish add example.org")))
        self.assertEqual(self.entries(), {"example.org": ["mx.example.org"]})
        page = (self.public() / "index.html").read_text()
        for name in "abc":
            self.assertIn((self.folder / f"{name}.pub").read_text().splitlines()[1], page)

        (self.folder / "domains.txt").write_text("example.org  # there already\n")
        self.assertEqual(self.shell(self.block("starttls-listtool publish import")), "0 domains added, 1 as before\n")
        why, *by_hand = self.block("starttls-listtool publish why").splitlines()
        self.assertIn("watched -> listed", self.shell(why))

        # What is wrong with the list, and with its keys.
        self.shell(self.block("starttls-listtool publish run --dry-run"))
        self.shell(self.block("starttls-listtool publish run --no-checks --force"))
        self.assertIn("edition 3 has the content of edition 1",
                      self.shell(self.block("starttls-listtool publish rollback")))
        self.shell(self.block("starttls-listtool publish rollback --end"))

        # minisign leaves out leading zeros.
        stolen = (self.folder / "online.pub").read_text().splitlines()[0].split()[-1]
        self.shell(re.sub(r"\b[0-9A-F]{16}\b", stolen, self.block("minisign -G -W -s new.key")))
        self.assertIn("version 2 is in use", self.sign_with(2))
        self.configuration.tables["publish"]["secret_keys"] = [self.folder / "new.key"]
        self.configuration.write()
        self.shell(self.block("starttls-listtool publish run --no-checks"))
        self.assertNotIn((self.folder / "online.pub").read_text().splitlines()[1],
                         (self.public() / "keys.json").read_text())

        self.shell(self.block("starttls-listtool publish keys rotate --online").replace("online.pub", "new.pub"))
        self.assertIn("version 3 is in use", self.sign_with(3))
        self.homes["d"] = self.homes["c"]
        (self.folder / "d.pub").write_bytes((self.folder / "c.pub").read_bytes())
        self.shell(self.block("starttls-listtool publish keys rotate --root"))
        self.assertIn("version 4 is in use", self.sign_with(4))

        # From a backup, on another host: of either kind.
        backups = str(self.lab.new_folder("backups"))
        self.shell(self.block("sqlite3 publish.sqlite \".backup").replace("/var/backups", backups))
        self.shell(self.block("sqlite3 publish.sqlite .dump"))
        self.assertIn("INSERT INTO entries", (self.folder / "publish.sql").read_text())
        newest = int(self.public().resolve().name)
        for restore in self.block("cp /var/backups/publish.sqlite").replace("/var/backups", backups).splitlines():
            (self.folder / "publish.sqlite").unlink()
            self.shell(restore)
            self.assertEqual(self.shell("starttls-listtool publish run --no-checks\nstarttls-listtool publish lint\n"), "")
            self.assertEqual(self.public().resolve().name, str(newest + 1))

        self.assertEqual(len(by_hand), 4)
        self.assertIn("1 domain added", self.shell("\n".join(by_hand)))


if __name__ == "__main__":
    unittest.main()
