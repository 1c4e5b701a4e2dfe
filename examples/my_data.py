"""Loaders as people write them, to try the commands on: one is unsafe with threads, one is slow."""

import os
import tempfile
from pathlib import Path

import keras
import numpy as np

ROWS, COLUMNS, BATCH = 3200, 256, 32
NUMBERS = np.random.default_rng(0).random((ROWS, COLUMNS), dtype="float32")
LINES = [",".join(f"{number:.5f}" for number in row) for row in NUMBERS]

PATH = Path(tempfile.gettempdir(), f"my-data-{os.getuid()}.bin")
if not PATH.exists() or PATH.stat().st_size != NUMBERS.nbytes:  # a worker may be reading it already
    PATH.write_bytes(NUMBERS.tobytes())


class Records(keras.utils.Sequence):
    """Reads each batch from one open file. All threads share its position."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.file = open(PATH, "rb")  # noqa: SIM115

    def __len__(self):
        return ROWS // BATCH

    def __getitem__(self, index):
        self.file.seek(4 * COLUMNS * BATCH * index)
        raw = self.file.read(4 * COLUMNS * BATCH)
        x = np.frombuffer(raw, "float32").reshape(BATCH, COLUMNS)
        return x, x[:, 0] > 0.5


class Parsed(keras.utils.Sequence):
    """Parses lines in pure Python, which holds the GIL."""

    def __len__(self):
        return ROWS // BATCH

    def __getitem__(self, index):
        lines = LINES[BATCH * index : BATCH * (index + 1)]
        x = np.array([[float(number) for number in line.split(",")] for line in lines], "float32")
        return x, x[:, 0] > 0.5
