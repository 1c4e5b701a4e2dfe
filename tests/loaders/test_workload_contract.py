from __future__ import annotations

import os
import pickle
import zlib
from pathlib import Path

import numpy as np
import pytest

import feeders.loaders
from feeders.errors import FeedersError, Unsupported
from feeders.loaders import STATIC_EPOCH, WORKLOADS, Material, workload
from feeders.measure.models import build

EACH = pytest.mark.parametrize("row", WORKLOADS, ids=lambda row: row.name)

# CRC-32 of the checksum table.
DRAWN = {"window": 1368930817, "text": 3522621922, "records": 4169558420, "remote": 1620374979}

# Other ways to read the file of `records`.
REPAIRS = ("records-handles", "records-pread", "records-narrow")


def checksums(x):
    return [zlib.crc32(row.tobytes()) for row in x]


def kinds_below(kind):
    for each in kind.__subclasses__():
        if each.__module__.startswith("feeders."):
            yield each
            yield from kinds_below(each)


def test_order_is_that_of_the_tables():
    """Tracked series and tables follow it."""
    assert [row.name for row in WORKLOADS] == ["window", "text", "jpeg", "records", "remote", *REPAIRS]


def test_every_kind_of_material_is_listed():
    """A workload that was written but not listed is named here."""
    assert set(kinds_below(Material)) == {row.kind for row in WORKLOADS}
    files = {path.stem for path in Path(feeders.loaders.__file__).parent.glob("[a-z]*.py")}
    listed = {row.name for row in WORKLOADS}.difference(REPAIRS)
    assert files - {"cache", "opening", "own", "pickling", "pipelines"} == listed


@EACH
def test_row_says_what_it_is(row):
    """Reports print these words."""
    assert row.summary
    assert row.source
    assert row.gil in ("short", "held", "released")
    assert row.kind.name == row.name
    assert workload(row.name) is row


@EACH
def test_an_epoch_has_the_promised_shapes_ids_stamps_and_checksums(row, opened):
    """What every feeder is judged by."""
    material = opened(row)
    assert material.samples % material.batch_size
    assert len(material) == material.samples // material.batch_size + 1
    ids = []
    for index in range(len(material)):
        x, y = material.batch(index, 7)
        assert (x.dtype, y.dtype) == (np.float32, np.int64)
        assert [(leaf.shape[1:], leaf.dtype) for leaf in material.signature] == [
            (part.shape[1:], part.dtype.name) for part in (x, y)
        ]
        assert x.shape == (len(y), *material.x_shape)
        assert y.shape == (len(y), 4)
        assert x.flags.writeable and x.flags.owndata
        assert np.isfinite(x).all() and np.abs(x).max() <= 1000
        assert ((y[:, 0] >= 0) & (y[:, 0] < material.classes)).all()
        assert (y[:, 2] == 7).all()
        assert y[:, 3].tolist() == checksums(x)
        ids += y[:, 1].tolist()
    assert ids == list(range(material.samples))
    assert len(y) == material.samples % material.batch_size


@EACH
def test_samples_differ(row, opened):
    """Two samples of one content could not be told apart when they are swapped."""
    assert len(set(opened(row).checksums.tolist())) == row.kind.samples


@EACH
def test_every_label_occurs(row, opened):
    """A constant label would train nothing."""
    material = opened(row)
    labels = {label for index in range(20) for label in material.batch(index, 0)[1][:, 0].tolist()}
    assert labels == set(range(material.classes))


@EACH
def test_two_opens_prepare_the_same(row, opened):
    """Takes compare only if their material is the same."""
    first, second = opened(row), opened(row)
    for index in (0, len(first) - 1):
        for one, other in zip(first.batch(index, 3), second.batch(index, 3)):
            np.testing.assert_array_equal(one, other)


@EACH
def test_index_and_epoch_may_be_numpy_integers(row, opened):
    """``tf.numpy_function`` passes such."""
    material = opened(row)
    for one, other in zip(material.batch(np.int64(1), np.int64(2)), material.batch(1, 2)):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


@EACH
def test_no_batch_beyond_the_epoch(row, opened):
    """An empty batch would be trained on silently."""
    material = opened(row)
    for index in (-1, len(material)):
        expected = f"{row.name}: batch {index} asked for; an epoch has 0 to {len(material) - 1}"
        with pytest.raises(IndexError, match=expected):
            material.batch(index, 0)


@EACH
def test_material_survives_pickling(row, opened):
    """Spawned workers get it that way."""
    material = opened(row)
    copy = pickle.loads(pickle.dumps(material))
    for one, other in zip(copy.batch(1, 5), material.batch(1, 5)):
        np.testing.assert_array_equal(one, other)
    copy.close()


@EACH
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_material_survives_forking(row, opened):
    """Forked workers and takes get it that way."""
    material = opened(row)
    pid = os.fork()
    if pid == 0:
        try:
            x, y = material.batch(2, 0)
            os._exit(0 if y[:, 3].tolist() == checksums(x) else 3)
        finally:
            os._exit(4)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize("name", DRAWN)
def test_every_numpy_draws_the_same(name, opened):
    """Results of two stacks compare only then. (Of JPEG files, each libjpeg may make its own pixels.)"""
    assert zlib.crc32(opened(name).checksums.tobytes()) == DRAWN[name]


def test_unknown_workload_names_the_nearest():
    with pytest.raises(FeedersError, match=r"record: not a workload\. Nearest: records, .*\. Try: "):
        workload("record")
    with pytest.raises(FeedersError, match=r"remote, .*\. Try"):
        workload("zzzz")


def test_remote_has_no_native_form(opened):
    """A dataset without the wait would be lighter work under the same name."""
    with pytest.raises(Unsupported, match="remote: its preparation is not written in TensorFlow ops"):
        opened("remote").native(1, 0)


def test_unknown_model_names_those_there_are():
    with pytest.raises(
        FeedersError, match=r"vgg: not a value of FEEDERS_MODEL\. Known: light, real, resnet, transformer"
    ):
        build("vgg", (4,), 2)


def test_static_stamp_is_no_epoch():
    assert STATIC_EPOCH < 0
