"""Names in ASCII are used unchanged, even if they look like A-labels and are none; one bad name stops no others."""

import json
import unittest
from pathlib import Path

from lab import Lab, program
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer
from lab.postfix import Receiver, Sender

CASES = Path(__file__).with_name("cases")
OK, NO, USAGE, DATA, CONFIG = 0, 1, 64, 65, 78
NOW = "2026-11-22T12:00:00Z"
EMOJI = "xn--ls8h.la"
HOSTER = "xn--mller-kva-de.mail.protection.outlook.com"


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())

    def tool(self, *arguments: object, status: int = OK, text_in: str = "", now: str = NOW) -> str:
        done = program.run("starttls-listtool", *arguments, environment={"STARTTLS_TOOLKIT_NOW": now}, text_in=text_in)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.err = done.stderr
        return done.stdout


class Lint(Case):
    def lint(self, what: str, case: str, *, status: int = OK) -> dict[str, object]:
        return json.loads(self.tool("--json", "lint", what, CASES / case, status=status))

    def test_a_policy_may_name_hosts_that_a_hoster_named_after_domains_in_u_labels(self) -> None:
        read = self.lint("policy", "policy-fake-a-label.txt")
        self.assertEqual((read["mode"], read["mx"], read["findings"]), ("enforce", [HOSTER, "mx2.example.org"], []))

    def test_an_mx_that_is_an_address_is_left_out_of_a_policy_with_a_fault(self) -> None:
        text = (CASES / "policy-ipv6-literal.txt").read_text()
        for address in ("[IPv6:2001:db8::25]", "192.0.2.1", "2001:db8::25", "mx.example.123", "0x7f.1", "[192.0.2.1]:25",
                        "*.0.2.1"):
            read = json.loads(self.tool("--json", "lint", "policy", "-", status=NO,
                                        text_in=text.replace("[IPv6:2001:db8::25]", address)))
            self.assertEqual((read["mode"], read["mx"]), ("enforce", ["mx1.example.org"]), address)
            (finding,) = read["findings"]
            self.assertEqual((finding["severity"], finding["line"]), ("fault", 4))
            self.assertRegex(finding["message"], "is an address, not a name|ends with a number, as an address does")

    def test_the_null_mx_and_empty_labels_are_reported_as_that(self) -> None:
        for mx, why in ((".", "'.' is the null MX (RFC 7505), not an MX host"), ("..", "'..' has an empty label"),
                        ("a..b", "'a..b' has an empty label"), (".example.org", "is the suffix of another format")):
            text = (CASES / "policy-mx-dot.txt").read_text().replace("mx: .", f"mx: {mx}")
            found = self.tool("lint", "policy", "-", status=DATA, text_in=text)
            self.assertIn(why, found)
            self.assertNotIn("address", found)

    def test_a_record_may_have_reports_sent_to_such_a_domain(self) -> None:
        self.assertEqual(self.lint("tlsrpt-record", "tlsrpt-record-emoji.txt")["rua"], [f"mailto:tls@{EMOJI}"])
        hosts = f"v=TLSRPTv1; rua=https://{HOSTER}/r,mailto:tls@{EMOJI.upper()}"
        read = json.loads(self.tool("--json", "lint", "tlsrpt-record", "-", text_in=hosts))
        self.assertEqual(read["rua"], [f"https://{HOSTER}/r", f"mailto:tls@{EMOJI}"])

    def test_a_list_may_have_such_domains_and_loses_only_the_mx_that_is_an_address(self) -> None:
        found = self.tool("lint", "list", CASES / "list-fake-a-label.json", status=NO)
        told = sorted(line.split(": ")[2] for line in found.splitlines())
        self.assertEqual(told, ["c.example", "d.example", "e.example", "g.example"], found)
        map_text = self.tool("generate", "postfix", "--list", CASES / "list-fake-a-label.json")
        lines = sorted(line for line in map_text.splitlines() if not line.startswith("#"))
        self.assertEqual(lines, [
            f"b.example secure match={HOSTER}:.mail.protection.outlook.com servername=hostname",
            "d.example secure match=mx.d.example servername=hostname",
            "f.example secure match=mx.f.example servername=hostname",
            f"{EMOJI} secure match=mx.{EMOJI} servername=hostname"])


class World(Case):
    """Domains with policy hosts; `listtool` runs with a configuration that finds them."""

    DOMAINS = ("good.example", EMOJI, "other.example", "xn--a.example", "xn--mller-kva-de.example")

    def setUp(self) -> None:
        super().setUp()
        self.web = HttpsServer(self.lab)
        self.mx = {name: Receiver(self.lab, f"mx.{name}", [name], self.lab.ca.issue(f"mx.{name}")) for name in (EMOJI,)}
        zones = {name: {"@": ["MX 10 mx"], **mta_sts_records(self.web)} for name in self.DOMAINS}
        for name, mx in self.mx.items():
            zones[name]["mx"] = [f"A {mx.address}"]
        self.dns = Dns(self.lab, {".": {}, **zones})
        for name in self.DOMAINS:
            publish(self.lab, self.web, name, policy("enforce", f"mx.{name}"))
        self.configuration = Configuration(self.lab, self.dns, self.web)

    def listtool(self, *arguments: str, status: int = OK, text_in: str = "") -> str:
        done = self.configuration.tool(*arguments, text_in=text_in)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.err = done.stderr
        return done.stdout

    def fetched(self, out: str) -> list[str]:
        return [line.split(": ")[0] for line in out.splitlines() if ": enforce mx." in line]


