"""starttls-listtool sts, and how lookup and generate use its results: with a name server and policy hosts."""

import contextlib
import itertools
import json
import os
import pty
import sqlite3
import subprocess
import unittest
from pathlib import Path

from lab import Lab, program
from lab.ca import CA
from lab.dns import Dns
from lab.https import Answer, HttpsServer
from lab.policy_domains import A_WEEK, Configuration, fetches, mta_sts_records, policy, publish

OK, NO, USAGE, DATA, TEMPORARY = 0, 1, 64, 65, 75
START = "2026-11-22T12:00:00Z"
ROOT = {".": {}}


class StsCase(unittest.TestCase):
    """A world of a few domains, each with its own policy host."""

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.web = HttpsServer(self.lab)
        self.zones = {domain: self.zone() for domain in ("good.test", "test.test", "none.test")}
        self.zones["bare.test"] = {"@": ["MX 10 mx"]}
        self.dns = Dns(self.lab, {**ROOT, **self.zones}, port=0)
        publish(self.lab, self.web, "good.test", policy("enforce", "mx.good.test", "*.backup.test"))
        publish(self.lab, self.web, "test.test", policy("testing", "mx.test.test"))
        publish(self.lab, self.web, "none.test", policy("none"))
        self.configuration = Configuration(self.lab, self.dns, self.web, now=START)

    def zone(self, policy_id: str = "1") -> dict[str, list[str]]:
        return {"@": ["MX 10 mx"], **mta_sts_records(self.web, policy_id)}

    def tool(self, *arguments: str, status: int = OK, text_in: str = "") -> str:
        done = self.configuration.tool(*arguments, text_in=text_in)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.err = done.stderr
        return done.stdout

    def lookup(self, domain: str, status: int = OK, *options: str) -> dict[str, object]:
        return json.loads(self.tool("--json", "lookup", *options, domain, status=status))[0]


