"""Keras 3.15.1: of 50 batches 21 ever arrive with steps_per_epoch=10 and 4 workers, without an error.

    python steps_per_epoch.py [WORKERS [EPOCHS]]

Seen with Python 3.12.1, Keras 3.15.1, TensorFlow 2.21.0; KERAS_BACKEND chooses another backend.
"""

import collections
import sys

import keras
import numpy as np

BATCHES, STEPS = 50, 10


class Numbered(keras.utils.PyDataset):
    def __len__(self):
        return BATCHES

    def __getitem__(self, index):
        return np.full((8, 1), index, "float32"), np.zeros((8, 1), "float32")


class Noting(keras.Sequential):
    def train_step(self, *arguments):
        arrived[-1].append(int(keras.ops.convert_to_numpy(arguments[-1][0])[0, 0]))
        return super().train_step(*arguments)


workers, epochs = (int(sys.argv[place]) if len(sys.argv) > place else default for place, default in ((1, 4), (2, 5)))
arrived = []
begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs=None: arrived.append([]))
model = Noting([keras.layers.Dense(1)])
model.compile("sgd", "mse", run_eagerly=True)
model.fit(Numbered(workers=workers), epochs=epochs, steps_per_epoch=STEPS, shuffle=False, verbose=0, callbacks=[begin])
for number, batches in enumerate(arrived, 1):
    print(f"epoch {number}: batches {batches}")
counts = collections.Counter(batch for batches in arrived for batch in batches)
due = min(BATCHES, STEPS * epochs)
print(f"{workers} workers, {epochs} epochs of {STEPS} steps: {len(counts)} of {due} batches arrived")
sys.exit(len(counts) < due)
