"""What was installed, as lookup and generate find it; and what happens if the state directory is damaged."""

import json
import shutil
import unittest
from pathlib import Path

from lab import command
from lab.https import Answer
from lab.sendmail import makemap_script

from publishing import CANNOT_CREATE, DATA, OK, UNAVAILABLE, Key, edition
from update_case import UpdateCase


class Lookup(UpdateCase):
    def setUp(self) -> None:
        super().setUp()
        overrides = self.host.folder / "overrides"
        overrides.write_text("a.test enforce mx.mine.test\nb.test none\n")
        self.publisher.publish(edition(20, ["d.test", "e.test"], mode="testing", expires="2026-11-25T00:00:00Z"),
                               "/group.json")
        self.host.configure([self.host.main_list(),
                             self.host.main_list(name="group", url=self.publisher.url("/group.json"))],
                            overrides=str(overrides))
        self.assert_update(out=".+\n.+\n")

    def lookup(self, *domains: str, status: int = OK, err: str = "") -> list[dict[str, object]]:
        done = self.host.tool("--json", "lookup", *domains)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertRegex(done.stderr, rf"\A(?:{err})\Z")
        return json.loads(done.stdout)

    def test_a_domain_of_a_list(self) -> None:
        self.assertEqual(self.lookup("C.Test."), [{
            "domain": "c.test", "next_hop": "c.test", "applies": True, "source": "list:main", "mode": "enforce", "mx": ["mx.c.test"],
            "expires": "2026-12-20T00:00:00Z", "verified": True,
            "postfix": "secure match=mx.c.test servername=hostname",
            "sendmail": "secure match=mx.c.test servername=hostname", "exim": "secure match=mx.c.test",
            "mta_sts": None, "dane": None, "deliveries": None,
            "reason": "list main has it with mode enforce: mail goes out only over authenticated TLS to a matching "
                      "server"}])

    def test_the_last_list_counts(self) -> None:
        answer = self.lookup("d.test")[0]
        self.assertEqual((answer["source"], answer["mode"], answer["postfix"]), ("list:group", "testing", None))

    def test_overrides_count_first(self) -> None:
        mine, nothing = self.lookup("a.test", "b.test", status=1)
        self.assertEqual((mine["source"], mine["mx"], mine["expires"]), ("override", ["mx.mine.test"], None))
        self.assertEqual((nothing["source"], nothing["applies"], nothing["postfix"]), ("override", False, None))

    def test_a_domain_of_no_list(self) -> None:
        for domain in ("none.test", "sub.c.test"):
            answer = self.lookup(domain, status=1)[0]
            self.assertEqual((answer["source"], answer["applies"], answer["mode"], answer["mx"]),
                             ("none", False, None, []))

    def test_a_list_that_has_expired_is_named(self) -> None:
        self.host.now = "2026-11-25T00:00:00Z"
        expired = ".*/group.json: it expired on 2026-11-25T00:00:00Z; no policy is taken from it\n"
        below, alone = self.lookup("d.test", "e.test", status=DATA, err=expired)
        self.assertEqual((below["source"], below["mode"]), ("list:main", "enforce"))
        self.assertEqual(alone["source"], "none")
        for answer in (below, alone):
            self.assertIn("list group has it but is not used: it expired on 2026-11-25T00:00:00Z", answer["reason"])

    def test_a_list_that_is_not_installed_is_named(self) -> None:
        self.host.configure([self.host.main_list(), self.host.main_list(name="new")])
        self.lookup("c.test", status=DATA, err=".*: list new is not installed; no policy is taken from it\n")

    def test_a_list_whose_key_is_no_longer_known_is_named(self) -> None:
        self.host.configure([self.host.main_list(keys=[Key(self.publisher.folder).text])])
        self.lookup("c.test", status=DATA, err=".*: it was signed by key .*, which is no longer configured; .*\n")

    def test_no_signature_is_checked_again(self) -> None:
        for name in ("main.json", "main.json.minisig"):
            (self.host.state / "current" / name).unlink()
        self.lookup("c.test")

    def test_without_a_configuration_of_lists_what_is_installed_counts(self) -> None:
        self.host.configuration.write_text(f'state_dir = "{self.host.state}"\n')
        self.assertEqual([answer["source"] for answer in self.lookup("c.test", "e.test")], ["list:main", "list:group"])

    def test_nothing_installed(self) -> None:
        self.host.configuration.write_text(f'state_dir = "{self.host.folder}/none"\n')
        done = self.host.tool("lookup", "c.test")
        self.assertEqual((done.returncode, done.stdout), (UNAVAILABLE, ""))
        self.assertIn("no list is installed", done.stderr)


