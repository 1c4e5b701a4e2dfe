"""Keras 3.15.1 on JAX: of 97 batches some arrive twice in an epoch and as many never, without an error.

    KERAS_BACKEND=jax python misdelivery_jax.py [WORKERS]

Seen with Python 3.12.1, Keras 3.15.1, JAX 0.12.0.1; KERAS_BACKEND=torch shows it with torch 2.15.0 too.
"""

import collections
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
import keras
import numpy as np


class Numbered(keras.utils.PyDataset):
    def __len__(self):
        return 97

    def __getitem__(self, index):
        return np.full((8, 1), index, "float32"), np.zeros((8, 1), "float32")


class Noting(keras.Sequential):
    def train_step(self, *arguments):
        arrived[-1][int(keras.ops.convert_to_numpy(arguments[-1][0])[0, 0])] += 1
        return super().train_step(*arguments)


arrived, workers = [], int(sys.argv[1]) if len(sys.argv) > 1 else 4
begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs=None: arrived.append(collections.Counter()))
model = Noting([keras.layers.Dense(1)])
model.compile("sgd", "mse", run_eagerly=True)
model.fit(Numbered(workers=workers), epochs=3, verbose=0, callbacks=[begin])
for number, counts in enumerate(arrived, 1):
    twice, never = [i for i in counts if counts[i] > 1], [i for i in range(97) if not counts[i]]
    print(f"epoch {number}: {len(twice)} batches twice, {len(never)} never: {never}")
sys.exit(any(len(counts) < 97 for counts in arrived))
