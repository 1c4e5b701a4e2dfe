"""What goes wrong beside delivery: random numbers of worker processes, state that grows, batches beyond the length."""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any, Iterator

from feeders.keras_api import seed_everything
from feeders.loaders.opening import DATASET, SEQUENCE
from feeders.measure.processes import tree

from .journal import Journal
from .loader import Loader, audited_files, identity_of, open_loader
from .request import Request
from .serial import call_hook, one_at_a_time

# Processes and calls that must agree before their random numbers are called the same.
PROCESSES, CALLS = 3, 3

# Growth is what the last epochs all did: the first ones fill caches.
EPOCHS_AT_MOST, EPOCHS_AT_LEAST, JUDGED = 8, 5, 3

# To reach the fewest epochs that are judged it may take so many times as long as it was given: ``fit()`` runs at the
# same time, and beside other programs 3 were too few.
PATIENCE = 10

# Less is a log or a counter.
GROWTH_BYTES = 64 << 10

# How far beyond the length a loader is asked: one that answers there has no end, its length is a choice.
FAR = 1000


def draws(request: Request, steps: int, seed: int, journal: Journal) -> dict[str, Any]:
    """Let several worker processes make the same first calls.

    Returns:
        "processes": contents of each process' calls; "alone": contents of the same calls, twice, in one process.
    """
    seed_everything(seed)
    loader = open_loader(request)
    indices = [(seed + number) % steps for number in range(CALLS)]
    context: Any = multiprocessing.get_context(request.start_method)
    results = context.SimpleQueue()
    processes = [context.Process(target=_draw, args=(request, loader.x, indices, results)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    given = [results.get() for _ in processes]
    for process in processes:
        process.join()
    journal.write("drawn")
    alone = [[loader.identity.columns(loader.x[index]).contents for index in indices] for _ in range(2)]
    return {"processes": given, "alone": alone}


def _draw(request: Request, x: Any, indices: list[int], results: Any) -> None:
    identity = identity_of(request)
    results.put([identity.columns(x[index]).contents for index in indices])


def growth(request: Request, steps: int, seconds: float, journal: Journal) -> dict[str, Any]:
    """Read epoch after epoch in one thread and see what is more after each.

    Returns:
        "epochs": for each, bytes that Python objects hold, and counts of threads, child processes and open files;
        "lines": source lines that hold more memory at the end, [file, line, bytes]; "targets": what threads run;
        "cut": whether the time was up before there were enough epochs to judge.
    """
    seed_everything(0)
    theirs = audited_files(request)
    loader = open_loader(request)
    epochs: list[dict[str, int]] = []
    tracemalloc.start()
    passes = _passes(loader, steps)
    end = time.perf_counter() + seconds
    early: tracemalloc.Snapshot | None = None
    cut = False
    for _ in range(EPOCHS_AT_MOST):
        if next(passes, None) is None:
            break
        journal.write("grown")
        gc.collect()
        epochs.append(_held())
        if len(epochs) == EPOCHS_AT_LEAST - JUDGED:
            early = tracemalloc.take_snapshot()
        # Fewer tell nothing; but an epoch may take minutes.
        enough = end if len(epochs) >= EPOCHS_AT_LEAST else end + PATIENCE * seconds
        if time.perf_counter() > enough:
            cut = len(epochs) < EPOCHS_AT_LEAST
            break
    lines: list[Any] = []
    if early is not None and len(epochs) >= EPOCHS_AT_LEAST:
        late = tracemalloc.take_snapshot()
        differences = [(part.traceback[0], part.size_diff) for part in late.compare_to(early, "lineno")]
        lines = [[frame.filename, frame.lineno, size] for frame, size in differences[:50] if theirs(frame.filename)]
    return {"epochs": epochs, "lines": lines[:3], "targets": _targets(), "cut": cut}


def _held() -> dict[str, int]:
    held = {
        "bytes": tracemalloc.get_traced_memory()[0],
        "threads": threading.active_count(),
        "processes": len(tree(os.getpid())),
    }
    descriptors = Path("/proc/self/fd")
    if descriptors.is_dir():
        held["files"] = len(list(descriptors.iterdir()))
    return held


def _targets() -> list[list[Any]]:
    """Where the functions are that living threads run: file, line and name."""
    codes = [getattr(getattr(thread, "_target", None), "__code__", None) for thread in threading.enumerate()]
    return [[code.co_filename, code.co_firstlineno, code.co_name] for code in codes if code is not None]


def _passes(loader: Loader, steps: int) -> Iterator[bool]:
    """Read an epoch at each step."""
    if loader.kind == SEQUENCE:
        while True:
            call_hook(loader.x, "on_epoch_begin")
            for index in range(steps):
                loader.x[index]
            call_hook(loader.x, "on_epoch_end")
            yield True
    elif loader.kind == DATASET:
        while True:
            for _ in itertools.islice(one_at_a_time(loader.x), steps):
                pass
            yield True
    else:
        iterator = iter(loader.x)
        while sum(1 for _ in itertools.islice(iterator, steps)) == steps:
            yield True


def beyond(request: Request, length: int, journal: Journal) -> dict[str, Any]:
    """Ask a sequence for batches beyond its length, which nobody does while training.

    Returns:
        "contents": of the batches at ``length``, ``length`` + 1, ... up to the first empty or refused one; None if the
        loader answers far beyond, so that its length is a choice and no end of its data; "size": of a full batch.
    """
    seed_everything(0)
    loader = open_loader(request)

    def contents(index: int) -> list[int]:
        journal.write("beyond", index=index)
        try:
            return loader.identity.columns(loader.x[index]).contents
        except Exception:
            return []

    if contents(length * 10 + FAR):
        return {"contents": None, "size": 0}
    found = list(itertools.takewhile(bool, (contents(length + number) for number in range(length + FAR))))
    return {"contents": found, "size": len(contents(0))}
