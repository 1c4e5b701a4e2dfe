"""Loaders that share no state and are right: what goes wrong with them is Keras' own. Opened by name, as any loader."""

from __future__ import annotations

from typing import Any, Iterator

import numpy as np

from feeders.keras_api import sequence_base

BATCHES, SIZE = 97, 8

# Whole numbers come first: Keras learns dtypes from the first batches.
WHOLE = 5


def _batch(index: int, dtype: str = "float32") -> tuple[Any, Any]:
    x = np.arange(SIZE * index, SIZE * (index + 1)).astype(dtype).reshape(-1, 1)
    return x, np.zeros((SIZE, 1), np.float32)


class Numbered(sequence_base()):  # type: ignore[misc]
    """Each sample once, in order."""

    def __init__(self) -> None:
        super().__init__()

    def __len__(self) -> int:
        return BATCHES

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return _batch(index)


class Changing(Numbered):
    """Another length in each epoch, which is allowed where it is asked for again."""

    epoch = 0

    def __len__(self) -> int:
        return (20, 30, 10, 25)[self.epoch % 4]

    def on_epoch_end(self) -> None:
        """Go on to the next length."""
        self.epoch += 1


class Decimals(Numbered):
    """Whole numbers first and decimals later, as chunks of a table may be read."""

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        x, y = _batch(index, "int64" if index < WHOLE else "float32")
        return (x if index < WHOLE else x + 0.5), y


def numbered() -> Iterator[tuple[Any, Any]]:
    """Yield each sample once, then again."""
    while True:
        yield from map(_batch, range(BATCHES))


def arrays_of_tensorflow() -> Any:
    """Return a pipeline of the same batches."""
    import tensorflow as tf

    x = np.arange(SIZE * BATCHES, dtype=np.float32).reshape(-1, 1)
    return tf.data.Dataset.from_tensor_slices((x, np.zeros_like(x))).batch(SIZE).prefetch(2)
