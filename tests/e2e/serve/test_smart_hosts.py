"""Mail to a smart host obeys the policy of the smart host's own name, however relayhost is written."""

import json
import unittest

from lab import Lab
from lab.ca import CA
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration, mta_sts_records, policy, publish
from lab.policy_server import PolicyServer
from lab.postfix import Delivery, Receiver, Sender, settle
from lab.resolver import Resolver


class Case(unittest.TestCase):
    """A smart host for the domain `relay`: relay.test by its MX record, and smtp.relay.test, one server for both.

    `port` is where it takes mail; that of relayhost without a port is the same, but is 25 in Postfix as it is.
    """

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.web = HttpsServer(self.lab)
        self.zones: dict[str, dict[str, list[str]]] = {".": {}}
        self.server_of: dict[str, Receiver] = {}

    def smart_host(self, name: str, *, certificate_for: str = "") -> None:
        """The domain NAME, whose policies name mx.NAME, and smtp.NAME; there is one server behind both."""
        names = [certificate_for] if certificate_for else [f"mx.{name}", f"smtp.{name}"]
        mx = Receiver(self.lab, f"mx.{name}", ["rcpt.test"], self.lab.ca.issue(names[0], sans=names))
        self.server_of[name] = mx
        self.zones[name] = {"@": ["MX 10 mx"], "mx": [f"A {mx.address}"], "smtp": [f"A {mx.address}"],
                            **mta_sts_records(self.web),
                            "_mta-sts.smtp": ['TXT "v=STSv1; id=1;"'], "mta-sts.smtp": [f"A {self.web.address}"]}
        publish(self.lab, self.web, name, policy("enforce", f"mx.{name}"))
        publish(self.lab, self.web, f"smtp.{name}", policy("enforce", f"*.{name}"))

    def keys(self, name: str) -> list[str]:
        """relayhost in all forms."""
        port = self.lab.smtp_port
        return [name, f"{name}:{port}", f"[smtp.{name}]", f"[smtp.{name}]:{port}", f"[SMTP.{name}]:{port}"]

    def begin(self, *, signed: tuple[str, ...] = ()) -> None:
        self.dns = Dns(self.lab, self.zones, signed=signed)
        self.configuration = Configuration(self.lab, self.dns, self.web)

    def sender(self, maps: str, *, resolver: object = None, **parameters: str) -> None:
        self.mta = Sender(self.lab, resolver or self.dns, {"smtp_tls_policy_maps": maps, **parameters})

    def deliver(self, relayhost: str) -> Delivery:
        self.mta.set("relayhost", relayhost)
        return self.mta.deliver("alice@sender.test", "bob@rcpt.test")

    def assert_verified(self, relayhost: str) -> None:
        delivery = self.deliver(relayhost)
        self.assertEqual((delivery.status, delivery.verified), ("sent", True), f"{relayhost}: {delivery}")

    def assert_deferred(self, relayhost: str) -> None:
        delivery = self.deliver(relayhost)
        self.assertEqual(delivery.status, "deferred", f"{relayhost}: {delivery}")
        self.assertIn("Server certificate not ", delivery.line)


class Serve(Case):
    def test_mail_is_delivered_to_the_right_certificate_only(self) -> None:
        self.smart_host("relay.test")
        self.smart_host("wrong.test", certificate_for="mx.elsewhere.test")
        # Right for the MX host, and not for the host to which Postfix connects.
        self.smart_host("other.test", certificate_for="mx.other.test")
        self.begin()
        server = PolicyServer(self.lab, self.configuration)
        self.sender(f"socketmap:{server.postfix('postfix')}")
        for key in self.keys("relay.test"):
            self.assert_verified(key)
        for key in self.keys("wrong.test"):
            self.assert_deferred(key)
        self.assert_verified("other.test")
        self.assert_deferred("[smtp.other.test]")
        # An address has no policy domain.
        address = self.server_of["wrong.test"].address
        for key in (f"[{address}]", f"[{address}]:{self.lab.smtp_port}"):
            delivery = self.deliver(key)
            self.assertEqual((delivery.status, delivery.verified), ("sent", False), delivery)

    def test_each_key_has_its_answer_and_lookup_prints_the_same(self) -> None:
        self.smart_host("relay.test")
        self.begin()
        server = PolicyServer(self.lab, self.configuration, settings={"dane": False})
        mx, host = "match=mx.relay.test", "match=smtp.relay.test"
        answers = {"relay.test": mx, "relay.test:587": mx, "relay.test:submission": mx, "Relay.Test:25": mx,
                   "[smtp.relay.test]": host, "[smtp.relay.test]:587": host, "[smtp.relay.test]:submission": host,
                   "[SMTP.relay.test.]:smtps": host, "smtp.relay.test": "match=.relay.test",
                   "smtp.relay.test:587": "match=.relay.test", "[relay.test]": mx}
        for key, match in answers.items():
            said = f"secure {match} servername=hostname"
            self.assertEqual(server.ask("postfix", key), f"OK {said}", key)
            self.assertIn(f"OK {said} protocols=>=TLSv1.2 policy_type=sts", server.ask("QUERYwithTLSRPT", key))
            done = self.configuration.tool("--json", "lookup", key)
            self.assertEqual(done.returncode, 0, done.stderr)
            (found,) = json.loads(done.stdout)
            self.assertEqual(found["postfix"], said, key)
            self.assertEqual(found["domain"], "smtp.relay.test" if "smtp." in key.lower() else "relay.test")
        for key in ("[192.0.2.1]", "[192.0.2.1]:587", "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]:587", "192.0.2.1:587",
                    "relay.test:no-such-port", "[relay.test", ".relay.test"):
            self.assertEqual(server.ask("postfix", key), "NOTFOUND ", key)
        for key in ("[smtp.relay.test]", "relay.test:587"):
            self.assertEqual(server.ask("sts", key), "NOTFOUND ", key)
        self.assertEqual(self.configuration.tool("lookup", "[192.0.2.1]:587").returncode, 64)


