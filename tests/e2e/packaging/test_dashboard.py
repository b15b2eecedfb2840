"""The dashboards for Grafana ask only for metrics that exist. The manuals of the daemons of tlsrpt.toml name all of
theirs."""

import json
import re
import subprocess
import unittest
import urllib.request

from lab import Lab, manual
from lab.collector import EXPIRED, Collector, datagram
from lab.program import SOURCE_TREE, Program, path_of

DASHBOARDS = SOURCE_TREE / "packaging/grafana"


def metrics_page(lab: Lab) -> str:
    """The metrics of a milter that follows a log."""
    folder, address = lab.new_folder("milter"), lab.address()
    port = lab.free_port(address)
    configuration = folder / "tlsrpt.toml"
    configuration.write_text(f'[milter]\nmetrics = "inet:{address}:{port}"\nmta_log = "{folder}/log"\n')
    (folder / "log").touch()
    milter = Program(lab, "tlsrpt-milter", "-f", "-c", configuration, "--state-dir", folder / "state", "-s",
                     f"unix:{folder}/milter.sock")
    milter.stderr.wait_for("listens on")
    with urllib.request.urlopen(f"http://{address}:{port}/metrics", timeout=60) as answer:
        return answer.read().decode()


class Manual(unittest.TestCase):
    def assert_names(self, page: str, prefix: str, metrics: str) -> None:
        known = set(re.findall(rf"^# TYPE {prefix}_(\w+)", metrics, re.MULTILINE))
        section = manual.pages()[page].text.partition("\n.Ss Metrics\n")[2].partition("\n.Ss ")[0]
        items = re.sub(r" Ns \{.*?\}", "", "\n".join(re.findall(r"^\.It (.*)$", section, re.MULTILINE)))
        self.assertEqual(set(re.findall(r"\w+", items)), known)

    def test_names_every_metric_of_the_milter(self) -> None:
        with Lab() as lab:
            self.assert_names("tlsrpt-milter.8", "tlsrpt_milter", metrics_page(lab))

    def test_names_every_metric_of_the_collector(self) -> None:
        with Lab() as lab:
            log = lab.new_folder("log") / "mail.log"
            log.touch()
            collector = Collector(lab, metrics=True, settings={"mta_log": log})
            self.assert_names("tlsrpt-collector.8", "tlsrpt_collector", collector.metrics_page())


class Dashboards(unittest.TestCase):
    def assert_asks_only_for(self, name: str, page: str) -> None:
        known = set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))
        labels = set(re.findall(r'[{,](\w+)="', page)) | {"job", "instance"}
        panels = json.loads((DASHBOARDS / name).read_text())["panels"]
        expressions = [target["expr"] for panel in panels for target in panel["targets"]]
        self.assertGreater(len(expressions), 10)
        for expression in expressions:
            self.assertLessEqual(set(re.findall(r"tlsrpt_\w+", expression)), known)
            used = re.findall(r'[{,](\w+)=', expression) + re.findall(r"by \((\w+)\)", expression)
            self.assertLessEqual(set(used), labels, expression)
        self.assertTrue(all(panel["title"] for panel in panels))
        places = [(p["gridPos"]["x"] + dx, p["gridPos"]["y"] + dy) for p in panels
                  for dx in range(p["gridPos"]["w"]) for dy in range(p["gridPos"]["h"])]
        self.assertEqual(len(places), len(set(places)), "no two panels overlap")
        self.assertLess(max(x for x, _ in places), 24)

    def test_of_inbound_mail(self) -> None:
        with Lab() as lab:
            self.assert_asks_only_for("tlsrpt-milter.json", metrics_page(lab))

    def test_of_outbound_mail(self) -> None:
        with Lab() as lab:
            collector = Collector(lab, metrics=True)
            collector.send(datagram("example.test", failure=EXPIRED))
            collector.wait_for_metric("folded_results_total", 1)
            of_day = subprocess.run([path_of("tlsrpt-report"), "-c", collector.configuration, "metrics", "--day",
                                     "today"], stdout=subprocess.PIPE, text=True, check=True).stdout
            self.assert_asks_only_for("tlsrpt-outbound.json", collector.metrics_page() + of_day)


if __name__ == "__main__":
    unittest.main()
