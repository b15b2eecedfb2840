"""Time and keys: lists that expire, keys that change, and lists that are signed with OpenPGP."""

import signal
import unittest

from lab.https import Answer

from publishing import DATA, HOST, NOW, TEMPORARY, UNAVAILABLE, Key, Signer, edition
from update_case import UpdateCase

ABCD = [f"{x}.test" for x in "abcd"]


class Expiry(UpdateCase):
    def setUp(self) -> None:
        super().setUp()
        self.publisher.publish(edition(20, expires="2026-11-24T12:00:01Z"))
        self.assert_update(out=".+\n")

    def server_down(self) -> None:
        """From now on the list comes from a port that nobody listens on."""
        port = self.lab.free_port("127.0.0.1")
        self.host.configure([self.host.main_list(url=f"https://{HOST}:{port}/list.json")])

    def test_it_is_reported_from_48_hours_before(self) -> None:
        self.assert_silent()
        self.host.now = "2026-11-22T12:00:01Z"
        before = self.host.stamps()
        for quiet in ([], ["-q"]):
            self.assert_update(*quiet, status=TEMPORARY,
                               err="starttls-listtool: warning: list main: it expires on 2026-11-24T12:00:01Z, "
                                   "and there is no newer one; then no policy is taken from it\n")
        self.assertEqual(self.host.stamps(), before)
        self.publisher.publish(edition(22))
        self.assert_update(out=".+\n")
        self.assert_silent()

    def test_an_expired_list_is_removed_from_the_map_and_every_run_reports_it(self) -> None:
        self.host.now = "2026-11-24T12:00:01Z"
        expired = (f"starttls-listtool: {self.publisher.url()}: it expired on 2026-11-24T12:00:01Z; "
                   "no policy is taken from it\n")
        self.assert_update(status=DATA, err=expired)
        self.assertEqual((self.host.policies(), self.host.runs()), ({}, 2))
        before = self.host.stamps()
        for quiet in ([], ["-q"]):
            self.assert_update(*quiet, status=DATA, err=expired)
        self.assertEqual((self.host.stamps(), self.host.runs()), (before, 2))
        self.publisher.publish(edition(24))
        self.assert_update(out="main: 0 added, 0 removed, 0 changed; .*\n")
        self.assertEqual((sorted(self.host.policies()), self.host.runs()), (ABCD, 3))
        self.assert_silent()

    def test_it_is_also_removed_while_the_server_is_down(self) -> None:
        self.server_down()
        self.host.now = "2026-11-24T12:00:01Z"
        for _ in range(2):
            self.assert_update("-q", status=DATA, err=".*list main: .*Failed to connect.*\n.*: it expired on .*\n")
            self.assertEqual((self.host.policies(), self.host.runs()), ({}, 2))

    def test_an_older_list_does_not_take_its_place(self) -> None:
        self.host.now = "2026-11-24T12:00:01Z"
        self.publisher.publish(edition(19))
        self.assert_update(status=DATA, err=".*list main: rolled back.*\n.*it expired on.*\n")
        self.assertEqual(self.host.policies(), {})

    def test_with_an_expired_list_the_others_still_count(self) -> None:
        self.publisher.publish(edition(20, ["x.test"]), "/group.json")
        group = self.host.main_list(name="group", url=self.publisher.url("/group.json"))
        self.host.configure([self.host.main_list(), group])
        self.assert_update(out="group: .*\n")
        self.host.now = "2026-11-25T00:00:00Z"
        self.assert_update(status=DATA, err=".*/list.json: it expired on .*\n")
        self.assertEqual(sorted(self.host.policies()), ["x.test"])


class KeyRotation(UpdateCase):
    def setUp(self) -> None:
        super().setUp()
        self.old, self.new = self.publisher.key, Key(self.publisher.folder)

    def trust(self, *keys: Key) -> None:
        self.host.configure([self.host.main_list(keys=[key.text for key in keys])])

    def test_while_both_keys_are_configured_either_may_sign(self) -> None:
        self.trust(self.old, self.new)
        self.assert_update(out=".+\n")
        self.publisher.publish(edition(21), key=self.new)
        self.assert_update(out=".+\n")
        self.trust(self.new)
        self.assert_silent()
        self.assertEqual(sorted(self.host.policies()), ABCD)

    def test_a_list_by_a_key_that_is_no_longer_configured_is_not_used_until_a_configured_one_signs(self) -> None:
        self.trust(self.old, self.new)
        self.assert_update(out=".+\n")
        self.trust(self.new)
        for _ in range(2):
            self.publisher.requests()
            self.assert_update(status=DATA, err=".*list main: .*none of the known keys.*\n"
                                                ".*: it was signed by key [0-9A-F]{16}, which is no longer configured; "
                                                "no policy is taken from it\n")
            self.assertNotIn("If-None-Match", self.publisher.requests()[0].headers)
            self.assertEqual((self.host.policies(), self.host.runs()), ({}, 2))
        self.publisher.publish(edition(20), key=self.new)
        self.assert_update(out="main: 0 added, 0 removed, 0 changed; .*\n")
        self.assertEqual((sorted(self.host.policies()), self.host.runs()), (ABCD, 3))
        self.assert_silent()


