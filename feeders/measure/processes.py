"""CPU time and memory of a process tree."""

from __future__ import annotations

import contextlib
from typing import Iterable

import psutil

GONE = (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied)


def tree(pid: int) -> list[psutil.Process]:
    """Return the process and its descendants that are still there."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except GONE:
        return []


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """User and system time of the processes, and of their children that have ended, in seconds."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(*GONE):
            times = process.cpu_times()
            total += times.user + times.system
            # What a living child used is counted with the child, what a reaped one used only here.
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def pss_bytes(processes: Iterable[psutil.Process]) -> int | None:
    """Proportional set size of the processes together, in bytes; None where the system does not tell it."""
    total = 0
    for process in processes:
        try:
            with open(f"/proc/{process.pid}/smaps_rollup", "rb") as rollup:
                total += next(int(line.split()[1]) for line in rollup if line.startswith(b"Pss:")) * 1024
        except (ProcessLookupError, StopIteration):
            continue  # it ended between the listing and the reading
        except OSError:
            return None
    return total or None
