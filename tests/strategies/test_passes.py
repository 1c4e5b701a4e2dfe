"""Passes over a pool, as Keras makes them under a strategy: one that is left is begun anew."""

import itertools

import numpy as np
import pytest

from feeders import LookaheadThreads, pool_dataset
from feeders.strategies.pool_dataset import Passes

STEPS = 4


class Pool:
    """Tells which epoch and batch it is; a newer generator ends the older ones, as in the pools."""

    begun = 0

    def batches(self, epoch=0):
        self.begun += 1
        return self._batches(self.begun, epoch)

    def _batches(self, run, epoch):
        for number in itertools.count():
            if run != self.begun:
                raise RuntimeError("ended")
            yield epoch + number // STEPS, number % STEPS


def epoch(number):
    return [(number, index) for index in range(STEPS)]


@pytest.fixture
def passes():
    return Passes(Pool(), STEPS)


def whole(passes):
    return list(passes.batches(passes.begin()))


def test_whole_passes_go_on_with_what_is_read_ahead(passes):
    assert [whole(passes) for _ in range(3)] == [epoch(0), epoch(1), epoch(2)]
    assert passes._pool.begun == 1


def test_nobody_need_ask_whether_a_pass_is_over(passes):
    for number in range(3):
        assert list(itertools.islice(passes.batches(passes.begin()), STEPS)) == epoch(number)
    assert passes._pool.begun == 1


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_a_pass_that_is_left_is_begun_anew(passes, taken):
    whole(passes)
    list(itertools.islice(passes.batches(passes.begin()), taken))
    assert [whole(passes) for _ in range(2)] == [epoch(1), epoch(2)]


def test_a_pass_that_was_left_takes_nothing_of_the_next(passes):
    left, newer = passes.begin(), passes.begin()
    with pytest.raises(RuntimeError, match="pass 1 was left, since pass 2 has begun"):
        passes.batches(left)
    assert list(passes.batches(newer)) == epoch(0)


def test_a_pass_that_was_left_and_still_works_harms_nobody(passes):
    left = passes.batches(passes.begin())
    next(left)
    newer = passes.batches(passes.begin())
    next(newer)
    with pytest.raises(RuntimeError, match="ended"):
        list(left)
    assert list(newer) == epoch(0)[1:]
    assert whole(passes) == epoch(1)


class Named:
    """Batches with names, of rows that grow."""

    def __len__(self):
        return 7

    def batch(self, index, epoch):
        rows = np.full(index + 1, index)
        return {"x": np.full((index + 1, 2), epoch, np.float32), "n": rows}, [rows, rows]


def test_a_dataset_takes_some_at_a_time_and_gives_each_once(in_child):
    """Also where a pass has been left, and where the last group is not full."""

    def work():
        seen = []
        with LookaheadThreads(Named(), 3) as pool:
            dataset = pool_dataset(pool)
            for _ in range(2):
                left = dataset.as_numpy_iterator()
                next(left)
                batches = list(dataset.as_numpy_iterator())
                seen.append([(x["x"][:, 0].tolist(), x["n"].tolist(), *map(list, y)) for x, y in batches])
        return [int(dataset.cardinality()), str(seen)]

    length, seen = in_child(work)
    assert length == 7
    for epoch, batches in enumerate(eval(seen)):
        assert batches == [((n + 1) * [float(epoch)], *3 * [(n + 1) * [n]]) for n in range(7)]


class Single:
    """One batch, which tells its epoch."""

    def __len__(self):
        return 1

    def batch(self, index, epoch):
        return (np.full(2, epoch),)


def test_a_look_at_the_only_batch_of_an_epoch_is_no_pass(in_child):
    """It is taken to learn the shapes: the first epoch is still to come."""

    def work():
        with LookaheadThreads(Single(), 1) as pool:
            dataset = pool_dataset(pool)
            return [[x.tolist() for (x,) in dataset.as_numpy_iterator()] for _ in range(2)]

    assert in_child(work) == [[[0, 0]], [[1, 1]]]


class OneInput:
    """A single input that has a name: as many parts as arrays, and yet not a tuple of arrays."""

    def __len__(self):
        return 2

    def batch(self, index, epoch):
        return {"x": np.full((3, 2), index, np.float32)}, np.full(3, index)


def test_a_single_input_may_have_a_name(in_child):
    def work():
        with LookaheadThreads(OneInput(), 1) as pool:
            return [[x["x"].sum().item(), y.tolist()] for x, y in pool_dataset(pool).as_numpy_iterator()]

    assert in_child(work) == [[0.0, [0, 0, 0]], [6.0, [1, 1, 1]]]
