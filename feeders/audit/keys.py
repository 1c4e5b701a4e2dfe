"""What could tell samples apart whose content is random: tried on two serial passes."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from typing import Any, Iterable, Iterator

import numpy as np

from feeders.keras_api import seed_everything
from feeders.loaders.opening import DATASET, SEQUENCE
from feeders.loaders.own import one_at_a_time
from feeders.measure.identity import as_array, named_parts

from .events import Heartbeat
from .evidence import Key
from .hooks import begin_epoch
from .journal import Journal
from .loader import AuditedLoader, open_loader
from .request import BACKWARD, FORWARD, AuditRequest

# Columns of a table that are tried one by one.
MOST_COLUMNS = 12

# Of what stands for a longer row.
DIGEST_BYTES = 16


def find_key(request: AuditRequest, steps: int, journal: Journal) -> Key:
    """Try candidates on two passes in one thread, the second one of a sequence from its last batch to its first.

    Args:
        request: what is audited.
        steps: batches of an epoch.
        journal: gets an event per batch.
    """
    passes: list[dict[str, list[Any]]] = []
    for seed in (FORWARD, BACKWARD):
        seed_everything(seed)
        values: dict[str, list[Any]] = {}
        with journal.kept_alive():
            loader = open_loader(request, alone=True)
        begin_epoch(loader.x)
        # Numbers that are drawn in turn are others in another order.
        order = range(steps) if seed == FORWARD else range(steps)[::-1]
        for number, batch in enumerate(itertools.islice(_batches(loader, order), steps)):
            journal.write(Heartbeat())
            parts = named_parts(batch)
            if not number:
                values = {expression: [] for name, part in parts.items() for expression in _candidates(name, part)}
            for expression in list(values):
                try:
                    values[expression] += _rows(eval(expression, {"np": np, **parts}))
                except Exception:  # it fits the first batch only
                    del values[expression]
        passes.append(values)
    first, second = passes
    telling = (name for name, rows in first.items() if rows and len(set(rows)) == len(rows))
    return Key(next((name for name in telling if Counter(first[name]) == Counter(second.get(name, ()))), ""))


def _batches(loader: AuditedLoader, order: Iterable[int]) -> Iterator[Any]:
    if loader.kind == SEQUENCE:
        return (loader.x[index] for index in order)
    return one_at_a_time(loader.x) if loader.kind == DATASET else iter(loader.x)


def _rows(value: Any) -> list[Any]:
    array = np.ascontiguousarray(as_array(value))
    if array.dtype.kind in "OSU":  # text, of which the bytes are addresses, or as many as the longest of its batch has
        return [repr(row) for row in array.tolist()]
    return [_short(row.tobytes()) for row in array]


def _short(row: bytes) -> bytes:
    """Stand for a row by so few bytes: pictures of an epoch, several times over, are more than there is memory."""
    return row if len(row) <= DIGEST_BYTES else hashlib.blake2b(row, digest_size=DIGEST_BYTES).digest()


def _candidates(path: str, part: Any) -> Iterator[str]:
    """Yield expressions over an array, or over each array of a nested part; the simplest first."""
    if isinstance(part, dict):
        for name, inner in part.items():
            yield from _candidates(f"{path}[{name!r}]", inner)
        return
    if isinstance(part, (tuple, list)):
        for number, inner in enumerate(part):
            yield from _candidates(f"{path}[{number}]", inner)
        return
    shape = as_array(part).shape
    if not shape:
        return
    yield path
    columns = [f"{path}[:, {column}]" for column in range(min(shape[1], MOST_COLUMNS))] if len(shape) == 2 else []
    yield from columns
    yield from (f"np.round({column})" for column in columns)
    yield f"np.round({path})"
    if len(shape) > 1:
        flat = f"np.reshape({path}, (len({path}), -1))"
        yield from (f"np.round({flat}.mean(1))", f"{flat}.argmax(1)")
