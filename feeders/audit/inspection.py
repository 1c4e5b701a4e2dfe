"""Looking into a loader without running it: what can't be pickled, whose memory a batch is, what handles it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator

import numpy as np

from feeders.loaders.pickling import DEPTH, parts_of
from feeders.measure.identity import leaves


@dataclass(frozen=True)
class Handle:
    """An open file, archive or database.

    Attributes:
        path: attribute that holds it.
        type: its class.
        library: a library stands before the file, so that no seek or read shows in the person's code.
    """

    path: str
    type: str
    library: bool


@dataclass(frozen=True)
class DtypeChange:
    """An array that has another dtype than in the first batch.

    Attributes:
        index: of the batch.
        path: to the array.
        first: its dtype in the first batch; empty where it is not there.
        now: its dtype in this one; likewise.
    """

    index: int
    path: str
    first: str
    now: str


def memory_owner(thing: Any, batch: Any) -> str | None:
    """Return the attribute whose memory a returned batch is part of, or None."""
    for path, part in reachable(thing):
        if isinstance(part, np.ndarray):
            for leaf in leaves(batch):
                if isinstance(leaf, np.ndarray) and np.may_share_memory(part, leaf):
                    return path
    return None


def share_memory(one: Any, other: Any) -> bool:
    """Whether two batches may lie in the same memory."""
    first, second = ([leaf for leaf in leaves(batch) if isinstance(leaf, np.ndarray)] for batch in (one, other))
    return any(np.may_share_memory(a, b) for a in first for b in second)


def dtypes(batch: Any, path: str = "batch") -> dict[str, str]:
    """Return the dtype of each array of a nested batch, by the way to it."""
    if isinstance(batch, dict):
        parts = [(f"{path}[{name!r}]", part) for name, part in batch.items()]
    elif isinstance(batch, (tuple, list)):
        names = ("x", "y", "sample_weight") if path == "batch" else ()
        parts = [
            (names[number] if number < len(names) else f"{path}[{number}]", part) for number, part in enumerate(batch)
        ]
    else:
        dtype = getattr(batch, "dtype", None)
        return {} if batch is None else {path: str(getattr(dtype, "name", None) or dtype or type(batch).__name__)}
    return {name: dtype for inner, part in parts for name, dtype in dtypes(part, inner).items()}


def dtype_change(index: int, first: dict[str, str], now: dict[str, str]) -> DtypeChange | None:
    """Return an array that Keras can't bring to the dtype of the first batch without loss, or that is not in both."""
    for path in sorted({*first, *now}):
        was, is_now = first.get(path, ""), now.get(path, "")
        if not (was and is_now) or (_rank(is_now) > _rank(was)):
            return DtypeChange(index, path, was, is_now)
    return None


def _rank(dtype: str) -> int:
    """Whole numbers become decimals without loss, and not the other way round; the width is Keras' own choice."""
    ranks = {"bool": 0, "int": 1, "uint": 1, "float": 2, "bfloat": 2, "complex": 3}
    return ranks.get(dtype.rstrip("0123456789"), -1)


def handles(thing: Any) -> tuple[Handle, ...]:
    """Return the open files, archives and databases that an object holds."""
    found = [(path, type(part)) for path, part in reachable(thing) if is_handle(part)]
    return tuple(
        Handle(path, kind.__name__, kind.__module__.split(".")[0] not in ("io", "_io")) for path, kind in found
    )


def is_handle(part: Any) -> bool:
    """Whether an object reads from a position or a library handle that its users share."""
    origin = type(part).__module__.split(".")[0]
    if origin == "h5py":
        return hasattr(part, "id")
    if origin in ("zipfile", "tarfile", "sqlite3", "lmdb", "netCDF4"):
        return True
    return _is_method(part, "seek") and _is_method(part, "read")


def _is_method(part: Any, name: str) -> bool:
    """Whether an object has such a method; one that makes attributes of its keys may raise, or have any."""
    try:
        return callable(getattr(part, name, None))
    except Exception:
        return False


def reachable(thing: Any) -> Iterator[tuple[str, Any]]:
    """Walk what an object holds, by attribute and entry, each object once."""
    seen = {id(thing)}
    queue = [("self", thing, 0)]
    while queue:
        path, part, depth = queue.pop(0)
        yield path, part
        if depth == DEPTH or isinstance(part, (str, bytes, np.ndarray, type)):
            continue
        for name, inner in parts_of(part):
            if id(inner) not in seen:
                seen.add(id(inner))
                queue.append((path + name, inner, depth + 1))
