"""Another local user looks for the secrets in the URLs of lists: in the files of update, and in the output of
commands."""

import os
import re
import subprocess
import sys
import tomllib
import unittest
from pathlib import Path

from lab import program
from lab.https import Answer

sys.path.append(str(Path(__file__).parents[1] / "update"))
from publishing import CONFIG, DATA, OK, edition  # noqa: E402
from update_case import UpdateCase  # noqa: E402

EVIL = ["a.test", "b.test", "c.test", "evil.test"]


class Secrets(UpdateCase):
    """The URLs of a list and of its signature have a token in them, which no other local user may read."""

    LIST, SIGNATURE = "/list.json?token=SECRETLIST", "/signature?key=SECRETSIGNATURE"

    def setUp(self) -> None:
        super().setUp()
        self.said = ""
        self.list = self.host.main_list(url=self.publisher.url(self.LIST), signature=self.publisher.url(self.SIGNATURE))
        self.host.configure([self.list])
        self.publish(edition(20))

    def publish(self, content: bytes, signature: bytes | None = None) -> None:
        self.publisher.publish(content, self.LIST, signature=self.publisher.key.sign(content))
        self.publisher.serve(self.SIGNATURE, signature or self.publisher.key.sign(content))
        self.publisher.requests()

    def run_tool(self, *arguments: str | os.PathLike[str], status: int) -> None:
        done = self.host.tool(*arguments)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.said += done.stdout + done.stderr

    def assert_kept(self) -> None:
        """No file and no output contains a secret."""
        self.assertNotIn("SECRET", self.said)
        files = [path for path in [*self.host.state.rglob("*"), *self.host.maps.rglob("*")] if path.is_file()]
        self.assertGreater(len(files), 1)
        for path in files:
            self.assertNotIn(b"SECRET", path.read_bytes(), path)

    def test_what_is_installed_and_printed_about_it_has_no_token(self) -> None:
        self.run_tool("-v", "update", status=OK)
        self.run_tool("--json", "update", status=OK)
        self.publish(edition(21))
        self.run_tool("--json", "update", status=OK)
        for arguments in (["lookup", "a.test"], ["--json", "lookup", "a.test"], ["generate", "postfix"],
                          ["diff", self.host.state / "previous", self.host.state / "current"]):
            self.run_tool(*arguments, status=OK)
        self.assertIn("/list.json", self.host.map.read_text())
        self.assert_kept()

    def test_no_refusal_and_no_failure_shows_the_token(self) -> None:
        self.run_tool("update", status=OK)
        for path in (self.LIST, self.SIGNATURE):
            for answer in (Answer(404), Answer(403), Answer(302, {"Location": self.publisher.url(path)}),
                           Answer(302, {"Location": "http://user:SECRET@lists.localhost/?SECRET"}),
                           Answer(headers={"Content-Type": "text/html"}, body=b"<html>")):
                self.publish(edition(21))
                self.publisher.answer(answer, path)
                self.run_tool("-v", "update", status=DATA)
                self.run_tool("--json", "update", status=DATA)
        for content, signature in ((edition(19), None), (edition(20, EVIL), None), (b"[]", None),
                                   (edition(21), self.publisher.key.sign(edition(21), name="b.json"))):
            self.publish(content, signature)
            self.run_tool("-v", "update", status=DATA)
        self.host.now = "2026-12-25T00:00:00Z"
        self.run_tool("update", status=DATA)
        self.run_tool("lookup", "a.test", status=DATA)
        self.assert_kept()

    def test_a_list_that_is_not_installed_is_named_without_the_token(self) -> None:
        self.publisher.publish(edition(20), "/other.json")
        other = {"name": "other", "url": self.publisher.url("/other.json"), "keys": [self.publisher.key.text]}
        self.publisher.answer(Answer(404), self.LIST)
        self.host.configure([self.list, other])
        self.run_tool("update", status=DATA)
        self.run_tool("lookup", "a.test", status=DATA)
        self.run_tool("generate", "postfix", "-o", self.host.map, status=DATA)
        self.assertIn("LEFT OUT: it is not installed", self.host.map.read_text())
        self.assert_kept()

    def test_a_password_in_the_configuration_is_not_repeated_in_its_error(self) -> None:
        self.host.configure([self.host.main_list(url="https://user:SECRET@lists.localhost/list.json")])
        self.run_tool("update", status=CONFIG)
        self.assertNotIn("SECRET", self.said)

    def test_only_the_owner_can_read_how_to_ask_the_server(self) -> None:
        self.run_tool("update", status=OK)
        self.assertEqual((self.host.state / "remembered.toml").stat().st_mode & 0o777, 0o600)

    def test_the_umask_is_respected(self) -> None:
        done = subprocess.run([program.path_of("starttls-listtool"), "-c", self.host.configuration, "update"],
                              env={**os.environ, **self.host.environment()}, capture_output=True, text=True,
                              timeout=60, umask=0o077, check=False)
        self.assertEqual(done.returncode, OK, done.stderr)
        for path in [self.host.state, *self.host.state.rglob("*")]:
            if path.is_symlink() or path.name == "outputs.toml":
                continue
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_what_an_earlier_version_wrote_is_cleaned_up(self) -> None:
        self.run_tool("update", status=OK)
        self.publish(edition(21))
        self.run_tool("update", status=OK)
        (self.host.state / "remembered.toml").unlink()
        self.publisher.requests()
        for name in ("current", "previous"):
            facts = self.host.state / name / "set.toml"
            text = re.sub(r'^origin = .*$', f'origin = "{self.publisher.url(self.LIST)}"\\netag = "SECRETETAG"\\n'
                          'last_modified = ""', facts.read_text(), flags=re.MULTILINE)
            facts.write_text(text)
        self.run_tool("update", status=OK)
        self.assertEqual(self.publisher.requests()[0].headers["If-None-Match"], "SECRETETAG")
        for name in ("current", "previous"):
            facts = tomllib.loads((self.host.state / name / "set.toml").read_text())
            self.assertEqual(facts["list"][0]["origin"], self.publisher.url("/list.json"))
            self.assertNotIn("etag", facts["list"][0])
        self.run_tool("update", status=OK)
        self.assert_kept()


if __name__ == "__main__":
    unittest.main()
