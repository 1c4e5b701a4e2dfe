"""A person's own loader through the protocol of loaders: what the feeders get is what it gives."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from feeders.errors import FeedersError
from feeders.keras_api import flatten
from feeders.loaders import INDEX, ITERATOR, OPS, Leaf, Repeated
from feeders.loaders.opening import SEQUENCE, Opened, Source, open_own
from feeders.loaders.own import serve, signature_of
from feeders.measure.recording import recording_model
from feeders.strategies import FEEDERS, feeder

OWN = Path(__file__).resolve().parents[1] / "audit" / "loaders"

# Name: file and name of the loader, steps of an epoch where it does not tell, what it offers.
SERVED = {
    "sequence": ("hooks.py:ShuffledOnce", None, {INDEX, ITERATOR}),
    "hooked": ("hooks.py:ShuffledAtEnd", None, {INDEX, ITERATOR}),
    "generator": ("generators.py:endless", 34, {ITERATOR}),
    "dataset": ("datasets.py:shuffled", None, {ITERATOR, OPS}),
    "arrays": ("datasets.py:arrays", None, {INDEX, ITERATOR}),
}


def own(name):
    place, steps, _ = SERVED[name]
    return serve(open_own(Source(f"{OWN}/{place}")), place, steps)


def shapes(batches):
    return [[[list(leaf.shape), np.asarray(leaf).dtype.name] for leaf in flatten(batch)] for batch in batches]


@pytest.mark.parametrize("name", SERVED)
def test_what_it_offers_follows_from_its_kind(in_child, name):
    assert set(in_child(lambda: sorted(own(name).offers))) == SERVED[name][2]


@pytest.mark.parametrize("name", SERVED)
def test_an_epoch_has_the_batches_that_its_signature_promises(in_child, name):
    """As many as its length says, of those types and ranks."""

    def work():
        loader = own(name)
        leaves = [[list(leaf.shape), leaf.dtype] for leaf in flatten(loader.signature)]
        return [len(loader), leaves, shapes(loader.batches(0))]

    count, leaves, batches = in_child(work)
    assert len(batches) == count > 1
    for batch in batches:
        assert [[[None, *shape[1:]], dtype] for shape, dtype in batch] == leaves


def reached(name, row):
    taken = []
    loader = own(name)
    feed = row.build(loader, 1)
    model = recording_model(lambda batch: taken.append(batch))
    model.fit(feed.x, feed.y, epochs=1, shuffle=False, verbose=0, **feed.fit)
    return [len(loader), shapes(taken)]


@pytest.mark.parametrize("feeder_name", ["generator", "sequence", "tfdata-generator", "tfdata-map", "arrays"])
@pytest.mark.parametrize("name", SERVED)
def test_a_feeder_carries_it_to_the_training_step(in_child, name, feeder_name):
    row = feeder(feeder_name)
    if row.pulls not in SERVED[name][2] or (name == "hooked" and feeder_name == "tfdata-map"):
        pytest.skip("it does not offer what this feeder pulls")
    count, batches = in_child(lambda: reached(name, row))
    assert len(batches) == count
    assert batches[0] != batches[-1], "the last one is short"


def test_a_dataset_is_fed_as_it_is(in_child):
    """Its own pipeline is what competes."""
    count, batches = in_child(lambda: reached("dataset", feeder("tfdata-native")))
    assert len(batches) == count == 55


def test_of_a_dataset_that_is_cut_more_passes_go_on(in_child):
    """Or each would fill the buffer of its shuffle anew; a whole one begins again."""

    def work():
        import tensorflow as tf

        opened = open_own(Source(f"{OWN}/datasets.py:shuffled"))
        opened.x = tf.data.Dataset.range(10)
        cut, whole = serve(opened, "ten.py:ten", 4), serve(opened, "ten.py:ten")
        passes = [
            *(cut.batches(0), Repeated(cut, 3).batches(0), cut.serially(0, 3)),
            Repeated(cut, 3).native(1, 0).as_numpy_iterator(),
            Repeated(whole, 2).batches(0),
        ]
        return [[int(number) for number in each] for each in passes]

    once, *cut, whole = in_child(work)
    assert once == [0, 1, 2, 3]
    assert cut == 3 * [[*range(10), 0, 1]]
    assert whole == 2 * [*range(10)]


def test_a_generator_goes_on_where_it_was(in_child):
    """Its signature costs no batch, and the second epoch is not the first again."""

    def work():
        loader, plain = own("generator"), own("generator").x
        assert loader.signature
        passes = [*loader.batches(0), *loader.batches(1)]
        return [bool((ours[0] == next(plain)[0]).all()) for ours in passes]

    assert in_child(work) == [True] * 68


def test_an_iterator_that_ends_early_says_so(in_child):
    def work():
        opened = open_own(Source(f"{OWN}/generators.py:endless"))
        opened.x, opened.again = iter([(np.zeros((2, 3)),)] * 3), None
        with pytest.raises(RuntimeError) as error:
            list(serve(opened, "three.py:three", 5).batches(0))
        return str(error.value)

    assert in_child(work) == "three.py:three: it ended with 2 of the 5 batches of an epoch to come"


def test_a_length_that_nobody_tells_is_asked_for(in_child):
    def work():
        with pytest.raises(FeedersError) as error:
            serve(open_own(Source(f"{OWN}/generators.py:endless")), "generators.py:endless")
        return str(error.value)

    said = in_child(work)
    assert said.startswith("generators.py:endless: a generator does not tell how many batches an epoch has; expected")


def test_hooks_are_the_persons(in_child):
    """They change its order; a loader without any has none."""

    def work():
        loader = own("hooked")
        before = list(loader.x.order)
        loader.on_epoch_begin()
        unchanged = loader.x.order == before
        loader.on_epoch_end()
        return [loader.hooks, own("sequence").hooks, unchanged, loader.x.order == before]

    assert in_child(work) == [True, False, True, False]


def test_it_reaches_another_process_by_the_persons_pickling(in_child):
    def work():
        loader = own("hooked")
        loader.on_epoch_end()
        copy = pickle.loads(pickle.dumps(loader))
        return [copy.x.order == loader.x.order, bool((copy.batch(3, 0)[0] == loader.batch(3, 0)[0]).all())]

    assert in_child(work) == [True, True]


def test_a_signature_keeps_what_all_batches_share(loaded):
    """Words are text to TensorFlow; an axis that differs has no length."""
    one = {"a": np.zeros((4, 3, 2), np.uint8), "b": np.array(["x"] * 4)}
    other = {"a": np.zeros((2, 5, 2), np.uint8), "b": np.array(["y"] * 2)}
    assert signature_of(one, other) == {"a": Leaf((None, None, 2), "uint8"), "b": Leaf((None,), "string")}


def test_rows_of_the_catalogue_are_fed_by_one_of_these():
    """Nothing that a row pulls is offered by nobody."""
    assert {row.pulls for row in FEEDERS} <= set().union(*(offers for _, _, offers in SERVED.values()))


class Images:
    """As Keras' iterators of images."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return np.zeros((2, 3))

    def on_epoch_end(self):
        """Draws an order."""


def test_a_first_order_that_keras_draws_late_is_told(in_child):
    """With the first batch of its iterators of images; a hook of the person's is the person's matter."""

    def is_late(module):
        Images.on_epoch_end.__module__ = module
        return serve(Opened(Images(), None, SEQUENCE, 1, False), "images").draws_late

    modules = ["keras.src.legacy.preprocessing.image", "keras_preprocessing.image.iterator", "keras_data"]
    assert in_child(lambda: [*map(is_late, modules), own("sequence").draws_late]) == [True, True, False, False]
