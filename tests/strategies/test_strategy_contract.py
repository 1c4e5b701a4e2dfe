"""The contract over the catalogue: what every feeder gives to the training step of a real fit()."""

from __future__ import annotations

import functools
import re
import zlib

import numpy as np
import pytest

from feeders.errors import FeedersError
from feeders.keras_api import generation
from feeders.loaders import STATIC_EPOCH
from feeders.measure.recording import recording_model
from feeders.strategies import FEEDERS, feeder

# tfdata-service starts TensorFlow in several processes: test_other_engines.py has its contract, in the slow tier.
ROWS = [row for row in FEEDERS if row.is_installed and row.name != "tfdata-service"]

COUNTS = [(row.name, workers) for row in ROWS for workers in (1, 3) if row.parallel or workers == 1]

# What Keras does not take at all, by generation; `test_strategy_outcomes.py` has its words.
NOT_TAKEN = {
    2: set(),
    3: {
        ("generator", 3),
        *((name, workers) for name in ("generator-processes", "generator-locked") for workers in (1, 3)),
        *(("generator-locked-processes", workers) for workers in (1, 3)),
    },
}

# What loses, repeats or breaks there, by chance or always.
UNSAFE = {
    2: {
        ("generator", 3),
        ("generator-processes", 3),
        ("generator-locked", 3),
        ("generator-locked-processes", 3),
    },
    3: set(),
}

# Their Python never stamps an epoch.
UNSTAMPED = {"resident", "arrays", "tfdata-native"}


class Recorder:
    """Stands for the delivery log: takes down each batch's shapes, types, ids and stamps."""

    def __init__(self):
        self.batches = []

    def add(self, x, y):
        seen = {"x": [list(x.shape), str(x.dtype)], "y": [list(y.shape), str(y.dtype)]}
        self.batches.append({**seen, "ids": y[:, 1].tolist(), "stamps": sorted(set(y[:, 2].tolist()))})


