"""A whole Debian system, booted with systemd, whose changes are gone with it. BOX_RELEASE, 12 or 13, is its release; by
default this machine's.

    with Box() as box:
        box.install_mail_server("postfix")
        packages.install(box)
        box.reboot()

The system has process ids, a network and a tree of control groups of its own. Run it through tests/box/run.
"""

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterable
from pathlib import Path

from lab import unpacked, wait
from lab.program import SOURCE_TREE

BUILD = Path(os.environ.get("BUILD_DIR", SOURCE_TREE / "build/release")).resolve()
RELEASE = os.environ.get("BOX_RELEASE") or unpacked.machine_release()  # of Debian, 12 or 13
ROOT = Path(os.environ.get("BOX_ROOTS", SOURCE_TREE / "build/box"), RELEASE).resolve() / "root"
HOSTNAME = "mx.example.org"
ADDRESS, CLIENT = "198.51.100.1", "198.51.100.7"  # RFC 5737; clients on loopback and private networks are not recorded
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
               "DEBIAN_FRONTEND": "noninteractive"}
CGROUP_PREFIX = "starttls-box-"
NSPAWN_OPTIONS = ("--register=no", "--keep-unit", "--private-network", "--console=pipe", "--machine=box",
                  f"--hostname={HOSTNAME}", "--resolv-conf=off", "--timezone=off", "--link-journal=no")
CLONE_NEWNET = 0x40000000  # setns(2)
POWER_OFF = 38  # SIGRTMIN+4 to systemd (systemd(1))


