"""The lab's servers do what the tests that use them rely on."""

import base64
import hashlib
import http.client
import itertools
import socket
import ssl
import struct
import time
import unittest
import warnings
from pathlib import Path

from lab import Lab, command
from lab.ca import CA
from lab.dns import Dns
from lab.https import Answer, HttpsServer
from lab.postgres import PASSWORD, Postgres
from lab.postfix import Listener, Receiver, Sender, settle
from lab.sendmail import SendmailReceiver, SendmailSender, makemap
from lab.smtp_client import (CERTIFICATE_SCENARIOS, IMPLICIT_TLS_SCENARIOS, SCENARIOS, Client,
                             tls13_client_certificate, tls13_mail)

ZONE = {"@": ["MX 10 mx"], "mx": ["A 192.0.2.1"]}


def kdig(dns: Dns, *question: str) -> str:
    return command.run("kdig", f"@{dns.address}", "-p", str(dns.port), *question)


class NameServer(unittest.TestCase):
    def test_answers_for_its_zones_and_with_nxdomain_otherwise_with_a_root_zone(self) -> None:
        with Lab() as lab:
            dns = Dns(lab, {"example.test": ZONE, ".": {}}, port=0)
            self.assertEqual(kdig(dns, "example.test", "MX", "+short"), "10 mx.example.test.\n")
            self.assertIn("status: NXDOMAIN", kdig(dns, "elsewhere.test", "MX"))

    def test_a_signed_zone_is_validated_from_the_trust_anchor(self) -> None:
        with Lab() as lab:
            dns = Dns(lab, {"example.test": ZONE}, signed=["example.test"], port=0)
            self.assertIn("RRSIG\tMX", kdig(dns, "example.test", "MX", "+dnssec"))
            flags, protocol, algorithm, *key = kdig(dns, "example.test", "DNSKEY", "+short").split()
            dnskey = struct.pack("!HBB", int(flags), int(protocol), int(algorithm)) + base64.b64decode("".join(key))
            digest = hashlib.sha256(b"\x07example\x04test\x00" + dnskey).hexdigest()  # RFC 4034 5.1.4
            self.assertRegex(dns.trust_anchor.read_text(), rf"(?m)^example\.test\. DS \d+ {algorithm} 2 {digest}$")

    def test_an_update_is_served_at_once_and_signed(self) -> None:
        with Lab() as lab:
            dns = Dns(lab, {"example.test": ZONE}, signed=["example.test"], port=0)
            for preference in (20, 30):
                dns.update("example.test", {"@": [f"MX {preference} mx"]})
                answer = kdig(dns, "example.test", "MX", "+dnssec")
                self.assertIn(f"MX\t{preference} mx.example.test.", answer)
                self.assertIn("RRSIG\tMX", answer)


