"""Every type of map that Postfix reads: each gives the same answers, and a real Postfix follows it."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab import Lab, command, documents, postfix, program
from lab.ca import CA
from lab.dns import Dns
from lab.https import Answer, HttpsServer
from lab.mx_hosts import NOW, enforce, list_of
from lab.postfix import Delivery, Receiver, Sender, settle

ENDINGS = {"texthash": "", "cdb": ".cdb", "lmdb": ".lmdb", "hash": ".db", "btree": ".db"}
NEEDED = {"sbin/postmap": "postfix", "lib/postfix/postfix-cdb.so": "postfix-cdb",
          "lib/postfix/postfix-lmdb.so": "postfix-lmdb"}


def policies_at_the_edges() -> dict[str, dict[str, object]]:
    """A hundred domains that are enforced."""
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 56, "test"])  # 253 bytes, as many as a name may have
    policies = {
        longest: enforce(longest),
        f"{'l' * 63}.test": enforce("mx.test.test"),
        "a.test": enforce("mx.a.test"),
        "sub.parent.test": enforce(".mail.parent.test"),
        "xn--bcher-kva.test": enforce("mx.xn--bcher-kva.test"),
        "xn--e1afmkfd.xn--80akhbyknj4f": enforce("mx.xn--e1afmkfd.xn--80akhbyknj4f"),
        "0.test": enforce("0.0.test"),
        "a--b.test": enforce("mx.a--b.test", ".a--b.test"),
        "most.test": enforce(*(f"{'m' * 60}{number:03}.{'x' * 63}.{'y' * 63}.{'z' * 50}.test" for number in range(64))),
    }
    policies |= {f"d{number}.example": enforce(*(f"mx{host}.d{number}.example" for host in range(number % 7 + 1)))
                 for number in range(100 - len(policies))}
    return policies


NOT_ENFORCED = {"testing.test": {"mode": "testing", "mxs": ["mx.testing.test"]}, "none.test": {"mode": "none"}}


def answer_for(policy: Mapping[str, Sequence[str]]) -> str:
    return f"secure match={':'.join(policy['mxs'])} servername=hostname protocols=>=TLSv1.2"


class Case(unittest.TestCase):
    """Has a directory with what postmap(1) needs of a Postfix, whether or not the machine's own is set up."""

    def setUp(self) -> None:
        usr = postfix.usr() or Path("/usr")
        for needed, package in NEEDED.items():
            if not (usr / needed).exists():
                self.skipTest(f"needs {usr / needed}: install the package {package}")
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-maps."))
        self.addCleanup(shutil.rmtree, self.folder)
        self.etc = self.folder / "etc"
        self.etc.mkdir()
        postfix.write_main_cf(self.etc, {})
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        self.own_postmap = postfix.script(self.bin / "postmap", "/usr/sbin/postmap")
        self.list = self.folder / "list.json"
        self.maps = self.folder / "maps"
        self.maps.mkdir()

    def generate(self, *options: str | os.PathLike[str],
                 environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """`generate postfix` from the list, with the environment of a user whose Postfix is in self.etc."""
        return program.run("starttls-listtool", "generate", "postfix", "--list", self.list, *options,
                           environment=NOW | self.of_postfix() | dict(environment or {}))

    def of_postfix(self) -> dict[str, str]:
        return {"MAIL_CONFIG": str(self.etc), "PATH": f"{self.bin}:{os.environ['PATH']}"}

    def made(self, kind: str, *options: str) -> Path:
        """The name of a map of that type in the form of main.cf."""
        path = self.maps / f"tls-{kind}"
        done = self.generate("--type", kind, "-o", path, *options)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        return path

    def file_of(self, kind: str) -> Path:
        return self.maps / f"tls-{kind}{ENDINGS[kind]}"

    def postmap(self, *arguments: str | os.PathLike[str], text_in: str = "") -> str:
        done = subprocess.run([self.own_postmap, "-c", self.etc, *arguments], input=text_in, capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def answers(self, table: str, keys: Sequence[str]) -> dict[str, str]:
        """The values that Postfix finds in the table under these keys."""
        kind, _, path = table.partition(":")
        if kind == "texthash":
            settle(Path(path))
        found = self.postmap("-q", "-", table, text_in="".join(f"{key}\n" for key in keys))
        return dict(line.split("\t", 1) for line in found.splitlines())


class Content(Case):
    def setUp(self) -> None:
        super().setUp()
        self.policies = policies_at_the_edges()
        self.assertEqual(len(self.policies), 100)
        self.list.write_text(list_of(self.policies | NOT_ENFORCED))

    def test_every_type_answers_for_every_domain_and_for_no_other_name(self) -> None:
        domains = list(self.policies)
        others = [*NOT_ENFORCED, "test", ".test", "example", "#", "# End:", "mx.a.test", "unlisted.test", "parent.test",
                  *(f".{domain}" for domain in domains), *(f"sub.{domain}"[:253] for domain in domains),
                  *(domain + "." for domain in domains), *(domain[1:] for domain in domains if domain[1:])]
        others = [name for name in others if name not in self.policies]
        expected = {domain: answer_for(policy) for domain, policy in self.policies.items()}
        for kind in ENDINGS:
            with self.subTest(kind):
                path = self.made(kind, "--postfix-version", postfix.version())
                self.assertTrue(self.file_of(kind).is_file())
                self.assertEqual(self.answers(f"{kind}:{path}", domains), expected)
                self.assertEqual(self.answers(f"{kind}:{path}", others), {})

    def test_names_match_in_any_spelling(self) -> None:
        self.list.write_text(list_of({"Bücher.TEST.": enforce("MX.Bücher.test")}))
        for kind in ENDINGS:
            with self.subTest(kind):
                self.assertEqual(self.answers(f"{kind}:{self.made(kind)}", ["xn--bcher-kva.test"]), {
                    "xn--bcher-kva.test": "secure match=mx.xn--bcher-kva.test servername=hostname"})

    def test_a_list_without_policies_creates_an_empty_map(self) -> None:
        self.list.write_text(list_of({}))
        for kind in ENDINGS:
            with self.subTest(kind):
                self.assertEqual(self.answers(f"{kind}:{self.made(kind)}", ["a.test", "test"]), {})

    def test_what_we_write_is_what_postmap_writes(self) -> None:
        text = self.made("texthash")
        with self.subTest("cdb, to the byte"):
            self.made("cdb")
            self.postmap(f"cdb:{text}")
            self.assertEqual(self.file_of("cdb").read_bytes(), Path(f"{text}.cdb").read_bytes())
        with self.subTest("lmdb, to the pair"):
            ours = self.made("lmdb")
            self.postmap(f"lmdb:{text}")
            pairs = self.postmap("-s", f"lmdb:{ours}")
            self.assertEqual(len(pairs.splitlines()), 100)
            self.assertEqual(pairs, self.postmap("-s", f"lmdb:{text}"))

    def test_lookup_prints_what_the_installed_map_contains(self) -> None:
        key, configuration = self.folder / "list.key", self.folder / "listtool.toml"
        command.run("minisign", "-G", "-W", "-p", self.folder / "list.pub", "-s", key)
        command.run("minisign", "-S", "-s", key, "-m", self.list)
        configuration.write_text(
            'state_dir = "state"\n[[list]]\nname = "test"\nfile = "list.json"\nkey_files = ["list.pub"]\n'
            '[[output]]\nmta = "postfix"\ntype = "cdb"\nfile = "maps/m"\npostfix_version = "3.7"\n'
            'early_adopter = true\n')
        done = program.run("starttls-listtool", "-c", configuration, "update", environment=NOW)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        domains = [*self.policies, "testing.test", "none.test", "unlisted.test"]
        done = program.run("starttls-listtool", "-c", configuration, "--json", "lookup", *domains, environment=NOW)
        said = {answer["domain"]: answer["postfix"] for answer in json.loads(done.stdout) if answer["postfix"]}
        self.assertEqual(len(said), 101)
        self.assertEqual(said, self.answers(f"cdb:{self.maps / 'm'}", domains))

    def test_an_unchanged_map_is_not_written_again(self) -> None:
        for kind in ("texthash", "cdb", "lmdb"):  # a hash or btree contains the time of its creation
            with self.subTest(kind):
                self.made(kind)
                before = self.file_of(kind).stat()
                self.made(kind)
                after = self.file_of(kind).stat()
                self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))


