"""How much memory a process has."""

from pathlib import Path


def resident(pid: int) -> int:
    """Bytes in memory (VmRSS, proc_pid_status(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmRSS"))
