"""What people hand to fit() beside a tuple of two arrays: frames, dicts, lists, ragged tensors."""

import numpy as np
import pandas as pd

from feeders.keras_api import sequence_base

# 12 batches of arrays as Keras cuts them, the last one of 20.
COUNT, BATCH = 372, 8

FRAME = pd.DataFrame({"a": np.arange(COUNT, dtype=float), "b": np.arange(COUNT) * 2.0, "y": np.arange(COUNT) % 3})

pair = (FRAME[["a", "b"]], FRAME["y"])
named = ({"a": FRAME["a"].to_numpy(), "b": FRAME["b"].to_numpy()}, FRAME["y"].to_numpy())
listed = ([FRAME["a"].to_numpy(), FRAME["b"].to_numpy()], FRAME["y"].to_numpy())


def _rows(start, stop):
    """Rows of one to three numbers each, no two of them alike."""
    import tensorflow as tf

    lengths = np.arange(start, stop) % 3 + 1
    values = np.concatenate([np.full(length, row) for row, length in zip(range(start, stop), lengths)])
    return tf.RaggedTensor.from_row_lengths(values.astype(np.float32), lengths)


def ragged():
    return _rows(0, COUNT), np.arange(COUNT) % 3


class Ragged(sequence_base()):
    def __init__(self):
        super().__init__()

    def __len__(self):
        return COUNT // BATCH

    def __getitem__(self, index):
        return _rows(index * BATCH, (index + 1) * BATCH), np.arange(BATCH)
