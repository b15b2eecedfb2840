"""What the documents refer to exists: files, headings, manuals, examples and metrics."""

import json
import re
import unittest
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from lab import Lab, documents, program
from lab.collector import Collector
from lab.dns import Dns
from lab.https import HttpsServer
from lab.policy_domains import Configuration
from lab.policy_server import PolicyServer
from lab.program import SOURCE_TREE, Program

DOCUMENTS = sorted([*SOURCE_TREE.glob("*.md"), *SOURCE_TREE.glob("docs/*.md"), *SOURCE_TREE.glob("tests/*/README.md")])
PAGES = {page.stem: page.suffix[1:] for page in SOURCE_TREE.glob("man/*.[1-8]")}

# How the blocks for a configuration file begin, by the program that checks it.
CONFIGURATIONS = {"tlsrpt-milter": ("[milter]", "[collector]", "[report]", "store = "),
                  "starttls-listtool serve": ("[serve]", "[[list]]", "[[output]]", "[publish]", "[programs]")}


def found(pattern: str) -> Iterator[tuple[Path, re.Match[str]]]:
    for document in DOCUMENTS:
        for match in re.finditer(pattern, document.read_text()):
            yield document, match


class Documents(unittest.TestCase):
    def test_links_lead_to_files(self) -> None:
        for document, link in found(r"\]\((?!https:)([^)#\s]+)(#[^)]*)?\)"):
            with self.subTest(document=document.name, link=link[1]):
                self.assertTrue((document.parent / link[1]).exists())

    def test_manuals_that_they_name_exist(self) -> None:
        ours = r"(starttls-[a-z-]+|tlsrpt[a-z-]*(?:\.toml)?|listtool\.toml)"
        for document, page in found(rf"\b{ours}\((\d)\)"):
            with self.subTest(document=document.name, page=page[0]):
                self.assertEqual(PAGES.get(page[1]), page[2])
        for document, page in found(rf"`man {ours}`"):
            with self.subTest(document=document.name, page=page[0]):
                self.assertIn(page[1], PAGES)

    def test_files_that_they_name_exist(self) -> None:
        """Those with a capital letter are placeholders."""
        for document, path in found(r"`((?:lib|milter|collector|report|listtool|man|packaging|tests|policies)/[^`\sA-Z]*)[`\s]"):
            with self.subTest(document=document.name, path=path[1]):
                self.assertTrue((SOURCE_TREE / path[1]).exists())

    def test_the_map_has_every_component_in_its_layer(self) -> None:
        floors: dict[str, int] = {}
        for row in re.findall(r"^\| (\d?) ?\| (`[^|]*`) \|", documents.section("docs/architecture.md", "Components"), re.MULTILINE):
            floor = int(row[0]) if row[0] else floor
            floors |= dict.fromkeys(re.findall(r"`([^`]*)`", row[1]), floor)
        components = {f"lib/{path.parent.name}" for path in SOURCE_TREE.glob("lib/*/CMakeLists.txt")}
        self.assertEqual({name for name in floors if name.startswith("lib/")}, components)
        for name in components:
            for used in links(name):
                with self.subTest(name=name, used=used):
                    self.assertLess(floors[f"lib/{used}"], floors[name])

    def test_examples_that_they_name_are_installed(self) -> None:
        for document, name in found(r"`examples/([^`]+)`"):
            with self.subTest(document=document.name, name=name[1]):
                self.assertTrue((SOURCE_TREE / "packaging" / name[1]).exists())

    def test_configurations_that_they_show_are_valid(self) -> None:
        shown = {command: [block for document in DOCUMENTS if document.parent.name == "docs"
                           for block in documents.blocks(f"docs/{document.name}") if block.startswith(starts)]
                 for command, starts in CONFIGURATIONS.items()}
        with Lab() as lab:
            for command, blocks in shown.items():
                self.assertGreater(len(blocks), 2)
                for number, block in enumerate(blocks):
                    with self.subTest(block):
                        file = lab.new_folder("configuration") / f"{number}.toml"
                        file.write_text(block)
                        file.chmod(0o600)
                        name, *arguments = command.split()
                        done = program.run(name, "-c", file, *arguments, "--check-config")
                        self.assertEqual(done.returncode, 0, done.stderr)

    def test_defaults_that_manuals_state_are_those_of_the_example_files(self) -> None:
        item = r"^\.It Cm (\w+)\n(?:(?!\.It ).*\n)*?(?:.*, d|D)efault: (\d+|true|false)\b"
        for name in ("tlsrpt.toml", "listtool.toml"):
            example = (SOURCE_TREE / "packaging" / name).read_text()
            stated = re.findall(item, (SOURCE_TREE / f"man/{name}.5").read_text(), re.MULTILINE)
            self.assertGreater(len(stated), 5)
            for key, default in stated:
                with self.subTest(page=name, key=key):
                    self.assertRegex(example, rf"(?m)^#{key} = .*\b{default}\b")

    def test_commands_in_contributing_exist(self) -> None:
        commands = "\n".join(documents.lines("CONTRIBUTING.md"))
        presets = {preset["name"] for preset in json.loads((SOURCE_TREE / "CMakePresets.json").read_text())["buildPresets"]}
        self.assertLessEqual(set(re.findall(r"--preset ([\w-]+)", commands)), presets)
        for name in re.findall(r"--target (\S+)", commands):
            with self.subTest(name):
                kind, _, subject = name.partition("_")
                self.assertTrue({"unit": (SOURCE_TREE / "tests/unit" / subject).is_dir(),
                                 "fuzz": (SOURCE_TREE / f"tests/fuzz/{subject}.cpp").exists()}.get(kind, name in PAGES))
        for path in re.findall(r"(?<![\w/])((?:tests|packaging)/\S+)", commands):
            with self.subTest(path):
                self.assertTrue((SOURCE_TREE / path).exists())

    def test_metrics_that_they_name_are_on_the_pages(self) -> None:
        text = documents.section("docs/monitoring.md", "Prometheus")
        named = set(re.findall(r"\b((?:tlsrpt_milter|tlsrpt_collector|starttls_listtool)_\w+(?:\{[^}]*\})?)", text))
        self.assertGreater(len(named), 5)
        with Lab() as lab:
            known = milter_page(lab) + listtool_page(lab) + Collector(lab, metrics=True).metrics_page()
        for metric in named:
            with self.subTest(metric):
                name, _, label = metric.partition("{")
                self.assertIn(f"# TYPE {name} ", known)
                self.assertIn(label.rstrip("}"), known)