class OpenPgp(UpdateCase):
    signer: Signer
    stranger: Signer

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.signer, cls.stranger = (Signer(cls.publisher.folder, name) for name in ("signer", "stranger"))
        for signer in (cls.signer, cls.stranger):
            cls.addClassCleanup(signer.end)

    def setUp(self) -> None:
        super().setUp()
        self.key_file = self.host.folder / "keys.asc"
        self.key_file.write_bytes(self.signer.key_file.read_bytes())
        self.list = {"name": "main", "url": self.publisher.url(), "openpgp_key_file": str(self.key_file)}
        self.host.configure([self.list])
        self.publisher.answer(Answer(404), "/list.json.minisig")
        self.publish(edition(20))

    def publish(self, content: bytes, signer: Signer | None = None) -> None:
        self.publisher.publish(content)
        self.publisher.serve("/list.json.asc", (signer or self.signer).sign(content))

    def test_is_verified_and_installed(self) -> None:
        self.assert_update(out="main: 4 added, .*\n")
        self.assertEqual(sorted(self.host.policies()), ABCD)
        self.assertRegex(self.host.map.read_text(), "signature checked, by OpenPGP key [0-9A-F]{40}\n")
        self.assertTrue((self.host.state / "current/main.json.asc").exists())
        self.assert_silent()
        self.publish(edition(21, ABCD[:3]))
        self.assert_update(out="main: 0 added, 1 removed, .*\n")
        self.assert_silent()

    def test_the_same_rules_apply(self) -> None:
        self.assert_update(out=".+\n")
        before = self.host.content()
        for content, signer, reason in ((edition(19), self.signer, "rolled back: .*"),
                                        (edition(20, ["a.test"]), self.signer, ".*its content is another"),
                                        (edition(21, ["a.test"]), self.signer, "it shrank from 4 to 1 domain, .*"),
                                        (edition(21, expires=NOW), self.signer, "it expired on .*"),
                                        (edition(21), self.stranger, f"{self.publisher.url()}: .*key.*")):
            self.publish(content, signer)
            self.assert_update(status=DATA, err=f".*list main: {reason}; the installed edition of .* stays\n")
        self.publish(edition(21))
        self.publisher.serve("/list.json.asc", self.signer.sign(edition(22)))
        self.assert_update(status=DATA, err=f".*list main: {self.publisher.url()}: .*stays\n")
        self.publisher.serve("/list.json.asc", b"<html>", "text/html")
        self.assert_update(status=DATA, err=f".*list main: {self.publisher.url()}: .*stays\n")
        self.assertEqual(self.host.content(), before)

    def test_a_key_that_is_removed_from_the_key_file_no_longer_counts(self) -> None:
        self.assert_update(out=".+\n")
        self.key_file.write_bytes(self.stranger.key_file.read_bytes())
        for _ in range(2):
            self.publisher.requests()
            self.assert_update("-q", status=DATA, err=".*list main: .*\n.*what is installed cannot be verified; "
                                                      "no policy is taken from it\n")
            self.assertEqual(self.publisher.requests()[1].path, "/list.json")
            self.assertEqual((self.host.policies(), self.host.runs()), ({}, 2))
        self.publish(edition(20), self.stranger)
        self.assert_update("-q")
        self.assertEqual((sorted(self.host.policies()), self.host.runs()), (ABCD, 3))
        self.assert_silent()

    def test_a_key_that_is_added_changes_nothing(self) -> None:
        self.assert_update(out=".+\n")
        both = self.signer.gpg("--armor", "--import", self.stranger.key_file) + self.signer.gpg("--armor", "--export")
        self.key_file.write_text(both)
        before = self.host.map.stat().st_mtime_ns
        self.assert_update()
        self.assertEqual((self.host.map.stat().st_mtime_ns, self.host.runs()), (before, 1))
        self.assert_silent()
        self.publish(edition(21), self.stranger)
        self.assert_update(out=".+\n")

    def test_killed_while_gpgv_runs_it_keeps_nothing_for_good(self) -> None:
        gpgv = self.host.folder / "gpgv"
        gpgv.write_text("#!/bin/sh\nkill -KILL $PPID\n")
        gpgv.chmod(0o755)
        self.host.configure([self.list], programs={"gpgv": str(gpgv)})
        for _ in range(2):
            self.assertEqual(self.host.update().returncode, -signal.SIGKILL)
        self.host.configure([self.list])
        self.assert_update(out=".+\n")
        self.assertEqual([path for path in self.host.folder.rglob("openpgp-*")], [])

    def test_without_gpgv(self) -> None:
        self.host.configure([self.list], programs={"gpgv": "/nowhere/gpgv"})
        self.assert_update(status=UNAVAILABLE, err=r".*list main: OpenPGP signatures need the program gpgv \(package "
                                                   r"gpgv\).*\n")


if __name__ == "__main__":
    unittest.main()
