"""A program that trains on each pool, on the backend of its environment, and prints what it saw as JSON.

It runs as people's scripts do: pools before the model, after it, with exceptions in training and in a worker. A model
with one weight per batch counts: every time a batch is trained on, its weight falls by one.
"""

import gc
import json
import multiprocessing
import sys
import threading
import time

import numpy as np
from pool_loaders import STEPS, At, kill_worker, raise_in_worker

from feeders import keras_api
from feeders.strategies.lookahead_processes import LookaheadProcesses, _safest_start
from feeders.strategies.lookahead_threads import LookaheadThreads
from feeders.strategies.pool_dataset import pool_dataset
from feeders.strategies.prefetch_thread import PrefetchThread
from feeders.strategies.queue_threads import QueueThreads

EPOCHS = 3


class OneHot:
    """Row `index` of the identity matrix, in x."""

    def __init__(self, before=None):
        self.before = before

    def __len__(self):
        return STEPS

    def batch(self, index, epoch):
        if self.before:
            self.before(epoch, index)
        x = np.zeros((1, STEPS), np.float32)
        x[0, index] = 1
        return x, np.zeros((1, 1), np.float32)


def generated(loader):
    epoch = 0
    while True:
        for index in range(STEPS):
            yield loader.batch(index, epoch)
        epoch += 1


class Prefetched:
    """A `PrefetchThread` of a generator, made like the other pools."""

    def __init__(self, loader, _workers):
        self._prefetch = PrefetchThread(lambda: generated(loader))
        self.batches, self.close = self._prefetch.batches, self._prefetch.close

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


POOLS = {
    "lookahead-threads": LookaheadThreads,
    "lookahead-processes": LookaheadProcesses,
    "prefetch-thread": Prefetched,
    "queue-threads": QueueThreads,
}


def make_model():
    keras = keras_api.keras()
    model = keras.Sequential([keras.layers.Input((STEPS,)), keras.layers.Dense(1, use_bias=False)])
    optimizer = keras.optimizers.SGD(1.0)
    loss = lambda _, predicted: predicted  # noqa: E731
    model.compile(optimizer, loss, **keras_api.compile_options())
    return model


def make_counts(act):
    """Return a callback that notes how often each batch of an epoch was trained on, and acts in the midst of one."""

    class Counts(keras_api.keras().callbacks.Callback):  # here, since workers import this file and need no Keras
        epochs = []

        def on_epoch_begin(self, epoch, logs=None):
            self.before = self.model.get_weights()[0].ravel()

        def on_epoch_end(self, epoch, logs=None):
            counted = self.before - self.model.get_weights()[0].ravel()
            self.epochs.append([round(float(count)) for count in counted])

        def on_train_batch_end(self, batch, logs=None):
            if act and batch == 2:
                act(self)

    return Counts()


def as_generator(pool):
    return {"x": pool.batches(), "steps_per_epoch": STEPS}


def as_dataset(pool):
    return {"x": pool_dataset(pool)}


def fit(model, pool, act=None, feed=as_generator):
    """Train and return the counts of each epoch, and the text of the exception that ended it."""
    counts = make_counts(act)
    try:
        model.fit(**feed(pool), epochs=EPOCHS, verbose=0, callbacks=[counts])
    except BaseException as error:
        return counts.epochs, f"{type(error).__name__}: {error}"
    return counts.epochs, ""


def leave(_):
    raise OSError("planted in training")


def stop(counts):
    counts.model.stop_training = True


def alive():
    """Count child processes, and the threads that this program's Python code started."""
    gc.collect()
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("Thread-")]
    return len(multiprocessing.active_children()) + len(threads)


def left(before):
    """Count what is left, once what is about to go is gone."""
    deadline = time.monotonic() + 10
    while alive() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive() - before


def train(name):
    """Return what was seen of one pool."""
    before, pool_of, model, seen = alive(), POOLS[name], make_model(), {}
    with pool_of(OneHot(), 3) as pool:
        seen["whole"] = fit(model, pool)
        seen["stopped"] = fit(model, pool, stop)
        seen["again"] = fit(model, pool)
    with pool_of(OneHot(), 3) as pool:
        seen["training raises"] = fit(model, pool, leave)
    with pool_of(OneHot(At(raise_in_worker, 3, 1)), 3) as pool:
        seen["worker raises"] = fit(model, pool)
    if name == "lookahead-processes":
        with pool_of(OneHot(At(kill_worker, 3, 1)), 3) as pool:
            seen["worker dies"] = fit(model, pool)
    del pool
    seen["left"] = left(before)
    return seen


def train_on_dataset():
    """Return what was seen of a pool that is fed as a dataset."""
    before, model = alive(), make_model()
    with LookaheadProcesses(OneHot(), 3) as pool:
        runs = {"whole": None, "stopped": stop, "again": None, "training raises": leave, "once more": None}
        seen = {name: fit(model, pool, act, as_dataset) for name, act in runs.items()}
    with LookaheadProcesses(OneHot(At(raise_in_worker, 3, 1)), 3) as pool:
        seen["worker raises"] = fit(model, pool, feed=as_dataset)
    del pool
    return {**seen, "left": left(before)}


class Large:
    """64 kB of one number."""

    def __len__(self):
        return 100

    def __getitem__(self, index):
        return np.full((64, 256), index, np.float32)


def keep(backend, arrays):
    """Make the backend's arrays without a copy, keep them, and return those that changed, and how many were aliases."""
    if backend == "tensorflow":
        import tensorflow as tf

        signature = tf.TensorSpec((64, 256), tf.float32)
        kept = [*tf.data.Dataset.from_generator(lambda: arrays, output_signature=signature).prefetch(3).take(100)]
    elif backend == "jax":
        import jax

        kept = [jax.device_put(next(arrays)) for _ in range(100)]
    else:
        import torch

        kept = [torch.from_numpy(next(arrays)) for _ in range(100)]
    for _ in range(100):
        next(arrays)
    return [index for index, array in enumerate(kept) if not np.all(np.asarray(array) == index)]


def without_copy(backend):
    """Whether the backend takes an aligned array as it is: then the test above says something."""
    memory = np.zeros(64 * 257, np.float32)
    start = -memory.ctypes.data // 4 % 16
    x = memory[start : start + 64 * 256].reshape(64, 256)
    if backend == "tensorflow":
        import tensorflow as tf

        taken = next(iter(tf.data.Dataset.from_generator(lambda: iter([x]), output_signature=tf.TensorSpec((64, 256)))))
    elif backend == "jax":
        import jax

        taken = jax.device_put(x)
    else:
        import torch

        taken = torch.from_numpy(x)
    x[0, 0] = 7
    return bool(np.asarray(taken)[0, 0] == 7)


def main():
    backend = keras_api.backend()
    seen = {"start before": _safest_start()}
    early = LookaheadProcesses(Large(), 2)
    seen["pools"] = {name: train(name) for name in sys.argv[1:] or POOLS}
    if backend == "tensorflow":
        seen["dataset"] = train_on_dataset()
    seen["start after"] = _safest_start()
    with early as pool:
        seen["changed"] = keep(backend, pool.batches())
    seen["without copy"] = without_copy(backend)
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
