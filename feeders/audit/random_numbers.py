"""Random numbers of worker processes, which may be the same in each."""

from __future__ import annotations

import multiprocessing
from typing import Any, Sequence

from feeders.keras_api import seed_everything

from .events import Heartbeat
from .evidence import Draws
from .hooks import begin_epoch
from .journal import Journal
from .loader import identity_of, open_loader
from .request import AuditRequest

# Processes and calls that must agree before their random numbers are called the same.
PROCESSES, CALLS = 3, 3


def draws(request: AuditRequest, steps: int, seed: int, journal: Journal) -> Draws:
    """Let several worker processes make the same first calls.

    Args:
        request: what is audited.
        steps: batches of an epoch.
        seed: of the global random numbers, and of which calls are made.
        journal: gets an event when they are done.
    """
    seed_everything(seed)
    with journal.kept_alive():
        loader = open_loader(request)
    begin_epoch(loader.x)
    indices = [(seed + number) % steps for number in range(CALLS)]
    context: Any = multiprocessing.get_context(request.start_method)
    results = context.SimpleQueue()
    processes = [context.Process(target=_draw, args=(request, loader.x, indices, results)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    given = tuple(results.get() for _ in processes)
    for process in processes:
        process.join()
    journal.write(Heartbeat())
    return Draws(given, tuple(_contents(request, loader.x, indices) for _ in range(2)))


def _draw(request: AuditRequest, x: Any, indices: Sequence[int], results: Any) -> None:
    results.put(_contents(request, x, indices))


def _contents(request: AuditRequest, x: Any, indices: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    identity = identity_of(request)
    return tuple(identity.columns(x[index]).contents for index in indices)
