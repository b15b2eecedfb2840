"""`starttls-listtool check` where others go wrong: unusual MX sets, shared addresses, hostile servers, hostile DNS."""

import json
import ssl
import time
import unittest
from collections.abc import Callable

from checking import Case
from lab import bad_dns as bad
from lab.bad_dns import BadDns, record, wire_name
from lab.ca import CA
from lab.smtp_server import Peer, SmtpServer, server_tls


def over_tls(context: ssl.SSLContext) -> Callable[[Peer], None]:
    def talk(peer: Peer) -> None:
        peer.to_starttls()
        peer.start_tls(context)
        peer.serve()
    return talk


class MxSets(Case):
    def test_each_unusual_set_has_its_answer(self) -> None:
        for domain in ("nolisting.test", "null.test", "implicit.test", "alias.test", "address.test"):
            self.postfix(domain, self.lab.ca.issue(f"mx.{domain}"))
        mx_address = {domain: zone["mx"] for domain, zone in self.zones.items() if "mx" in zone}
        # Its first host is down on purpose, for senders that do not try a second one.
        self.zones["nolisting.test"] |= {"@": ["MX 5 down", "MX 10 mx"], "down": [f"A {self.lab.address()}"]}
        self.zones["null.test"] |= {"@": ["MX 0 .", "MX 10 mx"]}
        self.zones["implicit.test"] = {"@": mx_address["implicit.test"]}
        self.zones["alias.test"] |= {"@": ["MX 10 alias"], "alias": ["CNAME mx"]}
        self.zones["address.test"] |= {"@": ["MX 10 192.0.2.7.", "MX 20 mx"]}
        self.zones["forty.test"] = {"@": [f"MX {number} mx{number}" for number in range(40)]}
        self.zones["deaf.test"] = {"@": ["MX 0 ."]}
        down = self.zones["nolisting.test"]["down"][0].split()[1]
        self.mx("down.nolisting.test", down)
        for name in ("implicit.test", "alias.alias.test"):
            [at] = mx_address[name.removeprefix("alias.")]
            self.mx(name, at.split()[1])
        self.start()
        for domain, expected in (
                ("nolisting.test", set()), ("null.test", {"fault mx-null"}),
                ("implicit.test", set()), ("alias.test", {"warning mx-alias"}), ("address.test", {"fault mx-name"}),
                ("forty.test", {"warning mx-number", "fault mx-address"}), ("deaf.test", set())):
            with self.subTest(domain):
                self.assertEqual(self.findings(domain), expected)
        for domain, code in (("nolisting.test", "smtp-connection"), ("implicit.test", "mx-implicit")):
            codes = {one["code"]: one["level"] for one in self.examine(domain)[1]["findings"]}
            self.assertEqual(codes[code], "note")
        self.assertEqual(self.outcomes("deaf.test")["opportunistic"], "no-mail")

    def test_an_unsigned_mx_set_with_a_signed_host(self) -> None:
        """Mail to it is safe from the MX host on only: RFC 7672 section 2.2.1."""
        certificate = self.lab.ca.issue("mx.signed-host.test")
        self.postfix("signed-host.test", certificate)
        self.zones["signed-host.test"]["_25._tcp.mx"] = [f"TLSA 3 1 1 {certificate.key_digest()}"]
        self.zones["unsigned-set.test"] = {"@": ["MX 10 mx.signed-host.test."]}
        self.start(signed=["signed-host.test"])
        self.assertEqual(self.findings("unsigned-set.test"), {"warning mx-dnssec", "warning tlsrpt-record"})
        self.assertEqual(self.outcomes("unsigned-set.test")["dane"], "can-be-stripped")