class Files(Case):
    def setUp(self) -> None:
        super().setUp()
        self.list.write_text(list_of({"old.test": enforce("mx.old.test")}))

    def change_list(self) -> None:
        self.list.write_text(list_of({"new.test": enforce("mx.new.test")}, "2026-11-21T00:00:00Z"))

    def configuration(self, postmap: str) -> Path:
        path = self.folder / "listtool.toml"
        path.write_text(f'[programs]\npostmap = "{postmap}"\n')
        return path

    def script(self, text: str) -> Path:
        path = self.folder / "postmap"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return path

    def test_a_map_is_replaced_as_a_whole(self) -> None:
        for kind in ENDINGS:
            with self.subTest(kind):
                self.setUp()
                self.made(kind)
                place = self.file_of(kind)
                place.chmod(0o640)
                content = place.read_bytes()
                with place.open("rb") as reader:
                    self.change_list()
                    self.made(kind)
                    self.assertEqual(reader.read(), content)  # a program that has it open reads the old one on
                    self.assertNotEqual(os.fstat(reader.fileno()).st_ino, place.stat().st_ino)
                self.assertNotEqual(place.read_bytes(), content)
                self.assertEqual(place.stat().st_mode & 0o7777, 0o640)
                self.assertEqual(os.listdir(self.maps), [place.name])

    def test_the_suffix_of_the_file_may_be_given(self) -> None:
        for kind, ending in ENDINGS.items():
            with self.subTest(kind):
                done = self.generate("--type", kind, "--json", "-o", self.maps / f"m{ending}")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(json.loads(done.stdout)["output"], str(self.maps / f"m{ending}"))
                self.assertEqual(os.listdir(self.maps), [f"m{ending}"])
                (self.maps / f"m{ending}").unlink()

    def test_a_postmap_that_fails_does_not_change_the_old_map(self) -> None:
        half_a_map = self.script('echo half > "${1#*:}.db"\necho "postmap: no room" >&2\nexit 1\n')
        for kind in ("hash", "btree"):
            for postmap, status, reason in ((half_a_map, 73, f"{half_a_map} ended with status 1: postmap: no room"),
                                            ("/bin/false", 73, "/bin/false ended with status 1"),
                                            ("/bin/true", 73, "No such file or directory"),
                                            ("/nowhere/postmap", 69, "/nowhere/postmap: there is no such program")):
                with self.subTest(kind, postmap=postmap):
                    self.made(kind)
                    place = self.file_of(kind)
                    before = (place.read_bytes(), place.stat().st_ino)
                    self.change_list()
                    done = self.generate("-c", self.configuration(str(postmap)), "--type", kind, "-o",
                                         self.maps / f"tls-{kind}")
                    self.assertEqual(done.returncode, status, done.stderr)
                    self.assertRegex(done.stderr, r"\Astarttls-listtool: [^\n]+\n\Z")
                    self.assertIn(reason, done.stderr)
                    self.assertEqual((place.read_bytes(), place.stat().st_ino), before)
                    self.assertEqual(os.listdir(self.maps), [place.name])
                    place.unlink()

    def test_postmap_gets_the_configuration_that_the_environment_names(self) -> None:
        nowhere = {"MAIL_CONFIG": str(self.folder / "nowhere")}
        done = self.generate("--type", "hash", "-o", self.maps / "m", environment=nowhere)
        self.assertEqual(done.returncode, 73)
        self.assertIn(f"open {nowhere['MAIL_CONFIG']}/main.cf: No such file or directory", done.stderr)
        # What another Postfix on the machine needs, if the environment does not name it.
        wrapper = self.script(f'unset MAIL_CONFIG\nexec {self.own_postmap} -c {self.etc} "$@"\n')
        done = self.generate("-c", self.configuration(str(wrapper)), "--type", "hash", "-o", self.maps / "m",
                             environment=nowhere)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("old.test", self.answers(f"hash:{self.maps / 'm'}", ["old.test"]))

    def test_usage(self) -> None:
        done = self.generate("--type", "cbd", "-o", self.maps / "m")
        self.assertEqual(done.returncode, 64)
        self.assertRegex(done.stderr, r"\Astarttls-listtool: .*--type.*cbd.*\n")
        for kind in ENDINGS:
            self.assertIn(kind, done.stderr)
        for kind in ("cdb", "lmdb", "hash", "btree"):
            with self.subTest(kind):
                done = self.generate("--type", kind)
                self.assertEqual((done.returncode, done.stdout), (64, ""))
                self.assertEqual(done.stderr, f"starttls-listtool: --type {kind} needs -o: it is no text\n")
        self.assertEqual(os.listdir(self.maps), [])


