"""Loaders and models of a person's, as they stand in a file of theirs."""

import threading
import time

import numpy as np

from feeders.keras_api import generation, keras, sequence_base

keras = keras()

ROWS = np.random.RandomState(0).rand(95, 6).astype("float32")

BATCHES, SIZE = 12, 8


def rows(index):
    return ROWS[SIZE * index : SIZE * index + SIZE]


class Named(sequence_base()):
    """Inputs with names, and weights."""

    def __init__(self):
        super().__init__(**({} if generation() == 2 else {"workers": 2}))  # Keras 2 has them in fit()

    def __len__(self):
        return BATCHES

    def __getitem__(self, index):
        part = rows(index)
        return {"a": part, "b": part[:, :2]}, part[:, 0], np.ones(len(part), "float32")


class Processes(Named):
    """Its workers are processes."""

    def __init__(self):
        super().__init__()
        self.use_multiprocessing = True


class Plain(Named):
    def __getitem__(self, index):
        part = rows(index)
        return part, part[:, 0]


class Meeting(Named):
    """Two calls at once mix up their indices; after the first, each waits for another, so that it happens each time."""

    def __init__(self):
        super().__init__()
        self.barrier, self.begun = threading.Barrier(2), False

    def __getitem__(self, index):
        self.index = index
        if threading.current_thread() is not threading.main_thread():
            if self.begun:
                self.barrier.wait(20)
            self.begun = True
        return super().__getitem__(self.index)


class Random(Named):
    def __getitem__(self, index):
        return rows(index) + np.random.rand(), rows(index)[:, 0]


class Long(Named):
    """Its epoch takes five minutes."""

    def __len__(self):
        return 3000

    def __getitem__(self, index):
        time.sleep(0.1)
        return np.full((4, 2), index, "float32"), np.zeros(4, "float32")


class Slowing(Named):
    """After its first epoch it is slow."""

    pause = 0.0

    def __getitem__(self, index):
        time.sleep(self.pause)
        return super().__getitem__(index)

    def on_epoch_end(self):
        self.pause = 0.01


class Raising(Named):
    def __getitem__(self, index):
        raise ValueError(f"no row {index}")


class Empty(Named):
    """As of a folder without files."""

    def __len__(self):
        return 0


class Locked(Named):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


def arrays():
    return ROWS, ROWS[:, 0]


def endless():
    while True:
        yield from ended()


def first_twice():
    """A batch to show what they look like, and then all of them, again and again."""
    yield rows(0), rows(0)[:, 0]
    yield from endless()


def ended():
    for index in range(BATCHES):
        yield rows(index), rows(index)[:, 0]


def dataset():
    import tensorflow as tf

    def prepared(index):
        x = tf.numpy_function(lambda index: ROWS[SIZE * index : SIZE * index + SIZE], [index], tf.float32)
        x.set_shape((None, 6))
        return x, x[:, 0]

    return tf.data.Dataset.range(BATCHES).map(prepared, num_parallel_calls=2)


def begins_slowly():
    """A pipeline without end whose source takes a second to begin."""
    import tensorflow as tf

    def indices():
        time.sleep(1)
        while True:
            yield from range(BATCHES)

    source = tf.data.Dataset.from_generator(indices, output_signature=tf.TensorSpec((), tf.int64))
    batches = source.map(lambda index: tf.constant(ROWS)[SIZE * index : SIZE * index + SIZE])
    return batches.map(lambda x: (x, x[:, 0])).repeat()


def drawn():
    """What two threads draw from the seeded generator of a map, they draw in any order."""
    import tensorflow as tf

    tf.random.set_seed(7)
    rows_and_labels = tf.data.Dataset.from_tensor_slices((ROWS, ROWS[:, 0]))
    return rows_and_labels.map(lambda x, y: (x + tf.random.uniform(()), y), num_parallel_calls=2).batch(SIZE)


SEEDED = np.random.default_rng(7)


def drawn_in_python():
    """The same of a generator of NumPy that the file seeds, so that a pass in a new process draws the same."""
    import tensorflow as tf

    def rows_and_noise(index):
        return ROWS[SIZE * index : SIZE * index + SIZE] + SEEDED.random(dtype=np.float32)

    def prepared(index):
        x = tf.numpy_function(rows_and_noise, [index], tf.float32)
        x.set_shape((None, 6))
        return x, x[:, 0]

    return tf.data.Dataset.range(BATCHES).map(prepared, num_parallel_calls=2)


def made(number):
    return ended() if number == 1 else None


def model():
    made = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


def other_shape():
    made = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


def uncompiled():
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])


def number():
    return 3