def links(component: str) -> list[str]:
    """The components that it links, by its CMakeLists.txt."""
    text = re.sub(r"#.*", "", (SOURCE_TREE / component / "CMakeLists.txt").read_text())
    linked = re.search(r"starttls_component\([^)]*?\bLINK ([^)]*?)(?:\bLIBRARIES\b[^)]*)?\)", text)
    return linked[1].split() if linked else []


def milter_page(lab: Lab) -> str:
    folder, address = lab.new_folder("milter"), lab.address()
    port = lab.free_port(address)
    configuration = folder / "tlsrpt.toml"
    configuration.write_text(f'[milter]\nmetrics = "inet:{address}:{port}"\n')
    milter = Program(lab, "tlsrpt-milter", "-f", "-c", configuration, "--state-dir", folder / "state", "-s",
                     f"unix:{folder}/milter.sock")
    milter.stderr.wait_for("listens on")
    with urllib.request.urlopen(f"http://{address}:{port}/metrics", timeout=60) as answer:
        return answer.read().decode()


def listtool_page(lab: Lab) -> str:
    configuration = Configuration(lab, Dns(lab, {".": {}}), HttpsServer(lab))
    configuration.install({"example.test": {"mode": "enforce", "mxs": ["mx.example.test"]}})
    server = PolicyServer(lab, configuration)
    with urllib.request.urlopen(f"http://{server.address}:{server.metrics_port}/metrics", timeout=60) as answer:
        return answer.read().decode()


if __name__ == "__main__":
    unittest.main()