class OneAddress(Case):
    def test_the_certificate_depends_on_the_name(self) -> None:
        """Both MX hosts are at one address; their names come without the dot at the end that the DNS has."""
        names: list[str | None] = []
        contexts = {name: server_tls(self.lab.ca.issue(name)) for name in ("mx.a.test", "mx.b.test", "other.test")}

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            names.append(name)
            connection.context = contexts.get(name or "", contexts["other.test"])

        contexts["other.test"].sni_callback = choose
        server = self.scripted("a.test", over_tls(contexts["other.test"]))
        self.zones["b.test"] = {"@": ["MX 10 mx"], "mx": [f"A {server.address}"]}
        self.mx("mx.b.test", server.address)
        for domain in ("a.test", "b.test"):
            self.mta_sts(domain)
        self.start()
        done = self.check("--json", *self.connect, "a.test", "b.test")
        found = json.loads(done.stdout)["domains"]
        self.assertEqual(done.returncode, 0)
        self.assertEqual([one["servers"][0]["certificate"]["names"] for one in found], [["mx.a.test"], ["mx.b.test"]])
        self.assertEqual(set(names), {"mx.a.test", "mx.b.test"})
        self.assertEqual(len(server.heard), 4)

    def test_hosts_behind_one_address_differ(self) -> None:
        """A balancer, of which the second host offers no STARTTLS: what it offers is unknown, and no fault."""
        context = server_tls(self.lab.ca.issue("mx.balanced.test"))
        turns: list[bool] = []

        def talk(peer: Peer) -> None:
            turns.append(len(turns) % 2 == 0)
            if turns[-1]:
                over_tls(context)(peer)
            else:
                peer.welcome()
                peer.serve()

        self.scripted("balanced.test", talk)
        self.start()
        self.assertEqual(self.findings("balanced.test"), {"cannot-tell tls-old-version"})


class Polite(Case):
    def test_every_connection_says_the_same_name_and_quit_a_second_apart(self) -> None:
        begins: list[float] = []
        context = server_tls(self.lab.ca.issue("mx.polite.test"))

        def talk(peer: Peer) -> None:
            begins.append(time.monotonic())
            over_tls(context)(peer)

        server = self.scripted("polite.test", talk)
        self.start()
        begin = time.monotonic()  # the server may hear of the first connection late
        done = self.check(*self.connect, "--ehlo", "mail.example.test", "polite.test")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        first, second = server.heard
        self.assertEqual(first, ["EHLO mail.example.test", "STARTTLS", "EHLO mail.example.test", "QUIT"])
        # The second offers versions that the server refuses: after a failed handshake there is nothing to say.
        self.assertEqual(second, ["EHLO mail.example.test", "STARTTLS"])
        self.assertGreaterEqual(begins[1] - begin, 1)
        self.assertFalse([line for heard in server.heard for line in heard if line.startswith("MAIL")])


class HostileServers(Case):
    def test_what_a_server_says_reaches_no_terminal(self) -> None:
        characters = "\x1b\x07\x9b\x00\u202e"
        strange = f"{characters}[2J"
        self.scripted("strange.test", lambda peer: (peer.say(f"220 {strange}\r\n".encode()), peer.hear("EHLO"),
                                                    peer.say(f"250-{strange}\r\n250 {strange}\r\n".encode()),
                                                    peer.read_to_the_end()))
        self.scripted("refuses.test", lambda peer: (peer.say(f"554 {strange}\r\n".encode()), peer.read_to_the_end()))
        unknown = CA(self.lab.new_folder("ca"), "x")
        self.postfix("named.test", unknown.issue("mx.named.test", sans=["\x1b[2J.test"]))
        self.start()
        for arguments in ([], ["--explain"], ["--json"]):
            done = self.check(*arguments, *self.connect, "strange.test", "refuses.test", "named.test")
            self.assertEqual(done.stderr, "")
            self.assertIn("[2J", done.stdout)
            self.assertEqual([one for one in characters if one in done.stdout], [])

    def test_servers_that_never_end_are_no_mail_servers(self) -> None:
        def endless_greeting(peer: Peer) -> None:
            while True:
                peer.say("220-still greeting\r\n" * 100)

        def long_line(peer: Peer) -> None:
            peer.say("220 " + "x" * 1_000_000)
            peer.read_to_the_end()

        def garbage(peer: Peer) -> None:
            peer.say(bytes(range(256)) * 10)
            peer.read_to_the_end()

        hostile = {"endless.test": endless_greeting, "long.test": long_line, "garbage.test": garbage}
        for domain, talk in hostile.items():
            self.scripted(domain, talk)
        self.postfix("good.test", self.lab.ca.issue("mx.good.test"))
        self.start()
        done = self.check("--json", *self.connect, *hostile, "good.test")
        found = {one["domain"]: one for one in json.loads(done.stdout)["domains"]}
        for domain in hostile:
            self.assertEqual([one["code"] for one in found[domain]["findings"] if one["level"] == "fault"],
                             ["smtp-protocol"])
        self.assertEqual(found["good.test"]["servers"][0]["stop"], "none")


