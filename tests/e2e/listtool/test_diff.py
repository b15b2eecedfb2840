#!/usr/bin/python3
"""starttls-listtool diff: two lists or two states, domain by domain.

Run: BUILD_DIR=build/release /usr/bin/python3 tests/e2e/listtool/test_diff.py
Needs the program minisign.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[3]
LISTTOOL = pathlib.Path(os.environ.get("BUILD_DIR", SOURCE / "build/release")).resolve() / "bin/starttls-listtool"
NOW = "2026-11-22T12:00:00Z"

OLD = {
    "a.test": {"mode": "enforce", "mxs": ["mx.a.test"]},
    "b.test": {"mode": "testing", "mxs": ["mx1.b.test", ".mail.b.test"]},
    "c.test": {"mode": "enforce", "mxs": ["mx1.c.test", "mx2.c.test"]},
    "d.test": {"mode": "enforce", "mxs": ["mx.d.test"]},
    "n.test": {"mode": "enforce", "mxs": ["mx.n.test"]},
}
NEW = {
    "aa.test": {"mode": "testing", "mxs": ["mx.aa.test"]},
    "b.test": {"mode": "enforce", "mxs": ["mx1.b.test", ".mail.b.test"]},
    "c.test": {"mode": "enforce", "mxs": ["mx2.c.test", "mx1.c.test"]},
    "d.test": {"mode": "enforce", "mxs": ["mx.d.test", "mx2.d.test"]},
    "n.test": {"mode": "none"},
}
LINES = ("- a.test enforce mx.a.test\n"
         "+ aa.test testing mx.aa.test\n"
         "~ b.test testing mx1.b.test .mail.b.test -> enforce mx1.b.test .mail.b.test\n"
         "~ d.test enforce mx.d.test -> enforce mx.d.test mx2.d.test\n"
         "~ n.test enforce mx.n.test -> none\n")
SUM = "starttls-listtool: 1 added, 1 removed, 3 changed\n"
SAME = "starttls-listtool: 0 added, 0 removed, 0 changed\n"


def minisign(*arguments):
    subprocess.run(["minisign", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="starttls-diff-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.old = self.write_list("old.json", OLD)
        self.new = self.write_list("new.json", NEW)

    def write_list(self, name, policies, **head):
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"timestamp": "2026-11-20T00:00:00Z", "expires": "2026-12-04T00:00:00Z",
                                    "version": "0.1", "author": "Test", **head, "policies": policies}))
        return file

    def write_set(self, state, number, lists, *, signature=".minisig", **links):
        """A set of a state directory, of lists (name to policies and head) in their overlay order, as an update
        installs it, and the links that lead to it."""
        folder = self.folder / state / "sets" / str(number)
        folder.mkdir(parents=True)
        toml = ""
        for name, (policies, head) in lists.items():
            written = json.loads(self.write_list(f"{state}/sets/{number}/{name}.json", policies, **head).read_text())
            toml += (f'[[list]]\nname = "{name}"\nedition = {number}\norigin = "/lists/{name}.json"\n'
                     f'signed_by = "key A809E3FFB11E271C"\nsignature = "{signature}"\netag = ""\nlast_modified = ""\n'
                     f'timestamp = "{written["timestamp"]}"\nexpires = "{written["expires"]}"\n'
                     f'domains = {len(policies)}\n')
        (folder / "set.toml").write_text(toml)
        for link in links.get("linked", ()):
            (self.folder / state / link).symlink_to(f"sets/{number}")
        return folder

    def make_key(self, name="list"):
        minisign("-G", "-W", "-p", self.folder / f"{name}.pub", "-s", self.folder / f"{name}.key")
        return self.folder / f"{name}.pub"

    def sign(self, *files, key="list"):
        for file in files:
            minisign("-S", "-s", self.folder / f"{key}.key", "-m", file, "-x", f"{file}.minisig")

    def diff(self, *arguments, now=NOW):
        environment = {"PATH": os.environ["PATH"], "STARTTLS_TOOLKIT_NOW": now}
        done = subprocess.run([LISTTOOL, "diff", *arguments], env=environment, capture_output=True, timeout=60)
        self.out = done.stdout.decode()
        self.err = done.stderr.decode().replace(str(self.folder) + "/", "")
        return done.returncode

    def assert_refused(self, *words):
        self.assertEqual(self.out, "")
        self.assertEqual(self.err.count("\n"), 1, self.err)
        for word in words:
            self.assertIn(word, self.err)



class Lists(Case):
    def test_each_domain_that_differs_has_a_line(self):
        self.assertEqual(self.diff(self.old, self.new), 1)
        self.assertEqual((self.out, self.err), (LINES, SUM))
        self.assertEqual(self.diff(self.old, self.new, "-q"), 1)
        self.assertEqual((self.out, self.err), (LINES, ""))

    def test_a_list_does_not_differ_from_itself(self):
        self.assertEqual(self.diff(self.old, self.old), 0)
        self.assertEqual((self.out, self.err), ("", SAME))

    def test_the_same_policies_in_another_form_are_the_same(self):
        other = {"N.test.": OLD["n.test"], "c.test": NEW["c.test"]}
        other = self.write_list("other.json", other | {name: OLD[name] for name in ("d.test", "b.test", "a.test")})
        self.assertEqual(self.diff(self.old, other), 0, self.out)

    def test_a_new_head_is_reported_but_is_no_difference(self):
        newer = self.write_list("newer.json", OLD, timestamp="2026-11-22T00:00:00Z", expires="2026-12-06T00:00:00Z",
                                author="Test \x1b[31m")
        self.assertEqual(self.diff(self.old, newer), 0)
        self.assertEqual(self.out, "# list:\n"
                                   "#   timestamp  2026-11-20T00:00:00Z -> 2026-11-22T00:00:00Z\n"
                                   "#   expires    2026-12-04T00:00:00Z -> 2026-12-06T00:00:00Z\n"
                                   "#   author     'Test' -> 'Test \\x1b[31m'\n")
        self.assertEqual(self.err, SAME)

    def test_json(self):
        self.assertEqual(self.diff(self.old, self.new, "--json"), 1)
        head = {"timestamp": "2026-11-20T00:00:00Z", "expires": "2026-12-04T00:00:00Z", "author": "Test",
                "signed_by": None, "domains": 5}
        self.assertEqual(json.loads(self.out), {
            "old": {"path": str(self.old), "lists": [{"name": "old"} | head]},
            "new": {"path": str(self.new), "lists": [{"name": "new"} | head]},
            "added": [{"domain": "aa.test", "mode": "testing", "mx": ["mx.aa.test"]}],
            "removed": [{"domain": "a.test", "mode": "enforce", "mx": ["mx.a.test"]}],
            "changed": [
                {"domain": "b.test", "old": {"mode": "testing", "mx": ["mx1.b.test", ".mail.b.test"]},
                 "new": {"mode": "enforce", "mx": ["mx1.b.test", ".mail.b.test"]}},
                {"domain": "d.test", "old": {"mode": "enforce", "mx": ["mx.d.test"]},
                 "new": {"mode": "enforce", "mx": ["mx.d.test", "mx2.d.test"]}},
                {"domain": "n.test", "old": {"mode": "enforce", "mx": ["mx.n.test"]},
                 "new": {"mode": "none", "mx": []}}]})
        self.assertEqual(self.diff(self.old, self.old, "--json"), 0)
        answer = json.loads(self.out)
        self.assertEqual((answer["added"], answer["removed"], answer["changed"]), ([], [], []))

    def test_an_expired_list_is_compared_with_a_warning(self):
        self.assertEqual(self.diff(self.old, self.new, now="2026-12-05T00:00:00Z"), 1)
        self.assertEqual(self.out, LINES)
        self.assertEqual(self.err, "".join(f"starttls-listtool: warning: {name}.json: it expired on "
                                           "2026-12-04T00:00:00Z; it is compared all the same\n"
                                           for name in ("old", "new")) + SUM)

    def test_two_files_with_the_same_name(self):
        same_name = self.write_list("elsewhere/old.json", NEW)
        self.assertEqual(self.diff(self.old, same_name), 1)
        self.assertEqual(self.out, LINES)

    def test_a_file_that_is_no_list_is_refused(self):
        self.new.write_text("{}")
        self.assertEqual(self.diff(self.old, self.new), 65)
        self.assert_refused("new.json:1:1")
        self.assertEqual(self.diff(self.old, self.folder / "none.json"), 74)
        self.assert_refused("none.json: No such file")

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([LISTTOOL, "diff", self.old, self.new], stdout=full, stderr=subprocess.PIPE,
                                  env={"STARTTLS_TOOLKIT_NOW": NOW}, timeout=60)
        self.assertEqual(done.returncode, 74)
        self.assertIn(b"standard output: No space left", done.stderr)


class Signatures(Case):
    def setUp(self):
        super().setUp()
        self.key = self.make_key()
        self.sign(self.old, self.new)

    def test_with_a_key_both_must_be_signed(self):
        self.assertEqual(self.diff(self.old, self.new, "-p", self.key), 1)
        self.assertEqual((self.out, self.err), (LINES, SUM))
        for file in (self.old, self.new):
            with self.subTest(file.name):
                whole = file.read_bytes()
                file.write_bytes(whole.replace(b"Test", b"test"))
                self.assertEqual(self.diff(self.old, self.new, "-p", self.key), 65)
                self.assert_refused(f"{file.name}", "does not fit")
                file.write_bytes(whole)

    def test_without_a_key_a_warning_is_printed(self):
        self.assertEqual(self.diff(self.old, self.new), 1)
        self.assertEqual(self.err.count("signature not checked"), 2)

    def test_signatures_at_other_places_are_given_for_both(self):
        places = [self.folder / "1.sig", self.folder / "2.sig"]
        for file, place in zip((self.old, self.new), places):
            os.rename(f"{file}.minisig", place)
        self.assertEqual(self.diff(self.old, self.new, "-p", self.key, "--signature", places[0],
                                   "--signature", places[1]), 1, self.err)
        self.assertEqual(self.diff(self.old, self.new, "-p", self.key, "--signature", places[1],
                                   "--signature", places[0]), 65)
        self.assertEqual(self.diff(self.old, self.new, "-p", self.key, "--signature", places[0]), 64)
        self.assert_refused("2 lists but 1 signature")

    def test_another_signer_is_reported(self):
        other = self.make_key("other")
        self.sign(self.new, key="other")
        self.assertEqual(self.diff(self.old, self.new, "-p", self.key, "-p", other), 1)
        self.assertRegex(self.out, r"\A# list:\n#   signed by  key [0-9A-F]{16} -> key [0-9A-F]{16}\n- a\.test ")


class States(Case):
    LOW = {"a.test": {"mode": "enforce", "mxs": ["mx.a.test"]}, "b.test": {"mode": "enforce", "mxs": ["mx.b.test"]}}
    HIGH = {"b.test": {"mode": "testing", "mxs": ["mx.b.test"]}}

    def test_of_a_state_only_effective_policies_count(self):
        other_b = self.LOW | {"b.test": {"mode": "enforce", "mxs": ["other.b.test"]}}
        before = self.write_set("state", 1, {"low": (self.LOW, {}), "high": (self.HIGH, {})})
        after = self.write_set("state", 2, {"low": (other_b, {}), "high": (self.HIGH, {})})
        self.assertEqual(self.diff(before, after), 0)
        self.assertEqual((self.out, self.err), ("", SAME))

    def test_the_previous_set_and_the_current_one(self):
        self.write_set("state", 1, {"gone": (self.LOW, {}), "high": (self.HIGH, {})}, linked=["previous"])
        self.write_set("state", 2, {"high": (self.HIGH, {"timestamp": "2026-11-21T00:00:00Z"}),
                                    "came": ({"c.test": OLD["c.test"]}, {})}, linked=["current"])
        state = self.folder / "state"
        lines = ("# list gone: removed; 2 domains, of 2026-11-20T00:00:00Z, expires 2026-12-04T00:00:00Z\n"
                 "# list high:\n"
                 "#   timestamp  2026-11-20T00:00:00Z -> 2026-11-21T00:00:00Z\n"
                 "# list came: added; 1 domain, of 2026-11-20T00:00:00Z, expires 2026-12-04T00:00:00Z\n"
                 "- a.test enforce mx.a.test\n"
                 "+ c.test enforce mx1.c.test mx2.c.test\n")
        for new in (state, state / "current", state / "sets/2"):
            self.assertEqual(self.diff(state / "previous", new), 1)
            self.assertEqual(self.out, lines)
        self.assertEqual(self.diff(state / "previous", state, "--json"), 1)
        answer = json.loads(self.out)
        self.assertEqual([item["name"] for item in answer["old"]["lists"]], ["gone", "high"])
        self.assertEqual([item["name"] for item in answer["new"]["lists"]], ["high", "came"])
        self.assertEqual(answer["new"]["lists"][0]["signed_by"], "key A809E3FFB11E271C")

    def test_another_order_of_the_lists(self):
        before = self.write_set("state", 1, {"low": (self.LOW, {}), "high": (self.HIGH, {})})
        after = self.write_set("state", 2, {"high": (self.HIGH, {}), "low": (self.LOW, {})})
        self.assertEqual(self.diff(before, after), 1)
        self.assertEqual(self.out, "# order of lists: low, high -> high, low\n"
                                   "~ b.test testing mx.b.test -> enforce mx.b.test\n")

    def test_a_list_against_a_state(self):
        file = self.write_list("low.json", self.LOW)
        self.write_set("state", 1, {"low": (self.LOW, {}), "high": (self.HIGH, {})}, linked=["current"])
        self.assertEqual(self.diff(file, self.folder / "state"), 1)
        self.assertEqual(self.out, "# list high: added; 1 domain, of 2026-11-20T00:00:00Z, expires "
                                   "2026-12-04T00:00:00Z\n"
                                   "~ b.test enforce mx.b.test -> testing mx.b.test\n")

    def test_a_state_without_an_installed_list_is_empty(self):
        (self.folder / "fresh/sets").mkdir(parents=True)
        self.write_set("state", 1, {"high": (self.HIGH, {})}, linked=["current"])
        self.assertEqual(self.diff(self.folder / "fresh", self.folder / "state"), 1)
        self.assertIn("\n+ b.test testing mx.b.test\n", self.out)

    def test_with_a_key_every_list_of_a_state_must_be_signed(self):
        key = self.make_key()
        before = self.write_set("state", 1, {"low": (self.LOW, {})})
        after = self.write_set("state", 2, {"low": (self.LOW, {}), "high": (self.HIGH, {})})
        self.sign(*before.glob("*.json"), *after.glob("*.json"))
        self.assertEqual(self.diff(before, after, "-p", key), 1, self.err)
        self.sign(after / "high.json", key=self.make_key("other").stem)
        self.assertEqual(self.diff(before, after, "-p", key), 65)
        self.assert_refused("high.json", "none of the known keys")
        openpgp = self.write_set("state", 3, {"low": (self.LOW, {})}, signature=".asc")
        self.assertEqual(self.diff(before, openpgp, "-p", key), 65)
        self.assert_refused("low.json", "not one of minisign")
        self.assertEqual(self.diff(before, after, "-p", key, "--signature", "a", "--signature", "b"), 64)

    def test_a_directory_that_is_no_state_is_refused(self):
        (self.folder / "empty").mkdir()
        self.assertEqual(self.diff(self.old, self.folder / "empty"), 65)
        self.assert_refused("empty", "neither a list nor a state directory")
        self.assertEqual(self.diff(self.old, self.folder / "none"), 74)
        damaged = self.write_set("state", 1, {"high": (self.HIGH, {})})
        (damaged / "set.toml").write_text("[[list]]\n")
        self.assertEqual(self.diff(self.old, damaged), 65)
        self.assert_refused("set.toml", "is damaged")


class CommandLine(Case):
    def test_help_shows_an_example(self):
        self.assertEqual(self.diff("--help"), 0)
        self.assertIn("Example:\n  starttls-listtool diff ", self.out)

    def test_two_places_must_be_named(self):
        for arguments in ([], [self.old], [self.old, self.new, self.old], [self.old, "-"], [self.old, ""]):
            self.assertEqual(self.diff(*arguments), 64)


if __name__ == "__main__":
    unittest.main()
