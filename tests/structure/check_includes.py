#!/usr/bin/env python3
"""Checks the structure of the C++ sources: a folder, its namespace and its CMake target have one name; a component
includes only what it links, links only what it includes, and nothing that stands above it; a library is included
only in the components that are for it.

    tests/structure/check_includes.py [DIRECTORY]     exit status 1 where something is wrong
"""

import re
import sys
from pathlib import Path

# Libraries, by how their headers begin, and the components that may include them.
LIBRARIES = {
    "CLI/": {"command"},
    "cdb.h": {"table"},
    "curl/": {"http"},
    "event2/": {"event", "service"},
    "gmime/": {"mail"},
    "idn2.h": {"base"},
    "libdeflate.h": {"journal", "tlsrpt"},
    "libmilter/": {"milter"},
    "libpq-fe.h": {"postgres"},
    "libpsl.h": {"publicsuffix"},
    "lmdb.h": {"table"},
    "openssl/": {"certificate", "http", "milter", "minisign", "openpgp", "smtp", "store", "tlsrptdb"},
    "rapidjson/": {"json", "keyring", "listtool", "preload", "session", "store", "tlsrpt"},
    "spdlog/": {"base"},
    "sqlite3.h": {"sqlite"},
    "systemd/": {"mtalog", "service"},
    "toml++/": {"config"},
    "tsl/robin_map.h": {"outbound"},
    "unbound.h": {"dns"},
    "xxhash.h": {"outbound"},
    "zlib.h": {"listtool", "mtalog", "tlsrpt"},
}
PROGRAMS = ("milter", "collector", "report", "listtool")
# `base` is what the whole project speaks: its namespace is the project's.
ROOT = "base"


class Component:
    def __init__(self, name: str, directory: Path, links: list[str]):
        self.name = name
        self.directory = directory
        self.links = links
        self.includes: dict[str, str] = {}  # component -> "FILE includes HEADER"


def statements(text: str, function: str) -> list[list[str]]:
    """The arguments of each call of a CMake function."""
    text = re.sub(r"#.*", "", text)
    return [call.split() for call in re.findall(rf"\b{function}\(([^)]*)\)", text)]


def section(arguments: list[str], keyword: str) -> list[str]:
    if keyword not in arguments:
        return []
    after = arguments[arguments.index(keyword) + 1:]
    end = next((i for i, word in enumerate(after) if re.fullmatch(r"[A-Z]+", word)), len(after))
    return after[:end]


def read_components(root: Path) -> dict[str, Component]:
    """All of them, in the order in which CMake reads them: the lowest first."""
    directories = [root / "lib" / call[0] for call in statements((root / "lib/CMakeLists.txt").read_text(),
                                                                 "add_subdirectory")]
    for program in PROGRAMS:
        if (root / program).is_dir():
            directories.append(root / program)
            directories += sorted(path.parent for path in (root / program).glob("*/CMakeLists.txt"))
    components = {}
    for directory in directories:
        for call in statements((directory / "CMakeLists.txt").read_text(), "starttls_component"):
            components[call[0]] = Component(call[0], directory, section(call, "LINK"))
    return components


def name_of(root: Path, directory: Path) -> str:
    """What a folder's component must be called: lib/dns is dns, listtool/serve is listtool_serve."""
    parts = directory.relative_to(root).parts
    return "_".join(parts[1:] if parts[0] == "lib" else parts)


def owner(root: Path, components: dict[str, Component], path: Path) -> Component | None:
    """The component of the innermost folder around a source file."""
    around = [one for one in components.values() if one.directory in path.parents]
    return max(around, key=lambda one: len(one.directory.parts), default=None)


def sources(root: Path) -> list[Path]:
    found = []
    for top in ("lib", *PROGRAMS):
        found += [path for path in (root / top).rglob("*") if path.suffix in (".h", ".cpp")]
    return sorted(found)


def check_file(root, components, path, problems):
    component = owner(root, components, path)
    shown = path.relative_to(root)
    if component is None:
        problems.append(f"{shown}: belongs to no component")
        return
    text = path.read_text()
    for header in re.findall(r'^#include "([^"]+)"', text, re.MULTILINE):
        target = next((base / header for base in (root / "lib", root) if (base / header).is_file()), None)
        if target is None:
            problems.append(f"{shown}: there is no header {header}")
            continue
        included = owner(root, components, target)
        if included is not component:
            component.includes.setdefault(included.name, f"{shown} includes {header}")
    for header in re.findall(r"^#include <([^>]+)>", text, re.MULTILINE):
        for prefix, allowed in LIBRARIES.items():
            if header.startswith(prefix) and component.name.split("_")[0] not in allowed:
                problems.append(f"{shown}: <{header}> belongs to {', '.join(sorted(allowed))}")
    check_namespace(root, component, path, text, problems)


def check_namespace(root, component, path, text, problems):
    wanted = "starttls" if component.name == ROOT else "starttls::" + component.name.replace("_", "::")
    inner = path.parent.relative_to(component.directory).parts
    wanted = "::".join((wanted, *inner))
    opened = re.findall(r"^namespace (starttls[\w:]*) \{", text, re.MULTILINE)
    if path.suffix == ".h" and opened and wanted not in opened:
        problems.append(f"{path.relative_to(root)}: its namespace is {opened[0]}, not {wanted}")


def check_links(components, problems):
    order = list(components)
    for component in components.values():
        for name, where in component.includes.items():
            if name not in component.links:
                problems.append(f"{component.name} does not link {name}: {where}")
        for name in component.links:
            if name not in components:
                problems.append(f"{component.name} links {name}, which is no component")
            elif name not in component.includes:
                problems.append(f"{component.name} links {name}, but includes nothing of it")
            elif order.index(name) > order.index(component.name) and not name.startswith(component.name + "_"):
                problems.append(f"{component.name} links {name}, which stands above it")


def check_circles(components, problems):
    """A component may not reach itself."""
    def reachable(name, seen):
        for other in components[name].includes:
            if other not in seen:
                seen.add(other)
                reachable(other, seen)
        return seen

    for name in components:
        if name in reachable(name, set()):
            problems.append(f"{name} includes itself by way of {', '.join(sorted(components[name].includes))}")


def check(root: Path) -> list[str]:
    components = read_components(root)
    problems = []
    for component in components.values():
        wanted = name_of(root, component.directory)
        if component.name != wanted:
            problems.append(f"{component.directory.relative_to(root)}: its target is called {component.name}, not {wanted}")
    for path in sources(root):
        check_file(root, components, path, problems)
    check_links(components, problems)
    check_circles(components, problems)
    for component in components.values():
        program = next((one for one in PROGRAMS if component.name.split("_")[0] == one), None)
        for other in component.includes:
            foreign = other.split("_")[0]
            if foreign in PROGRAMS and foreign != program:
                problems.append(f"{component.name} includes {other}, of another program")
    return problems


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    problems = check(root)
    for problem in problems:
        print(f"check_includes: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
