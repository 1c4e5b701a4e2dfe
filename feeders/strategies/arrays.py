"""Everything in memory before ``fit()`` starts: whole arrays, or one batch again and again."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from feeders.errors import Unsupported
from feeders.keras_api import TENSORFLOW, backend, flatten, map_structure
from feeders.loaders import STATIC_EPOCH, Loader

from ._feeder import Feed, Feeder
from ._feeds import iterator_feed


def _arrays(loader: Loader, workers: int) -> Feed:
    batches = [loader.batch(index, STATIC_EPOCH) for index in range(len(loader))]
    _check_cuts(loader.name, [rows(batch) for batch in batches])
    try:
        whole = map_structure(lambda *parts: np.concatenate(parts), *batches)
    except ValueError as error:
        raise Unsupported(f"arrays on {loader.name}: its batches can't be joined ({error})") from None
    x, *rest = whole if isinstance(whole, (tuple, list)) else (whole,)
    y, *weights = rest or [None]
    fit: dict[str, Any] = {"batch_size": rows(batches[0])}
    if weights:
        fit["sample_weight"] = weights[0]
    return Feed(x, y, fit=fit)


def _check_cuts(name: str, sizes: list[int]) -> None:
    """See to it that ``fit()`` cuts the arrays into the batches that they were made of.

    Raises:
        Unsupported: they are not of one size.
    """
    first, last = sizes[0], sizes[-1]
    if set(sizes[:-1]) - {first} or last > first:
        raise Unsupported(
            f"arrays on {name}: batches of {min(sizes)} to {max(sizes)} rows; fit(x, y) cuts all but the last equally"
        )


def rows(batch: Any) -> int:
    """Return how many samples a batch has."""
    return len(next(leaf for leaf in flatten(batch) if leaf is not None))


def _resident(loader: Loader, workers: int) -> Feed:
    batch, short, count = loader.batch(0, STATIC_EPOCH), rows(loader.batch(len(loader) - 1, STATIC_EPOCH)), len(loader)
    if backend() == TENSORFLOW:
        from .tfdata import repeated

        return Feed(repeated(batch, count, short))
    # tf.data is a detour there: NumPy arrays train three times as many samples on JAX, 1.3 times as many on torch.
    last = map_structure(lambda leaf: leaf[:short], batch)
    batches = itertools.cycle([*[batch] * (count - 1), last])
    return iterator_feed((batch for batch in batches), count, workers=1, processes=False)


RESIDENT = Feeder(
    "resident",
    _resident,
    "one batch kept in memory and repeated",
    "the ceiling: what fit() does when data costs nothing; not a way to train",
    parallel=False,
    ceiling=True,
)

ROWS = (
    RESIDENT,
    Feeder(
        "arrays",
        _arrays,
        "fit(x, y)",
        "the baseline, where everything fits in memory",
        parallel=False,
        needs="all batches prepared once and kept in memory",
        whole=True,
    ),
)
