"""What README says of `serve`, as written there: only addresses and files are the lab's."""

import re
import unittest
from pathlib import Path

from lab import Lab, program
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer
from lab.postfix import Receiver, Sender
from lab.resolver import Resolver
from lab.sendmail import SendmailSender

README = Path(program.SOURCE_TREE, "README.md")
WILDCARD = Path(program.SOURCE_TREE, "packaging/sendmail/sts-wildcard.m4")


def lines_after(heading: str, end: str) -> list[str]:
    """The indented lines of a part of README."""
    part = README.read_text().partition(heading)[2].partition(end)[0]
    return [line.removeprefix("    ") for line in part.splitlines() if line.startswith("    ")]


class Readme(unittest.TestCase):
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
        lines = lines_after("### Authenticate every domain", "## Use it with Sendmail")
        server = self.serve(lines, 8461)
        main_cf = dict(line.split(" = ", 1) for line in lines if re.match(r"smtp_\w+ = ", line))
        self.assertEqual(len(main_cf), 5)
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
        for line in lines:
            if line.startswith("starttls-listtool "):
                words = line.partition("#")[0].replace("example.org", "right.test").split()
                done = self.configuration.tool(*words[1:])
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("enforce", done.stdout)

    def test_sendmail(self) -> None:
        lines = lines_after("For every domain that publishes MTA-STS", "Sendmail cannot do DANE")
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
