"""What processes use: memory that counts against a limit, and cores that they ask for."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from feeders.measure.processes import cpu_seconds, delay_seconds, pss_bytes, unshared_bytes

# Beside what is counted, other code of this process may take some.
NOISE = 4 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell pages of files from others")
def test_pages_of_a_file_that_is_mapped_are_no_memory_that_is_held():
    """Of a memory map of all data they are soon more than half of the memory, and the system takes them back."""
    here = [psutil.Process()]
    libraries = Path(np.__file__).parent.parent.glob("numpy*/**/*.so*")
    with open(max(libraries, key=lambda path: path.stat().st_size), "rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    unshared, held = unshared_bytes(here), pss_bytes(here, files=False) or 0
    assert len(mapped[:: mmap.PAGESIZE]) * mmap.PAGESIZE > 2 * NOISE
    assert unshared_bytes(here) - unshared < NOISE
    assert (pss_bytes(here, files=False) or 0) - held < NOISE


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell pages of files from others")
def test_memory_that_is_taken_is_held():
    here = [psutil.Process()]
    unshared = unshared_bytes(here)
    taken = np.ones(4 * NOISE, np.uint8)
    assert unshared_bytes(here) - unshared > NOISE
    assert taken.all()


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell how long a thread has waited for a core")
def test_two_that_share_a_core_have_asked_for_two():
    """Each waits while the other computes; one that sleeps asks for none."""
    core = {min(os.sched_getaffinity(0))}
    begin = f"import os, time; os.sched_setaffinity(0, {core}); print('here', flush=True); "
    busy = [f"{begin}\nwhile True: pass"] * 2
    codes = [*busy, f"{begin}time.sleep(60)"]
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for code in codes]
    try:
        assert all(process.stdout.readline() == "here\n" for process in running)
        asked = []
        for process in running:
            seen = [psutil.Process(process.pid)]
            before, start = cpu_seconds(seen) + delay_seconds(seen), time.monotonic()
            time.sleep(0.5)
            asked.append((cpu_seconds(seen) + delay_seconds(seen) - before) / (time.monotonic() - start))
    finally:
        for process in running:
            process.kill()
            process.communicate()
    assert min(asked[:2]) > 0.8
    assert asked[2] < 0.3
