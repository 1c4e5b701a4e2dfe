"""How many of its cores a host gives meanwhile: on a busy one, ways with several workers look slower than they are."""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

# A quota of a container is given out every tenth of a second.
SECONDS = 0.1

# Of the cores: a host that gives less is busy.
BUSY = 0.85

# Cores for each MB that a thread hashes at once: after it a thread takes the GIL, for which those of many cores queue.
CORES_OF_A_MB = 16


def given_cores(cores: int, seconds: float = SECONDS) -> float:
    """Return how many cores this process gets if it computes on all of them, by CPU time.

    What other programs use is missing, and what a quota or the host of a virtual machine keeps.

    Args:
        cores: that it may use.
        seconds: that it computes for.
    """
    ready, block = threading.Barrier(cores), bytes(max(1, cores // CORES_OF_A_MB) << 20)

    def compute(_: int) -> tuple[float, float, float]:
        ready.wait()
        start, cpu = time.perf_counter(), time.thread_time()
        while time.perf_counter() - start < seconds:
            hashlib.sha256(block).digest()  # leaves the GIL to the other threads
        return start, time.perf_counter(), time.thread_time() - cpu

    with ThreadPoolExecutor(cores) as pool:
        try:
            starts, ends, used = zip(*pool.map(compute, range(cores)))
        except BaseException:  # Ctrl-C, or no more threads: those that have started must not wait for the others
            ready.abort()
            raise
    return float(sum(used) / (max(ends) - min(starts)))
