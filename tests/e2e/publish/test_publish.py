"""`starttls-listtool publish`: domains with real servers on their way onto a list, and off it."""

import datetime
import fcntl
import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import unittest
import xml.etree.ElementTree
from pathlib import Path

from lab import command, program
from lab.postfix import Receiver
from publisher import DAY, LIST, PublisherCase

WATCH = 28


class Way(PublisherCase):
    """From candidate to listed, and what follows."""

    def test_onto_the_list_and_off_it(self) -> None:
        self.sound("good.test")
        self.sound("testing.test", mode="testing")
        self.publish()
        self.assertRegex(self.good("add", "good.test", "testing.test"), r"\A2 domains added\n\Z")
        self.assertEqual(self.state("good.test"), "candidate")
        self.days()
        self.assertEqual((self.state("good.test"), self.state("testing.test")), ("watched", "candidate"))
        self.assertFalse(self.public().exists())
        self.days(WATCH - 1)
        self.assertEqual(self.state("good.test"), "watched")
        self.days()
        self.assertEqual(self.entries(), {"good.test": ["mx.good.test"]})
        self.assertEqual(self.history("good.test"), [
            ("candidate", "candidate", "added"), ("candidate", "watched", "consent-given"),
            ("watched", "listed", "watched-long-enough")])

        # The owner takes the consent back: the next edition is without the entry. A list has one entry at least.
        self.good("add", "testing.test", "--reason", "known by phone", "--until",
                  (self.time + 200 * DAY).strftime("%Y-%m-%d"), "--mx", "mx.testing.test")
        self.days(WATCH + 1)
        self.assertEqual(set(self.entries()), {"good.test", "testing.test"})
        self.mta_sts("good.test", "none")
        self.days()
        self.assertEqual(set(self.entries()), {"testing.test"})
        self.assertEqual(self.history("good.test")[-1], ("listed", "removed", "consent-withdrawn"))

        # An entry by hand needs the domain's own consent from its last day on.
        self.time += 200 * DAY
        self.refused(1, "no entry is left", "run", *self.connect, "--no-checks")
        self.assertEqual(self.state("testing.test"), "removed")

    def test_an_entry_that_fails_stays_for_three_days_and_its_owner_is_told_once(self) -> None:
        self.sound("good.test")
        self.sound("other.test")
        self.publish(watch_days=1, mail_from="list@publisher.test")
        mails = self.keep_mails()
        self.good("add", "good.test", "other.test")
        self.days(2)
        self.assertEqual(set(self.entries()), {"good.test", "other.test"})

        working = list(self.connect)
        self.postfix("good.test", self.certificate("elsewhere.test"))  # the new server's certificate has no such name
        self.connect = [*working[2:], *self.connect[-2:]]
        self.days()
        self.assertEqual(self.state("good.test"), "failing")
        for document in (self.good("--json", "status", "good.test"), self.good("--json", "why", "good.test"),
                         (self.public() / "domains" / "good.test.json").read_text()):
            self.assertEqual(json.loads(document)["faults"], ["certificate-name"])
        [mail] = mails.glob("*.eml")
        self.assertIn("To: tls@good.test\n", mail.read_text())
        self.assertIn("certificate-name", mail.read_text())
        self.assertEqual(re.findall(r"https?://\S+", mail.read_text()), ["https://lists.localhost/)."])
        self.days(2)
        self.assertEqual(set(self.entries()), {"good.test", "other.test"})
        self.days()
        self.assertEqual(set(self.entries()), {"other.test"})
        self.assertEqual(self.history("good.test")[-2:], [
            ("listed", "failing", "unsound"), ("failing", "suspended", "failed-too-long")])
        self.assertEqual(len(list(mails.glob("*.eml"))), 1)

        self.connect = working
        self.days(3)
        self.assertEqual(self.state("good.test"), "listed")

    def test_a_mail_to_an_owner_waits_for_the_mail_server(self) -> None:
        self.sound("good.test")
        self.sound("other.test")
        subjects = self.lab.new_folder("checks") / "header_checks"
        subjects.write_text("/^Subject:/ WARN\n")
        address = self.lab.address()
        self.publish(watch_days=0, mail_from="list@publisher.test", mail=f"smtp://{address}:{self.lab.smtp_port}")
        self.good("add", "good.test", "other.test")
        self.days(2)
        self.mta_sts("good.test", mxs=["elsewhere.test"])
        self.days(status=75)
        self.assertEqual(self.state("good.test"), "failing")

        server = Receiver(self.lab, "mail.publisher.test", ["good.test"], parameters={
            "header_checks": f"regexp:{subjects}"}, address=address)
        self.days()
        server.log.wait_for("Subject: good.test: mail servers that follow the list 'sector' cannot deliver")
        server.log.wait_for("to=<tls@good.test>.* status=sent")
        self.assertEqual(len(re.findall("qmgr.*: from=<list@publisher.test>", server.log.text())), 1)

    def test_new_mx_hosts_of_the_policy_are_on_the_list_at_once(self) -> None:
        self.sound("good.test")
        self.publish(watch_days=0)
        self.good("add", "good.test")
        self.days(2)
        self.mta_sts("good.test", mxs=["mx.good.test", "*.good.test"])
        self.days()
        self.assertEqual(self.entries(), {"good.test": [".good.test", "mx.good.test"]})

    def test_a_removed_domain_has_its_document_for_90_days(self) -> None:
        self.sound("good.test")
        self.publish(watch_days=0)
        old = [f"old{number}.test" for number in range(100)]
        self.good("add", "good.test", "gone.test")
        self.days(2)
        self.good("remove", "gone.test", "--reason", "sold")
        self.good("add", *old)
        self.good("remove", *old, "--reason", "sold")
        documents = self.public() / "domains"
        for passed, expected in ((89, {"good.test", "gone.test"}), (1, {"good.test"})):
            self.time += passed * DAY
            self.assertEqual(self.tool("run", "--no-checks").returncode, 0)  # it warns of the online key
            # The feed of changes has the last 100, those of the others.
            self.assertEqual({path.stem for path in documents.iterdir()} - set(old), expected)
            feed = xml.etree.ElementTree.parse(self.public() / "changes.atom").getroot()
            links = {link.get("href").rpartition("/")[2] for link in feed.iter("{http://www.w3.org/2005/Atom}link")
                     if link.get("type") == "application/json"}
            self.assertEqual(links, {f"{domain}.json" for domain in old})
            self.assertLessEqual(links, {path.name for path in documents.iterdir()})

    def test_a_domain_is_examined_when_it_is_asked_for(self) -> None:
        self.sound("good.test")
        self.sound("other.test")
        self.publish(watch_days=0)
        self.good("add", "good.test", "other.test")
        self.good("run", *self.connect, "good.test")
        self.assertEqual((self.state("good.test"), self.state("other.test")), ("watched", "candidate"))
        self.good("run", *self.connect)  # good.test is not due
        self.assertEqual((self.state("good.test"), self.state("other.test")), ("watched", "watched"))
        self.refused(64, "strange.test is not known", "run", "strange.test")
        self.refused(64, "--no-checks", "run", "--no-checks", "good.test")

    def test_hold_and_remove(self) -> None:
        self.sound("good.test")
        self.sound("other.test")
        self.publish(watch_days=0)
        self.good("add", "good.test", "other.test")
        self.days(2)
        self.good("hold", "good.test", "--reason", "moves")
        self.mta_sts("good.test", "none")
        self.days(2)
        self.assertEqual(set(self.entries()), {"good.test", "other.test"})
        self.good("hold", "--release", "good.test", "--reason", "has moved")
        self.good("remove", "other.test", "--reason", "sold")
        self.good("add", "other.test")
        self.assertEqual(self.history("other.test")[-1], ("removed", "candidate", "added"))
        self.refused(64, "strange.test is not known", "remove", "strange.test", "--reason", "sold")
        self.refused(64, "--reason", "hold", "good.test")
        self.assertIn("moves", self.good("why", "good.test"))

    def test_without_an_entry_there_is_no_edition_and_an_alarm_where_there_was_one(self) -> None:
        self.sound("good.test")
        self.publish(watch_days=0)
        self.assertEqual(self.good("run"), "")
        self.good("add", "good.test")
        self.days(2)
        self.good("remove", "good.test", "--reason", "sold")
        self.refused(1, "no edition: no entry is left, .*; edition 1 stays until it expires", "run")
        self.assertEqual(os.readlink(self.public()), "editions/1")

    def test_without_a_wait_two_runs_list_a_domain(self) -> None:
        self.sound("good.test")
        self.publish(watch_days=0, check_hours=0)
        self.good("add", "good.test")
        for _ in range(2):
            self.time += datetime.timedelta(minutes=1)
            self.assertEqual(self.run_once().returncode, 0)
        self.assertEqual(set(self.entries()), {"good.test"})

    def test_a_txt_record_is_consent(self) -> None:
        self.postfix("good.test", self.certificate("mx.good.test"))
        self.zones["good.test"]["_starttls-list"] = [f'TXT "v=starttls-list1; list={LIST}"']
        self.publish(watch_days=0)
        self.good("add", "good.test")
        self.days(2)
        self.assertEqual(self.entries(), {"good.test": ["mx.good.test"]})
        self.assertIn("consent: record\n", self.good("status", "good.test"))