class Generate(UpdateCase):
    def assert_generates(self, *kinds: tuple[str, str], **settings: object) -> None:
        """generate writes the same maps as update, here after two steps of which the second did not change one list."""
        outputs = [{"mta": mta, "type": kind, "file": str(self.host.maps / f"{mta}-{kind}")} for mta, kind in kinds]
        self.publisher.publish(edition(20, ["x.test"]), "/group.json")
        lists = [self.host.main_list(), self.host.main_list(name="group", url=self.publisher.url("/group.json"))]
        self.host.configure(lists, outputs, **settings)
        self.assert_update("-q")
        self.publisher.publish(edition(21, ["x.test", "y.test"]), "/group.json")
        self.assert_update("-q")
        made = self.maps()
        for (mta, kind), output in zip(kinds, outputs, strict=True):
            with self.subTest(mta=mta, kind=kind):
                done = self.host.tool("--json", "generate", mta, "--type", kind, "-o", output["file"])
                self.assertEqual(done.returncode, OK, done.stderr)
                self.assertEqual(json.loads(done.stdout)["changed"], kind == "hash")
        self.assertEqual(self.maps(), made)

    def maps(self) -> dict[str, object]:
        """The content of every map; of a hash, which contains the time of its creation, only its entries."""
        def content(path: Path) -> object:
            if path.suffix != ".db":
                return path.read_bytes()
            dumped = command.run("env", f"MAIL_CONFIG={self.host.folder}", "postmap", "-s",
                                 f"hash:{path.with_suffix('')}")
            self.assertTrue(dumped)
            return sorted(dumped.splitlines())

        return {path.name: content(path) for path in self.host.maps.iterdir()}

    def test_writes_the_maps_that_update_writes(self) -> None:
        self.lab.require_program("/usr/sbin/postmap", "postfix")
        self.assert_generates(("postfix", "texthash"), ("postfix", "cdb"), ("postfix", "lmdb"), ("postfix", "hash"),
                              ("sendmail", "text"), ("sendmail", "access"))

    def test_writes_the_hash_for_sendmail_that_update_writes(self) -> None:
        self.lab.require_program("/usr/sbin/postmap", "postfix")
        makemap = makemap_script(self.host.folder / "makemap")
        self.assert_generates(("sendmail", "hash"), programs={"makemap": str(makemap)})

    def test_a_map_does_not_depend_on_how_often_the_server_changed_its_validators(self) -> None:
        self.assert_update("-q")
        for number in range(3):
            self.publisher.publish(edition(20), etag=f'"{number}"')
            self.assert_update()
        before = self.host.map.read_bytes()
        self.host.map.unlink()
        self.assert_update()
        self.assertEqual(self.host.map.read_bytes(), before)

    def test_a_list_that_was_altered_is_refused(self) -> None:
        self.assert_update("-q")
        file = self.host.state / "current/main.json"
        file.write_bytes(file.read_bytes().replace(b"mx.a.test", b"mx.e.test"))
        done = self.host.tool("generate", "postfix", "-o", self.host.map)
        self.assertEqual(done.returncode, DATA)
        self.assertRegex(done.stderr, ".*main.json: the signature by key .* does not fit")
        self.assertIn("mx.a.test", self.host.map.read_text())


