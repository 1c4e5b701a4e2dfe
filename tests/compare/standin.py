"""Takes without TensorFlow: counted units of numpy work in the place of a feeder and a ``fit()``.

Run with two descriptors it serves takes as ``feeders.measure.fit_in_turns`` does, with the same turns.
"""

from __future__ import annotations

import itertools
import os
import queue
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feeders.measure.lockstep_worker import run_worker

# Of what "waits": seconds of a batch and of a step, and the batches that it runs ahead by.
WAIT_SECONDS, STEP_SECONDS, AHEAD = 0.001, 0.002, 16

# What a batch costs to prepare, and what its training step costs, in units of work: 20 together, so one is 5 %.
BATCH_UNITS = 18
STEP_UNITS = 2

PRODUCERS = 2

ARGUMENTS = (str(Path(__file__).resolve()),)


@dataclass(frozen=True)
class StandIn:
    """What a stand-in does; it is to a lockstep process what a cell is.

    Attributes:
        kind: "inline", "threaded" (two producers and a queue), "processes" (the same, beside two busy processes) or
            "waits" (one producer that sleeps and never ends, and steps that sleep).
        extra: units of work more in each batch.
        slow: units of work more in the middle batch of each epoch, or milliseconds of what waits; not in threads.
        gap: units of work between two epochs.
        steps: of an epoch.
        fault: what it does at the step `at`, if anything: a key of `FAULTS`.
        at: steps from its start.
        counter: path of a file that its busy processes write a byte to, over and over.
    """

    kind: str = "inline"
    extra: int = 0
    slow: int = 0
    gap: int = 0
    steps: int = 40
    fault: str = ""
    at: int = 0
    counter: str = ""


class Units:
    """Units of work: gather, cast, scale, some 60 us each, the GIL released for most of it."""

    def __init__(self):
        random = np.random.Generator(np.random.PCG64(7))
        self._source = random.integers(0, 255, (512, 256), np.uint8)
        self._rows = random.integers(0, 512, 256)

    def work(self, units):
        for _ in range(units):
            self._source[self._rows].astype(np.float32) * np.float32(1 / 255)


def _fail():
    raise ValueError("planted")


def _runs_out():
    return True


FAULTS = {
    "raises": _fail,
    "exits": lambda: os._exit(3),
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hangs": lambda: threading.Event().wait(),
    "runs out": _runs_out,
}


def batches(cell):
    """Prepare a batch for each step of an epoch."""
    units = Units()
    for at in range(cell.steps):
        units.work(BATCH_UNITS + cell.extra + (cell.slow if at == cell.steps // 2 else 0))
        yield


def produced(cell):
    """The same by two threads that run ahead by up to four batches."""
    ready = queue.Queue(maxsize=4)

    def produce(share):
        units = Units()
        for _ in range(share):
            units.work(BATCH_UNITS + cell.extra)
            ready.put(None)

    half = cell.steps // PRODUCERS
    for share in (half, cell.steps - half):
        threading.Thread(target=produce, args=(share,), daemon=True).start()
    for _ in range(cell.steps):
        yield ready.get()


def waiting(cell):
    """Return the same of one thread that waits for its batches, and goes on into the next epoch."""
    ready = queue.Queue(maxsize=AHEAD)

    def produce():
        for at in itertools.count():
            time.sleep(WAIT_SECONDS + (cell.slow / 1e3 if at % cell.steps == cell.steps // 2 else 0))
            ready.put(None)

    threading.Thread(target=produce, daemon=True).start()

    def feed(cell):
        for _ in range(cell.steps):
            yield ready.get()
            time.sleep(STEP_SECONDS)

    return feed


def _count_for_ever(path):
    """Start two processes that write to a file, for ever: they are workers of a take, and end with it."""
    for _ in range(PRODUCERS):
        if os.fork() == 0:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
            while True:
                os.write(descriptor, b".")
                time.sleep(0.001)


def fit(command, turns):
    """Train on the stand-in's batches, in turns."""
    cell = StandIn(**command["cell"])
    if cell.kind == "processes":
        _count_for_ever(cell.counter)
    feed = waiting(cell) if cell.kind == "waits" else batches if cell.kind == "inline" else produced
    units, done = Units(), 0
    turns.begin(cell.steps)
    while True:
        units.work(cell.gap)
        for _ in feed(cell):
            units.work(STEP_UNITS)
            done += 1
            turns.step_ended()
            if cell.fault and done == cell.at and FAULTS[cell.fault]():
                break
        turns.epoch_ended()


if __name__ == "__main__":
    sys.exit(run_worker(fit, lambda: {"numpy": np.__version__}, *map(int, sys.argv[1:3])))
