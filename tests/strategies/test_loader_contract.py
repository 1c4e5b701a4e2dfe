"""Every feeder carries every loader that offers what it pulls, whatever a batch holds, and says why it does not."""

from __future__ import annotations

import functools
import itertools
import os
import pickle
import sys

import numpy as np
import pytest

from feeders.errors import Unsupported
from feeders.keras_api import flatten, generation
from feeders.loaders import INDEX, ITERATOR, OPS, Leaf, Loader, Repeated
from feeders.measure.recording import recording_model
from feeders.measure.verify import CountedLoader
from feeders.strategies import FEEDERS, feeder, lookahead_processes

ROWS = 4

# Five batches, the last one of two rows.
COUNT, SAMPLES = 5, 4 * ROWS + 2


def pixels(ids):
    """uint8, rank 4."""
    return np.stack([np.full((3, 3, 2), number, np.uint8) for number in ids])


def steps(ids):
    """float32, rank 3."""
    return np.stack([np.full((5, 2), number / 8, np.float32) for number in ids])


def numbers(ids):
    """int32, rank 1."""
    return np.array(ids, np.int32)


def weights(ids):
    """float32, rank 1."""
    return np.array(ids, np.float32) / 4


PIXELS, STEPS = Leaf((None, 3, 3, 2), "uint8"), Leaf((None, 5, 2), "float32")
NUMBERS, WEIGHTS = Leaf((None,), "int32"), Leaf((None,), "float32")

# Name to structure and content of a batch. "ids" is what a test looks for, wherever it stands.
SHAPES = {
    "pair": ((PIXELS, NUMBERS), lambda ids: (pixels(ids), numbers(ids))),
    "weighted": ((STEPS, NUMBERS, WEIGHTS), lambda ids: (steps(ids), numbers(ids), weights(ids))),
    "named": (
        ({"steps": STEPS, "pixels": PIXELS}, NUMBERS),
        lambda ids: ({"steps": steps(ids), "pixels": pixels(ids)}, numbers(ids)),
    ),
    "nested": (
        ((PIXELS, {"b": STEPS, "a": WEIGHTS}), {"out": NUMBERS}, WEIGHTS),
        lambda ids: ((pixels(ids), {"b": steps(ids), "a": weights(ids)}), {"out": numbers(ids)}, weights(ids)),
    ),
}


class Indexed(Loader):
    """Gives the structure that is asked for; at module level, so that it pickles.

    Args:
        shape: a key of `SHAPES`.
    """

    def __init__(self, shape):
        self.name = f"indexed {shape}"
        self.shape = shape
        self.signature = SHAPES[shape][0]
        self.called = []

    def __len__(self):
        return COUNT

    def batch(self, index, epoch):
        return SHAPES[self.shape][1](range(index * ROWS, min((index + 1) * ROWS, SAMPLES)))

    def on_epoch_begin(self):
        self.called.append("begin")

    def on_epoch_end(self):
        self.called.append("end")


class Iterated(Loader):
    """The same, one after the other."""

    name = "iterated"

    def __init__(self, shape):
        self._whole = Indexed(shape)
        self.signature = self._whole.signature

    def __len__(self):
        return COUNT

    def batches(self, epoch):
        return (self._whole.batch(index, epoch) for index in range(COUNT))


class Native(Indexed):
    """The same, as TensorFlow ops."""

    def native(self, workers, epoch):
        import tensorflow as tf

        def one_epoch():
            return (self.batch(index, 0) for index in range(COUNT))

        specs = tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype), self.signature)
        return tf.data.Dataset.from_generator(one_epoch, output_signature=specs)


def fitted(name, loader, workers):
    """Train two epochs and return each batch of the last: [shape, dtype, content] of its arrays, as Keras flattens."""
    taken = []
    feed = feeder(name).build(loader, workers)
    model = recording_model(taken.append)
    model.fit(feed.x, feed.y, epochs=2, shuffle=False, verbose=0, **feed.fit)
    return [[_described(leaf) for leaf in flatten(batch)] for batch in taken]


def _described(leaf):
    return [list(leaf.shape), leaf.dtype.name, np.asarray(leaf).ravel().tolist()]


def expected(shape):
    loader = Indexed(shape)
    return [[_described(leaf) for leaf in flatten(loader.batch(index, 0))] for index in range(COUNT)]


def in_order(batches):
    """By their smallest id, which several workers may mix."""
    return sorted(batches, key=str)