class Damage(UpdateCase):
    """Changes of the state directory by a user or by a failing disk."""

    def setUp(self) -> None:
        super().setUp()
        self.assert_update(out=".+\n")
        self.good = self.host.content()
        self.list = self.host.state / "current/main.json"

    def assert_as_before(self) -> None:
        self.assertEqual(self.list.read_bytes(), edition(20))
        self.assertEqual(self.host.map.read_bytes(), self.good["maps/tls_policy"])
        self.assert_silent()

    def assert_told_how_to_heal(self, what: str) -> None:
        heal = ("; to fetch all lists again, remove the link 'current' of the state directory and run update\n")
        before = self.host.content()
        for arguments in (["update"], ["lookup", "a.test"], ["generate", "postfix", "-o", self.host.map]):
            done = self.host.tool(*arguments)
            self.assertEqual((done.returncode, done.stdout), (DATA, ""))
            self.assertRegex(done.stderr, rf"\Astarttls-listtool: {what}{heal}\Z")
        self.assertEqual(self.host.content(), before)
        (self.host.state / "current").unlink()
        self.assert_update(out="main: 4 added.*\n")
        self.assert_as_before()

    def test_the_facts_are_no_toml(self) -> None:
        self.list.with_name("set.toml").write_bytes(b"\0\xff[[")
        self.assert_told_how_to_heal(r".*/sets/1/set.toml: is damaged: .*")

    def test_the_facts_are_incomplete(self) -> None:
        facts = self.list.with_name("set.toml")
        for line in ("name", "timestamp", "signature", "edition"):
            with self.subTest(line):
                facts = self.list.with_name("set.toml")
                lines = [text for text in facts.read_text().splitlines() if not text.startswith(line + " ")]
                facts.write_text("\n".join(lines))
                self.assert_told_how_to_heal(r".*/set.toml: is damaged: .*")

    def test_the_link_has_no_target(self) -> None:
        shutil.rmtree(self.host.state / "sets/1")
        self.assert_told_how_to_heal(r".*/current: leads to sets/1, which is not there")

    def test_garbage_in_the_records_causes_new_maps(self) -> None:
        (self.host.state / "outputs.toml").write_bytes(b"\0\xff")
        self.assert_update()
        self.assertEqual(self.host.runs(), 2)
        self.assert_as_before()

    def test_an_altered_list_is_detected_when_a_map_is_written_and_is_fetched_again(self) -> None:
        self.list.write_bytes(edition(20).replace(b"mx.a.test", b"mx.e.test"))
        self.assert_silent()  # no map is written from it
        self.host.map.unlink()
        self.assert_update(out="main: .*\n", err=".*warning: list main: what is installed cannot be verified, and is "
                                                 "fetched again: .*does not fit.*\n")
        self.assert_as_before()

    def test_an_altered_list_that_cannot_be_fetched_again_is_not_used(self) -> None:
        self.list.write_bytes(edition(20).replace(b"mx.a.test", b"mx.e.test"))
        self.host.map.unlink()
        self.publisher.answer(Answer(404), "/list.json.minisig")
        for _ in range(2):
            self.assert_update("-q", status=DATA, err=".*list main: .*there is no such file.*\n.*: what is installed "
                                                      "cannot be verified; no policy is taken from it\n")
            self.assertEqual(self.host.policies(), {})
        self.publisher.publish(edition(20))
        self.assert_update("-q")
        self.assert_as_before()

    def test_an_altered_list_is_also_replaced_from_a_server_without_conditional_requests(self) -> None:
        self.list.write_bytes(edition(20).replace(b"mx.a.test", b"mx.e.test"))
        self.publisher.publish(edition(20), validators=[])
        self.assert_update("-q")
        self.assertEqual(self.list.read_bytes(), edition(20))

    def test_files_that_are_missing_are_fetched_again(self) -> None:
        for name in ("main.json", "main.json.minisig"):
            with self.subTest(name):
                self.list.with_name(name).unlink()
                self.host.map.unlink()
                self.assert_update("-q")
                self.assert_as_before()

    def test_a_damaged_index_is_reported(self) -> None:
        self.list.with_name("main.cdb").write_bytes(b"x" * 100)
        done = self.host.tool("lookup", "a.test")
        self.assertEqual((done.returncode, done.stdout), (DATA, ""))
        self.assertIn("main.cdb", done.stderr)

    def test_a_state_directory_that_cannot_be_created(self) -> None:
        file = self.host.folder / "file"
        file.touch()
        done = self.host.tool("--state-dir", str(file / "state"), "update")
        self.assertEqual((done.returncode, done.stdout), (CANNOT_CREATE, ""))
        self.assertIn("file/state: Not a directory", done.stderr)


if __name__ == "__main__":
    unittest.main()
