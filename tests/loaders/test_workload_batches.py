"""Batches of another size: the same samples, a short last batch, and an epoch that stays long enough."""

from __future__ import annotations

import pickle
import zlib

import numpy as np
import pytest

from feeders.errors import FeedersError
from feeders.loaders import BATCH_SIZES, WORKLOADS, workload

# Fewer batches tell little of an epoch.
FEWEST = 13


@pytest.mark.parametrize("size", BATCH_SIZES)
@pytest.mark.parametrize("name", ["window", "remote", "records", "jpeg"])
def test_every_size_ends_in_a_short_batch(opened, name, size):
    """What is lost or mixed up at the end of an epoch shows there."""
    material = opened(name, size)
    assert material.batch_size == size
    assert material.samples % size > 0
    assert len(material) == material.samples // size + 1 >= FEWEST


@pytest.mark.parametrize("row", WORKLOADS, ids=lambda row: row.name)
def test_ids_stamps_and_checksums_are_right_in_larger_batches(row, opened):
    """A feeder is judged by them whatever the size is."""
    material = opened(row, 128)
    ids = []
    for index in (0, 1, len(material) - 1):
        x, y = material.batch(index, 7)
        assert len(x) == min(128, material.samples - 128 * index)
        assert y[:, 3].tolist() == [zlib.crc32(sample.tobytes()) for sample in x]
        assert (y[:, 2] == 7).all()
        ids += y[:, 1].tolist()
    assert ids == [*range(256), *range(128 * (len(material) - 1), material.samples)]


@pytest.mark.parametrize("name", ["window", "records", "remote"])
def test_the_samples_are_the_same_in_batches_of_any_size(name, opened):
    """Only then do two sizes measure the same work."""
    np.testing.assert_array_equal(opened(name, 64).checksums, opened(name).checksums)


def test_photographs_are_gone_through_several_times(opened):
    """More files would take room and time; ids stay different, so that a repetition is no duplicate."""
    alone, many = opened("jpeg"), opened("jpeg", 64)
    assert many.samples == 4 * alone.samples
    assert many.checksums.tolist() == 4 * alone.checksums.tolist()
    assert len(many) == len(alone)
    assert many.folder == alone.folder
    first = many.batch(0, 0)[0]
    np.testing.assert_array_equal(first[:16], alone.batch(0, 0)[0])


def test_a_size_survives_pickling(opened):
    """Spawned workers get it that way."""
    material = opened("text", 64)
    copy = pickle.loads(pickle.dumps(material))
    assert (copy.batch_size, len(copy)) == (64, len(material))
    for one, other in zip(copy.batch(1, 5), material.batch(1, 5)):
        np.testing.assert_array_equal(one, other)


def test_the_own_size_is_the_own_material(opened):
    """Its name in the cache stays as it was."""
    assert opened("text", 32).folder == opened("text").folder
    assert workload("text").of_batch(None) is workload("text")


def test_another_size_is_refused_with_those_there_are():
    with pytest.raises(FeedersError) as error:
        workload("jpeg").of_batch(100)
    assert str(error.value) == "jpeg: batches of 100 samples; expected one of 16, 32, 64, 128, 256"
