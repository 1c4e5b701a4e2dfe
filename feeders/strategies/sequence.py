"""``Sequence``/``PyDataset`` objects: no lock, a lock per instance, per call, and one that pickles."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from feeders.keras_api import as_sequence
from feeders.loaders import Loader

from ._feeder import Feed, Feeder
from ._feeds import sequence_feed


class Unlocked:
    """Batch ``i`` is prepared by whichever worker is asked for it; safe while the loader shares no state."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self.epoch = 0
        if loader.hooks:  # Keras 3 calls it when its workers have started already: no method for those that need none
            self.on_epoch_begin = loader.on_epoch_begin

    def __len__(self) -> int:
        return len(self.loader)

    def __getitem__(self, index: int) -> Any:
        return self.loader.batch(index, self.epoch)

    def on_epoch_end(self) -> None:
        """Keras calls it between epochs."""
        self.epoch += 1
        self.loader.on_epoch_end()


class Locked(Unlocked):
    """One lock per instance: workers take turns. It can't be pickled, and a forked worker has its own copy."""

    def __init__(self, loader: Loader) -> None:
        super().__init__(loader)
        self.lock = threading.Lock()

    def __getitem__(self, index: int) -> Any:
        with self.lock:
            return super().__getitem__(index)


class CallLocked(Unlocked):
    """A new lock in each call: it pickles, and nobody ever waits for it."""

    def __getitem__(self, index: int) -> Any:
        with threading.Lock():
            return super().__getitem__(index)


class PicklableLocked(Locked):
    """The lock stays out of the pickled state and is made again on the other side."""

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.lock = threading.Lock()


def _build(body: type, processes: bool, loader: Loader, workers: int) -> Feed:
    return sequence_feed(as_sequence(body)(loader), workers, processes)


def _row(name: str, body: type, processes: bool, summary: str, belief: str) -> Feeder:
    shared_by = "processes" if processes else "lock" if body in (Locked, PicklableLocked) else "threads"
    # A lock made in the call, and one that is copied with its process, exclude nobody.
    mistake = body is CallLocked or (body is Locked and processes)
    return Feeder(name, partial(_build, body, processes), summary, belief, shared_by=shared_by, mistake=mistake)


ROWS = (
    _row(
        "sequence",
        Unlocked,
        False,
        "Sequence/PyDataset without a lock",
        "safe only while __getitem__ shares no state",
    ),
    _row(
        "sequence-lock",
        Locked,
        False,
        "one threading.Lock made in __init__ and held in __getitem__",
        "safe, serial; can't be pickled",
    ),
    _row(
        "sequence-call-lock",
        CallLocked,
        False,
        "a new Lock() made inside each call",
        "looks like the repair of the pickling error; locks nothing",
    ),
    _row(
        "sequence-picklable-lock",
        PicklableLocked,
        False,
        "the lock left out of the pickled state and made again",
        "the right repair of the pickling error; serial among threads",
    ),
    _row(
        "sequence-processes",
        Unlocked,
        True,
        "no lock, use_multiprocessing=True",
        "parallel whatever holds the GIL; pays for start-up and copies",
    ),
    _row(
        "sequence-lock-processes",
        Locked,
        True,
        "the instance lock, use_multiprocessing=True",
        "forked: each worker has its own copy of the lock, it excludes nobody",
    ),
    _row(
        "sequence-call-lock-processes",
        CallLocked,
        True,
        "the lock made per call, use_multiprocessing=True",
        "as without a lock",
    ),
)
