"""A small file system for a state directory that can be full, read-only or missing. Only processes within it see it."""

import contextlib
from pathlib import Path

from . import command
from .lab import Lab
from .process import Process

MOUNT = 'mount -t tmpfs -o "$0" lab-volume "$1" && echo mounted && exec sleep infinity'


class Volume:
    """`path` is where it is mounted; start a process through the command `within` to have it see the volume.

    `seen_from_outside` is the same place for everybody else. The volume lives until the lab ends.
    """

    def __init__(self, lab: Lab, options: str = "size=1m") -> None:
        """Make and mount it with these options of mount(8)."""
        lab.require_root()
        self.path = lab.new_folder("volume")
        holder = Process(["unshare", "--mount", "sh", "-c", MOUNT, options, self.path],
                         folder=lab.new_folder("volume-holder"), lab_folder=lab.folder)
        lab.at_end(holder.kill)
        lab.watch(holder.stderr)
        holder.stdout.wait_for("mounted", process=holder.popen)
        self.within = ["nsenter", f"--target={holder.pid}", "--mount", "--"]
        self.seen_from_outside = Path(f"/proc/{holder.pid}/root{self.path}")

    def fill(self) -> None:
        """Fill it to the last byte."""
        with (self.seen_from_outside / "ballast").open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(bytes(4096))

    def free(self) -> None:
        """Free the space that fill() used."""
        (self.seen_from_outside / "ballast").unlink()

    def remount(self, options: str) -> None:
        command.run(*self.within, "mount", "-o", f"remount,{options}", self.path)

    def cover(self) -> None:
        """Mount an empty read-only file system over it: open files stay open, all others are missing."""
        command.run(*self.within, "mount", "-t", "tmpfs", "-o", "ro", "lab-cover", self.path)

    def uncover(self) -> None:
        command.run(*self.within, "umount", self.path)
