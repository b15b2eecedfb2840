"""The inputs of the fuzz targets, for the scripts of this directory.

    seeds/NAME/             written by hand, one file an input
    corpora/NAME.tar.xz     found by the fuzzer: what reaches code that no smaller input reaches, and no seed

An archive is the same bytes for the same inputs, which are called by the SHA-1 of their content, as libFuzzer calls them.
`tar -xf` unpacks it.
"""

import hashlib
import io
import lzma
import os
import subprocess
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEEDS = HERE / "seeds"
CORPORA = HERE / "corpora"

# A target that needs more time or memory for one input has found something.
LIMITS = ("-timeout=10", "-rss_limit_mb=2048")


def names(build: Path, chosen: list[str]) -> list[str]:
    """The targets of a build, or those chosen."""
    built = sorted(path.name.removeprefix("fuzz_") for path in (build / "bin").glob("fuzz_*"))
    missing = sorted(set(chosen) - set(built))
    if missing or not built:
        raise SystemExit(f"{build}/bin has no fuzz target {' '.join(missing)}".rstrip())
    return chosen or built


def program(build: Path, name: str) -> Path:
    return build.resolve() / "bin" / f"fuzz_{name}"


def archive(name: str) -> Path:
    return CORPORA / f"{name}.tar.xz"


def archive_size(name: str) -> int:
    return archive(name).stat().st_size if archive(name).exists() else 0


def unpack(name: str, directory: Path) -> None:
    """Writes the corpus into the directory, which is created."""
    directory.mkdir(parents=True)
    for called, content in _packed(name).items():
        (directory / called).write_bytes(content)


def pack(name: str, inputs: list[bytes]) -> None:
    """Replaces the corpus. Where it has these inputs already, its archive stays as it is."""
    by_name = {hashlib.sha1(content).hexdigest(): content for content in inputs}
    if by_name == _packed(name):
        return
    text = io.BytesIO()
    with tarfile.open(fileobj=text, mode="w", format=tarfile.USTAR_FORMAT) as packed:
        # By size and content, so that similar inputs are near each other.
        for digest, content in sorted(by_name.items(), key=lambda item: (len(item[1]), item[1])):
            member = tarfile.TarInfo(f"{name}/{digest}")  # no time, no owner
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    CORPORA.mkdir(exist_ok=True)
    written = archive(name).with_suffix(".new")
    written.write_bytes(lzma.compress(text.getvalue(), preset=9 | lzma.PRESET_EXTREME))
    os.replace(written, archive(name))


def _packed(name: str) -> dict[str, bytes]:
    if not archive(name).exists():
        return {}
    with tarfile.open(archive(name)) as packed:
        return {Path(member.name).name: packed.extractfile(member).read() for member in packed}


def run(command: list[str | os.PathLike[str]], directory: Path, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit status and all output of a target, which runs in that directory."""
    done = subprocess.run(command, cwd=directory, env=os.environ | (environment or {}), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    return done.returncode, done.stdout