class Map(Case):
    def test_a_map_has_the_keys_of_the_configured_smart_hosts(self) -> None:
        self.smart_host("relay.test")
        self.smart_host("wrong.test", certificate_for="mx.elsewhere.test")
        self.begin()
        done = self.configuration.tool("sts", "fetch", *(f"{host}{name}" for name in ("relay.test", "wrong.test")
                                                         for host in ("", "smtp.")))
        self.assertEqual(done.returncode, 0, done.stderr)
        hops = [key for name in ("relay.test", "wrong.test") for key in self.keys(name)]
        for kind in ("texthash", "cdb", "lmdb"):
            place = self.lab.new_folder(kind) / "map"
            done = self.configuration.tool("generate", "postfix", "--type", kind, "-o", str(place),
                                           *(word for hop in hops for word in ("--next-hop", hop)))
            self.assertEqual(done.returncode, 0, done.stderr)
            if kind == "texthash":
                settle(place)
                self.sender(f"{kind}:{place}")
                right, wrong = self.keys("relay.test"), self.keys("wrong.test")
            else:
                self.mta.set("smtp_tls_policy_maps", f"{kind}:{place}")
                right, wrong = self.keys("relay.test")[3:4], self.keys("wrong.test")[3:4]
            for key in right:
                self.assert_verified(key)
            for key in wrong:
                self.assert_deferred(key)

    def test_an_output_names_them_and_is_written_again_when_they_change(self) -> None:
        self.smart_host("relay.test")
        self.begin()
        overrides = self.configuration.folder / "overrides"
        overrides.write_text("smtp.relay.test enforce smtp.relay.test\n")
        place = self.lab.new_folder("map") / "map"
        self.configuration.tables["top"]["overrides"] = overrides
        self.configuration.install({"relay.test": {"mode": "enforce", "mxs": ["mx.relay.test"]}})
        text = self.configuration.path.read_text()

        def lines(hops: list[str], status: int = 0) -> list[str]:
            self.configuration.path.write_text(
                f'{text}[[output]]\nmta = "postfix"\nfile = "{place}"\nnext_hops = {json.dumps(hops)}\n')
            done = self.configuration.tool("update")
            self.assertEqual(done.returncode, status, done.stderr)
            self.error = done.stderr
            return [line.split()[0] for line in place.read_text().splitlines() if not line.startswith("#")]

        self.assertEqual(lines([]), ["relay.test", "smtp.relay.test"])
        self.assertEqual(lines(["[smtp.relay.test]:587", "relay.test:submission", "[unknown.test]"]),
                         ["[smtp.relay.test]:587", "relay.test", "relay.test:submission", "smtp.relay.test"])
        lines(["[192.0.2.1]:587"], status=78)
        self.assertIn("is an address, which has no policy domain", self.error)


class Dane(Case):
    def test_the_records_at_the_port_of_the_smart_host_count(self) -> None:
        stranger = CA(self.lab.new_folder("ca"), "Nobody")
        port = self.lab.smtp_port
        self.smart_host("broken.test")
        digest = self.lab.ca.issue("mx.elsewhere.test").key_digest()
        bound = Receiver(self.lab, "mx.tlsa.test", ["rcpt.test"], own := stranger.issue("mx.tlsa.test"))
        self.zones["tlsa.test"] = {
            "@": ["MX 10 mx"], "mx": [f"A {bound.address}"], "smtp": [f"A {bound.address}"],
            f"_{port}._tcp.mx": [f"TLSA 3 1 1 {own.key_digest()}"],
            f"_{port}._tcp.smtp": [f"TLSA 3 1 1 {own.key_digest()}"],
            # Another service of the same host, with another key.
            "_465._tcp.smtp": [f"TLSA 3 1 1 {digest}"]}
        self.zones["broken.test"] |= {f"_{port}._tcp.mx": [f"TLSA 3 1 1 {digest}"],
                                      f"_{port}._tcp.smtp": [f"TLSA 3 1 1 {digest}"]}
        self.begin(signed=("broken.test", "tlsa.test"))
        server = PolicyServer(self.lab, self.configuration)
        self.assertEqual(
            server.ask_all("postfix", [f"tlsa.test:{port}", f"[smtp.tlsa.test]:{port}", "[smtp.tlsa.test]:465",
                                       "tlsa.test", "[smtp.tlsa.test]", "tlsa.test:465", f"[smtp.broken.test]:{port}",
                                       "[smtp.broken.test]:587"]),
            ["OK dane-only", "OK dane-only", "OK dane-only", "NOTFOUND ", "NOTFOUND ", "NOTFOUND ", "OK dane-only",
             "OK secure match=smtp.broken.test servername=hostname"])
        self.sender(f"socketmap:{server.postfix('postfix')}", resolver=Resolver(self.lab, self.dns),
                    smtp_dns_support_level="dnssec")
        for key in (f"tlsa.test:{port}", f"[smtp.tlsa.test]:{port}"):
            self.assert_verified(key)
        for key in (f"broken.test:{port}", f"[smtp.broken.test]:{port}"):
            self.assert_deferred(key)


if __name__ == "__main__":
    unittest.main()