class Box:
    """A booted system. `folder` is its file system, seen from outside."""

    def __init__(self) -> None:
        if not ROOT.is_dir():
            raise unittest.SkipTest(f"{ROOT} is not there: run tests/box/make-root {ROOT.parent} {RELEASE}")
        self._ends = contextlib.ExitStack()
        self.leader = 0

    def __enter__(self) -> "Box":
        try:
            self._mount()
            self._write_names()
            self.boot()
        except BaseException:
            self._ends.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _mount(self) -> None:
        place = Path(self._ends.enter_context(tempfile.TemporaryDirectory(prefix="box.")))
        # In memory: an overlay on an overlay is not possible, and all of it is gone with this mount namespace.
        command("mount", "-t", "tmpfs", "-o", "mode=755", "box", place)
        self._ends.callback(command, "umount", "--recursive", place)
        for name in ("upper", "work", "root"):
            (place / name).mkdir(mode=0o755)
        self.folder, self._console = place / "root", place / "console"
        command("mount", "-t", "overlay", "-o", f"lowerdir={ROOT},upperdir={place}/upper,workdir={place}/work", "box",
                self.folder)

    def _write_names(self) -> None:
        for name, text in {"hostname": f"{HOSTNAME}\n", "mailname": f"{HOSTNAME}\n",
                           "hosts": f"127.0.0.1 localhost\n{ADDRESS} {HOSTNAME} mx\n",
                           "resolv.conf": "nameserver 127.0.0.1\n",
                           "apt/apt.conf.d/box": 'APT::Get::Assume-Yes "true";\n'}.items():
            (self.folder / "etc" / name).unlink(missing_ok=True)
            (self.folder / "etc" / name).write_text(text)
        (self.folder / "var/log/journal").mkdir(exist_ok=True)  # kept over a reboot

    def boot(self) -> None:
        """Boot, and wait until systemd has started all there is."""
        self.leader = 0
        groups = new_cgroups()
        self._booted = self._ends.enter_context(contextlib.ExitStack())
        self._booted.callback(wait.until, lambda: remove_cgroups(groups))  # soon after the last process in them
        join = "".join(f"echo $$ >{group}/cgroup.procs; " for group in groups)
        with self._console.open("ab") as console:
            # setpriv: the kernel ends it with this process.
            self._nspawn = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", "/bin/sh", "-c", f'{join}exec "$@"', "sh",
                 "systemd-nspawn", "--quiet", "--boot", "--directory", self.folder, *NSPAWN_OPTIONS],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, start_new_session=True)
        self._booted.callback(self._kill)
        try:
            wait.until(self._has_leader, 60)
            for address in (ADDRESS, CLIENT):
                self._in_its_network("ip", "address", "add", f"{address}/32", "dev", "lo")
            wait.until(lambda: self.run("systemctl is-system-running --wait", check=False).stdout.strip()
                       in ("running", "degraded"), 120)
        except BaseException:
            print(self._console.read_text(errors="replace")[-4000:], file=sys.stderr)
            raise

    def _has_leader(self) -> bool:
        if self._nspawn.poll() is not None:
            raise RuntimeError("systemd-nspawn ended")
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        for child in children:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                    self.leader = int(child)
                    return True
        return False

    def _kill(self) -> None:
        """End all that runs in the system: the kernel does, when its first process has ended.

        systemd-nspawn ends then. Killed before, it leaves a mount, with which no system of that name boots again (257).
        """
        with contextlib.suppress(ProcessLookupError):
            if self.leader:
                os.kill(self.leader, signal.SIGKILL)
                with contextlib.suppress(TimeoutError):
                    wait.for_exit(self._nspawn, 30)
        self._nspawn.kill()
        self._nspawn.wait()

    def reboot(self) -> None:
        """Shut down in order, and boot again."""
        os.kill(self.leader, POWER_OFF)
        wait.for_exit(self._nspawn, 90)
        self._booted.close()
        self.boot()

    def run(self, script: str, *, user: str = "root", check: bool = True, content: str | None = None,
            timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a shell script in the system; one that fails is shown with what it printed."""
        words = ["env", "-i", *(f"{name}={value}" for name, value in ENVIRONMENT.items()), "sh", "-ec", script]
        if user != "root":
            words = ["runuser", "-u", user, "--", *words]
        done = subprocess.run(["nsenter", "--all", f"--target={self.leader}", *words], input=content or "", text=True,
                              capture_output=True, timeout=timeout, check=False)
        if check and done.returncode != 0:
            journal = "\n".join(self.journal("--boot", "--lines=20"))
            raise AssertionError(f"{script}\nended with {done.returncode}:\n{done.stdout}{done.stderr}\n{journal}")
        return done

    def state(self, unit: str) -> str:
        return self.run(f"systemctl is-active {unit}", check=False).stdout.strip()

    def property(self, unit: str, name: str) -> str:
        return self.run(f"systemctl show --value --property={name} {unit}").stdout.strip()

    def append(self, file: str, text: str) -> None:
        self.run(f"cat >>{file}", content=text)

    def configure(self, file: str, lines: str) -> None:
        """Add lines of TOML below the header that they begin with, as an administrator does; without one on top."""
        header, _, keys = lines.partition("\n") if lines.startswith("[") else ("", "", lines)
        current = (self.folder / file.lstrip("/")).read_text()
        if not header:
            changed = keys + current
        elif f"\n{header}\n" in f"\n{current}":
            changed = f"\n{current}".replace(f"\n{header}\n", f"\n{header}\n{keys}", 1)[1:]
        else:
            changed = current + lines
        self.run(f"cat >{file}", content=changed)

    def edit_unit(self, unit: str, lines: str) -> None:
        """As "systemctl edit" does."""
        folder = f"/etc/systemd/system/{unit}.d"
        self.run(f"mkdir -p {folder}")
        self.append(f"{folder}/override.conf", lines)
        self.run("systemctl daemon-reload")

    def install_mail_server(self, name: str) -> None:
        """Without the network."""
        self.run(f"apt-get install --no-install-recommends /mail-servers/{name}/*.deb", timeout=300)

    def copy(self, files: Iterable[Path], folder: str) -> None:
        place = self.folder / folder.lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, place)

    def install_build(self) -> None:
        """As "cmake --install" does: from source."""
        subprocess.run(["cmake", "--install", BUILD], env={**os.environ, "DESTDIR": str(self.folder)}, check=True,
                       stdout=subprocess.DEVNULL, timeout=120)

    def send(self, recipient: str, content: str, *options: str) -> None:
        """A mail from another host."""
        self._in_its_network(Path(__file__).with_name("send-mail"), *options, CLIENT, ADDRESS, f"root@{HOSTNAME}",
                             recipient, content=content)

    def fetch(self, url: str) -> str:
        return self._in_its_network("curl", "--silent", "--fail", url)

    def post(self, url: str, content: str, kind: str) -> str:
        return self._in_its_network("curl", "--silent", "--fail", "--header", f"Content-Type: {kind}", "--data-binary", "@-",
                                    url, content=content)

    def enter_network(self) -> None:
        """Let the calling thread, and no other, connect to the network of the system from now on."""
        with Path(f"/proc/{self.leader}/ns/net").open() as network:
            if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def _in_its_network(self, *argv: str | os.PathLike[str], content: str = "") -> str:
        """A program of this machine with the network of the system."""
        return command("nsenter", "--net", f"--target={self.leader}", *argv, content=content)

    def journal(self, *options: str) -> list[str]:
        journalctl = "journalctl --no-pager --quiet --output=short-monotonic"
        return self.run(f"{journalctl} {' '.join(options)}").stdout.splitlines()


def command(*argv: str | os.PathLike[str], content: str = "") -> str:
    done = subprocess.run(argv, input=content, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {done.stderr}")
    return done.stdout


def new_cgroups() -> list[Path]:
    """A control group of its own in each tree that systemd uses: two systems in one would see each other's services."""
    groups: list[Path] = []
    name = CGROUP_PREFIX + secrets.token_hex(8)  # the same in each: systemd expects so
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "name=systemd"):
            continue
        mounted = Path("/sys/fs/cgroup") / ("systemd" if controllers else "unified")
        if not controllers and not mounted.is_dir():
            mounted = Path("/sys/fs/cgroup")
        above = mounted / path.lstrip("/")
        if not (above / "cgroup.procs").exists():
            continue
        for old in above.glob(f"{CGROUP_PREFIX}*"):  # of a test that was killed
            if not any(file.read_text() for file in old.rglob("cgroup.procs")):
                remove_cgroups([old])
        groups.append(above / name)
        groups[-1].mkdir()
    return groups


def remove_cgroups(groups: list[Path]) -> bool:
    """Remove what no process is in any more; whether all of it has gone."""
    for group in groups:
        for folder, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
    return not any(group.exists() for group in groups)


def require() -> None:
    """Skip the tests where no system can be booted."""
    for program in ("systemd-nspawn", "ip", "curl"):
        if shutil.which(program) is None:
            raise unittest.SkipTest(f"{program} is not installed")
    if os.geteuid() != 0:
        raise unittest.SkipTest("only root can boot a system")