class Bulk(World):
    def test_all_names_on_standard_input_are_fetched(self) -> None:
        out = self.listtool("sts", "fetch", "-", text_in=(CASES / "sts-fetch-stdin.txt").read_text())
        self.assertEqual(self.fetched(out), ["good.example", EMOJI, "other.example"])

    def test_bad_names_are_reported_with_their_lines_and_the_others_are_fetched(self) -> None:
        bad = {2: "a..b", 4: "bad name", 5: ".", 6: "192.0.2.1", 7: "*.example", 8: "\x1b[31m", 9: "a_b.example",
               11: "x" * 64 + ".example", 12: "user@good.example", 13: "[good.example]"}
        lines = [bad.get(number, "") for number in range(1, 14)]
        lines[0], lines[2], lines[9] = "\ufeffGood.Example.", "XN--LS8H.la # an emoji", "\tother.example\r"
        out = self.listtool("sts", "fetch", "-", status=DATA, text_in="\n".join(lines))
        self.assertEqual(self.fetched(out), ["good.example", EMOJI, "other.example"])
        told = [line for line in self.err.splitlines() if "standard input:" in line]
        self.assertEqual([int(line.split(":")[2]) for line in told], sorted(bad), self.err)
        self.assertNotIn("\x1b", self.err)

    def test_bad_arguments_are_reported_and_the_others_are_fetched(self) -> None:
        out = self.listtool("sts", "fetch", "good.example", "a..b", "[good.example]", "other.example", status=USAGE)
        self.assertEqual(self.fetched(out), ["good.example", "other.example"])
        self.assertIn("'a..b' has an empty label", self.err)
        # As JSON it is still one document.
        out = self.listtool("--json", "sts", "fetch", "-", status=DATA, text_in="a..b\ngood.example\n")
        self.assertEqual([one["domain"] for one in json.loads(out)["domains"]], ["good.example"])
        self.assertEqual(self.listtool("sts", "fetch", "-", "..", status=DATA, text_in="a..b\n"), "")

    def test_a_text_with_hardly_a_name_in_it_is_reported_up_to_a_limit(self) -> None:
        out = self.listtool("sts", "fetch", "-", status=DATA, text_in="\x7fELF \x00\n" * 5000 + "good.example\n")
        self.assertEqual(self.fetched(out), ["good.example"])
        self.assertLess(len(self.err.splitlines()), 1010)
        self.assertIn("standard input: 4000 more lines are faulty", self.err)

    def test_commands_about_many_domains_skip_bad_names(self) -> None:
        self.listtool("sts", "fetch", "good.example", EMOJI)
        names = f"good.example\na..b\n{EMOJI}\n"
        self.assertEqual(len(self.listtool("sts", "cache", "-", status=DATA, text_in=names).splitlines()), 2)
        found = json.loads(self.listtool("--json", "lookup", "-", status=DATA, text_in=names))
        self.assertEqual([one["domain"] for one in found], ["good.example", EMOJI])
        self.assertIn("standard input:2: 'a..b' has an empty label", self.err)
        self.listtool("sts", "cache", "--purge", "-", status=DATA, text_in=names)
        self.assertEqual(self.listtool("sts", "cache"), "")


class EveryWay(World):
    def test_such_domains_are_discovered_looked_up_overridden_and_served(self) -> None:
        for name in (EMOJI, "xn--a.example", "xn--mller-kva-de.example"):
            found = json.loads(self.listtool("--json", "lookup", "--live", name.upper() + "."))[0]
            self.assertEqual((found["domain"], found["source"], found["mx"]), (name, "mta-sts", [f"mx.{name}"]))
        server = PolicyServer(self.lab, self.configuration)
        answer = "OK secure match=mx.{0} servername=hostname"
        for key, name in ((EMOJI, EMOJI), ("XN--ls8h.LA", EMOJI), ("xn--a.example", "xn--a.example")):
            self.assertEqual(server.ask("postfix", key), answer.format(name))
            self.assertEqual(server.ask("sts", key), answer.format(name))
        sender = Sender(self.lab, self.dns, {"smtp_tls_policy_maps": f"socketmap:{server.postfix('postfix')}"})
        delivery = sender.deliver("alice@sender.test", f"bob@{EMOJI}")
        self.assertEqual((delivery.status, delivery.verified), ("sent", True), delivery)

    def test_overrides_and_lists_name_such_domains(self) -> None:
        overrides = self.configuration.folder / "overrides"
        overrides.write_bytes((CASES / "overrides-emoji").read_bytes())
        self.configuration.tables["top"]["overrides"] = overrides
        self.configuration.install({HOSTER: {"mode": "enforce", "mxs": [f"mx.{HOSTER}"]}})
        for domain, source in ((EMOJI, "overrides"), ("ok.example", "overrides"), (HOSTER, "sector")):
            found = json.loads(self.listtool("--json", "lookup", domain))[0]
            self.assertEqual((found["mode"], found["mx"]), ("enforce", [f"mx.{domain}"]))
            self.assertIn(source, found["source"] + found["reason"])

    def test_an_override_with_an_address_is_refused_for_the_right_reason(self) -> None:
        overrides = self.configuration.folder / "overrides"
        self.configuration.tables["top"]["overrides"] = overrides
        self.configuration.write()
        for mx, why in (("192.0.2.1", "is an address"), ("[IPv6:2001:db8::25]", "is an address"),
                        ("mx.example.123", "ends with a number"), (".", "is the null MX"), ("..", "has an empty label")):
            overrides.write_text(f"ok.example none\nbad.example enforce {mx}\n")
            self.listtool("lookup", "ok.example", status=CONFIG)
            self.assertRegex(self.err, rf"overrides:2:21: bad\.example: MX '.*' {why}")


if __name__ == "__main__":
    unittest.main()
