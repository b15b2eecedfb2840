"""Attacks on starttls-listtool update by mirrors: they serve signed lists, but the wrong list or an old one, and lists
that nobody signed.
"""

import os
import re
import subprocess
import sys
import threading
import unittest
from pathlib import Path

from lab import program
from lab.https import Answer, Request

sys.path.append(str(Path(__file__).parents[1] / "update"))
from publishing import CONFIG, DATA, HOST, IO, Host, edition  # noqa: E402
from update_case import UpdateCase  # noqa: E402

ABCD = [f"{x}.test" for x in "abcd"]
EVIL = ["a.test", "b.test", "c.test", "evil.test"]


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

    def test_a_list_without_its_file_name_is_refused_only_if_the_name_is_demanded(self) -> None:
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
        # It is proven to be no edition of this list, so it does not block the right one.
        self.publisher.publish(edition(20), "/a.json")
        self.assert_update(out="a: .*\n")
        self.assertEqual(list(self.host.policies()), ABCD)

    def test_a_name_can_be_demanded_only_if_it_is_known(self) -> None:
        url = self.publisher.url("/?list=a")
        for settings, status in (({}, CONFIG), ({"signed_file": "a.json"}, DATA)):
            self.host.configure([self.a | {"url": url, "signature": url, "require_signed_file": True} | settings])
            self.assertEqual(self.host.update().returncode, status)


class Rollback(UpdateCase):
    """A list is removed from the configuration and added again, and the mirror has an old edition by then."""

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

    def test_an_older_edition_is_not_installed(self) -> None:
        self.publisher.publish(edition(19))
        for options in ([], ["--force"]):
            self.assert_update(*options, status=DATA, err=".*list main: rolled back: it is of 2026-11-19T00:00:00Z, the "
                                                          "newest one that was ever installed under this name of "
                                                          "2026-11-20T00:00:00Z\n")
        self.assertEqual(list(self.host.policies()), ["x.test"])

    def test_another_one_of_the_same_time_is_not_installed(self) -> None:
        self.publisher.publish(edition(20, EVIL))
        self.assert_update(status=DATA, err=".*list main: it is of .*, as one that was installed before, but its content "
                                            "is another\n")

    def test_the_same_one_and_a_newer_one_are_installed(self) -> None:
        self.assert_update(out="main: 4 added.*\n")
        self.take_out_and_put_back()
        self.publisher.publish(edition(21))
        self.assert_update(out="main: 4 added.*\n")

    def test_this_is_also_true_if_the_whole_set_was_removed_as_damaged(self) -> None:
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

    def test_damaged_data_does_not_count_as_no_data(self) -> None:
        (self.host.state / "remembered.toml").write_text("[[list")
        self.publisher.publish(edition(19))
        self.assert_update(status=DATA, err=".*/remembered.toml: is damaged: .*; to go on without it, remove it and run "
                                            "update\n")


class NotProven(UpdateCase):
    """An installed list that cannot be used now stays in the maps, unless its signature is proven to be bad."""

    def setUp(self) -> None:
        super().setUp()
        self.assert_update(out=".+\n")
        self.good = self.host.map.read_bytes()
        self.publisher.answer(Answer(404), "/list.json.minisig")

    def assert_stays(self, status: int, why: str) -> None:
        for _ in range(2):
            self.host.map.touch()  # so that the map must be created
            self.assert_update("-q", status=status, err=f"(?s:.*{why}.*)")
            self.assertEqual(self.host.map.read_bytes(), self.good)

    def test_if_its_signature_is_lost_or_damaged(self) -> None:
        signature = self.host.state / "current/main.json.minisig"
        sound = signature.read_bytes()
        signature.unlink()
        self.assert_stays(DATA, "no signature can be read")
        signature.write_bytes(b"")
        self.assert_stays(DATA, "no minisign signature")
        signature.write_bytes(sound)
        self.host.map.touch()
        self.assert_update("-q")

    def test_if_its_file_is_lost(self) -> None:
        (self.host.state / "current/main.json").unlink()
        self.assert_stays(IO, "main.json: No such file")

    def test_if_the_clock_went_back(self) -> None:
        self.host.now = "2026-11-10T00:00:00Z"
        self.assert_stays(DATA, "which is more than 24 hours ahead of the clock")


class BeforeTheVerdict(UpdateCase):
    def peak(self, content: bytes) -> int:
        """The peak memory of an update in KiB, once it has refused this list and asks for it again."""
        peaks: list[int] = []
        started = threading.Event()

        def answer(_: Request) -> Answer:
            started.wait(60)
            status = Path(f"/proc/{tool.pid}/status").read_text()
            peaks.extend(int(size) for size in re.findall(r"VmHWM:\s+(\d+) kB", status))
            return Answer(body=content)

        self.publisher.serve("/list.json.minisig", self.publisher.key.sign(b"something else"))
        self.publisher.web.answer(HOST, "/list.json", answer)
        with subprocess.Popen([program.path_of("starttls-listtool"), "-c", self.host.configuration, "update"],
                              env={**os.environ, **self.host.environment()}, stderr=subprocess.PIPE, text=True) as tool:
            started.set()
            _, said = tool.communicate(timeout=60)
        self.assertEqual(tool.returncode, DATA, said)
        self.assertIn("does not fit", said)
        self.assertEqual(len(peaks), 2)
        return peaks[1]

    def test_a_list_that_nobody_signed_is_not_parsed(self) -> None:
        """A parsed list is in memory, at some 80 bytes a domain and more."""
        many = edition(20, [f"d{number:06}.test" for number in range(200_000)])
        self.assertLess(self.peak(many) - self.peak(edition(20)), 6_000)


if __name__ == "__main__":
    unittest.main()
