"""Batches beyond the length of a sequence, which nobody asks for while training."""

from __future__ import annotations

import itertools

from feeders.keras_api import seed_everything

from .events import Heartbeat
from .evidence import Bounds
from .hooks import begin_epoch
from .journal import Journal
from .loader import open_loader
from .request import FORWARD, AuditRequest

# How far beyond the length a loader is asked: one that answers there has no end, its length is a choice.
FAR = 1000


def bounds(request: AuditRequest, length: int, column: str, journal: Journal) -> Bounds:
    """Ask a sequence for the batches at its length and beyond.

    Args:
        request: what is audited.
        length: of the sequence.
        column: of `Columns` by which samples are known: contents, or keys where those are random.
        journal: gets an event per batch.
    """
    seed_everything(FORWARD)
    with journal.kept_alive():
        loader = open_loader(request)
    begin_epoch(loader.x)

    def samples(index: int) -> tuple[int, ...]:
        journal.write(Heartbeat())
        try:
            return loader.identity.columns(loader.x[index]).column(column)
        except Exception:
            return ()

    first = samples(0)
    if samples(length * 10 + FAR):
        return Bounds(None, first)
    beyond = (samples(length + number) for number in range(length + FAR))
    return Bounds(tuple(itertools.takewhile(bool, beyond)), first)
