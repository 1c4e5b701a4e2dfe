"""What this process may use of its host: all of it, or what a container leaves."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

# Where Linux tells a container how much time of all cores it may use, in microseconds: in each period, and the period.
# By version 2 in one file ("max" is no quota), by version 1 in two (-1 is none).
CGROUP = Path("/sys/fs/cgroup")
QUOTAS = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))

# And how many bytes it may use, how many it does, and a table of what they are. By version 2 "max" is no limit, by
# version 1 more than any host has.
MEMORIES = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)

# Of that table: pages of files that were not used lately. The system takes them back before it refuses memory.
RECLAIMED = ("inactive_file", "total_inactive_file")


def usable_cores() -> int:
    """Return how many cores this process may use; of a container that has a quota, as many as that is worth."""
    return -int(-granted_cores() // 1)


def granted_cores() -> float:
    """Return how much CPU time this process may use in a second: below `usable_cores` where a quota is not whole."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells
        cores = os.cpu_count() or 1
    return min(cores, _quota() or cores)


def free_memory() -> int:
    """Return how many bytes this process may still take: those the host has free, or what is left to a container."""
    free = psutil.virtual_memory().available
    for files in MEMORIES:
        try:
            limit, used, table = ((CGROUP / file).read_text(encoding="ascii") for file in files)
            kinds = dict(line.split() for line in table.splitlines())
            # By version 1 the second name counts what is below, as usage does.
            reclaimed = max(int(kinds.get(name, 0)) for name in RECLAIMED)
            return max(0, min(free, int(limit) - int(used) + reclaimed))
        except (OSError, ValueError):  # not this version, or no limit
            continue
    return free


def _quota() -> float | None:
    """Cores that the time of a container is worth; None where it has no quota."""
    for files in QUOTAS:
        try:
            quota, period = " ".join((CGROUP / file).read_text(encoding="ascii") for file in files).split()
        except (OSError, ValueError):
            continue
        return int(quota) / int(period) if quota.isdecimal() else None
    return None