# By chance or always wrong with several workers, or not taken at all: `test_strategy_outcomes.py` is about those.
UNSAFE = {
    2: {"generator", "generator-processes", "generator-locked", "generator-locked-processes"},
    3: {"generator-processes", "generator-locked", "generator-locked-processes"},
}


def workers_of(row):
    return 1 if row.name in UNSAFE[generation()] | {"generator"} or not row.parallel else 2


def kinds_of(row):
    return {INDEX: (Indexed,), ITERATOR: (Indexed, Iterated), OPS: (Native,)}[row.pulls]


def cases():
    rows = [row for row in FEEDERS if row.is_installed and (generation() == 2 or row.name not in UNSAFE[3])]
    rows = [row for row in rows if not (row.name.endswith("-processes") and row.name.startswith("generator"))]
    rows = [row for row in rows if row.name != "tfdata-service"]  # it takes no from_generator: test_other_engines.py
    return {
        (row.name, shape, kind.__name__): functools.partial(fitted, row.name, kind(shape), workers_of(row))
        for row in rows
        for shape in SHAPES
        for kind in kinds_of(row)
    }


@pytest.fixture(scope="module")
def trained(by_feeder):
    """What reached the training step, by feeder, structure and kind of loader."""
    return by_feeder(cases())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("row", FEEDERS, ids=lambda row: row.name)
def test_a_batch_reaches_the_training_step_as_it_is(trained, row, shape):
    """Dicts, nested ones, weights, every type and rank, and the short last batch, in each of two epochs."""
    found = {kind: batches for (name, of, kind), batches in trained.items() if (name, of) == (row.name, shape)}
    if not found:
        pytest.skip(
            "not taken or not safe in this generation of Keras, see test_strategy_outcomes.py; or not installed"
        )
    whole = expected(shape)
    if row.ceiling:
        whole = [whole[0]] * (COUNT - 1) + [[_short(leaf) for leaf in whole[0]]]
    for kind, batches in found.items():
        assert len(batches) == 2 * COUNT, kind
        for epoch in (batches[:COUNT], batches[COUNT:]):
            assert in_order(epoch) == in_order(whole), kind