class Fetch(StsCase):
    def test_a_policy_is_fetched_shown_and_kept(self) -> None:
        out = self.tool("sts", "fetch", "Good.Test.")
        self.assertEqual(out, "good.test: enforce mx.good.test *.backup.test, until 2026-11-29T12:00:00Z\n")
        self.assertEqual(self.err, "")
        self.assertEqual(self.tool("sts", "cache"),
                         "good.test: enforce mx.good.test *.backup.test, until 2026-11-29T12:00:00Z, fetched 0 s ago; "
                         + self.tool("sts", "cache").rsplit("; ", 1)[1])

    def test_a_domain_without_a_record_has_none(self) -> None:
        self.assertRegex(self.tool("sts", "fetch", "bare.test", status=NO), r"^bare\.test: no MTA-STS: .+\n$")
        self.assertEqual(self.tool("sts", "cache"), "")

    def test_in_bulk_each_domain_once_in_order_with_a_summary(self) -> None:
        names = "# some domains\n\ngood.test\n  none.test  # twice\nnone.test\nbare.test\n"
        out = self.tool("--json", "-v", "sts", "fetch", "-", "test.test", status=NO, text_in=names)
        answer = json.loads(out)
        self.assertEqual([one["domain"] for one in answer["domains"]],
                         ["good.test", "none.test", "bare.test", "test.test"])
        self.assertEqual(answer["summary"], {"domains": 4, "policy": 3, "none": 1, "unknown": 0, "failed": {}})
        self.assertIn("4 domains: 3 with a policy, 1 without", self.err)
        self.assertEqual(answer["domains"][0]["policy"]["mx"], ["mx.good.test", "*.backup.test"])

    def test_a_text_that_is_no_name_is_reported_with_its_line(self) -> None:
        self.tool("sts", "fetch", "-", status=DATA, text_in="bad name\n\n")
        self.assertIn("standard input:1: ", self.err)
        self.tool("sts", "fetch", "bad name", status=USAGE)
        self.assertEqual(self.web.requests, [])

    def test_each_kind_of_failure_has_its_type_and_status(self) -> None:
        stranger = CA(self.lab.new_folder("ca"), "Nobody's CA")
        cases = {
            "status": (Answer(404), None, "sts-policy-fetch-error", "404", TEMPORARY),
            "redirect": (Answer(301, {"Location": "https://www.good.test/"}), None, "sts-policy-fetch-error", "redirect",
                         TEMPORARY),
            "html": (Answer(headers={"Content-Type": "text/html"}, body=b"<html>"), None, "sts-policy-invalid", "text/html",
                     DATA),
            "nonsense": (Answer(body=b"mode: enforce\n"), None, "sts-policy-invalid", "version", DATA),
            "large": (Answer(chunks=itertools.repeat(b"x" * 1000)), None, "sts-policy-fetch-error", "65536", TEMPORARY),
            "untrusted": (Answer(), stranger.issue("mta-sts.good.test"), "sts-webpki-invalid", "certificate", DATA),
            "other-name": (Answer(), self.lab.ca.issue("www.good.test"), "sts-webpki-invalid", "mta-sts.good.test", DATA),
            "expired": (Answer(), self.lab.ca.issue("mta-sts.good.test", expired=True), "sts-webpki-invalid", "expired",
                        DATA),
        }
        for name, (answer, certificate, kind, reason, status) in cases.items():
            with self.subTest(name):
                self.configuration.tool("sts", "cache", "--purge", "--all")
                publish(self.lab, self.web, "good.test", "", answer=answer,
                        certificate=certificate or self.lab.ca.issue("mta-sts.good.test"))
                out = self.tool("sts", "fetch", "good.test", status=status)
                self.assertIn(f"good.test: {kind}: ", out)
                self.assertIn(reason, out)
                self.assertIn(f"no policy; {kind} since {START}", self.tool("sts", "cache", "good.test"))

    def test_hundreds_at_once(self) -> None:
        names = self.many(300)
        answer = json.loads(self.tool("--json", "sts", "fetch", "-", text_in="\n".join(names)))
        self.assertEqual(answer["summary"]["policy"], 300)
        self.assertEqual([one["domain"] for one in answer["domains"]], names)

    def many(self, count: int, **settings: object) -> list[str]:
        """Publish the policies of this many domains, and ask for them only."""
        names = [f"d{number}.many.test" for number in range(count)]
        many = {f"{kind}.d{number}": records for number in range(count)
                for kind, records in {"_mta-sts": ['TXT "v=STSv1; id=1;"'], "mta-sts": [f"A {self.web.address}"]}.items()}
        lab_dns = Dns(self.lab, {**ROOT, "many.test": many}, port=0)
        certificate = self.lab.ca.issue("many", sans=[f"mta-sts.{name}" for name in names])
        for name in names:
            publish(self.lab, self.web, name, policy("enforce", f"mx.{name}"), certificate=certificate)
        self.configuration = Configuration(self.lab, lab_dns, self.web, now=START, mta_sts=settings)
        return names

    def test_if_the_answer_cannot_be_written_no_more_is_fetched(self) -> None:
        names = self.many(100, max_fetches=4)
        with Path("/dev/full").open("w") as full:
            done = subprocess.run([program.path_of("starttls-listtool"), "-c", self.configuration.path, "sts", "fetch", "-"],
                                  input="\n".join(names), text=True, stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (74, "starttls-listtool: standard output: No space left on device\n"))
        self.assertLess(len(self.web.requests), 50)

    def test_on_a_terminal_each_answer_has_its_line(self) -> None:
        names = self.many(20)
        ours, theirs = pty.openpty()
        with os.fdopen(ours, "rb", buffering=0) as terminal:
            with os.fdopen(theirs, "wb") as end:
                tool = subprocess.Popen(
                    [program.path_of("starttls-listtool"), "-c", self.configuration.path, "sts", "fetch", *names],
                    stdin=subprocess.DEVNULL, stdout=end, stderr=end, env=os.environ | self.configuration.environment)
            shown = b""
            with contextlib.suppress(OSError):  # EIO reports the end
                while piece := terminal.read(4096):
                    shown += piece
            self.assertEqual(tool.wait(), OK)
        lines = [line.rpartition("\r\x1b[K")[2] for line in shown.decode().split("\r\n")]
        self.assertIn(" of 20", shown.decode())
        self.assertEqual(lines, [f"{name}: enforce mx.{name}, until 2026-11-29T12:00:00Z" for name in names]
                         + ["starttls-listtool: 20 domains: 20 with a policy, 0 without", ""])


