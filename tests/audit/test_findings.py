"""What a call beside others gave, against what it gives alone."""

from __future__ import annotations

from feeders.audit.findings import CONTENTS, KEYS, SOUND, WrongBatch, WrongSet, compare, compare_sets
from feeders.measure.identity import Columns

RIGHT = [Columns((1, 2), (11, 12)), Columns((3, 4), (13, 14)), Columns((5,), (15,))]


def test_a_call_that_gave_what_it_gives_alone_is_no_finding():
    assert list(compare(1, Columns((3, 4), (13, 14)), RIGHT, CONTENTS)) == []


def test_a_call_that_gave_samples_of_another_batch_names_that_batch():
    (found,) = compare(1, Columns((1, 2), (11, 12)), RIGHT, CONTENTS)
    assert found == WrongBatch(index=1, samples=(11, 12), wrong=2, of=(0,), torn=0)
    assert found.text() == "batch 1 held what belongs to batch 0 (2 samples)"


def test_content_of_no_sample_is_torn():
    (found,) = compare(0, Columns((1, 2), (11, 99)), RIGHT, CONTENTS)
    assert found == WrongBatch(index=0, samples=(99,), wrong=1, of=(), torn=1)


def test_a_batch_that_is_cut_counts_what_it_lacks():
    (found,) = compare(1, Columns((3,), (13,)), RIGHT, CONTENTS)
    assert (found.wrong, found.torn) == (1, 0)


def test_by_key_content_may_differ():
    assert list(compare(1, Columns((3, 4), (7, 8)), RIGHT, KEYS)) == []
    assert list(compare(1, Columns((4, 3), (7, 8)), RIGHT, KEYS)) != []


def test_samples_with_a_checksum_are_judged_by_it_whatever_the_index_gave_before():
    assert list(compare(0, Columns((7,), (1,)), RIGHT, SOUND)) == []
    (found,) = compare(0, Columns((7, 8), (1, 0)), RIGHT, SOUND)
    assert (found.samples, found.wrong) == ((8,), 1)


def test_where_nothing_is_the_same_again_nothing_is_compared():
    assert list(compare(1, Columns((7,), (7,)), RIGHT, None)) == []


def test_what_several_threads_pulled_together_is_counted_as_a_set():
    def pulled(*batches):
        return [Columns(batch, batch) for batch in batches]

    right = pulled((11, 12), (13, 14), (15,))
    assert list(compare_sets(pulled((15,), (11, 12), (14, 13)), right, CONTENTS)) == []
    assert list(compare_sets(pulled((99,)), right, None)) == []
    (found,) = compare_sets(pulled((11, 11), (99,)), pulled((11, 12), (13,)), KEYS)
    assert found == WrongSet(samples=(11, 99), duplicated=1, torn=1, missing=2)
    assert found.text() == "samples: 1 duplicated, 2 missing, 1 unknown"
