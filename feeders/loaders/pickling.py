"""What keeps a loader from reaching a worker process that is started anew."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import Any

# How deep attributes are followed; loaders hold readers that hold files.
DEPTH = 4

# Of a list or dict, so many entries are looked at.
ENTRIES = 50


@dataclass(frozen=True)
class PicklingFault:
    """What keeps an object from being pickled for a worker process.

    Attributes:
        attribute: the part that can't be.
        type: of that part.
        error: what pickling says.
    """

    attribute: str
    type: str
    error: str

    def text(self) -> str:
        """Say it in a line."""
        return f"{self.attribute} ({self.type}): {self.error}"


class _Nowhere:
    def write(self, data: Any) -> int:
        return memoryview(data).nbytes


def pickling_fault(thing: Any) -> PicklingFault | None:
    """Return what keeps an object from being pickled for a worker process, or None.

    A careless ``__getstate__`` takes from the object itself, and not from a copy of its state: that is put back.
    """
    held = getattr(thing, "__dict__", {})
    before = dict(held)
    try:
        return _fault(thing)
    finally:
        lost = {name: part for name, part in before.items() if held.get(name) is not part}
        if lost:
            held.update(lost)


def _fault(thing: Any) -> PicklingFault | None:
    error = _refuses(thing)
    if error is None:
        return None
    path, culprit = "self", thing
    for _ in range(DEPTH):
        inner = next(((name, part) for name, part in parts_of(culprit) if _refuses(part)), None)
        if inner is None:
            break
        path, culprit = path + inner[0], inner[1]
    return PicklingFault(path, type(culprit).__name__, error)


def _refuses(thing: Any) -> str | None:
    try:
        ForkingPickler(_Nowhere(), pickle.HIGHEST_PROTOCOL).dump(thing)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def parts_of(thing: Any) -> list[tuple[str, Any]]:
    """Return what a thing holds, by the way to it."""
    if isinstance(thing, dict):
        return [(f"[{key!r}]", part) for key, part in list(thing.items())[:ENTRIES]]
    if isinstance(thing, (list, tuple)):
        return [(f"[{number}]", part) for number, part in enumerate(thing[:ENTRIES])]
    state = getattr(thing, "__dict__", {})
    return [(f".{name}", part) for name, part in state.items()]
