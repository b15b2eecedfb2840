"""-q means the same in every command: on standard error there is only what makes the command fail.

Each case prints a warning without -q, and succeeds or prints why it does not.
"""

import json
import sys
import unittest
from pathlib import Path

from lab import Lab, program
from lab.dns import Dns
from lab.program import SOURCE_TREE

sys.path.append(str(SOURCE_TREE / "tests/e2e/report"))
from reports import RecordedReader, Reader, report  # noqa: E402

OK, NO, USAGE, DATA, TEMPORARY = 0, 1, 64, 65, 75
YESTERDAY = "2026-11-26"


class QuietCase(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())

    def assert_quiet(self, run, *command: str | Path, status: int = OK, loud: str, says: str = "") -> None:
        """It prints `loud` on standard error, and with either form of -q only `says`; the rest stays the same."""
        done = run(*command)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertRegex(done.stderr, loud)
        for option in ("-q", "--quiet"):
            quiet = run(option, *command)
            self.assertEqual(quiet.returncode, status, quiet.stderr)
            self.assertRegex(quiet.stderr, rf"\A{says}\Z")
            self.assertTrue(quiet.returncode or not quiet.stderr)


class Reports(QuietCase):
    # The trust anchor promises signatures, and this name server leaves them out.
    def unsigned(self, configuration: str = "") -> RecordedReader:
        dns = Dns(self.lab, {".": {}, "example.test": {"@": ["MX 10 mx"]}}, port=0)
        reader = RecordedReader(self.lab, f"""
[report]
domains = ["example.test"]
{configuration}
[dns]
servers = ["{dns.address}@{dns.port}"]
timeout = 2
""", "2026-11-27T06:00:00Z")
        with reader.recorded():
            reader.session(YESTERDAY, "tls", 5, version="TLSv1.3")
        return reader

    def test_name_servers_without_dnssec(self) -> None:
        reader = self.unsigned()
        warning = r"tlsrpt-report: warning: the name servers .* leave out DNSSEC signatures"
        self.assert_quiet(reader.run, "self", "--day", YESTERDAY, loud=warning)
        self.assert_quiet(reader.run, "self", "--send", loud=warning)

    def test_a_domain_that_wants_no_reports(self) -> None:
        reader = self.unsigned()
        self.assertIn("no report is sent", reader.run("self", "--send").stderr)
        again = self.unsigned()
        done = again.run("-q", "self", "--send")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (OK, "", ""))

    def test_a_report_that_is_tried_again_and_one_that_is_given_up(self) -> None:
        rua, mail = 'rua = ["mailto:tls@example.test"]\n', 'mail = "smtp://127.0.0.1:1"'
        reader = self.unsigned(rua + mail)
        done = reader.run("-q", "self", "--send", "--no-lookup")
        self.assertEqual((done.returncode, done.stderr), (TEMPORARY, ""), "it passes, and is tried again")
        reader.environment["STARTTLS_TOOLKIT_NOW"] = "2026-11-28T07:00:00Z"
        done = reader.run("-q", "queue", "--send")
        self.assertEqual(done.returncode, NO, done.stderr)
        self.assertRegex(done.stderr, r"\Atlsrpt-report: example.test: .+\n\Z")

    def test_a_strange_report_and_an_invalid_one(self) -> None:
        reader = Reader(self.lab, '[report]\ndomains = ["example.org"]\n')
        strange = reader.write("strange", report(day="2027-11-25"))
        none = reader.write("none", b"no report")
        read = ("read", "--no-lookup", "--no-store")
        self.assert_quiet(reader.run, *read, strange, loud="tlsrpt-report: warning: .*/strange: it is dated in the future")
        self.assert_quiet(reader.run, *read, none, status=DATA, loud="/none: rejected: ",
                          says=r"tlsrpt-report: .*/none: rejected: .*\n")

    def test_a_configuration_with_a_warning(self) -> None:
        reader = Reader(self.lab)
        reader.configuration.write_text('store = "postgresql://u:secret@localhost:1/d"\n')
        reader.configuration.chmod(0o644)
        loud = "warning: .*every user of this machine can read"
        self.assert_quiet(reader.run, "read", "--no-store", "--no-lookup",
                          reader.write("report", report()), loud=loud)
        self.assert_quiet(reader.run, "queue", loud=loud)
        self.assert_quiet(reader.run, "summary", status=75, loud=loud, says="tlsrpt-report: [^\n]+\n")


