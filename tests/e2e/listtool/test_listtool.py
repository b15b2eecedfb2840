#!/usr/bin/python3
"""starttls-listtool as an administrator types it: real files, real minisign, real postmap.

Run: BUILD_DIR=build/release /usr/bin/python3 tests/e2e/listtool/test_listtool.py
Needs the programs minisign, postmap and postconf (packages minisign, postfix, postfix-cdb, postfix-lmdb).
"""

import copy
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

LIST = {
    "timestamp": "2026-11-20T00:00:00Z",
    "expires": "2026-12-04T00:00:00Z",
    "version": "0.1",
    "author": "Test",
    "policy-aliases": {"host": {"mode": "enforce", "mxs": ["mx.host.test"]}},
    "policies": {
        "b.test": {"mode": "enforce", "mxs": ["mx1.b.test", "mx2.b.test", ".mail.b.test"]},
        "a.test": {"policy-alias": "host"},
        "t.test": {"mode": "testing", "mxs": ["mx.t.test"]},
    },
}
MAP_OF_A = "secure match=mx.host.test servername=hostname"
MAP_OF_B = "secure match=mx1.b.test:mx2.b.test:.mail.b.test servername=hostname"
OLD_MAP = "# the map of yesterday\nold.test secure match=mx.old.test servername=hostname\n"


def run(*command, env=None, stdin=None):
    return subprocess.run([str(part) for part in command], env=env, input=stdin, capture_output=True, timeout=60)


def minisign(*arguments):
    subprocess.run(["minisign", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="starttls-listtool-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.key = self.folder / "list.pub"
        self.secret = self.folder / "list.key"
        minisign("-G", "-W", "-p", self.key, "-s", self.secret)
        self.list = self.folder / "list.json"
        self.signature = self.folder / "list.json.minisig"
        self.map = self.folder / "tls_policy"
        self.write_list(LIST)

    def write_list(self, content, path=None):
        path = path or self.list
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        self.sign(path)

    def sign(self, path, *extra, comment="trusted words"):
        minisign("-S", "-s", self.secret, "-m", path, "-x", str(path) + ".minisig", "-t", comment, *extra)

    def tool(self, *arguments, now=NOW, stdin=None):
        environment = {"PATH": os.environ["PATH"], "STARTTLS_TOOLKIT_NOW": now}
        done = run(LISTTOOL, *arguments, env=environment, stdin=stdin)
        self.out = done.stdout.decode()
        self.err = done.stderr.decode()
        return done.returncode

    def generate(self, *extra, **how):
        output = [] if "-o" in extra else ["-o", self.map]
        return self.tool("generate", "postfix", "--list", self.list, "-p", self.key, *output, *extra, **how)

    def assert_one_sentence(self, *words):
        self.assertEqual(self.err.count("\n"), 1, self.err)
        self.assertTrue(self.err.startswith("starttls-listtool: "), self.err)
        for word in words:
            self.assertIn(word, self.err)

    def assert_refused(self, *words, **how):
        """generate exits with 65 and one line of reason, and the old map is unchanged."""
        self.map.write_text(OLD_MAP)
        before = os.stat(self.map)
        self.assertEqual(self.generate(**how), 65, self.err)
        self.assert_one_sentence(*words)
        self.assertEqual(self.out, "")
        self.assertEqual(self.map.read_text(), OLD_MAP)
        after = os.stat(self.map)
        self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))
        self.assertEqual([name for name in os.listdir(self.folder) if "draft" in name], [])


