"""What of a person's is taken for which kind of loader, and what its batches look like."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feeders.errors import FeedersError
from feeders.loaders.opening import ArraySignature, find_maker, kind_of, signature_of

X, Y = np.zeros((8, 2), np.float32), np.arange(8)

FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1]})


@pytest.fixture(autouse=True)
def _tensorflow(loaded):
    """Kinds are known by classes of Keras."""


@pytest.mark.parametrize(
    "thing",
    [
        X,
        (X,),
        (X, Y),
        (X, Y, np.ones(8)),
        (FRAME, FRAME["a"]),
        FRAME,
        FRAME["a"],
        ({"a": X, "b": Y}, Y),
        {"a": X, "b": Y},
        ([X, Y], Y),
        ({"a": [X, {"b": (X, Y)}]}, {"out": Y}),
    ],
    ids=str,
)
def test_arrays_in_whichever_structure_are_arrays(thing):
    assert kind_of(thing) == "arrays"


@pytest.mark.parametrize(
    "thing", [[X, Y], ["a"], ([1], [2]), ([], Y), ((), Y), {}, {"a": 1}, (X, Y, Y, Y), (), np.float32(3), np, 3]
)
def test_what_fit_does_not_take_is_no_loader(thing):
    assert kind_of(thing) is None


def test_tensors_are_arrays_and_their_rows_may_differ(in_child):
    def kinds():
        import tensorflow as tf

        ragged = tf.ragged.constant([[1, 2], [3]])
        return [kind_of(thing) for thing in (tf.constant(X), (tf.constant(X), Y), (ragged, Y))]

    assert in_child(kinds) == ["arrays"] * 3


def test_the_line_that_is_named_is_the_persons_and_not_a_librarys(in_child, tmp_path):
    library, mine = tmp_path / "site-packages" / "planted_library.py", tmp_path / "planted_mine.py"
    library.parent.mkdir()
    library.write_text("def load(path):\n    raise OSError(path)\n")
    place = f"sys.path.insert(0, {str(library.parent)!r})"
    mine.write_text(f"import sys\n{place}\nimport planted_library\n\nplanted_library.load('a')\n")

    def said():
        with pytest.raises(FeedersError) as refused:
            find_maker(str(mine), "Mine", None, lambda thing: False)
        return str(refused.value)

    assert f"OSError: a at {mine.resolve()}:5. " in in_child(said)


def test_the_signature_of_a_batch_has_its_structure():
    batch = ({"image": X, "words": [FRAME, FRAME["a"].astype("int32")]}, Y, None)
    signature = signature_of(batch)
    image, number = ArraySignature((None, 2), "float32"), ArraySignature((None,), "int64")
    words = [image, ArraySignature((None,), "int32")]
    assert signature.structure == ({"image": image, "words": words}, number, None)
    assert signature.arrays == (image, *words, number)


def test_columns_of_several_types_are_one_array():
    assert signature_of(pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})).arrays == (ArraySignature((None, 2), "float64"),)


def test_a_number_has_no_rows():
    assert signature_of((X, np.float32(3), 2.0)).arrays[1:] == (
        ArraySignature((), "float32"),
        ArraySignature((), "float"),
    )


def test_an_iterator_with_a_shape_is_told_by_how_it_is_pulled(in_child):
    def kind():
        from feeders.keras_api import sequence_base

        base = sequence_base()
        shaped = type("Mine", (base,), {"shape": (8, 2), "dtype": "float32", "__getitem__": None, "__len__": None})
        return kind_of(shaped.__new__(shaped))

    assert in_child(kind) == "sequence"
