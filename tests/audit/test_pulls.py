"""What a call beside others gave, against what it gives alone."""

from __future__ import annotations

from feeders.audit.pulls import _compare_sets, compare

from feeders.audit.identity import Columns

RIGHT = [Columns([1, 2], [11, 12]), Columns([3, 4], [13, 14]), Columns([5], [15])]


def test_a_call_that_gave_what_it_gives_alone_is_no_finding():
    assert list(compare(1, Columns([3, 4], [13, 14]), RIGHT, "contents")) == []


def test_a_call_that_gave_samples_of_another_batch_names_that_batch():
    (found,) = compare(1, Columns([1, 2], [11, 12]), RIGHT, "contents")
    assert (found["kind"], found["index"], found["wrong"], found["of"], found["torn"]) == ("wrong", 1, 2, [0], 0)


def test_content_of_no_sample_is_torn():
    (found,) = compare(0, Columns([1, 2], [11, 99]), RIGHT, "contents")
    assert (found["samples"], found["wrong"], found["of"], found["torn"]) == ([99], 1, [], 1)


def test_a_batch_that_is_cut_counts_what_it_lacks():
    (found,) = compare(1, Columns([3], [13]), RIGHT, "contents")
    assert (found["wrong"], found["torn"]) == (1, 0)


def test_by_key_content_may_differ():
    assert list(compare(1, Columns([3, 4], [7, 8]), RIGHT, "keys")) == []
    assert list(compare(1, Columns([4, 3], [7, 8]), RIGHT, "keys")) != []


def test_samples_with_a_checksum_are_judged_by_it_whatever_the_index_gave_before():
    assert list(compare(0, Columns([7], [1]), RIGHT, "sound")) == []
    (found,) = compare(0, Columns([7, 8], [1, 0]), RIGHT, "sound")
    assert (found["samples"], found["wrong"]) == ([8], 1)


def test_where_nothing_is_the_same_again_nothing_is_compared():
    assert list(compare(1, Columns([7], [7]), RIGHT, None)) == []


def test_what_several_threads_pulled_together_is_counted_as_a_set():
    def pulled(*batches):
        return [Columns(batch, batch) for batch in batches]

    right = pulled([11, 12], [13, 14], [15])
    assert list(_compare_sets(pulled([15], [11, 12], [14, 13]), right, "contents")) == []
    assert list(_compare_sets(pulled([99]), right, None)) == []
    (found,) = _compare_sets(pulled([11, 11], [99]), pulled([11, 12], [13]), "keys")
    assert (found["duplicated"], found["missing"], found["torn"]) == (1, 2, 1)
