"""What smtp::Prober finds at real mail servers: Postfix and Sendmail (OpenSSL), Exim (GnuTLS)."""

import unittest
from collections.abc import Mapping

from lab import Lab
from lab.ca import CA
from lab.dns import Dns
from lab.exim import EximReceiver
from lab.postfix import Listener, Receiver
from lab.sendmail import SendmailReceiver
from probing import SNI, Facts, probe

OLD = ("--min", "TLSv1", "--max", "TLSv1.1")


class ServerCase(unittest.TestCase):
    def assert_whole(self, facts: Facts, version: str) -> None:
        """The probe went to its end, over that version."""
        self.assertEqual((facts["reached"], facts["stop"], facts["reason"]), ("done", "none", ""), facts)
        self.assertEqual(facts["quit"]["code"], 221)
        self.assertFalse(facts["offers_starttls_inside_tls"])
        self.assertEqual(facts["tls"]["version"], version)
        self.assertEqual(facts["tls"]["chain"][0]["names"], [SNI])


class Postfix(ServerCase):
    def receiver(self, lab: Lab, parameters: Mapping[str, object] | None = None) -> Receiver:
        return Receiver(lab, SNI, ["example.test"], lab.ca.issue(SNI), parameters)

    def test_the_whole_dialogue_and_the_chain(self) -> None:
        with Lab() as lab:
            mx = self.receiver(lab)
            facts = probe(lab, mx.address, "--ca", lab.ca.certificate)
            self.assert_whole(facts, "TLSv1.3")
            self.assertEqual(facts["greeting"]["lines"], [f"{SNI} ESMTP Postfix"])
            self.assertEqual(facts["second_ehlo"]["lines"][0], SNI)
            self.assertIn("PIPELINING", facts["extensions"])
            self.assertEqual(facts["tls"]["group"], "X25519")
            self.assertEqual(facts["tls"]["chain_fault"], "none")
            stranger = CA(lab.new_folder("ca"), "Untrusted CA")
            facts = probe(lab, mx.address, "--ca", stranger.certificate)
            self.assertEqual(facts["tls"]["chain_fault"], "untrusted-root")
            mx.log.wait_for(r"disconnect from \S+ ehlo=2 starttls=1 quit=1 commands=4")

    def test_versions_suites_and_groups(self) -> None:
        with Lab() as lab:
            mx = self.receiver(lab)
            facts = probe(lab, mx.address, "--max", "TLSv1.2", "--groups", "P-256")
            self.assert_whole(facts, "TLSv1.2")
            self.assertRegex(facts["tls"]["suite"], "^TLS_ECDHE_ECDSA_WITH_")
            self.assertEqual((facts["tls"]["group"], facts["tls"]["group_bits"]), ("secp256r1", 256))
            self.assertTrue(facts["tls"]["secure_renegotiation"] and facts["tls"]["extended_master_secret"])
            self.assertIs(probe(lab, mx.address, "--offer-compression")["accepts_compression"], False)
            facts = probe(lab, mx.address, *OLD)
            self.assertEqual((facts["stop"], facts["tls_error"]), ("handshake", "alert protocol_version (70)"))

    def test_a_server_with_nothing_but_tls_1_3_has_no_compression(self) -> None:
        with Lab() as lab:
            mx = self.receiver(lab, {"smtpd_tls_protocols": ">=TLSv1.3"})
            facts = probe(lab, mx.address, "--offer-compression")
            self.assertEqual((facts["reached"], facts["stop"]), ("handshake", "handshake"), facts)
            self.assertNotIn("accepts_compression", facts)

    def test_a_server_with_old_versions(self) -> None:
        with Lab() as lab:
            mx = self.receiver(lab, {"smtpd_tls_protocols": ">=TLSv1", "smtpd_tls_mandatory_ciphers": "low",
                                     "tls_low_cipherlist": "ALL:@SECLEVEL=0", "smtpd_tls_ciphers": "low"})
            facts = probe(lab, mx.address, *OLD)
            self.assert_whole(facts, "TLSv1.1")

    def test_a_server_with_nothing_but_tls_1_0(self) -> None:
        """It answers an offer of TLS 1.1 or 1.2 not with an alert, but with TLS 1.0: so these it does not accept."""
        with Lab() as lab:
            mx = self.receiver(lab, {"smtpd_tls_protocols": ">=TLSv1, <=TLSv1", "smtpd_tls_ciphers": "low",
                                     "tls_low_cipherlist": "ALL:@SECLEVEL=0"})
            for version in ("TLSv1.1", "TLSv1.2"):
                found = probe(lab, mx.address, "--accepted", version)
                self.assertEqual((found["suites"], found["groups"]), ([], []))
                self.assertEqual(found["stops"], ["none", "none"])
            facts = probe(lab, mx.address, "--max", "TLSv1.2")
            self.assertEqual((facts["stop"], facts["tls_error"]),
                             ("handshake", "the server chose a version that was not offered"))

    def test_all_that_it_accepts(self) -> None:
        with Lab() as lab:
            suites = "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256"
            mx = self.receiver(lab, {"tls_medium_cipherlist": suites, "tls_preempt_cipherlist": "yes",
                                     "tls_eecdh_auto_curves": "P-384 X25519 P-256", "tls_ffdhe_auto_groups": ""})
            found = probe(lab, mx.address, "--accepted", "TLSv1.2")
            self.assertEqual(found["stops"], ["none", "none"])
            self.assertEqual(found["suites"], ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
                                               "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
                                               "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"])
            found = probe(lab, mx.address, "--accepted", "TLSv1.3")
            self.assertEqual(found["stops"], ["none", "none"])
            self.assertCountEqual(found["suites"], ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                                    "TLS_CHACHA20_POLY1305_SHA256"])
            self.assertCountEqual(found["groups"], ["secp384r1", "X25519", "secp256r1"])
            found = probe(lab, mx.address, "--accepted", "TLSv1.1")
            self.assertEqual((found["suites"], found["stops"][0]), ([], "none"))

    def test_groups_beside_the_curve_of_its_key(self) -> None:
        """Before TLS 1.3, OpenSSL uses its key on P-256 only for a client that offers P-256."""
        with Lab() as lab:
            mx = self.receiver(lab, {"tls_medium_cipherlist": "ECDHE-ECDSA-AES128-GCM-SHA256",
                                     "tls_eecdh_auto_curves": "X25519 P-256 P-384 P-521", "tls_ffdhe_auto_groups": ""})
            found = probe(lab, mx.address, "--accepted", "TLSv1.2")
            self.assertEqual(found["stops"], ["none", "none"])
            self.assertCountEqual(found["groups"], ["X25519", "secp256r1", "secp384r1", "secp521r1"])

    def test_groups_of_a_server_with_two_keys(self) -> None:
        """It likes P-256, the curve of one of its keys, more than P-384, which it uses with the other."""
        with Lab() as lab:
            ec, rsa = lab.ca.issue(SNI), lab.ca.issue(SNI, rsa=2048)
            chains = ", ".join(map(str, (ec.key, ec.certificate, rsa.key, rsa.certificate)))
            with_both = Listener(lab.address(), lab.smtp_port, ec, parameters={
                "smtpd_tls_chain_files": chains, "tls_preempt_cipherlist": "yes", "tls_ffdhe_auto_groups": "",
                "tls_medium_cipherlist": "ECDHE+AESGCM", "tls_eecdh_auto_curves": "X25519 P-256 P-384"})
            Receiver(lab, SNI, ["example.test"], ec, listeners=[with_both])
            found = probe(lab, with_both.address, "--accepted", "TLSv1.2")
            self.assertEqual(found["stops"], ["none", "none"])
            self.assertCountEqual(found["groups"], ["X25519", "secp256r1", "secp384r1"])

    def test_a_command_in_the_clear_behind_starttls_is_not_answered(self) -> None:
        with Lab() as lab:
            mx = self.receiver(lab)
            facts = probe(lab, mx.address, "--inject")
            self.assertFalse(facts["accepts_injected_command"])
            self.assert_whole(facts, "TLSv1.3")

    def test_postscreen_sees_a_client_that_waits_for_its_turn(self) -> None:
        """It greets with half a line, waits, and drops clients that speak meanwhile."""
        with Lab() as lab:
            certificate = lab.ca.issue(SNI)
            screened = Listener(lab.address(), lab.smtp_port, certificate, program="postscreen", parameters={
                "postscreen_greet_wait": "2s", "postscreen_greet_action": "drop", "postscreen_access_list": "",
                "postscreen_cache_map": "lmdb:$data_directory/postscreen_cache"})
            mx = Receiver(lab, SNI, ["example.test"], certificate, listeners=[screened])
            facts = probe(lab, screened.address)
            self.assert_whole(facts, "TLSv1.3")
            self.assertEqual(facts["greeting"]["lines"], [f"{SNI} ESMTP Postfix"] * 2)
            # Sendmail counts from when it has accepted the connection, the client from when it has learnt of that.
            self.assertGreaterEqual(facts["greeting_time"], 1000)
            mx.log.wait_for(r"postscreen\[\d+\]: PASS NEW \[127\.0\.0\.1\]")
            self.assertNotIn("PREGREET", mx.log.text())

    def test_without_starttls_or_tls(self) -> None:
        with Lab() as lab:
            facts = probe(lab, Receiver(lab, SNI, ["example.test"]).address)
            self.assertEqual((facts["reached"], facts["stop"]), ("ehlo", "no-starttls"), facts)
            self.assertEqual(facts["quit"]["code"], 221)

    def test_a_limit_of_connections_is_a_deferral(self) -> None:
        with Lab() as lab:
            mx = self.receiver(lab, {"smtpd_client_connection_rate_limit": "1",
                                     "smtpd_client_event_limit_exceptions": ""})
            self.assert_whole(probe(lab, mx.address), "TLSv1.3")
            facts = probe(lab, mx.address)
            self.assertEqual((facts["reached"], facts["stop"]), ("greeting", "deferred"), facts)
            self.assertEqual(facts["greeting"]["code"], 421)
            self.assertEqual(facts["greeting"]["enhanced"], "4.7.0")


