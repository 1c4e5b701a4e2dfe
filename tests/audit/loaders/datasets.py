"""tf.data and arrays."""

# ruff: noqa: SIM115  (files that stay open are what this is about)

import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

FOLDER = Path(os.environ.get("FEEDERS_TEST_MATERIAL") or tempfile.gettempdir()) / f"feeders-loaders-{os.getuid()}"

# 55 batches, the last one of 12. The spare records keep a race from reaching the end of the file.
COUNT, SPARE, WIDTH, BATCH = 876, 64, 64, 16
RECORD_BYTES = 4 * WIDTH
ROWS = np.random.RandomState(17).rand(COUNT + SPARE, WIDTH).astype(np.float32)
X, Y = ROWS[:COUNT], np.arange(COUNT) % 9


def records():
    """Make the file once; of processes that come at the same time each writes a whole one, the last rename stays."""
    path = FOLDER / "dataset-1.bin"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
        part.write_bytes(ROWS.tobytes())
        part.replace(path)
    return path


def arrays():
    """Two arrays; Keras cuts and shuffles them."""
    return X, Y


def shuffled():
    """From arrays, shuffled anew each epoch."""
    return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(COUNT).batch(BATCH)


def in_order():
    """A pass in order; with steps_per_epoch an epoch takes a part of it."""
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH)


def in_order_repeated():
    """Likewise without an end."""
    return in_order().repeat()


def rest_dropped():
    """Full batches only; believed: a rest that small doesn't matter."""
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH, drop_remainder=True)


def shuffled_rest_dropped():
    """Likewise, and what is left out is drawn anew in each pass."""
    return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(COUNT).batch(BATCH, drop_remainder=True)


def split_off():
    """The part to train on; believed: the other part, skip(COUNT // 5), is never trained on."""
    return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(COUNT).take(COUNT - COUNT // 5).batch(BATCH)


def split_off_once():
    """Likewise, shuffled once."""
    shuffled = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(COUNT, 4, reshuffle_each_iteration=False)
    return shuffled.take(COUNT - COUNT // 5).batch(BATCH)


def parallel(read):
    """Batches of what `read` gives for a number, four calls at a time."""

    def sample(number):
        x = tf.numpy_function(read, [number], tf.float32)
        return tf.ensure_shape(x, (WIDTH,)), number % 9

    return tf.data.Dataset.range(COUNT).map(sample, num_parallel_calls=4).batch(BATCH)


def pure_map():
    """A function of its argument alone, four calls at a time."""
    return parallel(lambda number: X[number])


def unordered():
    """Batches as they are ready, four calls at a time; believed: as nobody minds in fit(), nobody does."""

    def read(number):
        time.sleep(0.005 * (number % 2 == 0))
        return X[BATCH * number : BATCH * (number + 1)]

    def batch(number):
        x = tf.ensure_shape(tf.numpy_function(read, [number], tf.float32), (None, WIDTH))
        return x, tf.fill([tf.shape(x)[0]], number % 9)

    return tf.data.Dataset.range(-(-COUNT // BATCH)).map(batch, num_parallel_calls=4, deterministic=False)


def shared_handle_map():
    """Seek and read in one open file, four calls at a time; believed: tf.data is thread-safe. What it calls is not."""
    file = open(records(), "rb", buffering=0)

    def read(number):
        file.seek(number * RECORD_BYTES)
        return np.frombuffer(file.read(RECORD_BYTES), np.float32)

    return parallel(read)


SIGNATURE = (tf.TensorSpec((WIDTH,), tf.float32), tf.TensorSpec((), tf.int64))


def from_generator():
    """A generator function, called anew for each epoch."""
    return tf.data.Dataset.from_generator(lambda: zip(X, Y), output_signature=SIGNATURE).batch(BATCH)


def interleaved(shard):
    """Four generators read side by side; `shard` gives the samples of one."""

    def opened(number):
        return tf.data.Dataset.from_generator(shard, args=(number,), output_signature=SIGNATURE)

    shards = tf.data.Dataset.range(4).interleave(opened, cycle_length=4, num_parallel_calls=4)
    return shards.batch(BATCH)


def disjoint_shards():
    """Every generator takes its own quarter."""
    return interleaved(lambda number: zip(X[number::4], Y[number::4]))


def overlapping_shards():
    """Every generator yields everything; believed: interleave shares the work out. It repeats it."""
    return interleaved(lambda number: zip(X, Y))


def repeated_and_shuffled():
    """Without end, then shuffled; believed: the order of the two is a matter of taste."""
    return tf.data.Dataset.from_tensor_slices((X, Y)).repeat().shuffle(64).batch(BATCH)


def cached_on_disk():
    """A cache in a file that always has the same name."""
    folder = Path(tempfile.gettempdir()) / "planted_cache"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rows = tf.data.Dataset.from_tensor_slices((X, Y)).cache(str(folder / "rows"))
    return rows.shuffle(64).batch(BATCH)
