"""What a sample is known by: nothing that Keras does to a batch on its way makes another sample of it."""

from __future__ import annotations

import re
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from feeders.errors import FeedersError
from feeders.measure import backends
from feeders.measure.identity import ByContent, ByKey, ByStamp, content_hashes, samples_of
from feeders.measure.stack import is_untouched

X = np.random.RandomState(1).rand(4, 3)
Y = np.array([3, 1, 2, 0])


@pytest.fixture(autouse=True)
def _tensorflow(loaded):
    """Batches are flattened as Keras does it."""


@pytest.mark.parametrize(
    ("here", "there"),
    [(np.float64, np.float32), (np.int64, np.int32), (np.int64, np.uint8), (np.complex128, np.complex64)],
)
def test_a_cast_on_the_way_makes_no_other_content(here, there):
    batch = (X * 100).astype(there)
    assert content_hashes(batch.astype(here)) == content_hashes(batch)


@pytest.mark.parametrize(
    ("batch", "samples"),
    [((X, Y), 4), (({"a": X}, None), 4), (((X, np.float32(1)), Y), 1), (({"a": X, "b": X[:3]}, Y), 1)],
)
def test_samples_of_a_batch_are_counted_as_they_are_told_apart(batch, samples):
    """What has arrays of no common length is one sample, wherever its speed is told."""
    assert samples_of(batch) == len(content_hashes(batch)) == samples


def test_a_float64_that_keras_rounds_is_the_same_sample():
    assert content_hashes((X, Y)) == content_hashes((X.astype(np.float32), Y))


def test_a_boolean_is_its_number():
    assert content_hashes(Y > 1) == content_hashes((Y > 1).astype(np.int32))


def test_text_is_the_same_as_str_bytes_and_object():
    words = ["one", "two", "two", "żółw"]
    encoded = [word.encode() for word in words]
    kinds = [np.array(words), np.array(encoded), np.array(words, object), np.array(encoded, object), words]
    first, *rest = (content_hashes((Y, np.asarray(kind))) for kind in kinds)
    assert all(hashes == first for hashes in rest)
    assert len(set(first)) == 4
    assert content_hashes(np.array(words))[1] == content_hashes(np.array(words))[2]


def test_a_dictionary_is_known_whatever_the_order_of_its_names():
    assert content_hashes(({"a": X, "b": Y}, Y)) == content_hashes(({"b": Y, "a": X}, Y))
    assert content_hashes({"a": X, "b": X + 1}) != content_hashes({"a": X + 1, "b": X})


def test_a_dictionary_may_make_attributes_of_its_keys():
    keyed = type("Keyed", (dict,), {"__getattr__": dict.__getitem__})
    assert content_hashes((keyed(a=X, b=Y), Y)) == content_hashes(({"a": X, "b": Y}, Y))


def test_a_part_that_is_none_counts_for_nothing():
    assert content_hashes((X, Y, None)) == content_hashes((X, Y))


def test_a_sample_is_known_in_whichever_batch_it_comes():
    assert content_hashes((X[2:], Y[2:])) == content_hashes((X, Y))[2:]
    assert len(set(content_hashes((X, Y)))) == 4


def test_rows_of_a_ragged_pipeline_are_read_as_they_arrive(in_child):
    """A training step gets them as rows, also those of a batch that are of one length."""

    def hashes():
        import tensorflow as tf

        from feeders.loaders.own import one_at_a_time

        rows = tf.ragged.constant([[1.0, 2.0], [3.0], [4.0, 5.0], [6.0, 7.0]])
        made = tf.data.Dataset.from_tensor_slices((rows, Y)).batch(2)
        read = [content_hashes(batch) for batch in one_at_a_time(made)]
        arrived = [content_hashes((rows[start : start + 2], Y[start : start + 2])) for start in (0, 2)]
        return [read == arrived, sum(map(len, read))]

    assert in_child(hashes) == [True, 4]


class Held(NamedTuple):
    """A sparse tensor as TensorFlow hands it to NumPy."""

    indices: Any
    values: Any
    dense_shape: Any


def test_a_row_of_a_sparse_matrix_is_a_sample_however_it_is_held():
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.array([[0, 1.5, 0], [0, 0, 0], [2, 0, 3], [0, 0, 4]])
    rows = content_hashes((sparse.csr_matrix(dense), Y))
    held = Held(np.argwhere(dense), dense[dense != 0].astype(np.float32), np.array(dense.shape))
    assert len(set(rows)) == 4
    assert content_hashes((sparse.csc_matrix(dense), Y)) == content_hashes((held, Y)) == rows
    assert content_hashes({"a": sparse.csr_matrix(dense)[2:], "b": Y[2:]}) == rows[2:]
    dense[3, 2] = 5
    assert content_hashes((sparse.csr_matrix(dense), Y))[:3] == rows[:3]
    assert content_hashes((sparse.csr_matrix(dense), Y))[3] != rows[3]


