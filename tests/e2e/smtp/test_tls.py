"""What smtp::Prober reports of TLS: alerts, versions, suites, groups, and certificates, also hostile ones."""

import contextlib
import socket
import ssl
import struct
import subprocess
import threading
import unittest
from dataclasses import dataclass
from pathlib import Path

from lab import Lab, command, wait
from lab.ca import Certificate
from lab.smtp_dialogue import TLS12, TLS13
from lab.smtp_server import Peer, SmtpServer, server_tls
from probing import PATIENT, SNI, ProbeCase, Talk, over_tls, probe_all

ALERTS = {
    10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure",
    42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
    46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
    51: "decrypt_error", 60: "export_restriction", 70: "protocol_version", 71: "insufficient_security",
    80: "internal_error", 86: "inappropriate_fallback", 109: "missing_extension", 110: "unsupported_extension",
    112: "unrecognized_name", 113: "bad_certificate_status_response", 115: "unknown_psk_identity",
    116: "certificate_required", 120: "no_application_protocol", 99: "unknown",
}


@dataclass(frozen=True)
class ClientHello:
    """What a client offers, of the bytes that it sends first (RFC 8446 section 4.1.2)."""
    suites: int
    extensions: dict[int, bytes]

    @staticmethod
    def read(record: bytes) -> "ClientHello":
        at = 5 + 4 + 2 + 32
        at += 1 + record[at]  # session
        suites = int.from_bytes(record[at:at + 2], "big")
        at += 2 + suites
        at += 1 + record[at] + 2  # compression, size of the extensions
        extensions = {}
        while at < len(record):
            kind, size = struct.unpack_from("!HH", record, at)
            extensions[kind] = record[at + 4:at + 4 + size]
            at += 4 + size
        return ClientHello(suites // 2, extensions)


SERVER_NAME, PRE_SHARED_KEY, EARLY_DATA = 0, 41, 42


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Pass bytes on until one of them has closed."""
    with contextlib.suppress(OSError):
        while received := source.recv(65536):
            target.sendall(received)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def answer_ehlo_by_renegotiation(server: subprocess.Popen[bytes]) -> None:
    """Reads what s_server prints until it reports that the connection has ended."""
    assert server.stdin and server.stdout
    for line in server.stdout:
        if b"EHLO" in line:
            server.stdin.write(b"R\n")
            server.stdin.flush()
        if b"no renegotiation" in line:
            return


class Tls(ProbeCase):
    def test_alerts_have_the_names_of_the_registry(self) -> None:
        def answers(alert: int) -> Talk:
            def talk(peer: Peer) -> None:
                peer.to_starttls()
                peer.wait_for_bytes()
                peer.say(bytes([0x15, 3, 3, 0, 2, 2, alert]))
                peer.read_to_the_end()
            return talk

        with Lab() as lab:
            servers = {alert: SmtpServer(lab, answers(alert)) for alert in ALERTS}
            found = probe_all([f"{server.address} {server.port} {SNI}" for server in servers.values()], *PATIENT)
            for (alert, name), facts in zip(ALERTS.items(), found, strict=True):
                self.assert_stop(facts, "handshake", "handshake")
                self.assertEqual(facts["tls_error"], f"alert {name} ({alert})")
                self.assertEqual(facts["reason"], facts["tls_error"])

    def test_what_is_no_tls_is_reported(self) -> None:
        def garbage(peer: Peer) -> None:
            peer.to_starttls()
            peer.wait_for_bytes()
            peer.say("500 What?\r\n")
            peer.read_to_the_end()

        with Lab() as lab:
            facts, heard = self.probe_of(lab, garbage)
            self.assert_stop(facts, "handshake", "handshake", "wrong version number")
            self.assertNotIn("QUIT", heard)

    def test_what_servers_do_not_bear_is_not_offered(self) -> None:
        """No session, no data before the handshake, at most 64 suites, and a name without a dot at its end."""
        hellos: list[ClientHello] = []

        with Lab() as lab:
            context = server_tls(lab.ca.issue(SNI))

            def talk(peer: Peer) -> None:
                peer.to_starttls()
                peer.wait_until_it_speaks()
                hellos.append(ClientHello.read(peer.socket.recv(65536, socket.MSG_PEEK)))
                peer.start_tls(context)
                peer.serve()
                peer.read_to_the_end()

            server = SmtpServer(lab, talk)
            for facts in probe_all([f"{server.address} {server.port} {SNI}"] * 2, *PATIENT):
                self.assert_stop(facts, "done", "none")
            server.end()
        self.assertEqual(len(hellos), 2)
        for hello in hellos:
            self.assertTrue(hello.extensions[SERVER_NAME].endswith(SNI.encode()))
            self.assertFalse({PRE_SHARED_KEY, EARLY_DATA} & set(hello.extensions))
            self.assertLessEqual(hello.suites, 64)

    def test_old_versions_are_reached_only_if_they_are_asked_for(self) -> None:
        with Lab() as lab:
            certificate = lab.ca.issue(SNI)
            for version, word in ((ssl.TLSVersion.TLSv1, "TLSv1"), (ssl.TLSVersion.TLSv1_1, "TLSv1.1")):
                with self.subTest(word):
                    talk = over_tls(server_tls(certificate, versions=[version]))
                    facts, _ = self.probe_of(lab, talk)
                    self.assert_stop(facts, "handshake", "handshake")
                    self.assertEqual(facts["tls_error"], "alert protocol_version (70)")
                    facts, _ = self.probe_of(lab, talk, "--min", "TLSv1", "--max", "TLSv1.1")
                    self.assert_stop(facts, "done", "none")
                    self.assertEqual(facts["tls"]["version"], word)

    def test_suites_and_groups_are_those_asked_for(self) -> None:
        with Lab() as lab:
            context = server_tls(lab.ca.issue(SNI), versions=[TLS12, TLS13])
            for options, version, suite, group in (
                    (("--max", "TLSv1.2", "--suites", "ECDHE-ECDSA-AES128-SHA", "--groups", "P-256"),
                     "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "secp256r1"),
                    (("--max", "TLSv1.2", "--suites", "ECDHE-ECDSA-CHACHA20-POLY1305"),
                     "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "X25519"),
                    (("--min", "TLSv1.3", "--suites", "TLS_CHACHA20_POLY1305_SHA256", "--groups", "P-256"),
                     "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256", "secp256r1"),
                    (("--suites", "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384", "--groups", "X448"),
                     "TLSv1.3", "TLS_AES_128_GCM_SHA256", "X448")):
                with self.subTest(suite):
                    facts, _ = self.probe_of(lab, over_tls(context), *options)
                    self.assert_stop(facts, "done", "none")
                    tls = facts["tls"]
                    self.assertEqual((tls["version"], tls["suite"], tls["group"]), (version, suite, group))
                    self.assertTrue(tls["secure_renegotiation"] and tls["extended_master_secret"])
            facts, _ = self.probe_of(lab, over_tls(context), "--max", "TLSv1.2", "--suites", "AES256-SHA")
            self.assertEqual(facts["tls_error"], "alert handshake_failure (40)")

    def test_what_openssl_cannot_offer_is_our_own_error(self) -> None:
        def talk(peer: Peer) -> None:
            peer.welcome("STARTTLS")
            peer.serve()

        with Lab() as lab:
            for options, reason in ((("--suites", "NONE"), "OpenSSL cannot offer these cipher suites: .*"),
                                    (("--suites", "TLS_NONE"), "OpenSSL cannot offer these cipher suites: .*"),
                                    (("--groups", "P-1"), "OpenSSL cannot offer these groups: .*"),
                                    (("--suites", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"),
                                     "more than 64 cipher suites in one ClientHello")):
                with self.subTest(options):
                    facts, heard = self.probe_of(lab, talk, *options)
                    self.assert_stop(facts, "ehlo", "local-error", reason)
                    self.assertEqual(heard, ["EHLO probe.client.test", "QUIT"])

    def test_the_certificate_depends_on_the_name(self) -> None:
        with Lab() as lab:
            names: list[str | None] = []
            context = server_tls(lab.ca.issue("default.test"))
            other = server_tls(lab.ca.issue(SNI))

            def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
                names.append(name)
                if name == SNI:
                    connection.context = other

            context.sni_callback = choose
            for sni, expected in ((SNI, SNI), ("other.example.test", "default.test"), ("", "default.test")):
                facts, _ = self.probe_of(lab, over_tls(context), sni=sni)
                self.assertEqual(facts["tls"]["chain"][0]["names"], [expected])
            self.assertEqual(names, [SNI, "other.example.test", None])

    def test_compression_is_detected_by_the_choice_of_the_server(self) -> None:
        def chooses(method: int, pieces: int = 1) -> Talk:
            hello = b"\3\3" + bytes(32) + b"\0" + b"\xc0\x2f" + bytes([method])
            record = b"\x16\3\3\0" + bytes([len(hello) + 4]) + b"\2\0\0" + bytes([len(hello)]) + hello

            def talk(peer: Peer) -> None:
                peer.to_starttls()
                offered.append(peer.wait_for_bytes())
                for begin in range(0, len(record), len(record) // pieces):
                    peer.say(record[begin:begin + len(record) // pieces])
                peer.read_to_the_end()
            return talk

        with Lab() as lab:
            for method, pieces in ((1, 1), (0, 1), (1, 7)):
                offered: list[bytes] = []
                facts, heard = self.probe_of(lab, chooses(method, pieces), "--offer-compression")
                self.assert_stop(facts, "handshake", "none")
                self.assertEqual(facts["accepts_compression"], method == 1)
                self.assertIn(b"\x02\x01\x00", offered[0])
                self.assertNotIn("QUIT", heard)
            facts, _ = self.probe_of(lab, over_tls(server_tls(lab.ca.issue(SNI))), "--offer-compression")
            self.assertIs(facts["accepts_compression"], False)

    def test_a_choice_that_does_not_come_leaves_compression_unknown(self) -> None:
        def refuses(peer: Peer) -> None:
            peer.to_starttls()
            peer.wait_for_bytes()
            peer.say(bytes([0x15, 3, 3, 0, 2, 2, 70]))
            peer.read_to_the_end()

        def closes(peer: Peer) -> None:
            peer.to_starttls()
            peer.wait_for_bytes()

        def is_silent(peer: Peer) -> None:
            peer.to_starttls()
            peer.wait_for_bytes()
            peer.say(b"\x16\3\3\0")
            peer.read_to_the_end()

        with Lab() as lab:
            for talk, stop, patience in ((refuses, "handshake", "15000"), (closes, "closed", "15000"),
                                         (is_silent, "timeout", "300")):
                facts, _ = self.probe_of(lab, talk, "--offer-compression", "--handshake", patience)
                self.assert_stop(facts, "handshake", stop)
                self.assertNotIn("accepts_compression", facts)

    def test_a_renegotiation_is_refused(self) -> None:
        """By openssl s_server, which asks for one when it gets the line R; `talk` passes bytes on."""
        def talk(peer: Peer) -> None:
            peer.to_starttls()
            inner = socket.create_connection((address, port))
            passing = threading.Thread(target=pass_on, args=(inner, peer.socket), daemon=True)
            passing.start()
            pass_on(peer.socket, inner)
            passing.join()
            inner.close()

        with Lab() as lab:
            certificate = lab.ca.issue(SNI)
            address = lab.address()
            port = lab.free_port(address)
            server = subprocess.Popen(
                ["openssl", "s_server", "-accept", f"{address}:{port}", "-tls1_2", "-cert", certificate.certificate,
                 "-key", certificate.key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            lab.at_end(server.communicate)
            lab.at_end(server.kill)
            wait.for_listener(address, port, process=server)
            log = threading.Thread(target=answer_ehlo_by_renegotiation, args=(server,), daemon=True)
            log.start()
            facts, _ = self.probe_of(lab, talk)
            self.assertEqual(facts["reached"], "second-ehlo", facts)
            self.assertIn(facts["stop"], ("closed", "handshake"), facts)
            self.assertEqual(facts["tls"]["version"], "TLSv1.2")
            log.join(timeout=60)
            self.assertFalse(log.is_alive(), "s_server reported no refused renegotiation")

    def test_a_client_certificate_that_is_demanded_is_an_alert(self) -> None:
        with Lab() as lab:
            for version, reached in ((TLS12, "handshake"), (TLS13, "second-ehlo")):
                context = server_tls(lab.ca.issue(SNI), versions=[version])
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(lab.ca.certificate)
                facts, _ = self.probe_of(lab, over_tls(context))
                self.assert_stop(facts, reached, "handshake")
                self.assertRegex(facts["tls_error"], r"^alert (handshake_failure \(40\)|certificate_required \(116\))$")


class Certificates(ProbeCase):
    def chain(self, lab: Lab, copies: int) -> Certificate:
        certificate = lab.ca.issue(SNI)
        chain = certificate.certificate.with_name("chain.pem")
        chain.write_bytes(certificate.certificate.read_bytes() + lab.ca.certificate.read_bytes() * copies)
        return Certificate(certificate.key, chain)

    def self_signed(self, folder: Path, *extensions: str, key: str = "ed25519") -> Certificate:
        made = Certificate(folder / "key.pem", folder / "cert.pem")
        config = folder / "openssl.cnf"
        config.write_text("[req]\ndistinguished_name = none\n[none]\n[own]\n" + "\n".join(extensions) + "\n")
        command.run("openssl", "req", "-x509", "-config", config, "-newkey", key, "-nodes", "-keyout", made.key,
                    "-out", made.certificate, "-subj", "/CN=mx", "-days", "2", "-extensions", "own")
        return made

    def test_a_long_chain_is_cut_and_an_endless_one_is_refused(self) -> None:
        with Lab() as lab:
            ca = ("--ca", str(lab.ca.certificate))
            for copies, cut in ((19, False), (20, True), (100, True)):
                facts, _ = self.probe_of(lab, over_tls(server_tls(self.chain(lab, copies))), *ca)
                self.assert_stop(facts, "done", "none")
                self.assertEqual((len(facts["tls"]["chain"]), facts["tls"]["chain_is_cut"]), (20, cut))
                self.assertEqual(facts["tls"]["chain_fault"], "none")
            facts, _ = self.probe_of(lab, over_tls(server_tls(self.chain(lab, 1_000))), *ca)
            self.assert_stop(facts, "handshake", "handshake", "excessive message size")

    def test_a_certificate_with_thousands_of_names_is_read_up_to_a_limit(self) -> None:
        with Lab() as lab:
            names = [f"m{number}.example.test" for number in range(3_000)]
            extension = "subjectAltName = " + ",".join(f"DNS:{name}" for name in names)
            bomb = self.self_signed(lab.new_folder("bomb"), extension)
            facts, _ = self.probe_of(lab, over_tls(server_tls(bomb)))
            self.assert_stop(facts, "done", "none")
            self.assertEqual(facts["tls"]["chain"][0]["names"], names[:2_000])

    def test_a_name_with_a_nul_is_reported_and_left_out(self) -> None:
        with Lab() as lab:
            bad, good = b"mx.example.test\0.attacker.test", b"good.example.test"
            entries = b"".join(bytes([0x82, len(name)]) + name for name in (bad, good))
            made = self.self_signed(lab.new_folder("nul"),
                                    "subjectAltName = DER:" + (bytes([0x30, len(entries)]) + entries).hex(":"))
            facts, _ = self.probe_of(lab, over_tls(server_tls(made)), "--ca", str(lab.ca.certificate))
            leaf = facts["tls"]["chain"][0]
            self.assertEqual((leaf["names"], leaf["has_bad_name"]), ([good.decode()], True))
            self.assertEqual(facts["tls"]["chain_fault"], "self-signed")

    def test_an_rsa_key_is_read(self) -> None:
        with Lab() as lab:
            made = self.self_signed(lab.new_folder("rsa"), "basicConstraints = CA:FALSE", key="rsa:3072")
            facts, _ = self.probe_of(lab, over_tls(server_tls(made)))
            self.assertEqual((facts["tls"]["chain"][0]["key"], facts["tls"]["chain"][0]["key_bits"]), ("RSA", 3072))


if __name__ == "__main__":
    unittest.main()
