"""CPU time, waits for a core, and memory of a process tree."""

from __future__ import annotations

import contextlib
from pathlib import Path
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


def delay_seconds(processes: Iterable[psutil.Process]) -> float:
    """Time that their living threads have waited for a core, in seconds; 0 where the system does not tell it."""
    total = 0
    for process in processes:
        for path in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                total += int(path.read_bytes().split()[1])
    return total / 1e9


def pss_bytes(processes: Iterable[psutil.Process], files: bool = True) -> int | None:
    """Proportional set size of the processes together, in bytes; None where the system does not tell it.

    Args:
        processes: whose memory it is.
        files: with pages of files, as of a memory map; the system takes them back when it needs memory.
    """
    total = 0
    for process in processes:
        try:
            with open(f"/proc/{process.pid}/smaps_rollup", "rb") as rollup:
                sizes = {line.split()[0]: int(line.split()[1]) for line in rollup if line.startswith(b"Pss")}
        except ProcessLookupError:
            continue  # it ended between the listing and the reading
        except OSError:
            return None
        total += (sizes.get(b"Pss:", 0) - (0 if files else sizes.get(b"Pss_File:", 0))) * 1024
    return total or None


def unshared_bytes(processes: Iterable[psutil.Process]) -> int:
    """Count what the processes hold each for itself, in bytes, without pages of files: cheap to read, and too much.

    Pages that a forked process shares with its parent are counted for both.
    """
    total = 0
    for process in processes:
        with contextlib.suppress(*GONE):
            total += _without_files(process)
    return total


def _without_files(process: psutil.Process) -> int:
    try:
        with open(f"/proc/{process.pid}/status", "rb") as status:
            sizes = [int(line.split()[1]) for line in status if line.startswith((b"RssAnon:", b"RssShmem:"))]
    except OSError:  # it has ended, or this is no Linux
        sizes = []
    return sum(sizes) * 1024 if sizes else int(process.memory_info().rss)
