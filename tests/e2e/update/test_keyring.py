"""Lists whose online keys are named by keys.json, which root keys sign: versions, revocation, several signatures."""

import gzip
import json
import shutil
import signal
import unittest

from lab import command, wait
from lab.https import Answer
from lab.process import Process
from lab.program import path_of

from keyring_case import ABCD, STAYS, KeyringCase
from keyrings import EXPIRES, MISSING, KeyedList, online
from publishing import DATA, OK, TEMPORARY, edition


class Versions(KeyringCase):
    def test_a_list_is_installed_by_the_keys_that_its_root_keys_name(self) -> None:
        self.assert_update(out=f"main: version 1 of keys.json, expires {EXPIRES}; key {self.signers[0].id} added\n"
                               "main: 4 added, .*\n")
        self.assertEqual(sorted(self.host.policies()), ABCD)
        self.assertIn(f"signature checked, by key {self.signers[0].id}\n", self.host.map.read_text())
        self.assert_silent()
        self.assertEqual(self.host.tool("lookup", "a.test").returncode, OK)

    def test_each_file_is_verified_by_minisign_alone(self) -> None:
        self.install()
        folder = self.host.state / "current"
        command.run("minisign", "-V", "-m", folder / "main.json", "-P", self.signers[0].text)

    def test_only_new_versions_are_fetched(self) -> None:
        self.install()
        self.assert_silent()
        self.assertEqual([request.path for request in self.publisher.requests()],
                         [self.list.path("keys.2.json"), self.list.path("list.json")])

    def test_an_online_key_is_replaced(self) -> None:
        self.install()
        old, new, _ = self.signers
        self.list.keys(2, signing=online(old, new))
        self.assert_update(out=f"main: version 2 of keys.json, expires {EXPIRES}; key {new.id} added\n")
        self.assert_silent()
        self.list.publish(edition(21), new)
        self.assert_update(out="main: 0 added, .*\n")
        self.list.keys(3, signing=online(new))
        self.assert_update(out=f"main: version 3 of keys.json, expires {EXPIRES}; key {old.id} revoked\n")
        self.assert_silent()
        self.assertEqual(sorted(self.host.policies()), ABCD)

    def test_json_says_which_keys_changed(self) -> None:
        self.install()
        self.list.keys(2, signing=online(self.signers[1]))
        self.list.publish(edition(21), self.signers[1])
        done = self.host.update("--json")
        self.assertEqual(json.loads(done.stdout)["lists"][0]["keys"], {
            "version": 2, "expires": EXPIRES, "added": [self.signers[1].id], "revoked": [self.signers[0].id]})

    def test_a_revoked_key_no_longer_counts_from_the_next_update_on(self) -> None:
        self.install()
        old, new, _ = self.signers
        self.list.keys(2, signing=online(new))
        unusable = (f".*: it was signed by key {old.id}, which is not enough for version 2 of keys.json; "
                    "no policy is taken from it\n")
        for _ in range(2):
            self.assert_update("-q", status=DATA, err=".*list main: .*: signed by 0 of 1 key, of which 1 must sign; "
                                                      f"version 2 of keys.json does not name key {old.id}.*\n"
                                                      + unusable)
            self.assertEqual(self.host.policies(), {})
        self.list.publish(edition(20), new)
        self.assert_update("-q")
        self.assertEqual(sorted(self.host.policies()), ABCD)
        self.assert_silent()

    def test_a_revoked_key_no_longer_counts_although_the_list_cannot_be_fetched(self) -> None:
        self.install()
        self.list.keys(2, signing=online(self.signers[1]))
        self.list.answer("list.json", Answer(503))
        self.assert_update("-q", status=DATA, err=".*not enough for version 2 of keys.json.*\n")
        self.assertEqual(self.host.policies(), {})

    def test_what_a_revoked_key_has_signed_keeps_no_later_edition_out(self) -> None:
        self.install()
        old, new, _ = self.signers
        real = self.list.edition, self.list.hash
        self.list.publish(edition(21, ["evil.test", *ABCD]), old, number=900_000)
        self.assert_update("-q")
        self.list.edition, self.list.hash = real
        self.list.keys(2, signing=online(new))
        self.list.publish(edition(22), new)
        self.assert_update("-q")
        self.assertEqual(sorted(self.host.policies()), ABCD)

    def test_root_keys_are_replaced_by_enough_of_the_old_and_of_the_new_ones(self) -> None:
        self.install()
        a, b, c, d = self.roots
        for by, reason in (((a, b), "its own root keys: signed by 1 of 3 keys, of which 2 must sign"),
                           ((c, d), "the root keys of version 1: signed by 1 of 3 keys, of which 2 must sign")):
            with self.subTest(reason):
                self.list.keys(2, roots=(b, c, d), by=by)
                self.assert_nothing_changes(rf"keys\.2\.json: {reason}")
                for key in by:
                    self.list.answer(f"keys.2.json.{key.id}.minisig", MISSING)
        self.list.keys(2, roots=(b, c, d), by=(b, c))
        self.assert_update(out=f"main: version 2 of keys.json, expires {EXPIRES}\n")
        self.list.keys(3, roots=(b, c, d), by=(c, d))
        self.assert_update(out=f"main: version 3 of keys.json, expires {EXPIRES}\n")
        # Who begins now goes the same way from the first version on.
        shutil.rmtree(self.host.state)
        self.assert_update("-q")
        self.assertEqual(self.trusted_version(), 3)

    def test_several_versions_are_accepted_at_once(self) -> None:
        self.install()
        for version in range(2, 6):
            self.list.keys(version, signing=online(self.signers[version % 2]))
        self.list.publish(edition(21), self.signers[1])
        self.assert_update(out=f"main: version 5 of keys.json, expires {EXPIRES}; key {self.signers[1].id} added; "
                               f"key {self.signers[0].id} revoked\nmain: 0 added, .*\n")
        self.assertEqual(self.trusted_version(), 5)

    def test_what_was_accepted_before_an_error_is_kept(self) -> None:
        self.install()
        self.list.keys(2, signing=online(*self.signers[:2]))
        self.list.keys(3, by=self.roots[:1])
        self.assert_update("-q", status=DATA,
                           err=rf".*keys\.3\.json: the root keys of version 2: signed by 1 .*{STAYS}")
        self.assertEqual(self.trusted_version(), 2)

    def test_an_update_takes_256_versions_and_the_next_one_goes_on(self) -> None:
        root = self.roots[:1]
        self.host.configure([self.list.settings(root_keys=[root[0].text], threshold=1)])
        for version in range(1, 259):
            self.list.keys(version, roots=root, root_threshold=1, by=root)
        self.list.withdraw_keys(2)
        self.install()
        self.list.keys(2, roots=root, root_threshold=1, by=root)
        self.assert_update("-q", status=DATA, err=rf".*there are more than 256 new versions of keys\.json{STAYS}")
        self.assertEqual(self.trusted_version(), 257)
        self.assert_update("-q")
        self.assertEqual(self.trusted_version(), 258)

    def test_an_unreachable_server_is_a_temporary_failure(self) -> None:
        self.install()
        self.list.answer("keys.2.json", Answer(503))
        before = self.host.stamps()
        self.assert_update("-q", status=TEMPORARY)
        self.assertEqual(self.host.stamps(), before)
        self.assert_update(status=TEMPORARY, err=r".*warning: list main: .*keys\.2\.json: .*status 503.*\n")

    def test_other_root_keys_in_the_configuration_begin_anew(self) -> None:
        self.install()
        self.list.keys(2)
        self.assert_update("-q")
        self.host.configure([self.list.settings(root_keys=[key.text for key in self.roots[:2]])])
        self.assertIn("with other root keys", self.host.tool("lookup", "a.test").stderr +
                      self.host.tool("lookup", "a.test").stdout)
        self.assert_update("-q")
        self.assertEqual(sorted(self.host.policies()), ABCD)
        self.host.configure([self.list.settings(root_keys=[key.text for key in self.roots[2:]])])
        self.assert_update("-q", status=DATA, err=".*the configured root keys: signed by 0 of 2 keys.*\n"
                                                  ".*with other root keys.*\n")
        self.assertEqual(self.host.policies(), {})

    def test_configured_keys_and_root_keys_replace_each_other(self) -> None:
        self.install()
        keys = {"name": "main", "url": self.publisher.url(self.list.path("list.json")), "keys": [self.signers[0].text]}
        self.host.configure([keys])
        self.assert_update("-q")
        self.assertNotIn("keys", self.facts())
        self.host.configure([self.list.settings()])
        self.assert_update("-q")
        self.assertEqual(self.trusted_version(), 1)
        self.assertEqual(sorted(self.host.policies()), ABCD)

    def test_the_publisher_may_have_another_name_for_the_list(self) -> None:
        self.host.configure([self.list.settings(name="local")])
        self.assert_update("-q", status=DATA, err=".*list local: .*: it is of the list 'main', not 'local'\n")
        self.host.configure([self.list.settings(name="local", list_name="main")])
        self.assert_update("-q")

    def test_from_30_days_before_keys_json_expires_there_is_a_warning(self) -> None:
        self.list.keys(1, expires="2026-12-22T12:00:00Z")
        self.install()
        self.host.now = "2026-11-22T12:00:01Z"
        self.assert_update("-q", err=r"starttls-listtool: warning: list main: its keys\.json, version 1, expires on "
                                     "2026-12-22T12:00:00Z, and there is no newer one; then the list is no longer "
                                     "updated\n")
        self.list.keys(2)
        self.assert_update("-q")


