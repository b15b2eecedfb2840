"""Attacks on starttls-listtool update by mirrors and by other local users.

A mirror serves what publishers signed, but the wrong list or an old one, and what nobody signed; another local user
reads what update writes.
"""

import os
import re
import subprocess
import sys
import threading
import tomllib
import unittest
from pathlib import Path

from lab import program
from lab.https import Answer, Request

sys.path.append(str(Path(__file__).parents[1] / "update"))
from publishing import CONFIG, DATA, HOST, OK, Host, edition  # noqa: E402
from update_case import UpdateCase  # noqa: E402

ABCD = [f"{x}.test" for x in "abcd"]
EVIL = ["a.test", "b.test", "c.test", "evil.test"]


class Secrets(UpdateCase):
    """The URLs of a list and of its signature have a token in them, which no other local user may learn."""

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
        """No file, and nothing that was said, has a secret in it."""
        self.assertNotIn("SECRET", self.said)
        files = [path for path in [*self.host.state.rglob("*"), *self.host.maps.rglob("*")] if path.is_file()]
        self.assertGreater(len(files), 1)
        for path in files:
            self.assertNotIn(b"SECRET", path.read_bytes(), path)

    def test_what_is_installed_and_what_is_said_of_it_has_no_token(self) -> None:
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

    def test_how_to_ask_the_server_is_for_the_owner_alone(self) -> None:
        self.run_tool("update", status=OK)
        self.assertEqual((self.host.state / "remembered.toml").stat().st_mode & 0o777, 0o600)

    def test_the_umask_counts(self) -> None:
        done = subprocess.run([program.path_of("starttls-listtool"), "-c", self.host.configuration, "update"],
                              env={**os.environ, **self.host.environment()}, capture_output=True, text=True,
                              timeout=30, umask=0o077, check=False)
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


class OneKeyForTwoLists(UpdateCase):
    """A publisher signs two lists with one key, and a mirror serves one in the place of the other."""

    def setUp(self) -> None:
        super().setUp()
        self.publisher.publish(edition(20, ["b.other"]), "/b.json")
        self.publisher.publish(edition(20), "/a.json")
        self.a = self.host.main_list(name="a", url=self.publisher.url("/a.json"))
        self.b = self.host.main_list(name="b", url=self.publisher.url("/b.json"))
        self.host.configure([self.a, self.b])

    def serve_b_as_a(self, content: bytes, *options: str) -> None:
        self.publisher.publish(content, "/a.json",
                               signature=self.publisher.key.sign(content, *options, name="b.json"))

    def test_a_list_that_was_signed_as_another_is_refused(self) -> None:
        refused = (".*list a: .*/a.json: it was signed as the file 'b.json', so it is another list or has another name "
                   "there; if it is the right one, set 'signed_file'")
        self.serve_b_as_a(edition(20, ["b.other"]))
        self.assert_update(status=DATA, out="b: .*\n", err=f"{refused}\n")
        self.publisher.publish(edition(20), "/a.json")
        self.assert_update(out="a: .*\n")
        before = self.host.content()
        for content in (edition(20, ["b.other"]), edition(21, ABCD)):
            self.serve_b_as_a(content)
            self.assert_update("--force", status=DATA, err=f"{refused}; the installed edition of .* stays\n")
        self.assertEqual(self.host.content(), before)

    def test_what_does_not_say_its_file_is_refused_only_where_that_is_demanded(self) -> None:
        self.serve_b_as_a(edition(20), "-t", "no name")
        self.host.configure([self.a | {"require_signed_file": True}])
        self.assert_update(status=DATA, err=r".*/a.json: its signature does not say which file it is for \(no 'file:' in "
                                            r"the trusted comment\), which 'require_signed_file' demands\n")
        self.host.configure([self.a])
        self.assert_update(out="a: .*\n")
        self.host.configure([self.a | {"require_signed_file": True}])
        self.publisher.publish(edition(21), "/a.json")
        self.assert_update(out="a: .*\n")

    def test_a_publisher_may_use_other_names(self) -> None:
        for comment in ("timestamp:1\tfile:b.json\thashed", "timestamp:1 file:b.json", "filename:b.json"):
            for setting, accepted in (("b.json", True), ("?.json", True), ("*", True), ("b", False), ("c*", False)):
                with self.subTest(comment=comment, setting=setting):
                    self.host = Host(self.lab, self.publisher)
                    self.host.configure([self.a | {"signed_file": setting, "require_signed_file": True}])
                    self.serve_b_as_a(edition(20), "-t", comment)
                    if accepted:
                        self.assert_update(out="a: .*\n")
                    else:
                        self.assert_update(status=DATA, err=".*it was signed as the file 'b.json'.*\n")

    def test_a_comment_with_two_names_is_refused(self) -> None:
        self.serve_b_as_a(edition(20), "-t", "file:a.json\tfile:b.json")
        self.assert_update(status=DATA, out="b: .*\n", err=".*: its trusted comment names more than one file\n")

    def test_the_name_of_what_is_installed_counts_when_a_map_is_made(self) -> None:
        self.serve_b_as_a(edition(20, ["b.other"]))
        self.host.configure([self.a | {"signed_file": "*"}])
        self.assert_update(out="a: .*\n")
        self.assertEqual(list(self.host.policies()), ["b.other"])
        self.host.configure([self.a], outputs=[self.host.texthash(early_adopter=True)])
        self.assert_update(status=DATA, err="(?s:.*signed as the file 'b.json'.*what is installed cannot be verified.*)")
        self.assertEqual(self.host.policies(), {})
        # It is proven to be no edition of this list, so it does not stand in the way of the right one.
        self.publisher.publish(edition(20), "/a.json")
        self.assert_update(out="a: .*\n")
        self.assertEqual(list(self.host.policies()), ABCD)

    def test_a_name_must_be_known_to_be_demanded(self) -> None:
        url = self.publisher.url("/?list=a")
        for settings, status in (({}, CONFIG), ({"signed_file": "a.json"}, DATA)):
            self.host.configure([self.a | {"url": url, "signature": url, "require_signed_file": True} | settings])
            self.assertEqual(self.host.update().returncode, status)


