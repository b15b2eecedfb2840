"""Our Debian packages for the release of the box; packaging/build-packages builds them."""

import os
import subprocess
import tempfile
import unittest
from collections.abc import Iterable
from pathlib import Path

from box import RELEASE, Box
from lab.documents import Steps
from lab.program import SOURCE_TREE

FOLDER = Path(os.environ.get("BOX_PACKAGES", SOURCE_TREE / "build/packages" / RELEASE)).resolve()
NAMES = ("starttls-listtool", "starttls-toolkit-common", "tlsrpt-collector", "tlsrpt-milter", "tlsrpt-report")


def built() -> list[Path]:
    """The files of all packages."""
    found = sorted(FOLDER.glob("*.deb"))
    if not found:
        raise unittest.SkipTest(f"{FOLDER} has no packages; packaging/build-packages builds them")
    names = tuple(file.name.partition("_")[0] for file in found)
    if names != NAMES:
        raise AssertionError(f"{FOLDER} has other packages: {names}")
    return found


def install(system: Box, files: Iterable[Path] | None = None, folder: str = "/packages") -> None:
    """Install all packages, or these, by README's command; they are then in that folder of the system."""
    system.copy(built() if files is None else files, folder)
    lines = Steps("README.md", "Install").take("packaging/install-packages").splitlines()
    (command,) = [line for line in lines if line.startswith("apt install")]
    system.run(renamed(command, folder), timeout=300)


def renamed(command: str, folder: str) -> str:
    """A documented command, for packages in another folder."""
    documented = "./build/packages/12/"
    if documented not in command:
        raise AssertionError(f"{command} does not name {documented}")
    return command.replace(documented, f"{folder}/")


def with_version(version: str, folder: Path) -> list[Path]:
    """The same packages with another version, below a folder of this machine."""
    made = []
    for package in built():
        with tempfile.TemporaryDirectory() as content:
            run("dpkg-deb", "--raw-extract", package, content)
            control = Path(content, "DEBIAN/control")
            current = run("dpkg-deb", "--field", package, "Version").strip()
            control.write_text(control.read_text().replace(current, version))
            made.append(folder / package.name.replace(current, version))
            run("dpkg-deb", "--build", "--root-owner-group", "-Zgzip", "-z1", content, made[-1])
    return made


def run(*argv: str | os.PathLike[str]) -> str:
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout
