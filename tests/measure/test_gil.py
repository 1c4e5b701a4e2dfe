"""How much of preparing holds the GIL, on work that is known to hold it, or not."""

from __future__ import annotations

import hashlib
import os
import sys
import time
import zlib

import pytest

from feeders.measure.gil import Preparation, preparation

DATA = os.urandom(2_000_000)

pytestmark = pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="this Python has no GIL to hold"
)


def pure(call):
    total = 0
    for number in range(60_000):
        total += number * number
    return total


def hashed(call):
    return hashlib.sha256(DATA).digest()


def half(call):
    """As much CPU time without the GIL as with it."""
    start = time.thread_time()
    pure(call)
    middle = time.thread_time()
    while time.thread_time() - middle < middle - start:
        hashlib.sha256(memoryview(DATA)[:300_000])


@pytest.mark.parametrize(
    ("work", "low", "high"),
    [
        (lambda call: time.sleep(0.005), 0.0, 0.2),
        (hashed, 0.0, 0.25),
        (lambda call: zlib.compress(DATA[:300_000], 6), 0.0, 0.25),
        (pure, 0.8, 1.0),
        (half, 0.25, 0.8),
    ],
    ids=["sleep", "hashlib", "zlib", "pure Python", "half"],
)
def test_the_share_is_that_of_the_work(work, low, high):
    assert low <= preparation(work).gil_share <= high


def test_the_time_of_a_batch_is_its_own():
    slept = preparation(lambda call: time.sleep(0.005), seconds=0.1)
    assert slept.seconds >= 0.005
    assert slept.cpu_seconds < 0.2 * slept.seconds


@pytest.mark.parametrize(
    ("share", "cpu", "threads", "processes"),
    [
        (1.0, 1.0, 1.0, 4.0),  # pure Python
        (0.0, 1.0, 4.0, 4.0),  # computes without the GIL
        (0.5, 1.0, 1.6, 4.0),  # Amdahl
        (0.0, 0.0, 8.0, 8.0),  # waits: cores do not matter
        (0.0, 0.5, 8.0, 8.0),  # waits for half of the time: four cores carry eight
    ],
)
def test_what_workers_gain(share, cpu, threads, processes):
    """Eight of them on four cores."""
    alone = Preparation(seconds=1.0, cpu_seconds=cpu, gil_share=share)
    assert alone.gain_of_threads(8, cores=4) == pytest.approx(threads if share != 0.5 else 1 / (0.5 + 0.5 / 8))
    assert alone.gain_of_processes(8, cores=4) == pytest.approx(processes)