@pytest.mark.skipif(not find_spec("jax"), reason="jax is not installed")
def test_a_sparse_matrix_of_jax_arrives_by_its_rows(in_child):
    """Keras makes one of scipy's there: an audit would call each sample corrupt."""
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.array([[0, 1.5], [0, 0], [2, 3]], np.float32)
    matrix = SimpleNamespace(indices=np.argwhere(dense), data=dense[dense != 0], shape=dense.shape, todense=None)

    def arrived():
        taken = []
        backends.of("jax").train_step(taken.append, None)(None, None, (matrix, Y[:3]))
        return content_hashes(taken[0])

    assert tuple(in_child(arrived)) == content_hashes((sparse.csr_matrix(dense), Y[:3]))


def test_a_changed_number_is_another_sample():
    changed = X.copy()
    changed[1, 2] += 1e-3
    same = [a == b for a, b in zip(content_hashes((X, Y)), content_hashes((changed, Y)))]
    assert same == [True, False, True, True]


@pytest.mark.parametrize("other", [np.zeros(7), np.float32(3)], ids=["another length", "no axis"])
def test_a_batch_whose_parts_share_no_first_axis_is_one_sample(other):
    assert len(content_hashes((X, other))) == 1
    assert content_hashes((X, other)) != content_hashes((X + 1, other))


def test_an_empty_batch_holds_no_sample():
    assert content_hashes((X[:0], Y[:0])) == ()


def test_a_hash_survives_readers_of_json_that_know_floats_only():
    assert all(0 <= value < 2**53 for value in content_hashes(X))


def test_content_is_its_own_key():
    columns = ByContent().columns((X, Y))
    assert columns.keys is columns.contents
    assert columns.stamps is None


@pytest.mark.parametrize(
    ("key", "batch"),
    [
        ("labels", (X, Y)),
        ("y", (X, Y)),
        ("x['id']", ({"id": Y, "image": X}, Y * 0)),
        ("w", (X, Y * 0, Y)),
        ("x", Y),
        ("np.where(y > 2, 3, y)", (X, Y)),
        ("y % 2 + 2 * (y // 2)", [X, Y]),
    ],
)
def test_a_key_is_an_expression_over_the_parts_of_a_batch(key, batch):
    columns = ByKey(key).columns(batch)
    assert columns.keys == tuple(Y.tolist())
    assert columns.contents == content_hashes(batch)


def test_a_key_sees_arrays_whatever_the_loader_gives():
    """The training step gets arrays: a key that only a frame or a tensor knows would fail there."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"id": Y, "price": X[:, 0]})
    assert len(set(ByKey("x[:, 0]").columns((frame, pandas.Series(Y))).keys)) == 4
    assert ByKey("y").columns((frame, pandas.Series(Y))).keys == tuple(Y.tolist())
    with pytest.raises(FeedersError, match="here x, y, as arrays of NumPy"):
        ByKey("x['id']").columns((frame, Y))


@pytest.mark.parametrize("key", ["x", "np.array(['a', 'b', 'c', 'd'])", "y * 0.5"])
def test_a_key_that_is_no_whole_number_is_known_by_its_hash(key):
    keys = ByKey(key).columns((X, Y)).keys
    assert len(set(keys)) == 4


@pytest.mark.parametrize(
    ("key", "batch", "text"),
    [
        ("z", (X, Y), "--key 'z': NameError: name 'z' is not defined; x, y and w are the parts of a batch, here x, y"),
        ("x['id']", ({"image": X}, Y), "--key \"x['id']\": KeyError: 'id'; x, y and w are the parts of"),
        (
            "labels",
            X,
            "--key 'labels': NameError: name 'y' is not defined; x, y and w are the parts of a batch, here x",
        ),
        ("y[:2]", (X, Y), "--key 'y[:2]': gives shape (2,) for a batch of 4 samples; expected one entry per sample"),
        ("y.sum()", (X, Y), "--key 'y.sum()': gives shape () for a batch of 4 samples; expected one entry per sample"),
    ],
)
def test_a_key_that_names_no_samples_says_what_it_gave(key, batch, text):
    with pytest.raises(FeedersError, match=f"^{re.escape(text)}"):
        ByKey(key).columns(batch)


def test_a_key_that_is_not_python_says_so():
    with pytest.raises(FeedersError, match=r"^--key 'y\[': not a Python expression \(.+\)$"):
        ByKey("y[")


def test_a_sample_of_this_suite_tells_its_id_its_epoch_and_whether_it_is_whole(tiny):
    x, y = tiny().batch(1, 3)
    x[2, 0] += 1
    columns = ByStamp().columns((x, y))
    assert (columns.keys, columns.contents, columns.stamps) == ((4, 5, 6, 7), (1, 1, 0, 1), (3,) * 4)
    assert ByStamp().columns((x, y.astype(np.int32))) == columns  # as JAX brings it to a device


def test_identifying_runs_no_tensorflow():
    content_hashes((X, {"a": Y}))
    assert is_untouched()
