"""What this process may use of its host: all of it, or what its control groups leave.

A container is one, and so is a job of a scheduler as Slurm; a limit holds for all groups below.
Source: https://docs.kernel.org/admin-guide/cgroup-v2.html, and cgroup-v1 beside it.
"""

from __future__ import annotations

import math
import os
from pathlib import Path, PurePosixPath
from typing import Iterator, Sequence

import psutil

# Where Linux tells the groups of a process, and where it shows them.
GROUPS = Path("/proc/self/cgroup")
CGROUP = Path("/sys/fs/cgroup")

# How much time of all cores a group may use, in microseconds: in each period, and the period.
# By version 2 in one file ("max" is no quota), by version 1 in two (-1 is none).
QUOTAS = (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us"))

# And how many bytes it may use, how many it does, and a table of what they are. By version 2 "max" is no limit, by
# version 1 more than any host has.
MEMORIES = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"),
)

# Of that table: pages of files that were not used lately. The system takes them back before it refuses memory.
# By version 1 the second name counts groups below too, as usage does.
RECLAIMED = ("inactive_file", "total_inactive_file")


def usable_cores() -> int:
    """Return how many cores this process may use; where it has a quota, as many as that is worth, rounded up."""
    return math.ceil(granted_cores())


def granted_cores() -> float:
    """Return how much CPU time this process may use in a second: below `usable_cores` where a quota is not whole."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells
        cores = os.cpu_count() or 1
    quotas = (" ".join(texts).split() for texts in _told("cpu", QUOTAS))
    return min([cores, *(int(quota) / int(period) for quota, period in quotas if quota.isdecimal())])


def free_memory() -> int:
    """Return how many bytes this process may still take: those the host has free, or what its groups leave."""
    free = psutil.virtual_memory().available
    for limit, used, table in _told("memory", MEMORIES):
        kinds = dict(line.split() for line in table.splitlines())
        if limit.strip().isdecimal():
            free = min(free, int(limit) - int(used) + max(int(kinds.get(name, 0)) for name in RECLAIMED))
    return max(0, free)


def _told(controller: str, versions: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Read files of each group that this process is in, by the version that shows them."""
    for group in _groups(controller):
        for files in versions:
            try:
                yield [(group / file).read_text(encoding="ascii") for file in files]
            except OSError:
                continue


def _groups(controller: str) -> Iterator[Path]:
    """Return the folders of this process' groups: its own, and all above.

    A container may show its own group as the root, under the name that it has outside: that folder does not exist then.
    """
    try:
        lines = GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        own = PurePosixPath(path)
        for group in (own, *own.parents):
            if ".." not in group.parts:  # outside of what is shown here
                yield CGROUP / (controller if controllers else "") / group.relative_to("/")
