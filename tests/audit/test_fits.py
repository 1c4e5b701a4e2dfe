"""What an audit changes in a person's class, so that the class notices nothing of it."""

from __future__ import annotations

import numpy as np
import pytest

from feeders.audit.events import BatchRead
from feeders.audit.fits import _noted, _shorten
from feeders.audit.fixed_random import fix_calls, give_each_thread_its_own

# Code of another file: Keras, which asks for the length of an epoch.
KERAS = {"__name__": "keras.src.trainers"}
ASKED_BY_KERAS = eval("lambda x: (len(x) if hasattr(x, '__len__') else None, x.num_batches)", KERAS)


class Sized:
    """A loader of 50 batches, which tells it in one way or another."""

    def __len__(self):
        return 50


class Both(Sized):
    @property
    def num_batches(self):
        return len(self)


class Told:
    @property
    def num_batches(self):
        return 50


class OfKeras(Sized):
    num_batches = property(eval("lambda self: len(self)", KERAS))


@pytest.mark.parametrize("base", [Both, Told, OfKeras])
def test_keras_is_told_of_a_shorter_epoch_and_the_persons_code_is_not(base):
    cls = type("Mine", (base,), {})
    _shorten(cls, 24)
    mine = cls()
    assert ASKED_BY_KERAS(mine) == (24 if hasattr(cls, "__len__") else None, 24)
    assert mine.num_batches == 50
    assert not hasattr(cls, "__len__") or len(mine) == 50


class Table:
    """Asks itself for its columns, and for batches with an argument of its own."""

    def __getitem__(self, key, shift=0):
        if isinstance(key, str):
            return [1, 2, 3]
        return self["rows"][key] + shift if shift else self.__getitem__(key, shift=10)

    def on_epoch_end(self, turn=0):
        return turn


def test_what_a_loader_asks_itself_for_is_no_batch():
    class Journal:
        events = []

        def write(self, event):
            self.events.append(event)

    cls = type("Mine", (Table,), {})
    cls.__getitem__ = _noted(Table.__getitem__, Journal())
    assert cls()[1] == 12
    assert Journal.events == [BatchRead(1)] * 2


def test_random_numbers_are_fixed_by_index_also_where_a_loader_asks_itself_for_more():
    mine = type("Mine", (Table,), {})()
    fix_calls(mine)
    assert (mine[2], mine[-1], mine["rows"], mine.on_epoch_end(turn=3)) == (13, 13, [1, 2, 3], 3)


def test_what_is_drawn_when_a_loader_is_made_is_the_same_in_each_process(in_child):
    """As by `train_test_split`, which asks NumPy's global generator and none of its functions."""

    def drawn(seed):
        np.random.seed(seed)
        give_each_thread_its_own()
        drawn = np.random.mtrand._rand.permutation(20), np.random.default_rng().permutation(20)
        return [order.tolist() for order in drawn]

    assert in_child(lambda: drawn(1)) == in_child(lambda: drawn(2))
