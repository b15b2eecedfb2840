"""The commands for `serve` in README and docs/ work as written there: only addresses and files are the lab's."""

import re
import shlex
import unittest
from pathlib import Path

from lab import Lab, documents, program
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer
from lab.postfix import Receiver, Sender
from lab.resolver import Resolver
from lab.sendmail import SendmailSender

WILDCARD = Path(program.SOURCE_TREE, "packaging/sendmail/sts-wildcard.m4")
HEADING = "Enforce TLS to every domain with a policy"
POLICY_MAP = re.compile(r"smtp_tls_policy_maps ?= ?socketmap:inet:127\.0\.0\.1:(\d+):(\w+)")


class Guides(unittest.TestCase):
    def setUp(self) -> None:
        """Two domains with a policy, of which one has the wrong certificate."""
        self.lab = self.enterContext(Lab())
        web = HttpsServer(self.lab)
        zones: dict[str, dict[str, list[str]]] = {".": {}}
        for name, certificate in {"right.test": "mx.right.test", "wrong.test": "mx.elsewhere.test"}.items():
            mx = Receiver(self.lab, f"mx.{name}", [name], self.lab.ca.issue(certificate))
            zones[name] = {"@": ["MX 10 mx"], "mx": [f"A {mx.address}"], **mta_sts_records(web)}
            publish(self.lab, web, name, policy("enforce", f"mx.{name}"))
        self.dns = Dns(self.lab, zones)
        self.configuration = Configuration(self.lab, self.dns, web)

    def serve(self, lines: list[str], port: int) -> PolicyServer:
        """Start the server with the [serve] that these lines have; it names this port of 127.0.0.1."""
        listen = lines[lines.index("[serve]") + 1]
        self.assertEqual(listen, f'listen = ["inet:127.0.0.1:{port}"]')
        return PolicyServer(self.lab, self.configuration)

    def test_postfix(self) -> None:
        lines = documents.lines("docs/postfix.md", HEADING)
        server = self.serve(lines, 8461)
        main_cf = dict(line.split(" = ", 1) for line in lines if re.match(r"smtp_\w+ = ", line))
        self.assertEqual(len(main_cf), 5)
        self.assert_enforced(server, main_cf)
        for line in lines:
            if line.startswith("starttls-listtool ") and line != "starttls-listtool doctor":  # see tests/e2e/doctor
                words = line.partition("#")[0].replace("example.org", "right.test").split()
                done = self.configuration.tool(*words[1:])
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("enforce", done.stdout)

    def assert_enforced(self, server: PolicyServer, main_cf: dict[str, str]) -> None:
        """A Postfix with these parameters delivers to the right host, and keeps what would go to the wrong one."""
        here = {"127.0.0.1:8461": f"{server.address}:{server.port}",
                "/etc/ssl/certs/ca-certificates.crt": str(self.lab.ca.certificate)}
        for there, place in here.items():
            self.assertTrue(any(there in value for value in main_cf.values()))
            main_cf = {name: value.replace(there, place) for name, value in main_cf.items()}
        mta = Sender(self.lab, Resolver(self.lab, self.dns), main_cf)
        right = mta.deliver("alice@sender.test", "bob@right.test")
        self.assertEqual((right.status, right.verified), ("sent", True), right)
        wrong = mta.deliver("alice@sender.test", "bob@wrong.test")
        self.assertEqual(wrong.status, "deferred", wrong)

    def test_readme(self) -> None:
        blocks = documents.blocks("README.md", "Postfix in a few lines")
        (block,) = [block for block in blocks if "starttls-listtool-serve" in block]
        self.assertIn("touch /etc/starttls-toolkit/listtool.toml\n", block)
        (postconf,) = [line for line in block.replace("\\\n", "").splitlines() if line.startswith("postconf ")]
        main_cf = dict(word.split("=", 1) for word in shlex.split(postconf)[1:])
        self.assertEqual(len(main_cf), 5)
        self.assert_enforced(PolicyServer(self.lab, self.configuration), main_cf)

    def test_the_lookup_of_readme_is_what_the_program_prints(self) -> None:
        (sample,) = [text for text in documents.samples("README.md") if text.startswith("example.org\n")]
        printed = self.configuration.tool("lookup", "--live", "right.test").stdout
        times = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
        self.assertEqual(times.sub("TIME", printed.replace("right.test", "example.org")), times.sub("TIME", sample))

    def test_migrating(self) -> None:
        """The lines of main.cf that should stay name maps that are answered."""
        lines = documents.lines("docs/migrating.md")
        maps = [POLICY_MAP.match(line) for line in lines if line.startswith("smtp_tls_policy_maps")]
        self.assertEqual([(found[1], found[2]) for found in maps],
                         [("8461", "postfix"), ("8642", "QUERY"), ("8642", "QUERYwithTLSRPT")])
        self.assertIn('listen = ["default", "inet:127.0.0.1:8642"]', lines)
        server = PolicyServer(self.lab, self.configuration)
        for found in maps:
            with self.subTest(found[2]):
                self.assertRegex(server.ask(found[2], "right.test"), r"^OK secure match=mx\.right\.test ")
        (fetch,) = [line for line in lines if line.startswith("starttls-listtool sts fetch")]
        words = fetch.partition("<")[0].split()
        done = self.configuration.tool(*words[1:], text_in="right.test\nwrong.test\n")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_sendmail(self) -> None:
        lines = documents.lines("docs/sendmail.md", HEADING)
        server = self.serve(lines, 5461)
        macros = "\n".join(line for line in lines if line.endswith("dnl") and "confCACERT" not in line)
        # FEATURE(`sts') by itself asks "inet:5461@127.0.0.1", as the manual of its configuration (cf/README) says.
        self.assertIn("FEATURE(`sts')dnl", macros)
        socket = f"socket -d5 -T<TMPF> inet:{server.port}@{server.address}"
        macros = macros.replace("FEATURE(`sts')", f"FEATURE(`sts', `{socket}')")
        macros = re.sub(r"include\(`[^']*/sts-wildcard\.m4'\)", f"include(`{WILDCARD}')", macros)
        mta = SendmailSender(self.lab, self.dns, macros=macros + "\n")
        right = mta.deliver("alice@sender.test", "bob@right.test")
        self.assertEqual((right.status, right.trusted), ("sent", True), right)
        wrong = mta.deliver("alice@sender.test", "bob@wrong.test")
        self.assertEqual(wrong.status, "deferred", wrong)


if __name__ == "__main__":
    unittest.main()