class Refresh(StsCase):
    def test_only_what_is_due_is_fetched_and_only_changes_are_printed(self) -> None:
        self.tool("sts", "fetch", "good.test", "none.test")
        self.configuration.now = "2026-11-22T18:00:00Z"
        self.assertEqual(self.tool("sts", "refresh"), "")
        self.assertEqual(len(fetches(self.web, "good.test")), 1)
        publish(self.lab, self.web, "good.test", policy("enforce", "mx2.good.test"))
        self.configuration.now = "2026-11-23T18:00:00Z"
        self.assertEqual(self.tool("sts", "refresh"),
                         "good.test: enforce mx2.good.test, until 2026-11-30T18:00:00Z\n")
        self.assertEqual((len(fetches(self.web, "good.test")), len(fetches(self.web, "none.test"))), (2, 2))
        publish(self.lab, self.web, "good.test", policy("enforce", "mx3.good.test"))
        self.configuration.now = "2026-11-25T18:00:00Z"
        self.assertEqual(self.tool("-q", "sts", "refresh"), "", "cron mails whatever is said")
        self.assertIn("mx3.good.test", self.tool("sts", "cache"))
        self.assertEqual(self.err, "")

    def test_all_on_demand(self) -> None:
        self.tool("sts", "fetch", "good.test")
        self.configuration.now = "2026-11-22T13:00:00Z"
        self.assertEqual(self.tool("sts", "refresh", "--all"), "")
        self.assertIn("until 2026-11-29T13:00:00Z", self.tool("sts", "cache"))

    def test_a_policy_is_valid_while_its_host_is_down_and_no_longer(self) -> None:
        self.tool("sts", "fetch", "good.test")
        publish(self.lab, self.web, "good.test", "", answer=Answer(503))
        self.configuration.now = "2026-11-29T11:59:59Z"
        self.tool("sts", "refresh")
        self.assertIn("sts-policy-fetch-error", self.tool("sts", "cache"))
        self.assertEqual(self.lookup("good.test")["mode"], "enforce")
        self.configuration.now = "2026-11-29T12:00:00Z"
        self.assertEqual(self.lookup("good.test", NO)["source"], "none")


class Cache(StsCase):
    def test_what_is_purged_is_removed(self) -> None:
        self.tool("sts", "fetch", "good.test", "none.test", "test.test")
        self.tool("sts", "cache", "--purge", "good.test")
        self.tool("sts", "cache", "--purge", "good.test", status=NO)
        self.tool("sts", "cache", "good.test", status=NO)
        self.assertEqual([one["domain"] for one in json.loads(self.tool("--json", "sts", "cache"))],
                         ["none.test", "test.test"])
        self.tool("sts", "cache", "--purge", "--all")
        self.assertEqual(self.tool("sts", "cache"), "")

    def test_an_empty_list_of_domains_is_not_all_of_them(self) -> None:
        self.tool("sts", "fetch", "good.test")
        self.assertEqual(self.tool("sts", "cache", "-", text_in="# none\n"), "")
        self.assertEqual(self.tool("sts", "cache", "--purge", "-"), "")
        self.assertNotEqual(self.tool("sts", "cache"), "")

    def test_what_cannot_be_stored_is_reported_with_the_answer(self) -> None:
        self.tool("sts", "fetch", "good.test")
        with contextlib.closing(sqlite3.connect(self.configuration.cache)) as other:
            other.execute("BEGIN IMMEDIATE")
            out = self.tool("--json", "sts", "fetch", "none.test", status=TEMPORARY)
        self.assertEqual(json.loads(out)["summary"]["policy"], 1)
        self.assertRegex(self.err, r"^starttls-listtool: warning: the cache of MTA-STS policies fails.*: database is locked\n$")

    def test_nonsense_is_refused(self) -> None:
        for options in (["--purge"], ["--all"], ["--purge", "--all", "good.test"]):
            self.tool("sts", "cache", *options, status=USAGE)


