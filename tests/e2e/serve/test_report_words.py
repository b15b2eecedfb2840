"""What Postfix 3.10 puts into its TLS reports is the same in a map, in an answer and in `lookup`: MTA-STS or nothing."""

import json
import unittest

from lab import Lab
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer

SECURE = "secure match=mx.{0} servername=hostname protocols=>=TLSv1.2"
REPORTED = (" policy_type=sts policy_domain={0} {{ policy_string = version: STSv1 }} {{ policy_string = mode: enforce }}"
            " {{ policy_string = mx: mx.{0} }} {{ policy_string = max_age: 604800 }} mx_host_pattern=mx.{0}")


class ReportWords(unittest.TestCase):
    def test_only_an_mta_sts_policy_is_one_everywhere(self) -> None:
        with Lab() as lab:
            web = HttpsServer(lab)
            zones = {name: {"@": ["MX 10 mx"]} for name in ("sts.test", "listed.test", "both.test", "own.test")}
            for name in ("sts.test", "both.test", "own.test"):
                zones[name] |= mta_sts_records(web)
                publish(lab, web, name, policy("enforce", f"mx.{name}"))
            configuration = Configuration(lab, Dns(lab, {".": {}, **zones}, port=0), web)
            overrides = configuration.folder / "overrides"
            overrides.write_text("own.test enforce mx.own.test\n")
            configuration.tables["top"]["overrides"] = overrides
            configuration.install({name: {"mode": "enforce", "mxs": [f"mx.{name}"]}
                                   for name in ("listed.test", "both.test")})
            server = PolicyServer(lab, configuration, settings={"dane": False})
            expected = {name: SECURE.format(name) + (REPORTED.format(name) if name in ("sts.test", "both.test") else "")
                        for name in zones}

            answers = {name: server.ask("QUERYwithTLSRPT", name).removeprefix("OK ") for name in zones}
            self.assertEqual(answers, expected)

            for version in ("3.10", "3.10.5", "3.11-20250101"):
                done = configuration.tool("generate", "postfix", "--postfix-version", version)
                lines = [line.split(" ", 1) for line in done.stdout.splitlines() if not line.startswith("#")]
                self.assertEqual(dict(lines), expected, done.stderr)
            done = configuration.tool("--json", "lookup", "--postfix-version", "3.10", *zones)
            self.assertEqual({one["domain"]: one["postfix"] for one in json.loads(done.stdout)}, expected)

            # A client that asks in the old way, or an older Postfix, gets no such words.
            for name in zones:
                self.assertNotIn("policy_type", server.ask("postfix", name))
            done = configuration.tool("generate", "postfix", "--postfix-version", "3.9")
            self.assertNotIn("policy_type", done.stdout)


if __name__ == "__main__":
    unittest.main()
