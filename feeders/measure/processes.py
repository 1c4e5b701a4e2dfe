"""CPU time, waits for a core, and memory of a process tree."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path
from typing import Iterable, Iterator

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


def asked_seconds(own: float, processes: Iterable[psutil.Process]) -> float:
    """Time that this process and its children have used a core, or waited for one that others had, in seconds.

    Finer than a clock tick on Linux; waits for a core are left out elsewhere.

    Args:
        own: CPU time of this process, which whoever calls reads: to look for the others takes some too.
        processes: this one and the others.
    """
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = own + ended.ru_utime + ended.ru_stime
    for process in processes:
        threads = list(_schedule(process.pid))
        total += sum(waited for _, waited in threads)
        if process.pid != os.getpid():
            total += sum(used for used, _ in threads) if threads else cpu_seconds([process])
    return total


def _schedule(pid: int) -> Iterator[tuple[float, float]]:
    """Yield what each living thread has used a core, and waited for one, where the system tells it."""
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            used, waited, _ = path.read_bytes().split()
            yield int(used) / 1e9, int(waited) / 1e9


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
