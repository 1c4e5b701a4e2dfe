"""What processes use: memory that counts against a limit, and cores that they ask for."""

from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from feeders.measure.processes import pss_bytes, unshared_bytes

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
    asking = (
        "import os, subprocess, sys, time\n"
        "from feeders.measure.processes import asked_seconds, tree\n"
        "asked = lambda: asked_seconds(time.process_time(), tree(os.getpid()))\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "child = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "before, start = asked(), time.monotonic()\n"
        "while time.monotonic() < start + 0.5:\n"
        "    pass\n"
        "print((asked() - before) / (time.monotonic() - start))\n"
        "child.kill()\n"
    )
    for child, cores in (("while True: pass", 2), ("import time; time.sleep(60)", 1)):
        command = [sys.executable, "-c", asking, f"print(flush=True)\n{child}"]
        asked = float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        assert asked == pytest.approx(cores, abs=0.3)