class Sendmail(ServerCase):
    def test_it_sees_a_client_that_waits_for_its_turn(self) -> None:
        with Lab() as lab:
            mx = SendmailReceiver(lab, SNI, ["example.test"], lab.ca.issue(SNI),
                                  macros="FEATURE(`greet_pause', `2000')dnl\n")
            facts = probe(lab, mx.address)
            self.assert_whole(facts, "TLSv1.3")
            # Sendmail counts from when it has accepted the connection, the client from when it has learnt of that.
            self.assertGreaterEqual(facts["greeting_time"], 1000)


class Exim(ServerCase):
    def receiver(self, lab: Lab, *macros: str, tls: bool = True) -> EximReceiver:
        dns = Dns(lab, {"example.test": {"@": ["MX 10 mx"]}})
        return EximReceiver(lab, dns, lab.ca.issue(SNI) if tls else None, macros=macros)

    def test_all_that_it_accepts(self) -> None:
        with Lab() as lab:
            mx = self.receiver(lab, "tls_require_ciphers = NORMAL:-CIPHER-ALL:+AES-128-GCM:-GROUP-ALL:+GROUP-SECP256R1"
                                    ":+GROUP-X25519")
            for version, suites in (("TLSv1.2", ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]),
                                    ("TLSv1.3", ["TLS_AES_128_GCM_SHA256"]), ("TLSv1.1", [])):
                found = probe(lab, mx.address, "--accepted", version)
                self.assertEqual((found["suites"], found["stops"][0]), (suites, "none"))
                if suites:
                    self.assertCountEqual(found["groups"], ["secp256r1", "X25519"])

    def test_the_whole_dialogue_and_the_chain(self) -> None:
        with Lab() as lab:
            mx = self.receiver(lab)
            facts = probe(lab, mx.address, "--ca", lab.ca.certificate)
            self.assert_whole(facts, "TLSv1.3")
            self.assertRegex(facts["greeting"]["lines"][0], r"^mx\.example\.test ESMTP Exim 4\.")
            self.assertEqual(facts["tls"]["chain_fault"], "none")
            self.assertIs(probe(lab, mx.address, "--offer-compression")["accepts_compression"], False)
            facts = probe(lab, mx.address, "--max", "TLSv1.2")
            self.assert_whole(facts, "TLSv1.2")
            self.assertTrue(facts["tls"]["secure_renegotiation"] and facts["tls"]["extended_master_secret"])

    def test_what_old_libraries_lack(self) -> None:
        """GnuTLS can be an old one: without RFC 5746 and RFC 7627."""
        with Lab() as lab:
            mx = self.receiver(lab, "tls_require_ciphers = NORMAL:-VERS-TLS1.3:%DISABLE_SAFE_RENEGOTIATION"
                                    ":%NO_SESSION_HASH")
            facts = probe(lab, mx.address)
            self.assert_whole(facts, "TLSv1.2")
            self.assertFalse(facts["tls"]["secure_renegotiation"])
            self.assertFalse(facts["tls"]["extended_master_secret"])

    def test_a_command_in_the_clear_behind_starttls_is_not_answered(self) -> None:
        with Lab() as lab:
            mx = self.receiver(lab)
            facts = probe(lab, mx.address, "--inject")
            self.assertFalse(facts["accepts_injected_command"])
            self.assertEqual(facts["stop"], "none", facts)

    def test_without_a_certificate_exim_makes_one(self) -> None:
        with Lab() as lab:
            facts = probe(lab, self.receiver(lab, tls=False).address, "--ca", lab.ca.certificate)
            self.assertEqual((facts["reached"], facts["stop"]), ("done", "none"), facts)
            self.assertEqual(facts["tls"]["chain"][0]["names"], [])
            self.assertEqual(facts["tls"]["chain_fault"], "self-signed")


if __name__ == "__main__":
    unittest.main()
