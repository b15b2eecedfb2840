"""Mail servers that are not installed here, from packages of Debian 12 or 13 unpacked by the script `unpack`.

    usr = unpacked.usr("sendmail")
    subprocess.run(unpacked.command(usr, "/usr/libexec/sendmail/makemap", "hash", path))
    Cage([...], usr=usr, ...)

The environment variable LAB_RELEASE, "12" or "13", is the release whose mail servers the lab runs; by default this
machine's. LAB_UNPACKED is the directory with the subdirectories 12 and 13. Programs run with their own loader and
libraries, and see this machine's files outside of /usr; those of this machine's release, to which the libraries here
belong, see the files in /usr, too, and can run our programs. Needs root.
"""

import os
import platform
import re
import shlex
import shutil
import subprocess
import unittest
from pathlib import Path

ENTER_USR = Path(__file__).with_name("enter-usr")


def machine_release() -> str:
    """The release of Debian that this machine runs."""
    return platform.freedesktop_os_release().get("VERSION_ID", "")


def release() -> str:
    """The release of Debian whose mail servers the lab runs."""
    return os.environ.get("LAB_RELEASE") or machine_release()


def choose_release(release: str) -> None:
    """Make this the release whose mail servers the lab runs from now on, for a test that is about one."""
    os.environ["LAB_RELEASE"] = release


def usr(name: str) -> Path:
    """The directory that takes the place of /usr for the programs of a mail server; skips the test if there is none."""
    folder = Path(os.environ.get("LAB_UNPACKED", "/nonexistent"), release(), name, "usr")
    if not folder.is_dir():
        raise unittest.SkipTest(f"needs {name} of Debian {release()}: run tests/lab/unpack {release()} "
                                f"FOLDER/{release()}, and set LAB_UNPACKED=FOLDER")
    return folder.resolve()


def within(usr: Path) -> list[str]:
    """The words before a command that run it with that /usr, in a mount namespace of its own."""
    return [str(ENTER_USR), f"{usr}:/usr" if release() == machine_release() else str(usr)]


def command(usr: Path, program: str | os.PathLike[str], *options: str | os.PathLike[str]) -> list[str]:
    """The words that run a program of it outside of a cage."""
    return ["unshare", "--mount", "--", *within(usr), *map(str, (program, *options))]


def with_libraries(program: str | os.PathLike[str], folder: Path) -> list[str]:
    """The words that run a program of this machine among the files of the lab's release: if that is another one, with
    its own loader and copies of its libraries in `folder`."""
    if release() == machine_release():
        return [str(program)]
    if not folder.exists():
        folder.mkdir()
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(?m)^\s+(?:\S+ => )?(/\S+) \(0x", listed):
        shutil.copy(library, folder)
    (loader,) = folder.glob("ld-linux*")
    return [str(loader), "--library-path", str(folder), str(program)]


def write_script(path: Path, usr: Path, program: str, *options: str | os.PathLike[str]) -> Path:
    """Write a script that runs a program of it, with these options before its own."""
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command(usr, program, *options))} "$@"\n')
    path.chmod(0o755)
    return path