class HostileDns(Case):
    def start_with_bad_dns(self, *signed: str) -> None:
        self.start(signed=signed)
        self.bad = BadDns(self.lab, self.dns)
        self.configuration.tables["dns"] |= {"servers": [self.bad.server], "timeout": 1}
        self.configuration.write()

    def domains(self, *names: str) -> None:
        for name in names:
            certificate = self.lab.ca.issue(f"mx.{name}")
            server = SmtpServer(self.lab, over_tls(server_tls(certificate)))
            self.zones[name] = {"@": ["MX 10 mx"], "mx": [f"A {server.address}"],
                                "_25._tcp.mx": [f"TLSA 3 1 1 {certificate.key_digest()}"]}
            self.mx(f"mx.{name}", server.address)

    def test_no_answer_is_unknown_and_never_a_lack(self) -> None:
        self.domains("tlsa.test", "silent.test", "mx.test", "policy.test", "garbage.test")
        self.start_with_bad_dns("tlsa.test", "silent.test")
        for name, fault, type_name in (("_25._tcp.mx.tlsa.test", bad.servfail, "TLSA"),
                                       ("_25._tcp.mx.silent.test", bad.silent, "TLSA"), ("mx.test", bad.silent, "MX"),
                                       ("garbage.test", bad.garbage, "MX"),
                                       ("_mta-sts.policy.test", bad.servfail, "TXT")):
            self.bad.spoil(name, fault, type_name)
        for domain, unknown in (("tlsa.test", "dane-records"), ("silent.test", "dane-records"),
                                ("mx.test", "mx-records"), ("garbage.test", "mx-records"),
                                ("policy.test", "mta-sts-record")):
            with self.subTest(domain):
                status, found = self.examine(domain)
                self.assertEqual(status, 75, found["findings"])
                self.assertIn((unknown, "cannot-tell"),
                              {(one["code"], one["level"]) for one in found["findings"]})

    def test_forged_answers_are_bogus(self) -> None:
        self.domains("altered-mx.test", "altered-tlsa.test", "stripped.test")
        self.start_with_bad_dns("altered-mx.test", "altered-tlsa.test", "stripped.test")
        self.bad.spoil("altered-mx.test", bad.altered, "MX")
        self.bad.spoil("_25._tcp.mx.altered-tlsa.test", bad.altered, "TLSA")
        self.bad.spoil("_25._tcp.mx.stripped.test", bad.without_signatures, "TLSA")
        for domain, code in (("altered-mx.test", "mx-records"), ("altered-tlsa.test", "dane-records"),
                             ("stripped.test", "dane-records")):
            with self.subTest(domain):
                status, found = self.examine(domain)
                self.assertEqual(status, 1, found["findings"])
                self.assertIn((code, "fault"), {(one["code"], one["level"]) for one in found["findings"]})

    def test_names_and_numbers_from_the_dns_are_bounded_and_escaped(self) -> None:
        names = ("names.test", "many.test", "loop.test", "text.test")
        self.domains(*names)
        self.start_with_bad_dns()

        def mx(owner: str, *hosts: str) -> bad.Fault:
            return bad.records(*(record(owner, "MX", b"\0\x0a" + wire_name(host)) for host in hosts))

        self.bad.spoil("names.test", mx("names.test", "\x1b[2J.names.test", "a b.names.test", "mx\0.names.test"), "MX")
        self.bad.spoil("many.test", lambda question: [
            question.answer(flags=bad.TRUNCATED)] if question.transport == "udp" else mx(
                "many.test", *(f"m{number}.many.test" for number in range(1_000)))(question), "MX")
        self.bad.spoil("mx.loop.test", bad.records(record("mx.loop.test", "CNAME", wire_name("mx.loop.test"))))
        strange = b"v=STSv1; id=\x1b[2J\0;"
        self.bad.spoil("_mta-sts.text.test", bad.records(record("_mta-sts.text.test", "TXT",
                                                                bytes([len(strange)]) + strange)), "TXT")
        for name, level, code in (("names.test", "fault", "mx-name"), ("many.test", "warning", "mx-number"),
                                  ("text.test", "fault", "mta-sts-record")):
            with self.subTest(name):
                self.assertIn(f"{level} {code}", self.findings(name))
        status, _ = self.examine("loop.test")
        self.assertEqual(status, 75)
        shown = self.check("--explain", *self.connect, *names)
        self.assertEqual(shown.stderr, "")
        self.assertEqual([one for one in "\x1b\0" if one in shown.stdout], [])


if __name__ == "__main__":
    unittest.main()
