"""State that grows from epoch to epoch: memory, threads, child processes, open files."""

from __future__ import annotations

import gc
import itertools
import os
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Callable, Iterator

from feeders.keras_api import seed_everything
from feeders.loaders.opening import DATASET, SEQUENCE
from feeders.loaders.own import one_at_a_time
from feeders.measure.processes import tree

from .events import EpochEnded, Heartbeat
from .evidence import Growth, HeavyLine, Held
from .exceptions import Frame
from .hooks import ON_EPOCH_BEGIN, ON_EPOCH_END, call_hook
from .journal import Journal
from .loader import AuditedLoader, audited_files, open_loader
from .request import AuditRequest

# Growth is what the last epochs all did: the first ones fill caches.
EPOCHS_AT_MOST, EPOCHS_AT_LEAST, JUDGED = 8, 5, 3

# To reach the fewest epochs that are judged it may take so many times as long as it was given: beside other programs 3
# were too few.
PATIENCE = 10

# Lines of which memory is compared, and those that are named.
COMPARED, NAMED = 50, 3


def growth(request: AuditRequest, steps: int, seconds: float, journal: Journal) -> Growth:
    """Read epoch after epoch in one thread and see what is more after each.

    Args:
        request: what is audited.
        steps: batches of an epoch.
        seconds: to go on for; longer where that is not enough to judge.
        journal: gets an event per batch and per epoch.
    """
    seed_everything(0)
    with journal.kept_alive():
        loader = open_loader(request)
    held: list[Held] = []
    tracemalloc.start()
    passes = _passes(loader, steps, lambda: journal.write(Heartbeat()))
    end = time.perf_counter() + seconds
    early: tracemalloc.Snapshot | None = None
    cut = False
    while len(held) < EPOCHS_AT_MOST and next(passes, None) is not None:
        journal.write(EpochEnded())
        gc.collect()
        held.append(_held())
        if len(held) == EPOCHS_AT_LEAST - JUDGED:
            early = tracemalloc.take_snapshot()
        # Fewer tell nothing; but an epoch may take minutes.
        enough = len(held) >= EPOCHS_AT_LEAST
        if time.perf_counter() > (end if enough else end + PATIENCE * seconds):
            cut = not enough
            break
    lines = _heavy_lines(early, audited_files(request)) if early and len(held) >= EPOCHS_AT_LEAST else ()
    return Growth(tuple(held), lines, _targets(), cut)


def _heavy_lines(early: tracemalloc.Snapshot, theirs: Callable[[str], bool]) -> tuple[HeavyLine, ...]:
    """Lines of the person's code that hold more memory than before."""
    found = tracemalloc.take_snapshot().compare_to(early, "lineno")[:COMPARED]
    lines = [(part.traceback[0], part.size_diff) for part in found]
    return tuple(HeavyLine(line.filename, line.lineno, size) for line, size in lines if theirs(line.filename))[:NAMED]


def _held() -> Held:
    descriptors = Path("/proc/self/fd")
    return Held(
        bytes=tracemalloc.get_traced_memory()[0],
        threads=threading.active_count(),
        processes=len(tree(os.getpid())),
        files=len(list(descriptors.iterdir())) if descriptors.is_dir() else None,
    )


def _targets() -> tuple[Frame, ...]:
    """Where the functions are that living threads run."""
    codes = [getattr(getattr(thread, "_target", None), "__code__", None) for thread in threading.enumerate()]
    return tuple(Frame(code.co_filename, code.co_firstlineno, code.co_name) for code in codes if code is not None)


def _passes(loader: AuditedLoader, steps: int, beat: Callable[[], None]) -> Iterator[bool]:
    """Read an epoch at each step."""
    if loader.kind == SEQUENCE:
        while True:
            call_hook(loader.x, ON_EPOCH_BEGIN)
            for index in range(min(steps, loader.length() or steps)):
                loader.x[index]
                beat()
            call_hook(loader.x, ON_EPOCH_END)
            yield True
    elif loader.kind == DATASET:
        while True:
            for _ in itertools.islice(one_at_a_time(loader.x), steps):
                beat()
            yield True
    else:
        iterator = iter(loader.x)
        while _read(itertools.islice(iterator, steps), beat) == steps:
            yield True


def _read(batches: Iterator[object], beat: Callable[[], None]) -> int:
    number = 0
    for _ in batches:
        number += 1
        beat()
    return number
