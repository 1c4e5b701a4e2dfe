"""How much of preparing holds the GIL, on work that is known to hold it, or not."""

from __future__ import annotations

import hashlib
import os
import random
import sys
import time
import zlib

import pytest

from feeders.measure.gil import Preparation, _share_above, preparation

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


@pytest.mark.parametrize(
    "work",
    [lambda call: time.sleep(0.005), hashed, lambda call: zlib.compress(DATA[:300_000], 6)],
    ids=["sleep", "hashlib", "zlib"],
)
def test_what_holds_the_gil_is_told_from_what_does_not(work):
    """By a distance that is far above what a busy machine adds to either."""
    assert preparation(pure).gil_share > preparation(work).gil_share + 0.3


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_the_share_is_that_of_the_waits_that_are_longer_than_without_a_holder(share):
    """Exactly, on made-up waits: a wait for the holder takes 5 ms, one for the clock up to 0.1 ms."""
    idle = sorted(number * 1e-6 for number in range(1, 101))
    held = round(share * len(idle))
    waits = [5e-3] * held + random.Random(1).sample(idle, len(idle) - held)
    assert _share_above(waits, idle) == pytest.approx(share, abs=0.06)


def test_whoever_asks_and_never_gets_it_waits_all_the_time():
    assert _share_above([], [1e-6]) == 1.0


def test_the_time_of_a_batch_is_its_own():
    slept = preparation(lambda call: time.sleep(0.005), seconds=0.1)
    # Without the time in which it waited for a core, so a little below what it slept.
    assert slept.seconds >= 0.004
    assert slept.cpu_seconds < slept.seconds / 2


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