class Sources(StsCase):
    """MTA-STS combined with lists and overrides."""

    def setUp(self) -> None:
        super().setUp()
        self.list = self.lab.new_folder("lists") / "sector.json"
        entry = {"mode": "enforce", "mxs": ["mx.list.test"]}
        self.list.write_text(json.dumps({
            "timestamp": "2026-11-20T00:00:00Z", "expires": "2026-12-20T00:00:00Z", "version": "0.1", "author": "Lab",
            "policies": {domain: entry for domain in ("good.test", "test.test", "none.test", "bare.test")}}))
        self.tool("sts", "fetch", "good.test", "test.test", "none.test")

    def test_a_live_policy_has_precedence_over_a_list(self) -> None:
        answers = {domain: self.lookup(domain, status, "--list", str(self.list)) for domain, status in
                   {"good.test": OK, "test.test": OK, "none.test": NO, "bare.test": OK}.items()}
        self.assertEqual({domain: (answer["source"], answer["mode"], answer["postfix"])
                          for domain, answer in answers.items()},
                         {"good.test": ("mta-sts", "enforce",
                                        "secure match=mx.good.test:.backup.test servername=hostname"),
                          "test.test": ("mta-sts", "testing", None),
                          "none.test": ("mta-sts", "none", None),
                          "bare.test": ("list:sector", "enforce", "secure match=mx.list.test servername=hostname")})
        self.assertEqual(answers["good.test"]["expires"], "2026-11-29T12:00:00Z")
        self.assertEqual(answers["good.test"]["mta_sts"]["id"], "1")
        self.assertIsNone(answers["good.test"]["dane"])

    def test_the_maps_contain_the_same(self) -> None:
        for mta, separator in (("postfix", " "), ("sendmail", "\t")):
            out = self.tool("generate", mta, "--list", str(self.list), "--early-adopter")
            rules = [line for line in out.splitlines() if not line.startswith("#")]
            self.assertEqual(rules, [
                f"bare.test{separator}secure match=mx.list.test servername=hostname",
                f"good.test{separator}secure match=mx.good.test:.backup.test servername=hostname"])
            self.assertIn(f"# MTA-STS policies from {self.configuration.cache}\n", out)

    def test_without_any_list(self) -> None:
        self.assertEqual(self.lookup("good.test")["source"], "mta-sts")
        self.assertIn("\ngood.test secure match=", self.tool("generate", "postfix"))

    def test_with_a_live_lookup_the_new_policy_counts(self) -> None:
        publish(self.lab, self.web, "good.test", policy("enforce", "mx3.good.test"))
        self.dns.update("good.test", self.zone("2"))
        self.assertEqual(self.lookup("good.test", OK, "--list", str(self.list))["mx"], ["mx.good.test", ".backup.test"])
        answer = self.lookup("good.test", OK, "--live", "--list", str(self.list))
        self.assertEqual((answer["mx"], answer["dane"]), (["mx3.good.test"], None))
        self.assertEqual(self.lookup("good.test")["mx"], ["mx3.good.test"])


class Maps(StsCase):
    def test_a_map_stays_while_the_cache_is_damaged_and_its_command_runs_only_after_a_change(self) -> None:
        self.tool("sts", "fetch", "good.test")
        ran = self.configuration.folder / "ran"
        self.configuration.install({"list.test": {"mode": "enforce", "mxs": ["mx.list.test"]}})
        with self.configuration.path.open("a") as file:
            file.write(f"[[output]]\nmta = 'postfix'\nfile = 'map'\ncommand = ['touch', '{ran}']\n")
        self.tool("update")
        ran.unlink()
        made = (self.configuration.folder / "map").read_text()
        self.assertIn("\ngood.test secure", made)
        sound = self.configuration.cache.read_bytes()
        self.configuration.cache.write_bytes(b"x" * 5000)
        for _ in range(2):
            self.tool("update", status=DATA)
            self.assertIn("file is not a database", self.err)
            self.assertEqual((self.configuration.folder / "map").read_text(), made)
        self.configuration.cache.write_bytes(sound)
        self.tool("update")
        self.assertFalse(ran.exists())


class Unsigned(StsCase):
    """Name servers that leave out the signatures which the trust anchor promises."""

    def setUp(self) -> None:
        super().setUp()
        self.configuration.tables["dns"].update({"dnssec": True, "trust_anchor": "/usr/share/dns/root.key"})
        self.configuration.write()

    def test_the_warning_is_not_in_the_answer(self) -> None:
        self.assertEqual(json.loads(self.tool("--json", "sts", "fetch", "good.test"))["summary"]["policy"], 1)
        self.assertRegex(self.err, r"^starttls-listtool: warning: the name servers .* leave out DNSSEC signatures.*\n$")
        self.tool("-q", "sts", "fetch", "good.test")
        self.assertEqual(self.err, "")

    def test_dane_is_unvalidated_and_not_absent(self) -> None:
        answer = self.lookup("good.test", OK, "--live")
        self.assertEqual((answer["source"], answer["dane"]["status"]), ("mta-sts", "unvalidated"))
        self.assertIn("are not validated", answer["dane"]["reason"])


if __name__ == "__main__":
    unittest.main()
