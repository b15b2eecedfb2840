"""The metrics pages of our daemons have the form that Prometheus requires: promtool, which reads the same, accepts
them. The manuals say what each metric is."""

import re
import subprocess
import unittest
import urllib.request

from lab import Lab, manual
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration
from lab.policy_server import PolicyServer
from lab.program import Program

PROMTOOL = "/usr/bin/promtool"


class Metrics(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.lab.require_program(PROMTOOL, "prometheus")

    def assert_sound(self, address: str, port: int, prefix: str, of_one: str, manual_page: str) -> None:
        with urllib.request.urlopen(f"http://{address}:{port}/metrics", timeout=60) as answer:
            page = answer.read()
            self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        names = set(re.findall(rf"^# TYPE {prefix}_(\w+)", page.decode(), re.MULTILINE))
        self.assertIn(of_one, names)
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=page, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout.decode()), (0, ""), page.decode())
        section = manual.pages()[manual_page].text.partition("\n.Ss Metrics\n")[2].partition("\n.Ss ")[0]
        labels = re.compile(r"Ns \{ .*? \}")
        items = " ".join(labels.sub("", item) for item in re.findall(r"^\.It (.*)$", section, re.MULTILINE))
        self.assertEqual(set(re.findall(r"\w{3,}", items)), names)

    def test_of_the_milter(self) -> None:
        folder, address = self.lab.new_folder("milter"), self.lab.address()
        port = self.lab.free_port(address)
        (folder / "log").touch()
        configuration = folder / "tlsrpt.toml"
        configuration.write_text(f'state_dir = "{folder}/state"\n[milter]\nsocket = "unix:{folder}/milter.sock"\n'
                                 f'metrics = "inet:{address}:{port}"\nmta_log = "{folder}/log"\n')
        milter = Program(self.lab, "tlsrpt-milter", "-f", "-c", configuration)
        milter.stderr.wait_for("listens on", process=milter.popen)

        self.assert_sound(address, port, "tlsrpt_milter", "sessions_total", "tlsrpt-milter.8")

    def test_of_the_collector(self) -> None:
        folder, address = self.lab.new_folder("collector"), self.lab.address()
        port = self.lab.free_port(address)
        (folder / "log").touch()
        configuration = folder / "tlsrpt.toml"
        configuration.write_text(f'state_dir = "{folder}/state"\n[collector]\nsocket = "unix:{folder}/collector.sock"\n'
                                 f'metrics = "inet:{address}:{port}"\nmta_log = "{folder}/log"\n')
        collector = Program(self.lab, "tlsrpt-collector", "-f", "-c", configuration)
        collector.stderr.wait_for("receives on", process=collector.popen)

        self.assert_sound(address, port, "tlsrpt_collector", "datagrams_total", "tlsrpt-collector.8")

    def test_of_the_policy_server_with_a_list(self) -> None:
        dns = Dns(self.lab, {".": {}}, port=0)
        configuration = Configuration(self.lab, dns, HttpsServer(self.lab))
        configuration.install({"listed.test": {"mode": "enforce", "mxs": ["mx.listed.test"]}})
        server = PolicyServer(self.lab, configuration)
        server.ask("postfix", "listed.test")

        self.assert_sound(server.address, server.metrics_port, "starttls_listtool", "list_domains",
                          "starttls-listtool-serve.1")


if __name__ == "__main__":
    unittest.main()