def two_epochs(row, material, workers):
    """Feed two epochs to the verifying model and return the batches of each."""
    import tensorflow as tf

    recorder, ends = Recorder(), []

    class Ends(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            ends.append(len(recorder.batches))

    feed = row.build(material, workers)
    model = recording_model(lambda batch: recorder.add(*batch))
    model.fit(feed.x, feed.y, epochs=2, shuffle=False, verbose=0, callbacks=[Ends()], **feed.fit)
    return [recorder.batches[start:end] for start, end in zip([0, *ends], ends)]


@pytest.fixture(scope="module")
def passes(by_feeder, tiny):
    """Two epochs of every feeder that is safe here, by name and workers."""
    out = NOT_TAKEN[generation()] | UNSAFE[generation()]
    return by_feeder(
        {
            (name, workers): functools.partial(two_epochs, feeder(name), tiny(), workers)
            for name, workers in COUNTS
            if (name, workers) not in out
        }
    )


@pytest.fixture
def epochs(passes, name, workers):
    if (name, workers) not in passes:
        pytest.skip("not taken or not safe in this generation of Keras: see test_strategy_outcomes.py")
    return passes[name, workers]


each = pytest.mark.parametrize(("name", "workers"), COUNTS)


@each
def test_batches_have_the_promised_shapes_and_types_and_the_last_one_is_short(epochs, tiny):
    """The training step gets what `Stamped` promises, whatever lies between."""
    material = tiny()
    for epoch in epochs:
        assert sorted(batch["x"][0][0] for batch in epoch) == [3, 4, 4, 4, 4, 4]
        for batch in epoch:
            rows = len(batch["ids"])
            assert batch["x"] == [[rows, *material.x_shape], "float32"]
            assert batch["y"] == [[rows, 4], "int64"]


@each
def test_every_id_arrives_once_in_each_of_two_epochs(epochs, name, tiny):
    """A feeder restarts: the second epoch is as whole as the first."""
    expected = list(range(tiny().samples))
    if feeder(name).ceiling:
        expected = sorted([0, 1, 2, 3] * 5 + [0, 1, 2])
    for epoch in epochs:
        assert sorted(identity for batch in epoch for identity in batch["ids"]) == expected


@each
def test_an_epoch_carries_one_stamp_and_the_next_another(epochs, name):
    """Stale samples can be told: feeders say which epoch they prepared a batch for, or that they can't."""
    first, second = ({stamp for batch in epoch for stamp in batch["stamps"]} for epoch in epochs)
    if name in UNSTAMPED:
        assert first == second == {STATIC_EPOCH}
    else:
        assert len(first) == len(second) == 1
        assert first != second


# They prepare one batch, or none in Python. Whether the unsafe ones fail, hide the fault or never get to batch 3 is
# chance: they are not asked either.
NOT_ASKED = {("resident", 1), ("tfdata-native", 1), ("tfdata-native", 3)}

# When one worker's call has ended the generator, the others are told StopIteration; whose turn is first is chance.
HIDDEN = {("generator-locked-bridge", 3), ("generator-serialized", 3)}


def fails_at_3(index, epoch):
    """Of the module, so that workers of their own interpreter get it too."""
    if index == 3:
        raise LookupError("batch 3 is planted to fail")


@pytest.fixture(scope="module")
def broken(by_feeder, verify, tiny):
    """What the verifying process answers when batch 3 can't be prepared, by name and workers."""
    out = NOT_TAKEN[generation()] | UNSAFE[generation()] | NOT_ASKED
    return by_feeder(
        {
            (name, workers): functools.partial(verify, name, tiny(fails_at_3), workers)
            for name, workers in COUNTS
            if (name, workers) not in out
        }
    )


@each
def test_an_exception_in_a_batch_reaches_the_caller(broken, name, workers):
    """A feeder never swallows what goes wrong in the person's code, and the message says what it was."""
    if (name, workers) not in broken:
        pytest.skip("it does not prepare batch 3, or is not taken or not safe in this generation of Keras")
    answer = broken[name, workers]
    assert answer["outcome"] == "failed"
    if (name, workers) in HIDDEN and "StopIteration" in answer["message"]:
        return  # test_bridge.py:test_a_fault_is_told_to_every_worker
    assert "LookupError" in answer["message"]
    assert "batch 3 is planted to fail" in answer["message"]


def test_the_order_of_the_catalogue_is_append_only():
    """asv stores results by parameter value, and tables follow this order: new names go to the end."""
    assert [row.name for row in FEEDERS] == [
        "resident",
        "arrays",
        "generator",
        "generator-processes",
        "generator-locked",
        "generator-locked-processes",
        "generator-locked-bridge",
        "generator-serialized",
        "sequence",
        "sequence-lock",
        "sequence-call-lock",
        "sequence-picklable-lock",
        "sequence-processes",
        "sequence-lock-processes",
        "sequence-call-lock-processes",
        "tfdata-generator",
        "tfdata-map",
        "tfdata-native",
        "tfdata-interleave",
        "lookahead-threads",
        "lookahead-processes",
        "prefetch-thread",
        "queue-threads",
        "tfdata-service",
        "torch-dataloader",
        "grain",
        "spdl",
    ]


@pytest.mark.parametrize("row", FEEDERS, ids=lambda row: row.name)
def test_rows_are_fit_to_print(row):
    """Names are asv parameters and file names; the two lines beside them say what it is and what people expect."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", row.name)
    for line in (row.summary, row.belief):
        assert line.strip() == line != ""
        assert "\n" not in line


def test_names_are_unique():
    """A name is looked up by `feeder` and stored by asv."""
    assert len({row.name for row in FEEDERS}) == len(FEEDERS)


def test_one_row_is_the_ceiling_and_it_has_no_workers():
    """Stall is against one ceiling, measured with one worker."""
    assert [(row.name, row.parallel) for row in FEEDERS if row.ceiling] == [("resident", False)]


@pytest.mark.parametrize("row", FEEDERS, ids=lambda row: row.name)
def test_a_name_gives_its_row(row):
    """The look-up is by name alone."""
    assert feeder(row.name) is row


def test_an_unknown_name_is_answered_with_near_ones():
    """A slip of the keyboard costs one message, which says what to type."""
    with pytest.raises(FeedersError, match=r"^sequence-locks: not a feeder\. .*sequence-lock.*feeders list"):
        feeder("sequence-locks")


def test_a_name_like_none_is_answered_with_all_of_them():
    """Where nothing is near, the catalogue is the answer."""
    with pytest.raises(FeedersError) as error:
        feeder("zzz")
    assert all(row.name in str(error.value) for row in FEEDERS)


def test_the_small_loader_keeps_its_promises(tiny):
    """The planted loader of these tests is sound, or they would test nothing."""
    material = tiny()
    assert len(material) == 6
    x, y = material.batch(5, 9)
    assert x.shape == (3, 16)
    assert [zlib.crc32(row.tobytes()) for row in x] == y[:, 3].tolist()
    np.testing.assert_array_equal(y[:, 1:3], [[20, 9], [21, 9], [22, 9]])
