"""debian/ agrees with the rest of the project, and the packages that packaging/build-packages has built are hardened."""

import platform
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from lab.program import SOURCE_TREE

RELEASE = platform.freedesktop_os_release()["VERSION_ID"]
PACKAGES = SOURCE_TREE / "build/packages" / RELEASE
PROGRAMS = {"tlsrpt-milter": "usr/sbin/tlsrpt-milter", "tlsrpt-collector": "usr/sbin/tlsrpt-collector",
            "tlsrpt-report": "usr/bin/tlsrpt-report",
            "starttls-listtool": "usr/bin/starttls-listtool"}


def text(file: str) -> str:
    return (SOURCE_TREE / file).read_text()


def run(*argv: str | Path) -> str:
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout


class Sources(unittest.TestCase):
    def test_the_version_is_the_same_everywhere(self) -> None:
        version = re.search(r"^project\(starttls-toolkit VERSION (\S+)", text("CMakeLists.txt"), re.MULTILINE)[1]
        self.assertEqual(re.match(r"starttls-toolkit \((\S+)\) ", text("debian/changelog"))[1], version)
        self.assertEqual(re.search(r"^## (\d\S+)", text("CHANGELOG.md"), re.MULTILINE)[1], version)
        self.assertIn(f"The current version is {version}.", text("README.md"))

    def test_the_build_dependencies_are_the_packages_that_the_project_builds_with(self) -> None:
        field = re.search(r"^Build-Depends:\n((?: .*\n)+)", text("debian/control"), re.MULTILINE)[1]
        needed = {line.split()[0].rstrip(",") for line in field.splitlines()}
        listed = set(re.findall(r"^build\s+(\S+)$", text("packaging/packages"), re.MULTILINE))
        # The compiler is essential for every build; the keys of the DNS are read when a program runs.
        self.assertEqual(listed - needed, {"g++", "ccache", "dns-root-data"})
        self.assertEqual(needed - listed, {"debhelper-compat", "dh-sequence-installsysusers", "systemd-dev"})

    def test_the_copyright_has_the_licence(self) -> None:
        words = text("LICENSE").split("\n\n", 2)[2].split()
        self.assertEqual([word for word in text("debian/copyright").partition("License: Expat\n\n")[2].split() if word != "."],
                         ["License:", "Expat", *words])


class Built(unittest.TestCase):
    def setUp(self) -> None:
        self.packages = {file.name.partition("_")[0]: file for file in PACKAGES.glob("*.deb")}
        if not self.packages:
            self.skipTest(f"{PACKAGES} has no packages; packaging/build-packages builds them")
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for file in self.packages.values():
            run("dpkg-deb", "--extract", file, self.folder)

    def test_programs_are_hardened(self) -> None:
        for name, path in PROGRAMS.items():
            with self.subTest(name):
                program = self.folder / path
                self.assertRegex(run("readelf", "--file-header", program), r"Type:\s+DYN \(Position-Independent Executable")
                dynamic = run("readelf", "--dynamic", program)
                self.assertIn("BIND_NOW", dynamic)
                self.assertNotRegex(dynamic, r"\((RPATH|RUNPATH)\)")
                segments = run("readelf", "--segments", "--wide", program)
                self.assertRegex(segments, r"GNU_RELRO\s")
                self.assertNotRegex(segments, r"(GNU_STACK|LOAD)\s.*\sRWE\s")
                called = run("readelf", "--dyn-syms", "--wide", program)
                self.assertIn("__stack_chk_fail", called)
                self.assertRegex(called, r"__\w+_chk@")

    def test_programs_have_no_path_of_the_machine_that_built_them(self) -> None:
        for path in PROGRAMS.values():
            self.assertNotIn(str(SOURCE_TREE).encode(), (self.folder / path).read_bytes())

    def test_packages_have_what_cmake_installs_and_nothing_of_another(self) -> None:
        owners: dict[str, str] = {}
        for name, file in self.packages.items():
            for line in run("dpkg-deb", "--contents", file).splitlines():
                path = line.split(maxsplit=5)[5]
                if line.startswith("d"):
                    continue
                self.assertNotIn(path, owners)
                owners[path] = name
        for page in SOURCE_TREE.glob("man/*.[158]"):
            owner = owners[f"./usr/share/man/man{page.suffix[1]}/{page.name}.gz"]
            fits = page.name.startswith(f"{owner}.") or page.name.startswith(f"{owner}-")
            self.assertTrue(fits or page.name in ("listtool.toml.5", "starttls-list.5", "starttls-overrides.5")
                            and owner == "starttls-listtool" or owner == "starttls-toolkit-common", page.name)

    def test_configuration_files_are_those_that_dpkg_asks_about(self) -> None:
        conffiles = {name: subprocess.run(["dpkg-deb", "--info", file, "conffiles"], stdout=subprocess.PIPE,
                                          stderr=subprocess.DEVNULL, text=True, check=False).stdout.split()
                     for name, file in self.packages.items()}
        self.assertEqual({name: files for name, files in conffiles.items() if files},
                         {"starttls-toolkit-common": ["/etc/starttls-toolkit/tlsrpt.toml"],
                          "starttls-listtool": ["/etc/starttls-toolkit/listtool.toml"]})


if __name__ == "__main__":
    unittest.main()
