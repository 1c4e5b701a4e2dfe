"""What a row hands to fit(), and which sequences survive pickling."""

from __future__ import annotations

import pickle
import threading

import pytest

from feeders.keras_api import as_sequence, generation
from feeders.strategies import feeder
from feeders.strategies.sequence import CallLocked, Locked, PicklableLocked, Unlocked

pytestmark = pytest.mark.usefixtures("loaded")

SEQUENCES = {
    "sequence": False,
    "sequence-lock": False,
    "sequence-call-lock": False,
    "sequence-picklable-lock": False,
    "sequence-processes": True,
    "sequence-lock-processes": True,
    "sequence-call-lock-processes": True,
    "generator-locked-bridge": False,
    "generator-serialized": False,
}


def test_the_generation_is_that_of_tf_keras():
    """Everything that differs by generation hangs on this: the model class tells it."""
    import tensorflow as tf

    assert generation() == (3 if hasattr(tf.keras.utils, "PyDataset") else 2)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(("name", "processes"), SEQUENCES.items())
def test_workers_of_a_sequence_are_where_keras_looks_for_them(tiny, name, processes, workers):
    """Keras 2 takes them as arguments of fit(), Keras 3 from the PyDataset; the queue is 10 long in both."""
    feed = feeder(name).build(tiny(), workers)
    assert feed.y is None
    if generation() == 2:
        assert feed.fit == {"workers": workers, "use_multiprocessing": processes, "max_queue_size": 10}
    else:
        assert feed.fit == {}
        assert (feed.x.workers, feed.x.use_multiprocessing, feed.x.max_queue_size) == (workers, processes, 10)


@pytest.mark.parametrize(
    ("name", "processes"), [("generator", False), ("generator-locked", False), ("generator-locked-processes", True)]
)
@pytest.mark.parametrize("workers", [1, 4])
def test_an_endless_iterator_says_how_long_an_epoch_is(tiny, name, processes, workers):
    """Steps per epoch are the batches of the loader; Keras 3 gets workers only to refuse them in its own words."""
    feed = feeder(name).build(tiny(), workers)
    arguments = {"workers": workers, "use_multiprocessing": processes, "max_queue_size": 10}
    passed = generation() == 2 or (name == "generator" and workers > 1)
    assert feed.fit == {"steps_per_epoch": 6, **(arguments if passed else {})}


def test_arrays_come_whole_and_in_order(tiny):
    """The baseline holds the epoch in memory, cut by fit() into the same batches."""
    feed = feeder("arrays").build(tiny(), 1)
    assert feed.fit == {"batch_size": 4}
    assert feed.y[:, 1].tolist() == list(range(23))
    assert (feed.x == tiny().rows).all()


@pytest.mark.parametrize("body", [Unlocked, CallLocked, PicklableLocked])
def test_a_sequence_survives_pickling(tiny, body):
    """Worker processes that are spawned get it by pickle: loader, epoch and workers arrive."""
    sequence = as_sequence(body)(tiny())
    sequence.on_epoch_end()
    sequence.workers = 3
    copy = pickle.loads(pickle.dumps(sequence))
    assert type(copy) is as_sequence(body)
    assert len(copy) == 6
    assert (copy.epoch, copy.workers) == (1, 3)
    for ours, theirs in zip(sequence[5], copy[5]):
        assert ours.tobytes() == theirs.tobytes()


def test_the_lock_of_a_picklable_sequence_is_made_again_and_works(tiny):
    """The copy has a lock of its own, and its __getitem__ holds it."""
    held = []
    sequence = as_sequence(PicklableLocked)(tiny())
    copy = pickle.loads(pickle.dumps(sequence))
    assert copy.lock is not sequence.lock
    assert type(copy.lock) is type(threading.Lock())
    copy.loader.before = lambda index, epoch: held.append((copy.lock.locked(), sequence.lock.locked()))
    copy[0]
    assert held == [(True, False)]
    assert not copy.lock.locked()


def test_a_sequence_with_a_lock_does_not_pickle(tiny):
    """The error that sends people to a lock per call."""
    with pytest.raises(TypeError, match=r"cannot pickle '_thread\.lock' object"):
        pickle.dumps(as_sequence(Locked)(tiny()))


def test_a_lock_per_call_is_made_in_each_call(tiny):
    """Nobody else can hold it: the instance has none."""
    assert not any(
        isinstance(value, type(threading.Lock())) for value in vars(as_sequence(CallLocked)(tiny())).values()
    )


def test_a_body_gives_one_class(tiny):
    """Pickling finds the class again by its body."""
    assert as_sequence(Unlocked) is as_sequence(Unlocked)
    assert isinstance(as_sequence(Unlocked)(tiny()), Unlocked)
