"""starttls-listtool update without errors: what it fetches, installs, writes, runs and prints."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
import unittest
from pathlib import Path

from lab import program
from lab.https import Answer, Request
from lab.process import Process

from publishing import (CANNOT_CREATE, CONFIG, DATA, HOST, IO, MAP_LINE, OK, TEMPORARY, UNAVAILABLE, USAGE, Host,
                        conditional, edition)
from update_case import UpdateCase


class OneList(UpdateCase):
    def test_the_first_update_installs_it_and_the_second_is_silent(self) -> None:
        self.assert_update(out="main: 4 added, 0 removed, 0 changed; 4 domains, of 2026-11-20T00:00:00Z, "
                               "expires 2026-12-20T00:00:00Z\n")
        self.assertEqual(self.installed(), edition(20))
        self.assertEqual(self.host.policies(), {f"{x}.test": MAP_LINE.format(f"{x}.test") for x in "abcd"})
        self.assertEqual(self.host.runs(), 1)
        self.assertEqual([request.path for request in self.publisher.requests()], ["/list.json", "/list.json.minisig"])
        self.assert_silent()
        self.assertEqual(self.host.runs(), 1)

    def test_verbose_says_what_was_asked_for_and_is_unchanged(self) -> None:
        self.assert_update(out=".+\n")
        done = self.host.tool("-v", "update")
        self.assertEqual((done.returncode, done.stdout), (OK, ""))
        self.assertEqual(done.stderr.splitlines(), [
            f"starttls-listtool: list main: {self.host.main_list()['url']}: unchanged; 4 domains, of 2026-11-20T00:00:00Z, "
            "expires 2026-12-20T00:00:00Z",
            f"starttls-listtool: {self.host.map}: unchanged"])
        self.host.map.unlink()
        done = self.host.tool("-v", "update")
        self.assertIn(f"starttls-listtool: {self.host.map}: written\n", done.stderr)
        self.assertNotIn(f"{self.host.map}: unchanged", done.stderr)

    def test_the_map_names_its_sources(self) -> None:
        self.assert_update(out=".+\n")
        self.assertRegex(self.host.map.read_text(), r"# List main: of 2026-11-20T00:00:00Z, expires "
                                                    r"2026-12-20T00:00:00Z, signature checked, by key [0-9A-F]{16}\n")

    def test_with_nothing_new_one_conditional_request_is_all(self) -> None:
        for validators, fields in ((["ETag"], {"If-None-Match"}), (["Last-Modified"], {"If-Modified-Since"}),
                                   (["ETag", "Last-Modified"], {"If-None-Match", "If-Modified-Since"})):
            with self.subTest(validators):
                self.host = Host(self.lab, self.publisher)
                self.host.configure()
                self.publisher.publish(edition(20), validators=validators)
                self.assert_update(out=".+\n")
                self.publisher.requests()
                self.assert_silent()
                requests = self.publisher.requests()
                self.assertEqual(len(requests), 1)
                self.assertEqual({name for name in requests[0].headers if name.startswith("If-")}, fields)

    def test_a_server_without_conditional_requests_sends_the_same_again_and_nothing_is_written(self) -> None:
        self.publisher.publish(edition(20), validators=[])
        self.assert_update(out=".+\n")
        self.publisher.requests()
        before = self.host.content()
        maps = {name: stamp for name, stamp in self.host.stamps().items() if name.startswith("maps")}
        for _ in range(2):
            self.assert_update()
            self.assertEqual(self.host.content(), before)
            self.assertLessEqual(maps.items(), self.host.stamps().items())
        self.assertEqual([request.path for request in self.publisher.requests()], ["/list.json"] * 2)
        self.assertEqual(self.host.runs(), 1)

    def test_a_server_that_changes_only_its_etag_is_asked_with_the_new_one(self) -> None:
        self.assert_update(out=".+\n")
        self.publisher.publish(edition(20), etag='"other"')
        maps = {name: stamp for name, stamp in self.host.stamps().items() if name.startswith("maps")}
        self.assert_update()
        self.assertLessEqual(maps.items(), self.host.stamps().items())
        self.publisher.requests()
        self.assert_silent()
        self.assertEqual([request.headers["If-None-Match"] for request in self.publisher.requests()], ['"other"'])
        self.assertEqual(self.host.runs(), 1)

    def test_a_new_edition_is_reported_in_one_line(self) -> None:
        self.assert_update(out=".+\n")
        self.publisher.publish(edition(21, ["a.test", "b.test", "c.test", "e.test", "f.test"],
                                       a_test={"mode": "enforce", "mxs": ["mx.new.test"]}))
        self.assert_update(out="main: 2 added, 1 removed, 1 changed; 5 domains, of 2026-11-21T00:00:00Z, .*\n")
        self.assertEqual(self.host.policies(), {"a.test": MAP_LINE.format("new.test")}
                         | {f"{x}.test": MAP_LINE.format(f"{x}.test") for x in "bcef"})
        self.assertEqual(self.host.runs(), 2)
        self.assert_silent()

    def test_with_json_the_answer_is_for_machines(self) -> None:
        answer = json.loads(self.host.update("--json").stdout)
        self.assertEqual(answer["lists"], [{"name": "main", "result": "new", "domains": 4, "added": 4, "removed": 0,
                                            "changed": 0, "timestamp": "2026-11-20T00:00:00Z",
                                            "expires": "2026-12-20T00:00:00Z"}])
        self.assertEqual(answer["outputs"], [{"file": str(self.host.map), "changed": True, "failed": False,
                                              "command": "done"}])
        answer = json.loads(self.host.update("--json").stdout)
        self.assertEqual(answer, {"lists": [{"name": "main", "result": "unchanged"}], "outputs": []})

    def test_quiet_is_silent_also_about_a_change(self) -> None:
        self.assert_update("-q")
        self.assertEqual(self.installed(), edition(20))

    def test_what_is_installed_stays_installed_even_if_the_output_cannot_be_written(self) -> None:
        with open("/dev/full", "w") as full:
            done = subprocess.run([program.path_of("starttls-listtool"), "-c", self.host.configuration, "update"],
                                  env={**os.environ, **self.host.environment()}, stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, IO, done.stderr)
        self.assertEqual(len(self.host.policies()), 4)
        self.assert_silent()

    def test_a_signature_at_another_place(self) -> None:
        self.host.configure([self.host.main_list(signature=self.publisher.url("/signatures/1?key=2"))])
        self.publisher.serve("/signatures/1?key=2", self.publisher.key.sign(edition(20)))
        self.publisher.answer(Answer(404), "/list.json.minisig")
        self.assert_update(out=".+\n")

    def test_the_signature_of_a_url_with_a_query_is_next_to_its_path(self) -> None:
        self.host.configure([self.host.main_list(url=self.publisher.url("/list?v=1"))])
        self.publisher.serve("/list?v=1", edition(20))
        self.publisher.serve("/list.minisig?v=1", self.publisher.key.sign(edition(20), name="list"))
        self.assert_update(out=".+\n")

    def test_a_redirect_to_https_is_followed(self) -> None:
        self.publisher.publish(edition(20), "/moved.json")
        self.publisher.answer(Answer(302, {"Location": "/moved.json"}))
        self.assert_update(out=".+\n")
        self.publisher.requests()
        self.assert_silent()

    def test_the_random_delay_is_waited_for(self) -> None:
        begun = time.monotonic()
        self.assert_update("--splay", "0", out=".+\n")
        self.assert_update("--splay", "1")
        self.assertLess(time.monotonic() - begun, 15)
        self.assert_update("--splay", "86401", status=USAGE, err="(?s:.*--splay: .*)")

    def test_of_two_at_once_the_second_exits(self) -> None:
        asked, go_on = threading.Event(), threading.Event()
        serve = conditional(edition(20), None, ["ETag"])

        def hold(request: Request) -> Answer:
            asked.set()
            go_on.wait(60)
            return serve(request)

        self.publisher.web.answer(HOST, "/list.json", hold)
        first = Process([program.path_of("starttls-listtool"), "-c", self.host.configuration, "update"],
                        folder=self.lab.new_folder("first"), lab_folder=self.lab.folder,
                        environment=self.host.environment())
        try:
            self.assertTrue(asked.wait(60))
            done = self.host.update()
            self.assertEqual((done.returncode, done.stdout), (TEMPORARY, ""))
            self.assertRegex(done.stderr, r"\A.*: another update is running\n\Z")
        finally:
            go_on.set()
        self.assertEqual(first.wait(), OK)
        self.assertEqual(self.installed(), edition(20))
        self.assert_silent()


class Outputs(UpdateCase):
    def test_a_map_that_was_changed_or_removed_is_written_again(self) -> None:
        self.assert_update(out=".+\n")
        good = self.host.map.read_bytes()
        self.host.map.write_text("a.test none\n")
        self.assert_update()
        self.assertEqual((self.host.map.read_bytes(), self.host.runs()), (good, 2))
        self.host.map.unlink()
        self.assert_update()
        self.assertEqual((self.host.map.read_bytes(), self.host.runs()), (good, 3))
        self.assert_silent()

    def test_an_edition_that_does_not_change_the_map_runs_no_command(self) -> None:
        self.host.configure(outputs=[self.host.texthash(type="cdb")])
        self.assert_update(out=".+\n")
        before = (self.host.maps / "tls_policy.cdb").stat()
        self.publisher.publish(edition(21))
        self.assert_update(out="main: 0 added, 0 removed, 0 changed; 4 domains, of 2026-11-21T00:00:00Z, .*\n")
        self.assertEqual((self.host.maps / "tls_policy.cdb").stat().st_mtime_ns, before.st_mtime_ns)
        self.assertEqual(self.host.runs(), 1)
        self.assert_silent()

    def test_a_change_of_how_to_write_a_map_counts(self) -> None:
        self.publisher.publish(edition(20, mode="testing"))
        self.assert_update(out=".+\n")
        self.assertEqual(self.host.policies(), {})
        self.host.configure(outputs=[self.host.texthash(early_adopter=True)])
        self.assert_update()
        self.assertEqual(len(self.host.policies()), 4)
        self.host.configure(outputs=[self.host.texthash(early_adopter=True, postfix_version="3.7")])
        self.assert_update()
        self.assertIn("protocols=>=TLSv1.2", self.host.policies()["a.test"])
        self.assertEqual(self.host.runs(), 3)

    def test_an_output_that_is_new_is_written_without_a_new_edition(self) -> None:
        self.assert_update(out=".+\n")
        second = self.host.maps / "second"
        self.host.configure(outputs=[self.host.texthash(), {"mta": "sendmail", "file": str(second)}])
        self.assert_update()
        self.assertIn("a.test\tsecure match=mx.a.test servername=hostname\n", second.read_text())
        self.assertEqual(self.host.runs(), 1)
        self.assert_silent()

    def test_a_command_that_fails_is_reported_and_runs_again(self) -> None:
        flag = self.host.folder / "may-succeed"
        command = ["/bin/sh", "-c", f"echo ran >>{self.host.ran}; echo 'no, not yet' >&2; test -e {flag}"]
        self.host.configure(outputs=[self.host.texthash(command=command)])
        failed = r".*tls_policy: .*its command failed and will run again: /bin/sh ended with status 1: no, not yet\n"
        self.assert_update(status=TEMPORARY, out=".+\n", err=failed)
        self.assertEqual(len(self.host.policies()), 4)
        self.assert_update(status=TEMPORARY, err=failed)
        self.assertEqual(self.host.runs(), 2)
        flag.touch()
        self.assert_update()
        self.assertEqual(self.host.runs(), 3)
        self.assert_silent()
        self.assertEqual(self.host.runs(), 3)

    def test_the_command_of_a_killed_update_is_run_by_the_next(self) -> None:
        spared = self.host.folder / "spared"
        spared.touch()
        command = ["/bin/sh", "-c", f"echo ran >>{self.host.ran}; test -e {spared} || kill -KILL $PPID"]
        self.host.configure(outputs=[self.host.texthash(command=command)])
        self.assert_update(out=".+\n")
        self.publisher.publish(edition(21))
        spared.unlink()
        self.assertEqual(self.host.update().returncode, -signal.SIGKILL)
        self.assertEqual(self.installed(), edition(21))
        spared.touch()
        self.assert_update()
        self.assertEqual(self.host.runs(), 3)
        self.assert_silent()

    def test_a_command_that_is_missing_is_reported(self) -> None:
        self.host.configure(outputs=[self.host.texthash(command=["/nowhere/reload"])])
        self.assert_update(status=UNAVAILABLE, out=".+\n", err=".*/nowhere/reload.*\n")
        self.assertEqual(len(self.host.policies()), 4)
        answer = json.loads(self.host.update("--json").stdout)
        self.assertEqual(answer["outputs"], [{"file": str(self.host.map), "changed": False, "failed": False,
                                              "command": "failed"}])

    def test_a_map_that_cannot_be_written_does_not_block_others(self) -> None:
        nowhere = self.host.texthash(file=str(self.host.folder / "none/map"))
        self.host.configure(outputs=[nowhere, self.host.texthash()])
        self.assert_update(status=CANNOT_CREATE, out="main: 4 added.*\n", err=".*none/map: cannot write.*\n")
        self.assertEqual((len(self.host.policies()), self.host.runs()), (4, 1))
        # Reported every time, and written as soon as possible.
        self.assert_update(status=CANNOT_CREATE, err=".*none/map: cannot write.*\n")
        self.assertEqual(self.host.runs(), 1)
        (self.host.folder / "none").mkdir()
        self.assert_update()
        self.assertEqual((self.host.folder / "none/map").read_text(), self.host.map.read_text())
        self.assert_silent()

    def test_an_expired_list_is_still_removed_from_the_other_maps(self) -> None:
        self.host.configure(outputs=[self.host.texthash()])
        self.assert_update(out=".+\n")
        nowhere = self.host.texthash(file=str(self.host.folder / "none/map"))
        self.host.configure(outputs=[nowhere, self.host.texthash()])
        self.host.now = "2027-01-01T00:00:00Z"
        self.assert_update(status=CANNOT_CREATE, err="[^\0]*it expired on [^\0]*none/map: cannot write[^\0]*")
        self.assertEqual(self.host.policies(), {})

    def test_a_map_stays_if_the_state_is_lost_and_a_list_cannot_be_fetched(self) -> None:
        self.publisher.publish(edition(19, ["x.test"]), "/group.json")
        group = {"name": "group", "url": self.publisher.url("/group.json"), "keys": [self.publisher.key.text]}
        self.host.configure([self.host.main_list(), group])
        self.assert_update(out=".+\n.+\n")
        before = self.host.map.read_bytes()
        shutil.rmtree(self.host.state)
        self.publisher.answer(Answer(status=500), "/group.json")
        self.assert_update(status=TEMPORARY, out="main: .+\n", err="[^\0]*list group: [^\0]*tls_policy: stays as it is[^\0]*")
        self.assertEqual(self.host.map.read_bytes(), before)


class Lists(UpdateCase):
    def setUp(self) -> None:
        super().setUp()
        self.publisher.publish(edition(19, ["b.test", "x.test"], a_test={"mode": "enforce", "mxs": ["mx.group.test"]}),
                               "/group.json")
        self.group = {"name": "group", "url": self.publisher.url("/group.json"), "keys": [self.publisher.key.text]}
        self.host.configure([self.host.main_list(), self.group])

    def test_later_lists_overlay_earlier_ones(self) -> None:
        self.assert_update(out="main: 4 added, .*\ngroup: 3 added, .*\n")
        self.assertEqual(self.host.policies(), {"a.test": MAP_LINE.format("group.test")}
                         | {f"{x}.test": MAP_LINE.format(f"{x}.test") for x in "bcdx"})
        self.host.configure([self.group, self.host.main_list()])
        self.assert_update()
        self.assertEqual(self.host.policies()["a.test"], MAP_LINE.format("a.test"))
        self.assert_silent()

    def test_only_the_lists_that_are_new_are_reported(self) -> None:
        self.assert_update(out=".+\n.+\n")
        self.publisher.publish(edition(21), "/list.json")
        self.assert_update(out="main: 0 added, .*\n")
        self.assert_silent()

    def test_overrides_have_precedence_over_all(self) -> None:
        overrides = self.host.folder / "overrides"
        overrides.write_text("a.test none\nb.test enforce mx.mine.test\n")
        self.host.configure([self.host.main_list(), self.group], overrides=str(overrides))
        self.assert_update(out=".+\n.+\n")
        self.assertEqual(self.host.policies(), {"b.test": MAP_LINE.format("mine.test")}
                         | {f"{x}.test": MAP_LINE.format(f"{x}.test") for x in "cdx"})
        self.assert_silent()
        overrides.write_text("c.test none\n")
        self.assert_update()
        self.assertEqual(sorted(self.host.policies()), ["a.test", "b.test", "d.test", "x.test"])
        self.assertEqual(self.host.runs(), 2)

    def test_overrides_that_are_wrong_stop_the_update_before_its_first_request(self) -> None:
        overrides = self.host.folder / "overrides"
        overrides.write_text("a.test enforec mx.a.test\n")
        self.host.configure(overrides=str(overrides))
        self.assert_update(status=CONFIG, err=".*overrides:1:8: .*\n")
        self.assertEqual(self.publisher.requests(), [])

    def test_a_list_that_is_no_longer_configured_is_removed(self) -> None:
        self.assert_update(out=".+\n.+\n")
        self.host.configure()
        self.assert_update(out="group: no longer configured, and removed\n")
        self.assertEqual(sorted(self.host.policies()), [f"{x}.test" for x in "abcd"])
        self.assertFalse((self.host.state / "current/group.json").exists())
        self.assert_silent()

    def test_one_list_by_name(self) -> None:
        self.assert_update("group", out="group: 3 added, .*\n")
        self.assertEqual([request.path for request in self.publisher.requests()],
                         ["/group.json", "/group.json.minisig"])
        self.publisher.publish(edition(21), "/list.json")
        self.publisher.publish(edition(21, ["x.test", "y.test", "z.test"]), "/group.json")
        self.assert_update("main", out="main: 4 added, .*\n")
        self.assertEqual(self.host.policies()["a.test"], MAP_LINE.format("group.test"))
        self.assert_update("group", "main", out="group: 2 added, 2 removed, .*\n")

    def test_a_name_that_is_not_configured(self) -> None:
        self.assert_update("mian", status=USAGE, err="starttls-listtool: no list 'mian' is configured; "
                                                     "did you mean 'main'\\?\n")
        self.assertEqual(self.publisher.requests(), [])

    def test_no_list_at_all(self) -> None:
        self.host.configure([])
        self.assert_update(status=CONFIG, err=r".*no \[\[list\]\] is configured.*\n")

    def test_a_list_that_is_refused_does_not_block_another(self) -> None:
        self.assert_update(out=".+\n.+\n")
        self.publisher.publish(edition(21), "/list.json", signature=self.publisher.key.sign(b"something else"))
        self.publisher.publish(edition(21, ["b.test", "x.test", "y.test"]), "/group.json")
        self.assert_update(status=DATA, out="group: 1 added, 1 removed, .*\n",
                           err=".*list main: .*does not fit.*; the installed edition of 2026-11-20T00:00:00Z stays\n")
        self.assertEqual(self.installed(), edition(20))
        self.assertEqual(self.host.policies()["a.test"], MAP_LINE.format("a.test"))
        self.assertIn("y.test", self.host.policies())

    def test_of_several_failures_the_one_that_needs_an_administrator_decides_the_status(self) -> None:
        self.assert_update(out=".+\n.+\n")
        self.publisher.answer(Answer(503))
        self.publisher.publish(edition(18), "/group.json")
        self.assert_update("-q", status=DATA, err=".*list group: rolled back.*\n")
        self.publisher.publish(edition(18), "/list.json")
        self.publisher.answer(Answer(503), "/group.json")
        self.assert_update("-q", status=DATA, err=".*list main: rolled back.*\n")

    def test_a_list_that_is_refused_at_first_installs_nothing(self) -> None:
        self.publisher.publish(edition(20), "/list.json", signature=self.publisher.key.sign(b"something else"))
        self.assert_update(status=DATA, out="group: 3 added.*\n", err=".*list main: .*does not fit.*\n")
        names = sorted(path.name for path in (self.host.state / "current").iterdir())
        self.assertEqual(names, ["group.cdb", "group.json", "group.json.minisig", "set.toml"])
        self.publisher.publish(edition(20))
        self.assert_update(out="main: 4 added.*\n")


class FromAFile(UpdateCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.host.folder / "own.json"
        self.host.configure([{"name": "own", "file": "own.json", "keys": [self.publisher.key.text]}])
        self.bring(edition(20))

    def bring(self, content: bytes) -> None:
        self.file.write_bytes(content)
        Path(f"{self.file}.minisig").write_bytes(self.publisher.key.sign(content, name="own.json"))

    def test_is_installed_like_one_that_is_fetched(self) -> None:
        self.assert_update(out="own: 4 added, .*\n")
        self.assertEqual(self.installed("own"), edition(20))
        self.assert_silent()
        self.bring(edition(21, ["a.test", "b.test", "c.test"]))
        self.assert_update(out="own: 0 added, 1 removed, .*\n")
        self.assert_silent()

    def test_written_again_with_the_same_bytes_it_is_not_new(self) -> None:
        self.assert_update(out=".+\n")
        self.bring(edition(20))
        self.assert_update()
        self.assert_silent()

    def test_is_refused_by_the_same_rules(self) -> None:
        self.assert_update(out=".+\n")
        before = self.host.content()
        self.bring(edition(19))
        self.assert_update(status=DATA, err=".*list own: rolled back: .*stays\n")
        self.file.write_bytes(edition(21))
        self.assert_update(status=DATA, err=".*list own: .*own.json: .*does not fit.*stays\n")
        self.file.unlink()
        self.assert_update(status=IO, err=".*list own: .*own.json: No such file or directory.*stays\n")
        self.assertEqual(self.host.content(), before)


if __name__ == "__main__":
    unittest.main()