class Edition(PublisherCase):
    def setUp(self) -> None:
        super().setUp()
        self.sound("a.test")
        self.sound("b.test")
        self.sound("c.test")

    def listed(self, **settings: object) -> None:
        self.publish(watch_days=0, **settings)
        self.good("add", "a.test", "b.test", "c.test")
        self.days(2)

    def test_is_what_consumers_take(self) -> None:
        self.listed()
        public = self.public()
        self.assertEqual(self.document()["expires"], (self.time + 4 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ"))
        for signature in (f"{LIST}.json.minisig", f"{LIST}.json.{self.online_id()}.minisig"):
            done = command.run("minisign", "-V", "-m", public / f"{LIST}.json", "-x", public / signature, "-P",
                               self.online.text)
            self.assertIn(f"file:{LIST}.json\tlist:{LIST}\tedition:1\tprevious:none", done)
        for root in self.roots[:2]:
            [signature] = public.glob(f"keys.1.json.{self.key_id(root)}.minisig")
            command.run("minisign", "-V", "-m", public / "keys.1.json", "-x", signature, "-P", root.text)
        self.assertEqual(gzip.decompress((public / f"{LIST}.json.gz").read_bytes()), (public / f"{LIST}.json").read_bytes())
        self.assertIn("a.test", (public / "index.html").read_text())
        self.assertEqual(json.loads((public / "domains" / "a.test.json").read_text())["state"], "listed")
        feed = xml.etree.ElementTree.parse(public / "changes.atom").getroot()
        self.assertEqual(feed.tag, "{http://www.w3.org/2005/Atom}feed")
        self.assertEqual(self.good("lint"), "")

    @staticmethod
    def key_id(key: object) -> str:
        # minisign omits leading zeros.
        return key.public.read_text().split("\n")[0].split()[-1].rjust(16, "0")

    def online_id(self) -> str:
        return self.key_id(self.online)

    def test_is_signed_anew_each_day_and_points_back(self) -> None:
        self.listed()
        before = (self.public() / f"{LIST}.json").read_bytes()
        digest = command.run("b2sum", self.public() / f"{LIST}.json").split()[0]
        self.days()
        self.assertNotEqual((self.public() / f"{LIST}.json").read_bytes(), before)
        self.assertIn(f"edition:2\tprevious:{digest}", (self.public() / f"{LIST}.json.minisig").read_text())
        self.assertEqual(os.readlink(self.public()), "editions/2")
        self.assertTrue((self.folder / "editions" / "1" / f"{LIST}.json").exists())

    def test_too_many_changes_need_force(self) -> None:
        self.listed()
        for domain in ("a.test", "b.test", "c.test"):
            self.mta_sts(domain, mxs=[f"mx.{domain}", f"mx2.{domain}"])
        done = self.run_once()
        self.assertEqual(done.returncode, 1)
        self.assertIn("no edition: of 3 entries, 0 would leave and 3 would change; max_change (10 %) allows 2", done.stderr)
        self.assertEqual(os.readlink(self.public()), "editions/1")
        self.refused(1, "no edition", "run", "--no-checks")
        self.assertEqual(self.good("run", "--no-checks", "--force"), "")
        self.assertEqual(self.entries()["a.test"], ["mx.a.test", "mx2.a.test"])

    def test_the_own_network_down_changes_nothing(self) -> None:
        self.listed()
        self.connect = [word if word == "--connect" else word.split("=")[0] + "=224.0.0.1:25" for word in self.connect]
        done = self.run_once()
        self.assertEqual(done.returncode, 1)
        self.assertIn("3 of 3 checks found out nothing", done.stderr)
        self.assertEqual({self.state(domain) for domain in ("a.test", "b.test", "c.test")}, {"listed"})
        self.assertEqual(os.readlink(self.public()), "editions/1")

    def test_a_dry_run_says_what_would_change_and_keeps_nothing(self) -> None:
        self.listed()
        self.mta_sts("a.test", "none")
        before = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}
        done = self.run_once("--dry-run")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("removed a.test", done.stdout)
        self.assertEqual({path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}, before)
        self.days()
        self.assertEqual(set(self.entries()), {"b.test", "c.test"})

    def test_a_rollback_is_a_new_edition_with_the_old_content(self) -> None:
        self.listed()
        self.mta_sts("a.test", "none")
        self.days()
        self.assertIn("edition 3 has the content of edition 1", self.good("rollback"))
        self.assertEqual(set(self.entries()), {"a.test", "b.test", "c.test"})
        self.assertEqual(os.readlink(self.public()), "editions/3")
        self.days()
        self.assertEqual(set(self.entries()), {"a.test", "b.test", "c.test"})
        self.assertIn("repeats edition 1", self.good("status"))
        self.good("rollback", "--end")
        self.days()
        self.assertEqual(set(self.entries()), {"b.test", "c.test"})
        self.refused(64, "no rollback to end", "rollback", "--end")

    def test_two_runs_at_once(self) -> None:
        self.listed()
        with (self.folder / "publish.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.refused(75, "another 'publish' is running", "run")

    def test_old_editions_are_removed(self) -> None:
        self.listed(keep_editions=2)
        self.days(3)
        self.assertEqual(sorted(path.name for path in (self.folder / "editions").iterdir()), ["3", "4"])


class Keys(PublisherCase):
    def setUp(self) -> None:
        super().setUp()
        self.sound("a.test")
        self.publish(watch_days=0)
        self.good("add", "a.test")
        self.days(2)

    def test_an_online_key_is_changed(self) -> None:
        keys = self.lab.new_folder("new")
        new = type(self.online)(keys)
        before = json.loads(self.good("--json", "status"))
        self.assertEqual((before["keys_version"], before["keys_draft"]), (1, None))
        self.assertEqual([key["id"] for key in before["online_keys"]], [self.online.id])
        self.assertIn("minisign -Sm keys.2.json", self.good("keys", "rotate", "--online", str(new.public)))
        drafted = json.loads(self.good("--json", "status"))
        self.assertEqual(drafted, before | {"keys_draft": 2})
        made = self.time - 2 * DAY
        self.assertEqual((drafted["keys_expires"], drafted["online_keys"][0]["until"]), tuple(
            (made + days * DAY).strftime("%Y-%m-%dT%H:%M:%SZ") for days in (365, 100)))
        self.days()  # a version that waits for signatures is not in use
        self.assertFalse((self.public() / "keys.2.json").exists())
        self.configuration.tables["publish"]["secret_keys"] = [new.secret]
        self.configuration.write()
        self.refused(65, f"'publish.secret_keys' has the key {new.id}; a consumer refuses that, because version 1 of "
                         f"keys.json wants 1 of {self.online.id}", "run", "--no-checks")
        self.assertEqual(os.readlink(self.public()), "editions/2")
        self.sign(self.roots[1:], 0)
        self.days()
        self.assertEqual((self.public() / "keys.json").read_bytes(), (self.public() / "keys.2.json").read_bytes())
        command.run("minisign", "-V", "-m", self.public() / f"{LIST}.json", "-P", new.text)

    def test_the_root_keys_are_changed_by_the_old_and_the_new_ones(self) -> None:
        keys = self.lab.new_folder("new")
        new = [type(self.online)(keys) for _ in range(2)]
        self.good("keys", "rotate", *self.options("--root", new))
        self.sign(new, 1)
        self.sign(self.roots[:2], 0)
        self.assertIn("keys: version 2", self.good("status"))

        # Consumers begin with version 1, so they need its root keys still.
        self.days()
        page = (self.public() / "index.html").read_text()
        self.assertEqual([root.text in page for root in (*self.roots, *new)], [True] * 3 + [False] * 2)
        self.assertIn("threshold = 2", page)

    def test_a_key_is_revoked(self) -> None:
        online = self.online.public.read_text().split("\n")[0].split()[-1]
        self.refused(64, "too few keys are left", "keys", "revoke", online)
        keys = self.lab.new_folder("new")
        new = type(self.online)(keys)
        self.good("keys", "revoke", online, "--online", str(new.public))
        self.sign(self.roots[:2], 0)
        self.refused(65, f"'publish.secret_keys' has the key {self.online.id}; a consumer refuses that, because version "
                         f"2 of keys.json wants 1 of {new.id}", "run", "--no-checks")
        self.configuration.tables["publish"]["secret_keys"] = [new.secret]
        self.configuration.write()
        self.assertEqual(self.good("run", "--no-checks"), "")
        self.good("keys", "rotate", "--online", str(self.online.public))
        self.sign(self.roots[:2], 0)
        self.good("keys", "revoke", online)  # one is left
        self.refused(64, "is no online key", "keys", "revoke", "0123456789ABCDEF")

    def test_what_is_signed_by_others_is_refused(self) -> None:
        self.refused(64, "no version waits for signatures", "keys", "sign", str(self.online.public))
        self.good("keys", "rotate")
        stranger = type(self.online)(self.lab.new_folder("stranger"))
        file = self.draft()
        signature = Path(str(file) + ".minisig")
        signature.write_bytes(stranger.sign(file.read_bytes(), name=file.name))
        self.refused(65, "none of the known keys", "keys", "sign", str(signature))

    def test_a_key_with_a_password_or_none_is_a_clear_error(self) -> None:
        self.configuration.tables["publish"]["secret_keys"] = [self.folder / "missing.key"]
        self.configuration.write()
        self.refused(78, r"missing.key: minisign ended", "run", "--no-checks")
        self.assertEqual(os.readlink(self.public()), "editions/1")


class Directory(PublisherCase):
    def test_init_makes_a_directory_with_its_own_configuration(self) -> None:
        self.publish()
        folder = self.lab.new_folder("made") / "list"
        made = self.configuration.tool("publish", "init", str(folder), "--name", "town", "--url",
                                       "https://lists.example.test/", "--author", "The 'Town'")
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        whole = ["editions", "keys", "listtool.toml", "publish.sqlite"]
        self.assertEqual(sorted(path.name for path in folder.iterdir()), whole)
        again = self.configuration.tool("publish", "init", str(folder), "--name", "town")
        self.assertEqual(again.returncode, 64)
        self.assertIn(f"exists already, with other settings; 'starttls-listtool -c {folder}/listtool.toml publish "
                      "init' makes what it names", again.stderr)
        wrong = self.configuration.tool("publish", "init", str(folder / "x"), "--name", "no/name")
        self.assertEqual(wrong.returncode, 64)
        url = self.configuration.tool("publish", "init", str(folder / "x"), "--name", "town", "--url", "http://plain.test/")
        self.assertEqual(url.returncode, 78)
        self.assertFalse((folder / "x" / "listtool.toml").exists())

    def test_init_completes_what_it_was_interrupted_in(self) -> None:
        self.start()
        folder = self.lab.new_folder("made") / "list"

        def init() -> subprocess.CompletedProcess[str]:
            return program.run("starttls-listtool", "publish", "init", folder, "--name", "town")

        self.assertEqual(init().returncode, 0)
        whole = sorted(path.name for path in folder.iterdir())
        for missing in (["publish.sqlite"], ["publish.sqlite", "editions"], ["publish.sqlite", "editions", "keys"],
                        ["editions"], ["keys"]):
            with self.subTest(missing):
                for name in missing:
                    path = folder / name
                    path.unlink() if path.is_file() else path.rmdir()
                done = init()
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(sorted(path.name for path in folder.iterdir()), whole)
                again = init()
                self.assertEqual(again.returncode, 64)
                self.assertIn(f"{folder}/publish.sqlite: exists already", again.stderr)
        (folder / "keys").rmdir()
        with (folder / "listtool.toml").open("a") as file:
            file.write("#\n")
        self.assertIn("exists already, with other settings", init().stderr)
        done = program.run("starttls-listtool", "-c", folder / "listtool.toml", "publish", "init")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    @unittest.skipUnless(os.geteuid() == 0, "needs a second user")
    def test_root_makes_no_file_in_the_directory_of_another_user(self) -> None:
        self.publish()
        shutil.chown(self.folder, "games")
        before = sorted(self.folder.rglob("*"))
        for command in (("add", "a.test"), ("run",), ("keys", "rotate"), ("init",)):
            self.refused(77, f"{self.folder}: belongs to games, .*: runuser -u games -- starttls-listtool -c "
                         f"{self.configuration.path} publish", *command)
        self.assertEqual(sorted(self.folder.rglob("*")), before)
        self.assertIn("list sector", self.good("status"))

    def test_a_command_in_a_message_can_be_typed_as_it_is(self) -> None:
        self.sound("good.test")
        folder = self.lab.new_folder("it's here")
        self.publish()
        configuration = folder / "listtool.toml"
        configuration.write_bytes(self.configuration.path.read_bytes())
        self.configuration.path = configuration
        said = self.tool("status", "good.test")
        self.assertEqual(said.returncode, 64)
        line = re.search(r": '(starttls-listtool .*)' adds it", said.stderr)[1]
        words = shlex.split(line)
        self.assertEqual(words, ["starttls-listtool", "-c", str(configuration), "publish", "add", "good.test"])
        program.run(*words, environment=self.configuration.environment)
        self.assertEqual(self.state("good.test"), "candidate")
        self.assertRegex(self.good("keys", "rotate"),
                         "\n    starttls-listtool -c .* publish keys sign keys.2.json.minisig\n")
        self.refused(64, "there are keys already: '.* -c .* publish keys rotate'", "keys", "init", "--root",
                     str(self.roots[0].public), "--online", str(self.online.public))

    def test_import(self) -> None:
        self.publish()
        file = self.lab.new_folder("import") / "domains.txt"
        file.write_text("# sector\na.test\n\n  B.test  # with a comment\nb.test\n")
        self.assertEqual(self.good("import", str(file)), "2 domains added\n")
        self.assertEqual(self.good("import", str(file)), "0 domains added, 2 as before\n")
        self.assertEqual(self.state("b.test"), "candidate")
        file.write_text("\ufeffgood.test\nnot a domain\nother.test\n")
        self.refused(65, f"{file}:2: ", "import", str(file))
        self.assertEqual([self.state(domain) for domain in ("good.test", "other.test")], ["candidate"] * 2)
        eff = file.with_name("policy.json")
        eff.write_text(json.dumps({"timestamp": "2020-01-01T00:00:00Z", "expires": "2020-02-01T00:00:00Z", "version": "0.1",
                                   "author": "Old", "policies": {
                                       "old.test": {"mode": "testing", "mxs": [".old.test"]}}}))
        self.assertEqual(self.good("import", str(eff)), "1 domain added\n")
        self.assertEqual(self.history("old.test"), [("candidate", "candidate", "added")])
        self.good("remove", "old.test", "--reason", "gone")
        self.assertEqual(self.good("import", str(eff)), "0 domains added, 1 as before\n")
        self.assertEqual(self.good("import", "--sts-cache"), "0 domains added\n")

    def test_without_a_state_or_a_name(self) -> None:
        self.start()
        self.time = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
        self.refused(78, "publish.name.*is missing", "run")
        self.configuration.tables["publish"] = {"name": "x", "directory": self.lab.new_folder("empty")}
        self.configuration.write()
        self.refused(69, "publish init", "status")


if __name__ == "__main__":
    unittest.main()