class Lists(QuietCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = self.lab.new_folder("lists")

    def tool(self, *arguments: str | Path):
        return program.run("starttls-listtool", "--state-dir", self.folder / "state", *arguments,
                           environment={"STARTTLS_TOOLKIT_NOW": "2026-11-22T12:00:00Z"})

    def list(self, name: str, expires: str = "2026-12-20T00:00:00Z", **policies: object) -> Path:
        path = self.folder / name
        path.write_text(json.dumps({"timestamp": "2026-11-20T00:00:00Z", "expires": expires, "version": "0.1",
                                    "policies": {"a.test": {"mode": "enforce", "mxs": ["mx.a.test"]}, **policies}}))
        path.with_name(name + ".minisig").write_text("")
        return path

    def test_maps(self) -> None:
        faulty = self.list("faulty.json", **{"b.test": {"mode": "enforce", "mxs": []}})
        warning = "starttls-listtool: warning: .*faulty.json: "
        for output in (["generate", "postfix"], ["generate", "sendmail"]):
            self.assert_quiet(self.tool, *output, "--list", faulty, loud=warning)
        several = self.list("several.json", **{"b.test": {"mode": "enforce", "mxs": ["mx1.b.test", "mx2.b.test"]}})
        self.assert_quiet(self.tool, "generate", "sendmail", "--type", "access", "--list", several,
                          loud="NOT ENFORCED")
        expired = self.list("expired.json", "2026-11-21T00:00:00Z")
        self.assert_quiet(self.tool, "generate", "postfix", "--list", expired, status=DATA, loud="it expired on",
                          says="starttls-listtool: .*it expired on .*\n")

    def test_answers(self) -> None:
        plain, expired = self.list("plain.json"), self.list("expired.json", "2026-11-21T00:00:00Z")
        self.assert_quiet(self.tool, "lookup", "--list", plain, "a.test", loud="signature not checked")
        self.assert_quiet(self.tool, "diff", plain, expired, loud="it expired on")
        self.assert_quiet(self.tool, "lint", "list", plain, loud="0 faults")

    def test_name_servers_without_dnssec(self) -> None:
        dns = Dns(self.lab, {".": {}, "a.test": {"@": ["MX 10 mx"]}}, port=0)
        configuration = self.folder / "listtool.toml"
        configuration.write_text(f'[dns]\nservers = ["{dns.address}@{dns.port}"]\ntimeout = 2\n')
        warning = "warning: the name servers .* leave out DNSSEC signatures"
        for command, status in ((["sts", "fetch", "a.test"], NO), (["lookup", "--live", "a.test"], OK)):
            with self.subTest(command):
                self.assert_quiet(self.tool, "-c", configuration, *command, status=status, loud=warning)
        self.assert_quiet(self.tool, "-c", configuration, "sts", "cache", "--purge", "b.test", status=NO,
                          loud="not cached")

    def test_a_cache_that_cannot_be_written_makes_the_command_fail(self) -> None:
        dns = Dns(self.lab, {".": {}, "a.test": {"@": ["MX 10 mx"]}}, port=0)
        configuration = self.folder / "listtool.toml"
        cache = self.folder / "cache.sqlite"
        cache.write_text("x" * 5000)
        configuration.write_text(f'[dns]\nservers = ["{dns.address}@{dns.port}"]\ndnssec = false\ntimeout = 2\n'
                                 f'[mta-sts]\ncache = "{cache}"\n')
        done = self.tool("-c", configuration, "-q", "sts", "fetch", "a.test")
        self.assertGreater(done.returncode, NO)
        self.assertRegex(done.stderr, r"\Astarttls-listtool: [^\n]+\n\Z")


if __name__ == "__main__":
    unittest.main()
