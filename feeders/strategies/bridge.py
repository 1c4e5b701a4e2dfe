"""A bridge that lets several workers pull from one thread-safe iterator, under any Keras.

Keras 3 takes generators and ``PyDataset`` objects but no other iterators, and gives generators one thread. An
indexable object whose ``__getitem__`` pulls the next batch, whatever the index, is accepted by Keras 2 and 3 and gets
the workers.
"""

from __future__ import annotations

import threading
from typing import Any, Iterator

from feeders.errors import Unsupported
from feeders.keras_api import TENSORFLOW, as_sequence, backend

from ._feeder import Feed
from ._feeds import sequence_feed

# Keras 3 reads two batches to learn their shapes (data_adapter_utils.py:NUM_BATCHES_FOR_TENSOR_SPEC), Keras 2 one.
PROBES = 2


class Bridge:
    """Batch ``i`` of an epoch is whatever the iterator yields next.

    An epoch pulls exactly as many batches as it trains on, so that passes and epochs stay aligned; the order inside an
    epoch is that in which workers come back. What Keras reads before training, to learn shapes, is kept and handed out
    when the index is asked for again; those reads come from the thread that calls ``fit()``, which must be the one that
    made the bridge.

    Args:
        iterator: a thread-safe, endless iterator of batches.
        steps: batches per epoch, more than two.
    """

    def __init__(self, iterator: Iterator[Any], steps: int) -> None:
        self._iterator = iterator
        self._steps = steps
        self._owner = threading.get_ident()
        self._probed: dict[int, Any] = {}

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> Any:
        kept = self._probed.pop(index, None)
        if kept is not None:
            return kept
        batch = next(self._iterator)
        if threading.get_ident() == self._owner:
            self._keep(index, batch)
        return batch

    def _keep(self, index: int, batch: Any) -> None:
        if index < PROBES:
            self._probed[index] = batch
        else:  # this thread is training, not probing: what it took before has been used
            self._probed.clear()


def bridge_feed(iterator: Iterator[Any], steps: int, workers: int) -> Feed:
    """Feed a thread-safe iterator to ``workers`` threads through a `Bridge`.

    Raises:
        Unsupported: training could not be told from a look at the shapes, and would get batches twice.
    """
    # TensorFlow pulls in a thread of its own, and several workers are threads too.
    if steps <= PROBES and workers == 1 and backend() != TENSORFLOW:
        raise Unsupported(
            f"a bridge with one worker on {backend()}: an epoch has {steps} batches; expected more than {PROBES}: "
            "Keras may read as many to learn shapes. Try: prefetch-thread"
        )
    return sequence_feed(as_sequence(Bridge)(iterator, steps), workers, processes=False)