class Database(unittest.TestCase):
    def client(self, url: str, **environment: str) -> str:
        return command.run("env", *(f"{name}={value}" for name, value in environment.items()),
                           "psql", url, "--no-psqlrc", "--tuples-only", "--no-align", "--command", "SELECT 'good'")

    def test_serves_its_database_by_address_with_a_password_and_by_socket(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            self.assertEqual(self.client(server.url), "good\n")
            self.assertEqual(self.client(server.socket_url), "good\n")
            with self.assertRaisesRegex(command.CommandFailed, "password authentication failed"):
                self.client(server.url.replace(PASSWORD, "another"))

    def test_keeps_what_was_committed_when_it_is_stopped_or_killed(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            server.execute("CREATE TABLE t (a text)")
            for end in (server.stop, server.kill):
                server.execute(f"INSERT INTO t VALUES ('{end.__name__}')")
                end()
                with self.assertRaisesRegex(command.CommandFailed, "refused"):
                    self.client(server.url)
                server.start()
            self.assertEqual(server.execute("SELECT a FROM t"), [["stop"], ["kill"]])

    def test_a_paused_server_accepts_connections_and_sends_nothing(self) -> None:
        with Lab() as lab:
            server = Postgres(lab)
            with server.paused(), self.assertRaisesRegex(command.CommandFailed, "timeout expired"):
                self.client(server.url, PGCONNECT_TIMEOUT="2")
            self.assertEqual(self.client(server.url), "good\n")

    def test_no_process_or_file_of_it_remains(self) -> None:
        def shared_memory(pid: int) -> list[str]:
            rows = (line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:])
            return [shmid for _, shmid, _, _, creator, *_ in rows if creator == str(pid)]

        with Lab() as lab:
            pid = Postgres(lab).process.pid
            self.assertEqual(len(shared_memory(pid)), 1)
        self.assertEqual(shared_memory(pid), [])
        self.assertFalse(Path(f"/proc/{pid}").exists())


class WebServer(unittest.TestCase):
    def get(self, lab: Lab, web: HttpsServer, host: str, path: str, method: str = "GET",
            body: bytes | None = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection(web.address, web.port, timeout=60)
        self.addCleanup(connection.close)
        connection.sock = ssl.create_default_context(cafile=lab.ca.certificate).wrap_socket(
            self.connect(web), server_hostname=host)
        connection.request(method, path, body, {"Host": host})
        return connection.getresponse()

    def connect(self, web: HttpsServer) -> socket.socket:
        return socket.create_connection((web.address, web.port), 10)

    def test_chooses_certificate_and_answer_by_the_host(self) -> None:
        with Lab() as lab:
            web = HttpsServer(lab)
            for host in ("mta-sts.a.test", "mta-sts.b.test"):
                web.add_host(host, lab.ca.issue(host))
                web.answer(host, "/policy", Answer(body=host.encode()))
            self.assertEqual(self.get(lab, web, "mta-sts.a.test", "/policy").read(), b"mta-sts.a.test")
            self.assertEqual(self.get(lab, web, "mta-sts.b.test", "/policy").read(), b"mta-sts.b.test")
            self.assertEqual(self.get(lab, web, "mta-sts.b.test", "/other").status, 404)
            with self.assertRaisesRegex(ssl.SSLError, "unrecognized name"):
                self.get(lab, web, "mta-sts.c.test", "/policy")

    def test_certificates_can_be_expired_untrusted_or_for_another_name(self) -> None:
        with Lab() as lab:
            web = HttpsServer(lab)
            web.add_host("expired.test", lab.ca.issue("expired.test", expired=True))
            web.add_host("untrusted.test", CA(lab.new_folder("ca"), "Untrusted CA").issue("untrusted.test"))
            web.add_host("other.test", lab.ca.issue("elsewhere.test"))
            web.add_host("a.wildcard.test", lab.ca.issue("wildcard.test", ["*.wildcard.test"]))
            for host, error in (("expired.test", "expired"), ("untrusted.test", "unable to get local issuer"),
                                ("other.test", "Hostname mismatch")):
                with self.subTest(host), self.assertRaisesRegex(ssl.SSLCertVerificationError, error):
                    self.get(lab, web, host, "/")
            self.assertEqual(self.get(lab, web, "a.wildcard.test", "/").status, 404)

    def test_bodies_may_have_no_end(self) -> None:
        with Lab() as lab:
            web = HttpsServer(lab)
            web.add_host("a.test", lab.ca.issue("a.test"))
            web.answer("a.test", "/endless", Answer(chunks=itertools.repeat(b"x" * 1000)))
            web.answer("a.test", "/held", Answer(body=b"version", hold=True))
            self.assertEqual(len(self.get(lab, web, "a.test", "/endless").read(100_000)), 100_000)
            self.assertEqual(self.get(lab, web, "a.test", "/held").read(7), b"version")

    def test_bodies_may_be_chunked_and_slow(self) -> None:
        with Lab() as lab:
            web = HttpsServer(lab)
            web.add_host("a.test", lab.ca.issue("a.test"))
            web.answer("a.test", "/chunked", Answer(chunks=[b"ver", b"sion"], chunked=True))
            web.answer("a.test", "/trickle", Answer(chunks=itertools.repeat(b"x"), pause=0.05))
            response = self.get(lab, web, "a.test", "/chunked")
            self.assertEqual((response.getheader("Transfer-Encoding"), response.read()), ("chunked", b"version"))
            begun = time.monotonic()
            self.assertEqual(self.get(lab, web, "a.test", "/trickle").read(4), b"xxxx")
            self.assertGreaterEqual(time.monotonic() - begun, 4 * 0.05)

    def test_an_answer_may_depend_on_the_request(self) -> None:
        with Lab() as lab:
            web = HttpsServer(lab)
            web.add_host("a.test", lab.ca.issue("a.test"))
            web.answer("a.test", "/", lambda request: Answer(304) if request.method == "GET" else Answer(201))
            self.assertEqual(self.get(lab, web, "a.test", "/").status, 304)
            self.assertEqual(self.get(lab, web, "a.test", "/", "POST", b"").status, 201)

    def test_uses_no_newer_tls_version_than_configured(self) -> None:
        with Lab() as lab:
            web = HttpsServer(lab, address="127.0.0.1", newest_tls=ssl.TLSVersion.TLSv1_1)
            web.add_host("a.test", lab.ca.issue("a.test"))
            self.assertEqual(web.address, "127.0.0.1")
            with self.assertRaises(ssl.SSLError):
                self.get(lab, web, "a.test", "/")
            old = ssl.create_default_context(cafile=lab.ca.certificate)
            old.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                old.minimum_version = ssl.TLSVersion.TLSv1_1
            with old.wrap_socket(self.connect(web), server_hostname="a.test") as connection:
                self.assertEqual(connection.version(), "TLSv1.1")
            self.assertEqual(web.connections, 2)

    def test_keeps_what_was_posted(self) -> None:
        with Lab() as lab:
            web = HttpsServer(lab)
            web.add_host("a.test", lab.ca.issue("a.test"))
            web.answer("a.test", "/report", Answer(status=201))
            self.assertEqual(self.get(lab, web, "a.test", "/report", "POST", b"{}").status, 201)
            self.assertEqual([(request.method, request.body) for request in web.requests], [("POST", b"{}")])


class Postfix(unittest.TestCase):
    def test_receives_a_message_over_tls13(self) -> None:
        with Lab() as lab:
            mx = Receiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"))
            tls13_mail(Client(mx.address, mx.port))
            mx.log.wait_for(r"Anonymous TLS connection established from localhost\[127\.0\.0\.1\]: TLSv1\.3")
            mx.log.wait_for(r"to=<bob@example\.test>, relay=none, .* status=sent")

    def test_every_scenario_ends_as_expected(self) -> None:
        with Lab() as lab:
            certificate = lab.ca.issue("mx.example.test")
            smtps = Listener(lab.address(), lab.smtp_port, certificate, implicit_tls=True)
            mx = Receiver(lab, "mx.example.test", ["example.test"], certificate, listeners=[smtps])
            client = Client(mx.address, mx.port, certificate=lab.ca.issue("client.test"))
            for name, scenario in (SCENARIOS | CERTIFICATE_SCENARIOS).items():
                with self.subTest(name):
                    before = mx.log.mark()
                    scenario(client)
                    mx.log.wait_for("disconnect from", since=before)
            for name, scenario in IMPLICIT_TLS_SCENARIOS.items():
                with self.subTest(name):
                    scenario(Client(smtps.address, smtps.port))

    def test_trusts_client_certificates_of_the_labs_ca_only(self) -> None:
        with Lab() as lab:
            mx = Receiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"))
            stranger = CA(lab.new_folder("ca"), "Untrusted CA")
            for ca, trust in ((lab.ca, "Trusted"), (stranger, "Untrusted")):
                before = mx.log.mark()
                tls13_client_certificate(Client(mx.address, mx.port, certificate=ca.issue("client.test")))
                mx.log.wait_for(f"{trust} TLS connection established from", since=before)

    def test_delivers_only_if_the_certificate_matches_the_policy(self) -> None:
        with Lab() as lab:
            right = Receiver(lab, "mx.right.test", ["right.test"], lab.ca.issue("mx.right.test"))
            wrong = Receiver(lab, "mx.wrong.test", ["wrong.test"], lab.ca.issue("mx.elsewhere.test"))
            dns = Dns(lab, {"right.test": {"@": ["MX 10 mx"], "mx": [f"A {right.address}"]},
                            "wrong.test": {"@": ["MX 10 mx"], "mx": [f"A {wrong.address}"]}})
            policies = lab.new_folder("policies") / "map"
            policies.write_text("".join(f"{domain} secure match=mx.{domain} servername=hostname\n"
                                        for domain in ("right.test", "wrong.test")))
            settle(policies)
            sender = Sender(lab, dns, {"smtp_tls_policy_maps": f"texthash:{policies}"})

            delivery = sender.deliver("alice@sender.test", "bob@right.test")
            self.assertEqual(delivery.status, "sent", delivery.line)
            self.assertTrue(delivery.verified, delivery.tls)

            delivery = sender.deliver("alice@sender.test", "bob@wrong.test")
            self.assertEqual(delivery.status, "deferred", delivery.line)
            self.assertIn("Server certificate not verified", delivery.line)
            self.assertFalse(delivery.verified, delivery.tls)

    def test_tries_deferred_mail_again_after_a_change(self) -> None:
        with Lab() as lab:
            mx = Receiver(lab, "mx.example.test", ["example.test"])
            dns = Dns(lab, {"example.test": {"@": ["MX 10 mx"], "mx": [f"A {mx.address}"]}})
            sender = Sender(lab, dns, {"smtp_tls_security_level": "encrypt"})
            queue_id = sender.submit("alice@sender.test", "bob@example.test")
            self.assertEqual(sender.outcome(queue_id).status, "deferred")
            before = sender.log.mark()
            sender.set("smtp_tls_security_level", "may")
            sender.flush()
            delivery = sender.outcome(queue_id, since=before)
            self.assertEqual((delivery.status, delivery.tls), ("sent", None), delivery.line)


class Sendmail(unittest.TestCase):
    def test_receives_a_message_over_starttls(self) -> None:
        with Lab() as lab:
            mx = SendmailReceiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"))
            tls13_mail(Client(mx.address, mx.port))
            mx.log.wait_for(r"STARTTLS=server, relay=localhost \[127\.0\.0\.1\], version=TLSv1\.3, verify=NO")
            mx.log.wait_for(r"to=<bob@example\.test>, .*mailer=discard, .*stat=Sent")

    def test_every_scenario_ends_as_expected(self) -> None:
        with Lab() as lab:
            mx = SendmailReceiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"))
            client = Client(mx.address, mx.port, certificate=lab.ca.issue("client.test"))
            for name, scenario in (SCENARIOS | CERTIFICATE_SCENARIOS).items():
                with self.subTest(name):
                    before = mx.log.mark()
                    scenario(client)
                    mx.log.wait_for("NOQUEUE: connect from", since=before)
            for name, scenario in IMPLICIT_TLS_SCENARIOS.items():
                with self.subTest(name):
                    scenario(Client(mx.address, mx.implicit_tls_port))

    def test_delivers_over_tls_and_distinguishes_sent_from_bounced(self) -> None:
        with Lab() as lab:
            mx = Receiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"))
            dns = Dns(lab, {"example.test": {"@": ["MX 10 mx"], "mx": [f"A {mx.address}"]}})
            sender = SendmailSender(lab, dns)
            delivery = sender.deliver("alice@sender.test", "bob@example.test")
            self.assertEqual(delivery.status, "sent", delivery.line)
            self.assertTrue(delivery.trusted, delivery.tls)
            self.assertEqual(sender.deliver("alice@sender.test", "nosuch@example.test").status, "bounced")

    def test_tries_deferred_mail_again_after_a_change(self) -> None:
        with Lab() as lab:
            mx = Receiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"))
            dns = Dns(lab, {"example.test": {"@": ["MX 10 mx"], "mx": [f"A {mx.address}"]}})
            rules, access = lab.new_folder("access") / "text", lab.new_folder("access") / "access"
            rules.write_text("TLS_Rcpt:example.test\tVERIFY+CN:elsewhere.test\n")
            makemap(rules, access)
            sender = SendmailSender(lab, dns, macros=f"FEATURE(`access_db', `hash -T<TMPF> {access}')dnl\n")
            queue_id = sender.submit("alice@sender.test", "bob@example.test")
            delivery = sender.outcome(queue_id)
            self.assertEqual(delivery.status, "deferred", delivery.line)
            self.assertIn("CN mx.example.test does not match elsewhere.test", delivery.reason or "")
            rules.write_text("")
            makemap(rules, access)
            before = sender.log.mark()
            sender.run_queue()
            delivery = sender.outcome(queue_id, since=before)
            self.assertEqual((delivery.status, delivery.reason), ("sent", None), delivery.line)


if __name__ == "__main__":
    unittest.main()
