"""Loaders for the pools' tests; a module, so that workers that are new interpreters can import them."""

import json
import os
import random
import signal
import sys
import threading
import time

import numpy as np

STEPS = 7


class Numbered:
    """Batch `index` of epoch `epoch` is full of 100 * epoch + index; it may do something else first."""

    def __init__(self, steps=STEPS, before=None, size=50):
        self.steps, self.before, self.size = steps, before, size

    def __len__(self):
        return self.steps

    def batch(self, index, epoch):
        if self.before:
            self.before(epoch, index)
        return np.full(self.size, 100 * epoch + index, np.int64), np.array([epoch, index])


class Indexed:
    """Knows no epochs."""

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        return np.full(3, index)


class Hooked(Numbered):
    """Tells a file what is called in which process; its batches tell how often the hooks were called."""

    def __init__(self, path):
        super().__init__()
        self.path, self.begun, self.ended = path, 0, 0

    def tell(self, *fields):
        with open(self.path, "ab", buffering=0) as file:
            file.write((json.dumps([os.getpid(), *fields]) + "\n").encode())

    def batch(self, index, epoch):
        self.tell("read", epoch, index)
        time.sleep(0.001 * (index % 3))  # so that workers differ
        self.tell("done", epoch, index)
        return self.begun, self.ended

    def on_epoch_begin(self):
        self.tell("begin")
        self.begun += 1

    def on_epoch_end(self):
        self.tell("end")
        self.ended += 1


class Various:
    """Batches of many kinds."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        x = np.arange(240, dtype=np.float32).reshape(2, 3, 40) + index
        return {
            "plain": x,
            "transposed": x.transpose(2, 0, 1),
            "sliced": x[:, ::2, 1::3],
            "fortran": np.asfortranarray(x),
            "nested": [(x[0], {"deep": np.int16(index)}), None, "text", index],
            "strings": np.array(["a", "bc" * index]),
            "objects": np.array([None, {"k": index}], object),
            "record": np.array([(index, 2.0)], [("a", ">i4"), ("b", "f8")]),
            "time": np.array([f"2020-01-0{index + 1}"], "datetime64[D]"),
            "empty": np.zeros((0, 5), np.int8),
            "scalar": np.array(index),
            "twice": [x, x],
        }


class Sized:
    """Batches of sizes that go up and down, up to 3 MB."""

    sizes = (10, 300_000, 0, 5, 3_000_000, 70_000, 1, 2_999_999)

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, index):
        return np.full(self.sizes[index], index, np.uint8)


class Large:
    """Takes more to pickle than a pipe holds; its batches are its size."""

    def __init__(self):
        self.data = bytes(300_000)

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        return len(self.data)


class Random:
    def __len__(self):
        return 40

    def __getitem__(self, index):
        return random.random(), np.random.random()


class RandomOfTorch:
    def __len__(self):
        return 40

    def __getitem__(self, index):
        return sys.modules["torch"].default_generator.random()

    def on_epoch_end(self):
        sys.modules["torch"].default_generator.random()


class Shuffled:
    """Its batches are numbers in an order, which is drawn anew between epochs.

    Args:
        meet: called in each batch. Two workers that wait for each other there prepare half an epoch each.
    """

    def __init__(self, meet):
        self.order, self.meet = list(range(8)), meet

    def __len__(self):
        return len(self.order)

    def __getitem__(self, index):
        self.meet()
        return self.order[index]

    def on_epoch_end(self):
        random.shuffle(self.order)
        self.order = [self.order[place] for place in np.random.permutation(8)]


class ShuffledLate(Shuffled):
    """As Keras' iterators of images: the first call draws the first order, if no hook has done it."""

    drawn = False

    def __getitem__(self, index):
        if not self.drawn:
            self.on_epoch_end()
        return super().__getitem__(index)

    def on_epoch_end(self):
        self.drawn = True
        super().on_epoch_end()

    on_epoch_end.__module__ = "keras.src.legacy.preprocessing.image"
    on_epoch_end.__qualname__ = "Iterator.on_epoch_end"


class ShuffledLateToo(ShuffledLate):
    """As those of older releases of Keras 2, which come from another package."""

    def on_epoch_end(self):
        super().on_epoch_end()

    on_epoch_end.__module__ = "keras_preprocessing.image.iterator"
    on_epoch_end.__qualname__ = "Iterator.on_epoch_end"


class Unpicklable(Numbered):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


class OddError(Exception):
    """Pickles, and can't be unpickled."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class At:
    """Does something at one batch."""

    def __init__(self, act, index=3, epoch=0):
        self.act, self.when = act, (epoch, index)

    def __call__(self, epoch, index):
        if (epoch, index) == self.when:
            self.act()


def raise_in_worker():
    raise KeyError("planted")


def raise_odd():
    raise OddError(1, 2)


def exit_worker():
    os._exit(3)


def kill_worker():
    os.kill(os.getpid(), signal.SIGKILL)


def sleep_long():
    time.sleep(60)