def _short(leaf):
    shape, dtype, content = leaf
    return [[2, *shape[1:]], dtype, content[: len(content) * 2 // ROWS]]


@pytest.mark.parametrize("row", FEEDERS, ids=lambda row: row.name)
def test_a_row_takes_every_loader_that_offers_what_it_pulls(loaded, in_child, row):
    """And says of the others what is missing; an iterator is for those that iterate."""
    missing = {INDEX: "its batches have no index", OPS: "its preparation is not written in TensorFlow ops"}

    def work():
        for loader in (Indexed("pair"), Iterated("pair")):
            if row.pulls in loader.offers:
                continue
            with pytest.raises(Unsupported) as error:
                row.build(loader, 1)
            assert str(error.value).startswith(f"{row.name} on {loader.name}: {missing[row.pulls]}")
        return True

    assert in_child(work)


def test_what_iterates_and_what_asks_for_an_index():
    """Generators, locks around them and from_generator take what can only be iterated; nothing else does."""
    iterating = {row.name for row in FEEDERS if row.pulls == ITERATOR}
    assert iterating == {
        *("generator", "generator-processes", "generator-locked", "generator-locked-processes"),
        *("generator-locked-bridge", "generator-serialized", "tfdata-generator", "prefetch-thread"),
    }
    assert [row.name for row in FEEDERS if row.pulls == OPS] == ["tfdata-native", "tfdata-service"]


def test_a_loader_offers_what_it_defines():
    assert Iterated("pair").offers == {ITERATOR}
    assert Indexed("pair").offers == {INDEX, ITERATOR}
    assert Native("pair").offers == {INDEX, ITERATOR, OPS}


def test_what_a_loader_does_not_define_it_says():
    """Whoever calls it all the same is told, in the words of the rows."""
    with pytest.raises(Unsupported, match=r"^iterated: its batches have no index"):
        Iterated("pair").batch(0, 0)
    with pytest.raises(Unsupported, match=r"^iterated: its preparation is not written in TensorFlow ops$"):
        Iterated("pair").native(1, 0)


def test_a_loader_reaches_another_process_by_pickle():
    """As it stands: a spawned worker prepares the same."""
    copy = pickle.loads(pickle.dumps(Indexed("nested")))
    assert [_described(leaf) for leaf in flatten(copy.batch(4, 0))] == expected("nested")[4]


@pytest.mark.parametrize("name", ["sequence", "generator", "generator-locked-bridge", "tfdata-generator"])
def test_hooks_are_called_between_epochs(in_child, name):
    """A loader that shuffles in them is as random as it is alone."""

    def work():
        loader = Indexed("pair")
        loader.hooks = True
        fitted(name, loader, 1)
        return loader.called

    called = in_child(work)
    if generation() == 2 and name == "sequence":
        assert set(called) == {"end"}
        return
    # Keras 3 says once more that an epoch has ended, before the first.
    assert "begin" in called and "end" in called
    assert [each for each, _ in itertools.groupby(called)] == called, "two begins or two ends in a row"


@pytest.mark.parametrize("name", ["tfdata-map", "tfdata-interleave"])
def test_hooks_that_would_never_be_called_are_unsupported(in_child, name):
    """Else a loader that shuffles would feed every epoch in one order, and nobody would know."""

    def work():
        loader = Indexed("pair")
        loader.hooks = True
        with pytest.raises(Unsupported) as error:
            feeder(name).build(loader, 2)
        return str(error.value)

    said = in_child(work)
    assert said.startswith("indexed pair: its on_epoch_begin or on_epoch_end would never be called")
    assert "Try: sequence, generator" in said


@pytest.mark.parametrize("row", [row for row in FEEDERS if row.tensorflow], ids=lambda row: row.name)
def test_without_tensorflow_a_row_of_it_is_unsupported(in_child, monkeypatch, row):
    """The row stays in the tables, with the reason and the way to get it."""

    def work():
        monkeypatch.setitem(sys.modules, "tensorflow", None)
        with pytest.raises(Unsupported) as error:
            row.build(Native("pair"), 1)
        return str(error.value)

    said = in_child(work)
    assert said.startswith(f"{row.name}: TensorFlow is not installed (")
    assert "tf.data is part of it. Try: pip install tensorflow-cpu" in said


class Uneven(Indexed):
    """A batch in the middle is short."""

    def batch(self, index, epoch):
        return tuple(part[: 1 if index == 1 else None] for part in super().batch(index, epoch))


class Growing(Indexed):
    """Sequences of batch i are i + 1 long."""

    def batch(self, index, epoch):
        return tuple(part[:, : index + 1] for part in super().batch(index, epoch)[:1])


def test_arrays_that_fit_would_cut_otherwise_are_unsupported(in_child):
    def work():
        with pytest.raises(Unsupported) as error:
            feeder("arrays").build(Uneven("pair"), 1)
        return str(error.value)

    assert in_child(work) == ("arrays on indexed pair: batches of 1 to 4 rows; fit(x, y) cuts all but the last equally")


def test_batches_that_can_not_be_joined_are_unsupported(in_child):
    def work():
        with pytest.raises(Unsupported) as error:
            feeder("arrays").build(Growing("pair"), 1)
        return str(error.value)

    assert in_child(work).startswith("arrays on indexed pair: its batches can't be joined (all the input array dim")


class Unweighted(Indexed):
    """Weights that are None."""

    def __init__(self):
        super().__init__("pair")
        self.signature = (*self.signature, None)


@pytest.mark.parametrize("name", ["tfdata-generator", "tfdata-map", "tfdata-interleave"])
def test_batches_that_hold_none_are_unsupported_in_a_pipeline(in_child, name):
    """It has no type there, so the pipeline would break as it is made."""

    def work():
        with pytest.raises(Unsupported) as error:
            feeder(name).build(Unweighted(), 2)
        return str(error.value)

    assert in_child(work).startswith("indexed pair: its batches hold None, which a tf.data pipeline around Python")


class Alone(Indexed):
    """Batches of one part: x, without a target."""

    def batch(self, index, epoch):
        return super().batch(index, epoch)[:1]


def test_arrays_need_no_target(in_child):
    def work():
        feed = feeder("arrays").build(Alone("pair"), 1)
        return [list(feed.x.shape), feed.y, feed.fit]

    assert in_child(work) == [[SAMPLES, 3, 3, 2], None, {"batch_size": ROWS}]


def test_a_first_order_that_is_drawn_late_is_drawn_before_workers_start(monkeypatch):
    """Else each process would draw another one: some batches would come twice, and others never."""
    loader, seen = Indexed("pair"), []
    loader.hooks = loader.draws_late = True
    monkeypatch.setattr(lookahead_processes, "LookaheadProcesses", lambda *_: seen.extend(loader.called))
    monkeypatch.setattr(lookahead_processes, "pool_feed", lambda pool, loader: None)
    feeder("lookahead-processes").build(CountedLoader(Repeated(loader, 2), os.devnull), 2)
    assert seen == ["end"]