class BadInput(Case):
    def test_flipped_bit(self):
        content = bytearray(self.list.read_bytes())
        content[len(content) // 2] ^= 0x01
        self.list.write_bytes(content)
        self.assert_refused("list.json", "does not fit")
        self.assertEqual(self.tool("verify", self.list, "-p", self.key), 65)
        self.assert_one_sentence("does not fit")
        self.assertEqual(self.out, "")

    def test_wrong_key(self):
        other = self.folder / "other.pub"
        minisign("-G", "-W", "-p", other, "-s", self.folder / "other.key")
        self.key, own = other, self.key
        self.assert_refused("none of the known keys")
        self.assertEqual(self.tool("verify", self.list, "-p", self.key), 65)
        self.assertEqual(self.tool("verify", self.list, "-p", self.key, "-p", own), 0)

    def test_swapped_trusted_comment(self):
        text = self.signature.read_text()
        self.signature.write_text(text.replace("trusted words", "trusted wordz"))
        self.assert_refused("trusted comment")
        self.assertEqual(self.tool("verify", self.list, "-p", self.key), 65)

    def test_legacy_signature(self):
        self.sign(self.list, "-l")
        self.assert_refused("legacy")
        self.assertEqual(self.tool("verify", self.list, "-p", self.key), 65)
        self.assertEqual(self.tool("verify", self.list, "-p", self.key, "--allow-legacy"), 0, self.err)
        self.assertEqual(self.generate("--allow-legacy"), 0, self.err)

    def test_truncated_file(self):
        self.write_list(json.dumps(LIST)[:-20])
        self.assert_refused("too early")
        whole = self.list.read_bytes()
        self.list.write_bytes(whole[:-5])
        self.assert_refused("does not fit")

    def test_truncated_signature(self):
        self.signature.write_bytes(self.signature.read_bytes()[:-30])
        self.assert_refused("no minisign signature")

    def test_no_signature(self):
        self.signature.unlink()
        self.assert_refused("no signature can be read", "list.json.minisig")
        self.assertEqual(self.tool("verify", self.list, "-p", self.key), 65)

    def test_deep_nesting(self):
        self.write_list('{"x":' + "[" * 200 + "]" * 200 + "}")
        self.assert_refused("list.json:1:", "nested deeper")

    def test_two_gibibytes(self):
        with open(self.list, "wb") as file:
            file.truncate(2 << 30)
        self.assert_refused("larger than the limit")
        self.assertEqual(self.tool("lint", "list", self.list), 65)
        with open(self.signature, "wb") as file:
            file.truncate(2 << 30)
        self.assertEqual(self.tool("verify", self.map, "--signature", self.signature, "-p", self.key), 65)
        self.assert_one_sentence("larger than the limit")

    def test_not_a_list(self):
        for content in ("", "[]", "<html></html>", '{"version": "0.1"}', "\0"):
            with self.subTest(content):
                self.write_list(content)
                self.assert_refused("list.json:1:")

    def test_far_future(self):
        self.assert_refused("ahead of the clock", now="2026-11-18T23:59:59Z")

    def test_no_policy_that_is_valid(self):
        self.write_list(dict(LIST, policies={"a.test": {"mode": "enforce", "mxs": ["*.a.test"]}}))
        self.assert_refused("list.json:", "none of its policies stands")
        self.assertEqual(self.tool("lint", "list", self.list), 65)

    def test_wrong_order_of_times(self):
        self.write_list(dict(LIST, expires=LIST["timestamp"]))
        self.assert_refused("not later than")

    def test_one_bad_list_of_two(self):
        second = self.folder / "second.json"
        second.write_text(json.dumps(LIST))
        self.map.write_text(OLD_MAP)
        self.assertEqual(self.generate("--list", second), 65)
        self.assert_one_sentence("second.json.minisig")
        self.assertEqual(self.map.read_text(), OLD_MAP)

    def test_unreadable_places(self):
        self.assertEqual(self.tool("generate", "postfix", "--list", self.folder / "none.json"), 74)
        self.assert_one_sentence("none.json: No such file")
        self.map = self.folder / "no/such/map"
        self.assertEqual(self.generate(), 73)
        self.assert_one_sentence("no/such/map")

    def test_bad_keys(self):
        self.assertEqual(self.tool("verify", self.list, "-P", "RWQnonsense"), 64)
        self.key.write_text("untrusted comment: x\n")
        self.assertEqual(self.tool("verify", self.list, "-p", self.key), 65)


class Verify(Case):
    def test_prints_the_trusted_comment_and_nothing_else(self):
        self.assertEqual(self.tool("verify", self.list, "-p", self.key), 0)
        self.assertEqual((self.out, self.err), ("trusted words\n", ""))
        text = self.key.read_text().splitlines()[1]
        self.assertEqual(self.tool("verify", self.list, "-P", text), 0)

    def test_escapes_what_a_terminal_would_interpret(self):
        self.sign(self.list, comment="\x1b[2Jhello\u202e")
        self.assertEqual(self.tool("verify", self.list, "-p", self.key), 0)
        self.assertEqual(self.out, "\\x1b[2Jhello\\u{202e}\n")

    def test_json(self):
        self.assertEqual(self.tool("--json", "verify", self.list, "-p", self.key), 0)
        answer = json.loads(self.out)
        self.assertEqual((answer["verified"], answer["trusted_comment"], answer["legacy"]),
                         (True, "trusted words", False))
        self.list.write_text("other")
        self.assertEqual(self.tool("verify", self.list, "-p", self.key, "--json"), 65)
        self.assertFalse(json.loads(self.out)["verified"])

    def test_a_missing_file_is_reported_before_its_signature(self):
        self.assertEqual(self.tool("verify", self.folder / "lsit.json", "-p", self.key), 74)
        self.assert_one_sentence("lsit.json: No such file")

    def test_a_signature_at_another_place(self):
        elsewhere = self.folder / "elsewhere"
        self.signature.rename(elsewhere)
        self.assertEqual(self.tool("verify", self.list, "-p", self.key, "--signature", elsewhere), 0)


class Lint(Case):
    def faulty(self):
        content = copy.deepcopy(LIST)
        content["policies"]["x.test"] = {"mode": "enforce", "mxs": []}
        content["policies"]["y.test"] = {"policy-alias": "gone"}
        return content

    def test_clean(self):
        self.assertEqual(self.tool("lint", "list", self.list), 0)
        self.assertEqual(self.out, "")
        self.assertIn("3 domains can be used (2 enforce, 1 testing, 0 none)", self.err)
        self.assertEqual(self.tool("-q", "lint", "list", self.list), 0)
        self.assertEqual(self.err, "")

    def test_stdin_and_json(self):
        self.assertEqual(self.tool("lint", "list", "-", "--json", stdin=json.dumps(self.faulty()).encode()), 1)
        answer = json.loads(self.out)
        self.assertEqual((answer["readable"], answer["domains"], len(answer["findings"])), (True, 3, 2))
        self.assertEqual(answer["findings"][0]["entry"], "x.test")

    def test_no_list_at_all(self):
        self.assertEqual(self.tool("lint", "list", "-", stdin=b'{"policies":\n x}'), 65)
        self.assertEqual(self.out, "standard input:2:2: refused: no JSON: Invalid value.\n")

    def test_a_list_that_expires_soon(self):
        self.assertEqual(self.tool("lint", "list", self.list, now="2026-12-03T00:00:00Z"), 1)
        self.assertIn("list.json:3:2: fault: it expires on", self.out)
        self.assertEqual(self.tool("lint", "list", self.list, now="2027-12-03T00:00:00Z"), 1)
        self.assertIn("list.json:3:2: fault: it expired on", self.out)


class Generate(Case):
    def lines(self):
        return [line for line in self.map.read_text().splitlines() if not line.startswith("#")]

    def test_the_map(self):
        self.assertEqual(self.generate(), 0, self.err)
        self.assertEqual((self.out, self.err), ("", ""))
        self.assertEqual(self.lines(), ["a.test " + MAP_OF_A, "b.test " + MAP_OF_B])
        text = self.map.read_text()
        self.assertIn("# t.test testing match=mx.t.test\n", text)
        for words in ("List list:", "of 2026-11-20T00:00:00Z", "expires 2026-12-04T00:00:00Z", "signature checked",
                      "starttls-listtool 0."):
            self.assertIn(words, text)
        self.assertEqual(self.map.stat().st_mode & 0o777, 0o644)

    def test_without_a_key_a_warning_is_printed(self):
        self.assertEqual(self.tool("generate", "postfix", "--list", self.list), 0)
        self.assertIn("signature not checked", self.out)
        self.assert_one_sentence("warning", "list.json: signature not checked")
        self.assertEqual(self.tool("-q", "generate", "postfix", "--list", self.list), 0)
        self.assertEqual(self.err, "")
        self.signature.unlink()
        self.assertEqual(self.tool("generate", "postfix", "--list", self.list), 0)
        self.assertEqual(self.err, "")

    def test_options_change_the_lines(self):
        self.generate("--early-adopter")
        self.assertIn("t.test secure match=mx.t.test servername=hostname", self.lines())
        self.generate("--postfix-version", "3.7.11")
        self.assertIn("a.test " + MAP_OF_A + " protocols=>=TLSv1.2", self.lines())
        self.generate("--postfix-version", "3.3")
        self.assertIn("a.test secure match=mx.host.test", self.lines())
        for version in ("new", "3.7.zz", ""):
            self.assertEqual(self.generate("--postfix-version", version), 64)
            self.assertIn("--postfix-version", self.err)

    def test_unchanged_content_is_not_written(self):
        self.generate()
        os.utime(self.map, (1, 1))
        self.assertEqual(self.generate("--json"), 0)
        self.assertFalse(json.loads(self.out)["changed"])
        self.assertEqual(self.map.stat().st_mtime, 1)
        self.generate("--early-adopter")
        self.assertNotEqual(self.map.stat().st_mtime, 1)

    def test_a_faulty_entry_is_left_out_and_reported(self):
        content = copy.deepcopy(LIST)
        content["policies"]["x.test"] = {"mode": "enforce", "mxs": ["mx.x.test servername=evil"]}
        content["policies"]["y.test\ny2.test"] = {"mode": "enforce", "mxs": ["mx.y.test"]}
        self.write_list(content)
        self.assertEqual(self.generate(), 0)
        self.assertEqual(len(self.lines()), 2)
        self.assert_one_sentence("warning", "2 faults", "lint list")
        self.assertEqual(self.generate("-q"), 0)
        self.assertEqual(self.err, "")

    def test_an_expired_list_is_left_out_with_an_error(self):
        self.map.write_text(OLD_MAP)
        for quiet in ([], ["-q"]):
            self.assertEqual(self.generate(*quiet, now="2026-12-04T00:00:00Z"), 65)
            self.assert_one_sentence("list.json: it expired on 2026-12-04T00:00:00Z; no policy is taken from it")
        self.assertEqual(self.lines(), [])
        self.assertIn("#   LEFT OUT: it expired on 2026-12-04T00:00:00Z\n", self.map.read_text())
        self.assertEqual(self.generate("--json", now="2026-12-04T00:00:00Z"), 65)
        self.assertTrue(json.loads(self.out)["lists"][0]["expired"])
        self.assertEqual(self.tool("generate", "postfix", "--list", self.list, "-p", self.key,
                                   now="2026-12-04T00:00:00Z"), 65)
        self.assertIn("LEFT OUT", self.out)

    def test_with_an_expired_list_the_others_still_count(self):
        second = self.folder / "second.json"
        self.write_list(dict(LIST, expires="2026-11-21T00:00:00Z",
                             policies={"b.test": {"mode": "enforce", "mxs": ["mx.gone.test"]},
                                       "c.test": {"mode": "enforce", "mxs": ["mx.gone.test"]}}), second)
        self.assertEqual(self.generate("--list", second), 65)
        self.assert_one_sentence("second.json: it expired")
        self.assertEqual(self.lines(), ["a.test " + MAP_OF_A, "b.test " + MAP_OF_B])
        self.assertEqual(self.generate("--list", second, now="2026-11-18T23:59:59Z"), 65)
        self.assertEqual(self.lines(), ["a.test " + MAP_OF_A, "b.test " + MAP_OF_B])

    def test_later_lists_overlay(self):
        second = self.folder / "second.json"
        self.write_list(dict(LIST, **{"policies": {"b.test": {"mode": "enforce", "mxs": ["new.b.test"]},
                                                   "a.test": {"mode": "none"}}}), second)
        self.assertEqual(self.generate("--list", second), 0, self.err)
        self.assertEqual(self.lines(), ["b.test secure match=new.b.test servername=hostname"])

    def test_usage(self):
        # Without --list the installed lists count, and here there are none.
        self.assertEqual(self.tool("generate", "postfix", "--state-dir", self.folder), 69)
        self.assert_one_sentence("no list is installed")
        self.assertEqual(self.tool("generate", "postfix", "--list", self.list, "--signature", self.signature), 64)
        self.assertEqual(self.tool("generate", "postfix", "--list", self.list, "--json"), 64)
        # Installed lists are verified with the keys of the configuration; a key given here would have no effect.
        for given in (["-p", self.key], ["-P", "RW"], ["--signature", self.signature], ["--allow-legacy"]):
            for command in (["generate", "postfix"], ["generate", "sendmail"], ["generate", "exim"],
                            ["lookup", "a.test"]):
                self.assertEqual(self.tool(*command, *given), 64)
                self.assertIn(f"{given[0]} requires --list", self.err)
        self.assertEqual(self.tool("generate", "postfix", "--list", self.list, "--unknown"), 64)
        self.assertEqual(self.tool("-q", "-v", "verify", self.list, "-p", self.key), 64)
        self.assertEqual(self.tool(), 64)
        for command in ([], ["verify"], ["lint"], ["lint", "list"], ["generate"], ["generate", "postfix"], ["lookup"]):
            self.assertEqual(self.tool(*command, "--help"), 0)
            self.assertIn("Example:\n  starttls-listtool ", self.out)

    def test_two_lists_have_two_names(self):
        for name in ("list", "sub/list.json"):
            with self.subTest(name):
                second = self.folder / name
                second.parent.mkdir(exist_ok=True)
                self.write_list(LIST, second)
                self.assertEqual(self.generate("--list", second), 64)
                self.assert_one_sentence(str(self.list) + " and " + str(second) + " would both be the list 'list'")
                self.assertEqual(self.tool("lookup", "a.test", "--list", self.list, "--list", second), 64)

    def test_no_input_is_replaced(self):
        elsewhere = self.folder / "elsewhere"
        elsewhere.write_bytes(self.signature.read_bytes())
        link = self.folder / "link"
        link.symlink_to(self.list)
        for output in (self.list, self.folder / "." / "list.json", link, self.signature, self.key, elsewhere):
            with self.subTest(output):
                before = output.read_bytes()
                self.assertEqual(self.generate("--signature", elsewhere, "-o", output), 64)
                self.assert_one_sentence("-o", "which is read")
                self.assertEqual(output.read_bytes(), before)

    def test_only_lint_takes_a_dash_for_a_file(self):
        generate = ["generate", "postfix", "--list", self.list]
        for option, command in (("FILE", ["verify", "-", "-p", self.key]),
                                ("-p", ["verify", self.list, "-p", "-"]),
                                ("--signature", ["verify", self.list, "-p", self.key, "--signature", "-"]),
                                ("--list", [*generate, "--list", "-"]),
                                ("--list", ["lookup", "a.test", "--list", "-"]),
                                ("-o", [*generate, "-o", "-"]),
                                ("-o", [*generate, "-o", ""])):
            with self.subTest(command):
                self.assertEqual(self.tool(*command, stdin=self.list.read_bytes()), 64)
                self.assertTrue(self.err.startswith(f"starttls-listtool: {option}: takes a file"), self.err)
                self.assertEqual(self.out, "")

    def test_configuration(self):
        config = self.folder / "listtool.toml"
        config.write_text('state_dir = "/var/lib/x"\n')
        self.assertEqual(self.tool("-c", config, "verify", self.list, "-p", self.key), 0)
        self.assertEqual(self.tool("--config", "", "verify", self.list, "-p", self.key), 64)
        config.write_text('state_dri = "/var/lib/x"\n')
        self.assertEqual(self.tool("-c", config, "verify", self.list, "-p", self.key), 78)
        self.assert_one_sentence("did you mean 'state_dir'?")


    def test_a_list_that_was_never_installed_is_reported_without_dates(self):
        config = self.folder / "listtool.toml"
        config.write_text('state_dir = "state"\noverrides = "own"\n'
                          '[[list]]\nname = "sector"\nfile = "list.json"\nkey_files = ["list.pub"]\n')
        (self.folder / "own").write_text("own.test enforce mx.own.test\n")
        self.assertEqual(self.tool("-c", config, "generate", "postfix", "-o", self.map, "--json"), 65)
        self.assert_one_sentence("list sector is not installed")
        self.assertEqual(json.loads(self.out)["lists"], [
            {"name": "sector", "file": str(self.list), "timestamp": None, "expires": None, "domains": 0,
             "verified": False, "expired": False, "unusable": "list sector is not installed"}])
        self.assertEqual(self.lines(), ["own.test secure match=mx.own.test servername=hostname"])
        self.assertIn(f"# List sector:\n#   LEFT OUT: it is not installed\n#   from {self.list}\n",
                      self.map.read_text())


class Postmap(Case):
    """What Postfix itself finds in the map."""

    def setUp(self):
        super().setUp()
        for program in ("postmap", "postconf"):
            if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
                self.skipTest(program + " is not installed")
        self.config = self.folder / "etc"
        self.config.mkdir()
        (self.config / "main.cf").write_text("compatibility_level = 3.6\nmail_owner = postfix\n")
        # The files of the distribution's packages for map types that are loaded at run time.
        for name in ("dynamicmaps.cf", "dynamicmaps.cf.d", "postfix-files"):
            source = pathlib.Path("/etc/postfix") / name
            if source.exists():
                (self.config / name).symlink_to(source)

    def postmap(self, *arguments):
        return run("/usr/sbin/postmap", "-c", self.config, *arguments)

    def query(self, table, key):
        return self.postmap("-q", key, table).stdout.decode().strip()

    def test_every_map_type(self):
        self.assertEqual(self.generate("--early-adopter", "--postfix-version", "3.7"), 0, self.err)
        for kind in ("texthash", "cdb", "lmdb", "hash"):
            with self.subTest(kind):
                table = f"{kind}:{self.map}"
                if kind != "texthash":
                    done = self.postmap(table)
                    self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
                if kind != "cdb":  # which cannot list its keys
                    done = self.postmap("-s", table)
                    self.assertEqual((done.returncode, done.stderr), (0, b""))
                    self.assertEqual(len(done.stdout.splitlines()), 3)
                self.assertEqual(self.query(table, "a.test"), MAP_OF_A + " protocols=>=TLSv1.2")
                self.assertEqual(self.query(table, "b.test"), MAP_OF_B + " protocols=>=TLSv1.2")
                for absent in ("sub.a.test", ".a.test", "mx1.b.test", ".b.test", "test", ".test", "none.test", "#"):
                    self.assertEqual(self.query(table, absent), "", absent)


class Lookup(Case):
    def lookup(self, *arguments, **how):
        status = self.tool("--json", "lookup", "--list", self.list, "-p", self.key, *arguments, **how)
        self.answers = json.loads(self.out) if self.out else []
        return status

    def test_prints_what_applies_and_why(self):
        self.assertEqual(self.lookup("B.test.", "a.test", "t.test"), 0)
        b, a, t = self.answers
        self.assertEqual(b, {
            "domain": "b.test", "next_hop": "b.test", "applies": True, "source": "list:list", "mode": "enforce",
            "mx": ["mx1.b.test", "mx2.b.test", ".mail.b.test"], "expires": "2026-12-04T00:00:00Z",
            "verified": True, "reason": b["reason"], "postfix": MAP_OF_B, "sendmail": MAP_OF_B,
            "exim": MAP_OF_B.removesuffix(" servername=hostname"),
            "mta_sts": None, "dane": None, "deliveries": None})
        self.assertIn("a suffix means one label", b["reason"])
        self.assertEqual(a["postfix"], MAP_OF_A)
        self.assertEqual((t["applies"], t["mode"], t["postfix"]), (True, "testing", None))

    def test_names_match_exactly(self):
        self.assertEqual(self.lookup("a.test", "sub.a.test"), 1)
        self.assertEqual([answer["applies"] for answer in self.answers], [True, False])
        self.assertEqual(self.answers[1]["source"], "none")
        self.assertIsNone(self.answers[1]["mode"])
        self.assertIsNone(self.answers[1]["verified"])

    def test_an_expired_list_gives_no_policy_and_is_reported(self):
        self.assertEqual(self.lookup("a.test", "none.test", now="2027-01-01T00:00:00Z"), 65)
        self.assertFalse(self.answers[0]["applies"])
        self.assertIsNone(self.answers[0]["postfix"])
        self.assertIn("expired on 2026-12-04", self.answers[0]["reason"])
        self.assert_one_sentence("expired on 2026-12-04")

    def test_a_list_from_the_far_future_gives_no_answer(self):
        self.assertEqual(self.lookup("a.test", now="2026-11-18T23:59:59Z"), 65)
        self.assertEqual(self.out, "")
        self.assert_one_sentence("ahead of the clock")

    def test_a_list_that_is_not_verified_gives_no_answer(self):
        self.list.write_text(self.list.read_text() + " ")
        self.assertEqual(self.lookup("a.test"), 65)
        self.assertEqual(self.out, "")

    def test_mode_none_ends_the_policy_of_an_earlier_list(self):
        second = self.folder / "second.json"
        self.write_list(dict(LIST, **{"policies": {"a.test": {"mode": "none"}}}), second)
        self.assertEqual(self.lookup("a.test", "b.test", "--list", second), 1)

    def test_without_a_key_the_answer_contains_that(self):
        self.assertEqual(self.lookup("a.test"), 0)
        self.assertNotIn("not checked", self.out + self.err)
        self.assertEqual(self.tool("--json", "lookup", "a.test", "--list", self.list), 0)
        self.assert_one_sentence("warning", "list.json: signature not checked")
        answer = json.loads(self.out)[0]
        self.assertIn("the list's signature was not checked", answer["reason"])
        self.assertIs(answer["verified"], False)
        self.signature.unlink()
        self.assertEqual(self.tool("lookup", "a.test", "--list", self.list), 0)
        self.assertEqual(self.err, "")
        self.assertIn("the list's signature was not checked", self.out)

    def test_text(self):
        self.assertEqual(self.tool("lookup", "a.test", "--list", self.list), 0)
        self.assertIn("  postfix  " + MAP_OF_A + "\n", self.out)
        self.assertEqual(self.tool("lookup", "no name", "--list", self.list), 64)


class Policies(unittest.TestCase):
    def test_the_example_works_as_its_readme_shows(self):
        example = SOURCE / "policies/example-list.json"
        environment = {"PATH": os.environ["PATH"], "STARTTLS_TOOLKIT_NOW": NOW}
        self.assertEqual(run(LISTTOOL, "verify", example, "-p", SOURCE / "policies/example-list.pub",
                             env=environment).returncode, 0)
        done = run(LISTTOOL, "lint", "list", example, env=environment)
        self.assertEqual((done.returncode, done.stdout), (0, b""))


if __name__ == "__main__":
    unittest.main()