class Rollback(UpdateCase):
    """A list is taken out of the configuration and put back, and the mirror has an old edition by then."""

    def setUp(self) -> None:
        super().setUp()
        self.publisher.publish(edition(20, ["x.test"]), "/other.json")
        self.other = self.host.main_list(name="other", url=self.publisher.url("/other.json"))
        self.host.configure([self.host.main_list(), self.other])
        self.assert_update(out=".+\n.+\n")
        self.take_out_and_put_back()

    def take_out_and_put_back(self) -> None:
        self.host.configure([self.other])
        self.assert_update(out="main: no longer configured, and removed\n")
        self.assertEqual(list(self.host.policies()), ["x.test"])
        self.host.configure([self.host.main_list(), self.other])

    def test_an_older_edition_does_not_come_back(self) -> None:
        self.publisher.publish(edition(19))
        for options in ([], ["--force"]):
            self.assert_update(*options, status=DATA, err=".*list main: rolled back: it is of 2026-11-19T00:00:00Z, the "
                                                          "newest one that was ever installed under this name of "
                                                          "2026-11-20T00:00:00Z\n")
        self.assertEqual(list(self.host.policies()), ["x.test"])

    def test_another_one_of_the_same_time_does_not_come(self) -> None:
        self.publisher.publish(edition(20, EVIL))
        self.assert_update(status=DATA, err=".*list main: it is of .*, as one that was installed before, but its content "
                                            "is another\n")

    def test_the_same_one_and_a_newer_one_come(self) -> None:
        self.assert_update(out="main: 4 added.*\n")
        self.take_out_and_put_back()
        self.publisher.publish(edition(21))
        self.assert_update(out="main: 4 added.*\n")

    def test_it_holds_also_where_the_whole_set_was_removed_as_damaged(self) -> None:
        (self.host.state / "current").unlink()
        self.publisher.publish(edition(19))
        self.assert_update(status=DATA, out="other: .*\n", err=".*list main: rolled back: .*\n.*\n|.*rolled back: .*\n")

    def test_an_operator_can_reset_a_list_deliberately(self) -> None:
        file = self.host.state / "remembered.toml"
        head, *tables = file.read_text().split("[[list]]\n")
        self.assertEqual(len(tables), 2)
        file.write_text("[[list]]\n".join([head, *(table for table in tables if 'name = "main"' not in table)]))
        self.publisher.publish(edition(19))
        self.assert_update(out="main: 4 added.*\n")

    def test_what_is_damaged_is_not_taken_for_nothing(self) -> None:
        (self.host.state / "remembered.toml").write_text("[[list")
        self.publisher.publish(edition(19))
        self.assert_update(status=DATA, err=".*/remembered.toml: is damaged: .*; to go on without it, remove it and run "
                                            "update\n")


class BeforeTheVerdict(UpdateCase):
    def peak(self, content: bytes) -> int:
        """What an update had in memory at most, in KiB, once it has refused this list and asks for it again."""
        peaks: list[int] = []
        started = threading.Event()

        def answer(_: Request) -> Answer:
            started.wait(10)
            status = Path(f"/proc/{tool.pid}/status").read_text()
            peaks.extend(int(size) for size in re.findall(r"VmHWM:\s+(\d+) kB", status))
            return Answer(body=content)

        self.publisher.serve("/list.json.minisig", self.publisher.key.sign(b"something else"))
        self.publisher.web.answer(HOST, "/list.json", answer)
        with subprocess.Popen([program.path_of("starttls-listtool"), "-c", self.host.configuration, "update"],
                              env={**os.environ, **self.host.environment()}, stderr=subprocess.PIPE, text=True) as tool:
            started.set()
            _, said = tool.communicate(timeout=30)
        self.assertEqual(tool.returncode, DATA, said)
        self.assertIn("does not fit", said)
        self.assertEqual(len(peaks), 2)
        return peaks[1]

    def test_what_nobody_signed_is_not_parsed(self) -> None:
        """A parsed list is in memory, at some 80 bytes a domain and more."""
        many = edition(20, [f"d{number:06}.test" for number in range(200_000)])
        self.assertLess(self.peak(many) - self.peak(edition(20)), 6_000)


if __name__ == "__main__":
    unittest.main()
