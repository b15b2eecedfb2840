"""`starttls-listtool check --thorough`: all that real mail servers accept."""

import ssl
import unittest

from checking import Case
from lab.dns import Dns
from lab.exim import EximReceiver
from lab.smtp_server import Peer, server_tls

GOOD = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
OLD = "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
TO_BE_PHASED_OUT = "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"


class Thorough(Case):
    def thorough(self, domain: str) -> tuple[dict[str, dict], dict[tuple[str, str], str]]:
        """What the only server accepts, by version; what was seen, by code and level."""
        _, found = self.examine(domain, "--thorough")
        [server] = found["servers"]
        return ({one["version"]: one for one in server["accepted"]},
                {(one["code"], one["level"]): one["seen"] for one in found["findings"]})

    def test_postfix_with_old_versions_and_suites(self) -> None:
        suites = "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:@SECLEVEL=0"
        self.postfix("old.test", self.lab.ca.issue("mx.old.test"), smtpd_tls_protocols=">=TLSv1",
                     smtpd_tls_mandatory_protocols=">=TLSv1", tls_medium_cipherlist=suites,
                     tls_preempt_cipherlist="yes", tls_eecdh_auto_curves="X25519 P-256", tls_ffdhe_auto_groups="")
        self.start()
        accepted, seen = self.thorough("old.test")
        self.assertEqual(accepted["TLSv1.2"]["suites"], [OLD, TO_BE_PHASED_OUT, GOOD])
        self.assertEqual(accepted["TLSv1.1"]["suites"], [OLD])
        self.assertEqual(accepted["TLSv1"]["suites"], [OLD])
        self.assertCountEqual(accepted["TLSv1.3"]["suites"], ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256",
                                                             "TLS_CHACHA20_POLY1305_SHA256"])
        for version in ("TLSv1.2", "TLSv1.3"):
            self.assertCountEqual([one["name"] for one in accepted[version]["groups"]], ["X25519", "secp256r1"])
            self.assertEqual(accepted[version]["order"], "server")
            self.assertNotIn("incomplete", accepted[version])
        self.assertEqual(seen["tls-old-version", "warning"], "the server accepts TLSv1.1 and TLSv1")
        self.assertIn(OLD, seen["tls-suite", "warning"])
        self.assertIn(TO_BE_PHASED_OUT, seen["tls-suite", "note"])
        self.assertIn(GOOD, seen["tls-suite", "ok"])
        self.assertIn(f"prefers {OLD}", seen["tls-suite-order", "note"])
        for code in ("starttls-injection", "tls-compression", "tls-key-exchange"):
            self.assertIn((code, "ok"), seen)
        self.assertNotIn(("tls-key-exchange", "warning"), seen)

    def test_postfix_with_nothing_but_tls_1_0(self) -> None:
        self.postfix("ancient.test", self.lab.ca.issue("mx.ancient.test"), smtpd_tls_protocols=">=TLSv1, <=TLSv1",
                     tls_medium_cipherlist="ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", tls_ffdhe_auto_groups="",
                     tls_eecdh_auto_curves="X25519 P-256")
        self.start()
        accepted, seen = self.thorough("ancient.test")
        self.assertEqual({version: one["suites"] for version, one in accepted.items()},
                         {"TLSv1.3": [], "TLSv1.2": [], "TLSv1.1": [], "TLSv1": [OLD]})
        self.assertCountEqual([one["name"] for one in accepted["TLSv1"]["groups"]], ["X25519", "secp256r1"])
        self.assertNotIn(("tls-suite", "cannot-tell"), seen)

    def test_exim(self) -> None:
        """GnuTLS, which prefers its own order."""
        dns = Dns(self.lab, {"exim.test": {"@": ["MX 10 mx"]}})
        priorities = "NORMAL:-CIPHER-ALL:+AES-128-GCM:-GROUP-ALL:+GROUP-SECP256R1:+GROUP-X25519"
        exim = EximReceiver(self.lab, dns, self.lab.ca.issue("mx.exim.test"), hostname="mx.exim.test",
                            macros=[f"tls_require_ciphers = {priorities}"])
        self.zones["exim.test"] = {"@": ["MX 10 mx"], "mx": [f"A {exim.address}"]}
        self.mx("mx.exim.test", exim.address)
        self.start()
        accepted, seen = self.thorough("exim.test")
        self.assertEqual(accepted["TLSv1.3"]["suites"], ["TLS_AES_128_GCM_SHA256"])
        self.assertEqual(accepted["TLSv1.2"]["suites"], ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"])
        self.assertEqual((accepted["TLSv1.1"]["suites"], accepted["TLSv1"]["suites"]), ([], []))
        self.assertCountEqual([one["name"] for one in accepted["TLSv1.2"]["groups"]], ["secp256r1", "X25519"])
        self.assertEqual(accepted["TLSv1.2"]["order"], "unknown")  # of a single suite
        levels = {level for code, level in seen if code in ("tls-suite", "tls-key-exchange", "tls-old-version")}
        self.assertEqual(levels, {"ok"})

    def test_a_certificate_with_an_rsa_key(self) -> None:
        """With TLS 1.2 such a server can go on without a group, which must not end the search for groups."""
        context = server_tls(self.lab.ca.issue("mx.rsa.test", rsa=2048), versions=[ssl.TLSVersion.TLSv1_2],
                             ciphers="ECDHE-RSA-AES128-GCM-SHA256:AES128-GCM-SHA256")

        def talk(peer: Peer) -> None:
            peer.to_starttls()
            peer.start_tls(context)
            peer.serve()

        self.scripted("rsa.test", talk)
        self.start()
        accepted, seen = self.thorough("rsa.test")
        self.assertNotIn("incomplete", accepted["TLSv1.2"])
        self.assertCountEqual(accepted["TLSv1.2"]["suites"], ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                                                             "TLS_RSA_WITH_AES_128_GCM_SHA256"])
        self.assertIn("secp521r1", [one["name"] for one in accepted["TLSv1.2"]["groups"]])
        self.assertNotIn(("tls-suite", "cannot-tell"), seen)

    def test_a_server_that_limits_connections(self) -> None:
        context = server_tls(self.lab.ca.issue("mx.limited.test"))
        served: list[Peer] = []

        def talk(peer: Peer) -> None:
            served.append(peer)
            if len(served) > 5:
                peer.say("421 4.7.0 Too many connections\r\n")
                return
            peer.to_starttls()
            peer.start_tls(context)
            peer.serve()

        server = self.scripted("limited.test", talk)
        self.start()
        accepted, seen = self.thorough("limited.test")
        self.assertEqual(len(accepted["TLSv1.3"]["suites"]), 1)
        self.assertIn("incomplete", accepted["TLSv1.3"])
        self.assertIn("TLSv1.3", seen["tls-suite", "cannot-tell"])
        # Once it has said so, it is asked no more.
        self.assertEqual(len(server.heard), 6)


if __name__ == "__main__":
    unittest.main()
