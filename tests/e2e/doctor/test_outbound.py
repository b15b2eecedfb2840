"""`starttls-listtool doctor` beside a Postfix that is set up rightly, and beside one that is broken on purpose."""

import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import unittest
from collections.abc import Iterator
from pathlib import Path

from doctoring import Host
from lab import Lab
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration
from lab.policy_server import PolicyServer, netstring
from lab.postfix import Sender, version
from lab.resolver import Resolver

LISTED = {"listed.test": {"mode": "enforce", "mxs": ["mx.listed.test"]}}


class Outbound(unittest.TestCase):
    """One host for all of these tests, which follows a list by a map and every domain by serve."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        zones = {".": {}, "test": {}, "good.test": {"@": ["MX 10 mx"], "mx": ["A 127.0.0.1"]}}
        cls.dns = Dns(cls.lab, zones, signed=tuple(zones))
        cls.resolver = Resolver(cls.lab, cls.dns)
        cls.configuration = Configuration(cls.lab, cls.dns, HttpsServer(cls.lab))
        cls.map = cls.configuration.folder / "tls_policy"
        cls.configuration.install(LISTED)
        cls.server = PolicyServer(cls.lab, cls.configuration)
        cls.configuration.lists[0]["name"] = "sector"
        cls.toml = cls.configuration.path
        cls.toml.write_text(f"{cls.toml.read_text()}[[output]]\nmta = 'postfix'\nfile = '{cls.map}'\ntype = 'cdb'\n")
        cls.update()
        cls.serve = f"socketmap:{cls.server.postfix('postfix')}"
        cls.mta = Sender(cls.lab, cls.resolver, {
            "smtp_tls_policy_maps": f"cdb:{cls.map}, {cls.serve}", "smtp_tls_security_level": "dane",
            "smtp_dns_support_level": "dnssec", "smtp_tls_mandatory_protocols": ">=TLSv1.2"})
        major, minor, *_ = map(int, re.findall(r"\d+", version()))
        cls.version = (major, minor)  # of this Postfix

    @classmethod
    def update(cls) -> None:
        done = cls.configuration.tool("-q", "update")
        assert done.returncode == 0, done.stderr

    def setUp(self) -> None:
        self.host = Host(self, self.mta, "starttls-listtool", self.toml)

    @contextlib.contextmanager
    def changed_toml(self, pattern: str, replacement: str) -> Iterator[None]:
        with self.host.changed(self.toml):
            text, number = re.subn(pattern, replacement, self.toml.read_text())
            self.assertGreater(number, 0)
            self.toml.write_text(text)
            yield

    @contextlib.contextmanager
    def resolv_conf(self, text: str) -> Iterator[None]:
        file = self.mta.folder / "cage/etc/resolv.conf"
        with self.host.changed(file):
            file.write_text(text)
            yield

    def test_a_right_host_has_no_finding(self) -> None:
        self.host.assert_right()
        done = self.host.doctor()
        for line in (rf"ok +Postfix: opens the map of update: cdb:{self.map} \(policy-map\)",
                     rf"ok +{self.serve}: serve answers \(serve-answer\)",
                     rf"ok +resolver {self.resolver.address}: validates DNSSEC, on this host \(dnssec\)",
                     r"ok +list sector: is valid until \S+ \(list\)"):
            self.assertRegex(done.stdout, rf"(?m)^{line}$")

    def test_a_map_or_serve_alone_is_right_too(self) -> None:
        with self.host.main_cf({"smtp_tls_policy_maps": self.serve}):
            self.host.assert_right()
        with self.host.main_cf({"smtp_tls_policy_maps": f"cdb:{self.map}", "smtp_tls_security_level": "may",
                                "smtp_dns_support_level": ""}), self.resolv_conf(f"nameserver {self.dns.address}\n"):
            self.host.assert_right()

    def test_settings_of_main_cf(self) -> None:
        ca = {"smtp_tls_CAfile": ""}
        for name, parameters, code, level in (
                ("no maps", {"smtp_tls_policy_maps": ""}, "policy-map", "fault"),
                ("another map", {"smtp_tls_policy_maps": "hash:/etc/postfix/tls_policy"}, "policy-map", "fault"),
                ("another type", {"smtp_tls_policy_maps": f"lmdb:{self.map}"}, "policy-map", "fault"),
                ("a suffix too many", {"smtp_tls_policy_maps": f"cdb:{self.map}.cdb"}, "policy-map", "fault"),
                ("another port", {"smtp_tls_policy_maps": "socketmap:inet:127.0.0.1:1:postfix"}, "policy-map", "fault"),
                ("no level", {"smtp_tls_security_level": ""}, "smtp-tls-level", "warning"),
                ("plaintext", {"smtp_tls_security_level": "none"}, "smtp-tls-level", "warning"),
                ("no DANE", {"smtp_tls_security_level": "may"}, "smtp-tls-level", "warning"),
                ("no DNSSEC", {"smtp_dns_support_level": "enabled"}, "dns-support-level", "fault"),
                ("DNSSEC by default", {"smtp_dns_support_level": ""}, "dns-support-level", "fault"),
                ("TLS 1.0", {"smtp_tls_mandatory_protocols": ">=TLSv1"}, "tls-protocols", "warning"),
                ("TLS 1.1, in the old form", {"smtp_tls_mandatory_protocols": "!SSLv2, !SSLv3, !TLSv1"}, "tls-protocols",
                 "warning"),
                ("no CA", ca, "ca-file", "fault"),
                ("a CA file that is not there", {"smtp_tls_CAfile": "/etc/ssl/nosuch.pem"}, "ca-file", "fault"),
                ("a CA file without a certificate", {"smtp_tls_CAfile": "/etc/passwd"}, "ca-file", "fault")):
            with self.subTest(name), self.host.main_cf(parameters):
                self.host.assert_mended(self.host.find(code, level))

    def test_words_for_tlsrpt_need_a_postfix_that_has_it(self) -> None:
        with self.host.main_cf({"smtp_tls_policy_maps": self.serve.removesuffix("postfix") + "QUERYwithTLSRPT"}):
            if self.version >= (3, 10):
                self.host.assert_right()
            else:
                self.host.find("serve-map-name", "fault")

    def test_the_old_form_of_protocols(self) -> None:
        for protocols in ("!SSLv2, !SSLv3, !TLSv1, !TLSv1.1", "TLSv1.2, TLSv1.3", ">=TLSv1.3"):
            with self.subTest(protocols), self.host.main_cf({"smtp_tls_mandatory_protocols": protocols}):
                self.host.assert_right()

    def test_a_relay_host(self) -> None:
        with self.host.main_cf({"relayhost": "[relay.test]:587"}):
            self.host.assert_right()  # serve answers for it
            with self.host.main_cf({"smtp_tls_policy_maps": f"cdb:{self.map}"}):
                check = self.host.find("relayhost", "warning")
                self.assertIn('next_hops = ["[relay.test]:587"]', check["remedy"])

    def test_a_service_with_settings_of_its_own(self) -> None:
        master = self.mta.config / "master.cf"
        for option in ("smtp_tls_policy_maps=", "smtp_tls_security_level=none"):
            with self.subTest(option), self.host.changed(master):
                master.write_text(re.sub(r"(?m)^(smtp unix .*)$", rf"\1\n  -o {option}", master.read_text()))
                self.host.assert_mended(self.host.find("master-cf", "warning"))

    def test_resolvers(self) -> None:
        silent = self.enterContext(socket.socket(type=socket.SOCK_DGRAM))
        address = self.lab.address()
        silent.bind((address, 53))
        own = f"nameserver {self.resolver.address}\n"
        with self.resolv_conf(f"nameserver {self.dns.address}\n"):
            check = self.host.find("dnssec", "fault")
            self.assertIn("apt install unbound", check["remedy"])
        with self.resolv_conf(f"{own}nameserver {address}\n"):
            self.assertIn("no answer in time", self.host.find("resolver", "warning")["seen"])

    def test_maps_and_lists(self) -> None:
        cdb = self.map.with_suffix(".cdb")
        with self.subTest("no map"):
            cdb.rename(cdb.with_suffix(".away"))
            self.assertEqual(self.host.find("map-file", "fault")["remedy"], "starttls-listtool update")
            self.update()
            self.host.assert_right()
        with self.subTest("a map by another program"):
            shutil.copy(cdb.with_suffix(".away"), cdb)
            self.assertEqual(self.host.find("map-fresh", "warning")["remedy"], "starttls-listtool update")
            self.update()
            self.host.assert_right()
        cdb_type = "type = 'cdb'"
        with (self.subTest("settings after the last update"),
              self.changed_toml(cdb_type, f"{cdb_type}\nearly_adopter = true")):
            self.host.find("map-fresh", "warning")
        with self.subTest("a list that was never installed"), self.changed_toml(r"name = 'sector'", "name = 'other'"):
            self.assertEqual(self.host.find("list", "fault", also=("map-fresh",))["seen"], "is not installed")
        major, minor = self.version
        with (self.subTest("attributes for a newer Postfix"),
              self.changed_toml(cdb_type, f"{cdb_type}\npostfix_version = '{major}.{minor + 3}'")):
            check = self.host.find("postfix-version", "fault", also=("map-fresh",))
            self.assertIn(f'postfix_version = "{major}.{minor}"', check["remedy"])
        with self.subTest("a texthash without a reload"), self.changed_toml(cdb_type, "type = 'texthash'"):
            self.update()
            with self.host.main_cf({"smtp_tls_policy_maps": f"texthash:{self.map}"}):
                self.host.find("map-reload", "warning")
        self.update()
        self.host.assert_right()

    def test_lists_by_their_age(self) -> None:
        times = {"expires soon": ("+13 days", "warning", "expires at"), "has expired": ("+15 days", "fault", "expired")}
        for name, (after, level, seen) in times.items():
            with self.subTest(name):
                now = subprocess.run(["date", "-u", "-d", after, "+%Y-%m-%dT%H:%M:%SZ"], capture_output=True, text=True,
                                     check=True).stdout.strip()
                done = self.mta.run("env", f"STARTTLS_TOOLKIT_NOW={now}", *self.host.command("--json"))
                (check,) = [check for check in json.loads(done.stdout)["checks"] if check["code"] == "list"]
                self.assertEqual(check["level"], level)
                self.assertIn(seen, check["seen"])

    def test_rights(self) -> None:
        for path, code in ((self.toml, "configuration"), (self.configuration.state, "state-directory")):
            with self.subTest(code):
                mode = path.stat().st_mode & 0o7777
                path.chmod(0o777)
                try:
                    self.host.assert_mended(self.host.find(code, "fault"))
                finally:
                    path.chmod(mode)
        with self.changed_toml(r"(?m)^file = '.*sector.json'$", "url = 'https://lists.test/list.json?token=secret'\n"
                               "signature = 'https://lists.test/list.json.minisig'"):
            self.toml.chmod(0o644)
            check = self.host.find("secrets", "fault", also=("list", "map-fresh"))
            self.assertEqual(check["remedy"], f"chmod 0640 {self.toml}")

    def test_serve_behind_a_unix_socket(self) -> None:
        queue = self.mta.folder / "queue/starttls"
        queue.mkdir(mode=0o755)
        place = queue / "serve.sock"
        master = self.mta.config / "master.cf"
        with self.changed_toml(r"listen = \[", f"listen = ['unix:{place}', "):
            self.server.stop()
            self.server.start()
            try:
                shutil.chown(place, group="postfix")
                with self.host.main_cf({"smtp_tls_policy_maps": f"socketmap:unix:{place}:postfix"}):
                    self.host.assert_right()
                    shutil.chown(place, group="root")
                    check = self.host.find("serve-access", "fault")
                    self.assertIn('socket_group = "postfix"', check["remedy"])
                    with self.host.changed(master):  # a chroot, in which there is no such path
                        master.write_text(re.sub(r"(?m)^smtp unix - - n", "smtp unix - - y", master.read_text()))
                        self.host.find("policy-map", "fault")
            finally:
                shutil.rmtree(queue)
        self.server.stop()
        self.server.start()

    def test_serve_that_does_not_answer(self) -> None:
        self.server.signal(signal.SIGSTOP)
        try:
            self.assertIn("no answer in time", self.host.find("serve-answer", "fault")["seen"])
        finally:
            self.server.signal(signal.SIGCONT)
        self.server.stop()
        try:
            check = self.host.find("serve-answer", "fault")
            self.assertIn("Connection refused", check["seen"])
            self.assertIn("systemctl enable --now starttls-listtool-serve.socket", check["remedy"])
            # Another program has the port.
            with socket.create_server((self.server.address, self.server.port)) as other:
                other.settimeout(60)
                for reply, seen in ((b"220 mx ESMTP\r\n", "no socketmap reply"),
                                    (netstring("TEMP busy"), "answers TEMP busy")):
                    with self.subTest(seen):
                        self.assert_answered(other, reply, seen)
        finally:
            self.server.start()
        self.host.assert_right()

    def assert_answered(self, other: socket.socket, reply: bytes, seen: str) -> None:
        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.settimeout(60)
                connection.recv(1000)
                connection.sendall(reply)
                connection.recv(1000)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            self.assertIn(seen, self.host.find("serve-answer", "fault")["seen"])
        finally:
            thread.join(30)

    def test_without_a_configuration(self) -> None:
        path = Path("/etc/starttls-toolkit/listtool.toml")
        if path.exists():
            self.skipTest(f"{path} exists")
        words = [word for word in self.host.command() if word not in ("-c", self.toml)]
        done = self.mta.run(*words)
        self.assertIn("do   touch /etc/starttls-toolkit/listtool.toml\n", done.stdout)

    def test_quiet_prints_findings_only(self) -> None:
        with self.host.main_cf({"smtp_tls_security_level": "none"}):
            lines = self.host.doctor("-q").stdout.splitlines()
            self.assertFalse([line for line in lines if line.startswith("ok")])
            self.assertTrue([line for line in lines if "(smtp-tls-level)" in line])


if __name__ == "__main__":
    unittest.main()