class SeveralSignatures(KeyringCase):
    def test_as_many_online_keys_as_keys_json_says_must_sign(self) -> None:
        a, b, c = self.signers
        self.list.keys(1, signing=online(a, b, c), threshold=2)
        self.assert_nothing_installed("signed by 1 of 3 keys, of which 2 must sign")
        self.list.publish(edition(20), a, c)
        self.assert_update(out="main: version 1 .*\nmain: 4 added, .*\n")
        self.assertIn(f"signature checked, by key {a.id}, key {c.id}\n", self.host.map.read_text())
        self.assertEqual((self.host.state / f"current/main.json.{c.id}.minisig").read_bytes().count(b"\n"), 4)
        self.assert_silent()
        # What is kept is verified with all of its signatures when a map is made again.
        self.host.configure([self.list.settings()], outputs=[self.host.texthash(early_adopter=True)])
        self.assert_update("-q")
        (self.host.state / f"current/main.json.{c.id}.minisig").write_bytes(a.sign(edition(20)))
        self.host.configure([self.list.settings()], outputs=[self.host.texthash()])
        self.assert_update(err=".*what is installed cannot be verified, and is fetched again: .*\n",
                           out="main: 0 added, .*\n")
        self.assertEqual(sorted(self.host.policies()), ABCD)

    def test_one_key_twice_is_one(self) -> None:
        a, b, _ = self.signers
        self.list.keys(1, signing=online(a, b), threshold=2)
        self.list.put(f"list.json.{b.id}.minisig", (self.signers[0].sign(
            edition(20), "-t", self.list.comment(number=1, previous="none"))))
        self.assert_nothing_installed("signed by 1 of 2 keys, of which 2 must sign")

    def test_a_higher_threshold_counts_at_once(self) -> None:
        a, b, _ = self.signers
        self.install()
        self.list.keys(2, signing=online(a, b), threshold=2)
        self.assert_update("-q", status=DATA, err=".*signed by 1 of 2 keys, of which 2 must sign.*\n"
                                                  ".*not enough for version 2 of keys.json.*\n")
        self.list.publish(edition(20), a, b, number=1, previous="none")
        self.assert_update("-q")
        self.assertEqual(sorted(self.host.policies()), ABCD)
        self.assert_silent()

    def test_signatures_of_different_editions(self) -> None:
        a, b, _ = self.signers
        self.list.keys(1, signing=online(a, b), threshold=2)
        self.list.publish(edition(20), a, b)
        self.list.put(f"list.json.{b.id}.minisig",
                      b.sign(edition(20), "-t", self.list.comment(number=7, previous="0" * 128)))
        self.assert_nothing_installed("its signatures are of different editions")

    def test_configured_keys_can_be_demanded_to_sign_together(self) -> None:
        a, b, c = self.signers
        content = edition(20)
        settings = {"name": "main", "url": self.publisher.url(self.list.path("list.json")),
                    "keys": [a.text, b.text, c.text], "signatures": 2}
        self.host.configure([settings])
        self.assert_nothing_installed("signed by 1 of 3 keys, of which 2 must sign")
        self.list.put("list.json.minisig", a.sign(content))
        self.list.put(f"list.json.{c.id}.minisig", c.sign(content))
        self.assert_update("-q")
        self.assert_silent()
        self.host.configure([settings | {"signatures": 3}])
        self.assert_update("-q", status=DATA, err=".*signed by 2 of 3 keys, of which 3 must sign.*\n.*not enough; .*\n")
        self.assertEqual(self.host.policies(), {})

    def test_a_configured_key_may_demand_more_than_keys_json(self) -> None:
        a, b, _ = self.signers
        self.list.keys(1, signing=online(a, b))
        self.host.configure([self.list.settings(signatures=2)])
        self.assert_nothing_installed("signed by 1 of 2 keys, of which 2 must sign")
        self.list.publish(edition(20), a, b)
        self.assert_update("-q")


