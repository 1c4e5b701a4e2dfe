"""Any epoch, counted by the log and counted naively, sample by sample."""

from __future__ import annotations

import zlib
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from feeders.measure.delivery import DeliveryLog

SAMPLES = 8
STAMP = 3

# A delivery: the sample's id, whose content it holds, the epoch it is stamped with.
DELIVERY = st.tuples(st.integers(0, SAMPLES - 1), st.integers(0, SAMPLES - 1), st.integers(STAMP - 1, STAMP + 1))
EPOCH = st.lists(st.lists(DELIVERY, min_size=1, max_size=5), max_size=6)


def content(identity):
    return np.full(2, identity, np.float32)


def logged(batches):
    log = DeliveryLog()
    for batch in batches:
        x = np.array([content(held) for _, held, _ in batch])
        y = np.array([(0, key, stamp, zlib.crc32(content(key).tobytes())) for key, _, stamp in batch], np.int64)
        log.add(x, y)
    return log


@given(EPOCH)
def test_counts_are_those_of_a_naive_count(batches):
    """Ids, contents and order in any mixture."""
    found = logged(batches).count(SAMPLES)
    deliveries = [delivery for batch in batches for delivery in batch]
    keys = [key for key, _, _ in deliveries]
    assert found.delivered == len(keys)
    assert found.missing == len(set(range(SAMPLES)) - set(keys))
    assert found.duplicated == sum(times - 1 for times in Counter(keys).values())
    assert found.corrupt == sum(key != held for key, held, _ in deliveries)
    assert found.disordered == sum(key < max(keys[: place + 1]) for place, key in enumerate(keys))
    if deliveries:
        own = Counter(stamp for _, _, stamp in deliveries).most_common(1)[0][0]
        assert found.stale == sum(stamp != own for _, _, stamp in deliveries)
        assert found.whole == len({key for key, held, stamp in deliveries if key == held and stamp == own})


@given(EPOCH)
def test_exactly_once_is_said_of_nothing_else(batches):
    """A wrong "safe" is the worst that a count can do."""
    deliveries = [delivery for batch in batches for delivery in batch]
    exactly = sorted(key for key, _, _ in deliveries) == list(range(SAMPLES))
    assert (logged(batches).count(SAMPLES).guarantee == "exactly-once") is exactly


@given(EPOCH, st.randoms(use_true_random=False))
def test_how_samples_are_cut_into_batches_does_not_count(batches, random):
    """The same deliveries in the same order, in batches of other sizes."""
    deliveries = [delivery for batch in batches for delivery in batch]
    recut, rest = [], deliveries
    while rest:
        size = random.randint(1, len(rest))
        recut, rest = [*recut, rest[:size]], rest[size:]
    assert logged(recut).count(SAMPLES) == logged(batches).count(SAMPLES)
