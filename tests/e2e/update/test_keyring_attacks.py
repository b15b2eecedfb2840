"""Every attack on a list with root keys is refused with its reason, and changes nothing."""

import itertools
import unittest

from lab.https import Answer

from keyring_case import ABCD, STAYS, KeyringCase
from keyrings import EXPIRES, MISSING, online
from publishing import DATA, OK, edition

ENDLESS = Answer(chunks=itertools.repeat(b"x" * 100_000))


class Attacks(KeyringCase):
    def test_a_replayed_list(self) -> None:
        old = edition(20)
        self.list.publish(edition(21))
        self.install()
        self.list.publish(old, number=1, previous="none")
        self.assert_nothing_changes("rolled back: it is edition 1, and edition 2 was installed before")

    def test_replayed_keys(self) -> None:
        self.list.keys(2)
        self.install()
        self.list.put_keys(3, self.list.keys_json(2), self.roots[:2])
        self.assert_nothing_changes(r"keys\.3\.json: it is version 2, where version 3 must follow")
        self.list.withdraw_keys(3)
        self.list.withdraw_keys(2)
        self.assert_silent()
        self.assertEqual(self.trusted_version(), 2)

    def test_keys_are_not_rolled_back_for_a_list_that_was_removed_in_between(self) -> None:
        self.list.keys(2)
        self.install()
        self.host.configure([self.host.main_list(name="other")])
        self.assert_update("-q")
        self.host.configure([self.list.settings()])
        self.list.withdraw_keys(2)
        self.assert_update("-q", status=DATA, err=r".*list main: keys\.json, version 1: rolled back: version 1 is the "
                                                  "newest, and version 2 was accepted before\n")
        self.list.keys(2)
        self.assert_update("-q")

    def test_another_version_than_the_first(self) -> None:
        self.list.put_keys(1, self.list.keys_json(2), self.roots[:2])
        self.assert_nothing_installed(r"keys\.1\.json: it is version 2, where version 1 must be")

    def test_an_online_key_before_and_after_its_time(self) -> None:
        key = self.signers[0]
        for start, end in (("2026-11-22T12:00:01Z", "2027-01-01T00:00:00Z"),
                           ("2026-11-01T00:00:00Z", "2026-11-22T12:00:00Z")):
            with self.subTest(start):
                self.list.keys(1, signing=online(key, start=start, end=end))
                self.assert_nothing_installed(f"signed by 0 of 0 keys, of which 1 must sign; key {key.id} may sign "
                                              f"from {start} until {end} only")

    def test_a_list_that_was_installed_in_time_stays_when_its_key_ends(self) -> None:
        self.list.keys(1, signing=online(self.signers[0], end="2026-11-23T00:00:00Z"))
        self.install()
        self.host.now = "2026-11-24T00:00:00Z"
        self.assert_nothing_changes("signed by 0 of 0 keys.* only")
        self.assertEqual(sorted(self.host.policies()), ABCD)

    def test_one_signature_too_few(self) -> None:
        self.list.answer(f"keys.1.json.{self.roots[1].id}.minisig", MISSING)
        self.assert_nothing_installed(r"keys\.1\.json: the configured root keys: signed by 1 of 3 keys, of which 2 "
                                      "must sign")

    def test_one_root_key_twice(self) -> None:
        again = self.roots[0].sign(self.list.keys_json(1))
        self.list.put(f"keys.1.json.{self.roots[1].id}.minisig", again)
        self.assert_nothing_installed("signed by 1 of 3 keys, of which 2 must sign")

    def test_keys_that_were_changed_after_they_were_signed(self) -> None:
        self.list.put("keys.1.json", self.list.keys_json(1, signing=online(self.signers[2])))
        self.assert_nothing_installed("signed by 0 of 3 keys, of which 2 must sign")

    def test_files_of_another_list(self) -> None:
        self.install()
        self.list.publish(edition(21), name="other")
        self.assert_nothing_changes("it was signed as the list 'other', not 'main'.*")
        self.list.keys(2, name="other")
        self.assert_nothing_changes(r"keys\.2\.json: it is of the list 'other', not 'main'")

    def test_a_fork(self) -> None:
        self.list.publish(edition(21))
        self.install()
        self.list.publish(edition(22, ABCD[:3]), number=2)
        self.assert_nothing_changes("fork: another edition 2 was installed before")
        self.list.publish(edition(23), number=3, previous="0" * 128)
        self.assert_nothing_changes("fork: it is edition 3, which follows another edition 2 than the installed one")

    def test_a_gap_is_no_fault(self) -> None:
        self.install()
        self.list.publish(edition(21), number=5, previous="0" * 128)
        done = self.host.update("-v")
        self.assertEqual(done.returncode, OK)
        self.assertIn("list main: edition 5 follows edition 1 here: 3 editions in between were not seen\n", done.stderr)

    def test_a_fast_forward(self) -> None:
        self.install()
        self.list.publish(edition(21), number=1_000_002)
        self.assert_nothing_changes("it is edition 1000002, more than 1000000 after edition 1, .*")
        self.list.publish(edition(21), number=2, time="2026-11-23T12:00:01Z")
        self.assert_nothing_changes("it was signed at 2026-11-23T12:00:01Z, which is more than 24 hours ahead of the "
                                    "clock")

    def test_a_list_that_does_not_say_which_edition_it_is(self) -> None:
        self.list.put("list.json.minisig", self.signers[0].sign(edition(20)))
        self.assert_nothing_installed("its signature does not say which edition it is, which a list with 'root_keys' "
                                      "must do")

    def test_truncated_files(self) -> None:
        self.install()
        self.list.keys(2)
        content, signature = self.list.keys_json(2), self.roots[0].sign(self.list.keys_json(2))
        for file, body, reason in (
                ("keys.2.json", content[:-20], r"keys\.2\.json: at byte .*"),
                ("keys.2.json", b"", r"keys\.2\.json: at byte 0: .*"),
                (f"keys.2.json.{self.roots[0].id}.minisig", signature[:-100], r"\.minisig: it ends before .*")):
            with self.subTest(file):
                self.list.keys(2)
                self.list.put(file, body)
                self.assert_nothing_changes(reason)
        self.list.withdraw_keys(2)
        self.list.publish(edition(21))
        self.list.put("list.json", edition(21)[:-20])
        self.assert_nothing_changes("the signature by key .* does not fit: .*")

    def test_files_without_end(self) -> None:
        self.install()
        for file, limit in (("keys.2.json", 65536), (f"keys.2.json.{self.roots[0].id}.minisig", 16384),
                            ("list.json", 1_000_000), ("list.json.minisig", 16384)):
            with self.subTest(file):
                self.host.configure([self.list.settings()], fetch={"max_size": 1_000_000})
                if file.startswith("keys"):
                    self.list.keys(2)
                else:
                    self.list.withdraw_keys(2)
                    self.list.publish(edition(21))
                for answer in (ENDLESS, Answer(headers={"Content-Length": str(2 << 30)}, body=b"x" * 1000, hold=True)):
                    self.list.answer(file, answer)
                    self.assert_nothing_changes(f"larger than the limit of {limit} bytes")

    def test_a_clock_that_is_wrong(self) -> None:
        self.host.now = "2025-11-22T12:00:00Z"
        self.assert_nothing_installed(r"keys\.json, version 1: it is from the future: of 2026-11-20T00:00:00Z")
        self.host.now = "2026-11-22T12:00:00Z"
        self.install()
        for now, reason in (("2025-11-22T12:00:00Z", "it is from the future: of .*"),
                            (EXPIRES, f"it expired at {EXPIRES}")):
            self.host.now = now
            before = self.facts()
            self.assertEqual(self.host.update("-q").returncode, DATA)
            self.assertRegex(self.host.update("-q").stderr, rf"list main: keys\.json, version 1: {reason}{STAYS}")
            self.assertEqual(self.facts(), before)

    def test_expired_keys_install_nothing_and_take_nothing_away(self) -> None:
        self.list.keys(1, expires="2026-11-24T00:00:00Z")
        self.assertEqual(self.host.update("-q").returncode, OK)
        self.list.publish(edition(21, [*ABCD, "new.test"]))
        self.host.now = "2026-11-24T00:00:00Z"
        self.assert_nothing_changes(r"keys\.json, version 1: it expired at 2026-11-24T00:00:00Z")
        self.assertEqual(sorted(self.host.policies()), ABCD)
        self.list.keys(2)
        self.assert_update("-q")
        self.assertEqual(sorted(self.host.policies()), [*ABCD, "new.test"])


if __name__ == "__main__":
    unittest.main()
