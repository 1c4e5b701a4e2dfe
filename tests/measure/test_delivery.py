"""Planted logs: what the delivery counts see, and the word they give it."""

from __future__ import annotations

import dataclasses
import zlib

import numpy as np
import pytest

from feeders.loaders import STATIC_EPOCH
from feeders.measure.delivery import Delivery, DeliveryLog

SAMPLES = 6

SOUND = Delivery(delivered=6, missing=0, duplicated=0, disordered=0, corrupt=0, stale=0, whole=6)


def row(identity):
    return np.full(3, identity, np.float32)


def batch(ids, stamps=None, contents=None):
    """A batch as the training step gets it; `contents` gives the ids whose content is in the rows."""
    x = np.array([row(identity) for identity in contents or ids])
    y = np.zeros((len(ids), 4), np.int64)
    y[:, 1] = ids
    y[:, 2] = 7 if stamps is None else stamps
    y[:, 3] = [zlib.crc32(row(identity).tobytes()) for identity in ids]
    return x, y


def count(*batches):
    log = DeliveryLog()
    for x, y in batches:
        log.add(x, y)
    assert log.batches == len(batches)
    return log.count(SAMPLES)


def changed(**counts):
    return dataclasses.replace(SOUND, **counts)


@pytest.mark.parametrize(
    ("batches", "expected", "guarantee"),
    [
        pytest.param([batch([0, 1, 2, 3]), batch([4, 5])], SOUND, "exactly-once", id="sound"),
        pytest.param(
            [batch([0, 1]), batch([0, 1]), batch([2, 3, 4, 5])],
            changed(delivered=8, duplicated=2, disordered=1),
            "at-least-once",
            id="one-batch-twice",
        ),
        pytest.param(
            [batch([0, 1, 2]), batch([5])], changed(delivered=4, missing=2, whole=4), "at-most-once", id="two-missing"
        ),
        pytest.param(
            [batch([0, 0, 1]), batch([1, 2, 2])],
            changed(missing=3, duplicated=3, whole=3),
            "none",
            id="half-of-them-twice",
        ),
        pytest.param([batch([4, 5]), batch([0, 1, 2, 3])], changed(disordered=4), "exactly-once", id="late-batch"),
        pytest.param(
            [batch([0, 1, 2], contents=[0, 5, 2]), batch([3, 4, 5])],
            changed(corrupt=1, whole=5),
            "exactly-once",
            id="another-samples-content",
        ),
        pytest.param(
            [batch([0, 1, 2, 3], stamps=[7, 7, 6, 6]), batch([4, 5])],
            changed(stale=2, whole=4),
            "exactly-once",
            id="of-another-epoch",
        ),
        pytest.param(
            [batch([0, 1, 2, 3], STATIC_EPOCH), batch([4, 5], STATIC_EPOCH)],
            changed(stale=None),
            "exactly-once",
            id="unstamped",
        ),
        pytest.param([], Delivery(0, 6, 0, 0, 0, None, 0), "at-most-once", id="nothing"),
    ],
)
def test_what_was_planted_is_counted_and_nothing_else(batches, expected, guarantee):
    """Each fault has its count, the others stay as they are, and the word follows from missing and duplicated."""
    assert count(*batches) == expected
    assert expected.guarantee == guarantee


def test_a_sample_that_came_torn_and_then_whole_counts_as_whole_once():
    """Whole counts ids, not deliveries: the number that effective throughput rests on."""
    delivery = count(batch([0, 1, 2], contents=[0, 0, 2]), batch([1, 3, 4, 5]))
    assert (delivery.corrupt, delivery.duplicated, delivery.whole) == (1, 1, 6)


def test_one_flipped_bit_is_corrupt():
    """The checksum is of the whole content."""
    x, y = batch([0, 1, 2, 3, 4, 5])
    x[3].view(np.uint8)[11] ^= 1
    assert count((x, y)) == changed(corrupt=1, whole=5)


@pytest.mark.parametrize(
    ("missing", "duplicated", "word"),
    [(0, 0, "exactly-once"), (0, 1, "at-least-once"), (1, 0, "at-most-once"), (1, 1, "none")],
)
def test_the_guarantee_in_the_words_of_the_field(missing, duplicated, word):
    """Four combinations, four words."""
    assert changed(missing=missing, duplicated=duplicated).guarantee == word