class Places(KeyringCase):
    def test_a_list_may_come_with_gzip(self) -> None:
        self.list.answer("list.json", Answer(headers={"Content-Encoding": "gzip"}, body=gzip.compress(edition(20))))
        self.install()
        self.assertEqual(self.installed(), edition(20))
        self.assertNotIn("Accept-Encoding", self.host_request("keys.2.json"))
        self.assertEqual(self.host_request("list.json")["Accept-Encoding"], "gzip")

    def host_request(self, file: str) -> dict[str, str]:
        """The fields of an update's request for that file."""
        self.publisher.requests()
        self.assert_update("-q")
        return next(request.headers for request in self.publisher.requests() if request.path == self.list.path(file))

    def test_a_gzip_bomb_is_refused_as_any_large_list(self) -> None:
        self.install()
        self.host.configure([self.list.settings()], fetch={"max_size": 1_000_000})
        bomb = gzip.compress(bytes(100_000_000))
        self.assertLess(len(bomb), 1_000_000)
        self.list.answer("list.json", Answer(headers={"Content-Encoding": "gzip"}, body=bomb))
        self.assert_nothing_changes("larger than the limit of 1000000 bytes")

    def test_keys_lie_beside_a_local_list(self) -> None:
        folder = self.lab.new_folder("local")
        self.list = KeyedList(self.publisher, self.roots, self.signers, folder=folder)
        a, b, _ = self.signers
        self.host.configure([self.list.settings()])
        self.list.publish(edition(20))
        self.assert_update("-q", status=DATA, err=r".*list main: .*/keys\.1\.json: there is no such file, .*\n")
        self.list.keys(1)
        self.install()
        self.assert_silent()
        self.list.keys(2, signing=online(a, b), threshold=2)
        self.list.publish(edition(21), b, a)
        self.assert_update(out="main: version 2 .*\nmain: 0 added, .*\n")
        self.assert_silent()