class RealPostfix(Case):
    """A running Postfix sends mail with our maps."""

    def start(self, lab: Lab) -> None:
        """MX hosts for right.test, and for wrong.test and stranger.test, whose certificates are not as listed."""
        names: dict[str, list[str]] = {}
        stranger = CA(lab.new_folder("ca"), "Stranger")
        for domain, certificate in (("right", lab.ca.issue("mx.right.test")), ("wrong", lab.ca.issue("mx.else.test")),
                                    ("stranger", stranger.issue("mx.stranger.test"))):
            mx = Receiver(lab, f"mx.{domain}.test", [f"{domain}.test"], certificate)
            names |= {domain: [f"MX 10 mx.{domain}"], f"mx.{domain}": [f"A {mx.address}"]}
        self.folder = lab.new_folder("maps")
        self.list, self.maps = self.folder / "list.json", self.folder
        self.sender = Sender(lab, Dns(lab, {"test": names}))

    def deliver(self, domain: str) -> Delivery:
        return self.sender.deliver("alice@sender.test", f"bob@{domain}")

    def assert_verified(self, delivery: Delivery) -> None:
        self.assertEqual(delivery.status, "sent", delivery)
        self.assertTrue(delivery.verified, delivery)

    def assert_sent_unverified(self, delivery: Delivery) -> None:
        self.assertEqual(delivery.status, "sent", delivery)
        self.assertFalse(delivery.verified, delivery)

    def assert_deferred(self, delivery: Delivery) -> None:
        self.assertEqual(delivery.status, "deferred", delivery)
        self.assertIn("Server certificate not ", delivery.line)

    def test_delivers_to_the_right_server_only(self) -> None:
        with Lab() as lab:
            self.start(lab)
            self.list.write_text(list_of({f"{name}.test": enforce(f"mx.{name}.test")
                                          for name in ("right", "wrong", "stranger")}))
            for kind in ("texthash", "cdb", "lmdb", "hash"):
                with self.subTest(kind):
                    path = self.made(kind, "--postfix-version", postfix.version())
                    settle(self.file_of(kind))
                    self.sender.set("smtp_tls_policy_maps", f"{kind}:{path}")
                    self.assert_verified(self.deliver("right.test"))
                    self.assert_deferred(self.deliver("wrong.test"))
                    self.assert_deferred(self.deliver("stranger.test"))

    def test_detects_by_itself_what_generate_replaces(self) -> None:
        with Lab() as lab:
            self.start(lab)
            for kind in ("cdb", "lmdb", "hash"):
                with self.subTest(kind):
                    self.follow(kind, lambda kind=kind: self.made(kind))

    def test_detects_by_itself_what_update_replaces(self) -> None:
        with Lab() as lab:
            self.start(lab)
            key = self.folder / "list.key"
            command.run("minisign", "-G", "-W", "-p", self.folder / "list.pub", "-s", key)

            def update() -> None:
                command.run("minisign", "-S", "-s", key, "-m", self.list)
                done = program.run("starttls-listtool", "-c", self.folder / "listtool.toml", "update",
                                   environment=NOW | self.of_postfix())
                self.assertEqual((done.returncode, done.stderr), (0, ""))

            for kind in ("cdb", "lmdb"):
                with self.subTest(kind):
                    (self.folder / "listtool.toml").write_text(
                        'state_dir = "state"\n[[list]]\nname = "test"\nfile = "list.json"\nkey_files = ["list.pub"]\n'
                        f'[[output]]\nmta = "postfix"\ntype = "{kind}"\nfile = "tls-{kind}"\n')
                    self.follow(kind, update)

    def test_works_as_in_the_guide(self) -> None:
        lines = documents.lines("docs/postfix.md", "Enforce TLS to listed domains")
        configuration = "\n".join(line for line in lines[:lines.index("starttls-listtool update")])
        main_cf = [line.split(" = ", 1) for line in lines if line.startswith("smtp_tls_")]
        self.assertEqual(len(main_cf), 4)
        with Lab() as lab:
            self.start(lab)
            web = HttpsServer(lab, address="127.0.0.1")
            web.add_host("lists.localhost", lab.ca.issue("lists.localhost"))
            command.run("minisign", "-G", "-W", "-p", self.folder / "list.pub", "-s", self.folder / "list.key")
            self.list.write_text(list_of({f"{name}.test": enforce(f"mx.{name}.test") for name in ("right", "wrong")}))
            command.run("minisign", "-S", "-s", self.folder / "list.key", "-m", self.list)
            for name in ("list.json", "list.json.minisig"):
                web.answer("lists.localhost", f"/{name}", Answer(body=(self.folder / name).read_bytes()))
            here = {"https://lists.example.org": f"https://lists.localhost:{web.port}",
                    "RWTF4yuwIAnmYbpPD5yPkSKKgETilaz2EDUjwK4iWzL18LYnsWSL6okf":
                        (self.folder / "list.pub").read_text().splitlines()[1],
                    "/etc/postfix/tls_policy": str(self.folder / "tls_policy")}
            for there, place in here.items():
                self.assertIn(there, configuration)
                configuration = configuration.replace(there, place)
            (self.folder / "listtool.toml").write_text(
                f'{configuration}\n[fetch]\nca_file = "{lab.ca.certificate}"\n')

            def ours(*arguments: str) -> subprocess.CompletedProcess[str]:
                return program.run("starttls-listtool", "-c", self.folder / "listtool.toml", "--state-dir",
                                   self.folder / "state", *arguments, environment=NOW)

            done = ours("update")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for name, value in main_cf:
                self.sender.set(name, value.replace("/etc/postfix/tls_policy", str(self.folder / "tls_policy"))
                                .replace("/etc/ssl/certs/ca-certificates.crt", str(lab.ca.certificate)))
            self.assert_verified(self.deliver("right.test"))
            self.assert_deferred(self.deliver("wrong.test"))
            self.assertIn("enforce, from list:sector", ours("lookup", "right.test").stdout)

    def follow(self, kind: str, make: Callable[[], object]) -> None:
        """One domain is added and then removed, while Postfix runs without a reload."""
        right = {f"d{number}.test": enforce("mx.test") for number in range(9)}
        self.edition(right)
        make()
        self.sender.set("smtp_tls_policy_maps", f"{kind}:{self.maps}/tls-{kind}")
        self.assert_sent_unverified(self.deliver("wrong.test"))
        self.edition(right | {"wrong.test": enforce("mx.wrong.test")})
        make()
        self.assert_deferred(self.deliver("wrong.test"))
        self.edition(right)
        make()
        self.assert_sent_unverified(self.deliver("wrong.test"))

    def edition(self, policies: Mapping[str, object]) -> None:
        self.minute = getattr(self, "minute", 0) + 1
        self.list.write_text(list_of(policies, f"2026-11-20T00:{self.minute:02}:00Z"))


if __name__ == "__main__":
    unittest.main()