class Kill(KeyringCase):
    def test_killed_at_any_moment_the_keys_and_the_list_are_both_old_or_both_new(self) -> None:
        self.install()
        before = self.lab.new_folder("before") / "state"
        shutil.copytree(self.host.state, before, symlinks=True)
        self.list.keys(2, signing=online(self.signers[1]))
        self.list.publish(edition(21), self.signers[1])
        seen = set()
        for number in range(1, 60):
            shutil.rmtree(self.host.state)
            shutil.copytree(before, self.host.state, symlinks=True)
            killed = self.killed_at_change(number)
            facts = self.facts()
            seen.add((self.trusted_version(), facts["timestamp"][:10], facts["signed_by"]))
            if not killed:
                break
            self.assert_update("-q")
            self.assertEqual(self.trusted_version(), 2)
        self.assertEqual(seen, {(1, "2026-11-20", f"key {self.signers[0].id}"),
                                (2, "2026-11-21", f"key {self.signers[1].id}")})

    def killed_at_change(self, number: int) -> bool:
        """Kill an update after so many changes of files; whether it was still running."""
        output = self.lab.new_folder("output")
        with wait.Changes([self.host.state, self.host.state / "sets", self.host.maps]) as changes:
            process = Process([path_of("starttls-listtool"), "-c", self.host.configuration, "-q", "update"],
                              folder=output, lab_folder=self.lab.folder, environment=self.host.environment())
            changes.wait(number, process.popen)
            process.signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


if __name__ == "__main__":
    unittest.main()
