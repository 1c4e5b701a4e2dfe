"""What is counted of an epoch, by key and by place, and what is left unknown."""

from __future__ import annotations

import dataclasses

import pytest

from feeders.measure.counts import Reference, count
from feeders.measure.identity import Columns


def columns(*parts, stamps=None, contents=None):
    """Batches of samples; the content of sample n is 100 + n."""
    contents = contents or [[100 + key for key in part] for part in parts]
    stamps = stamps or [None] * len(parts)
    return tuple(
        Columns(tuple(part), tuple(held), part_stamps and tuple(part_stamps))
        for part, held, part_stamps in zip(parts, contents, stamps)
    )


def contents(*parts):
    """Batches of samples that are known by their content."""
    return columns(*parts, contents=parts)


THREE = columns([0, 1], [2, 3], [4])
TURNED = columns([4, 3], [2, 1], [0])

BY_KEY = Reference((THREE,), keyed=True, reproducible=True, ordered=True, addressed=False, named=True)
BY_CONTENT = dataclasses.replace(BY_KEY, states=(contents([0, 1], [2, 3], [4]),), named=False)
BY_PLACE = dataclasses.replace(BY_CONTENT, addressed=True)


def counted(epoch):
    return {
        name: value for name in ("missing", "duplicated", "disordered", "corrupt") if (value := getattr(epoch, name))
    }


def test_an_epoch_as_it_should_be_counts_nothing():
    for reference in (BY_KEY, BY_CONTENT, BY_PLACE):
        epoch = count(
            columns([0, 1], [2, 3], [4]) if reference is BY_KEY else contents([0, 1], [2, 3], [4]), reference, 3
        )
        assert counted(epoch) == {}
        assert (epoch.delivered, epoch.reads, epoch.stale, epoch.samples) == (5, 3, None, {})
        assert None not in (epoch.missing, epoch.duplicated, epoch.disordered, epoch.corrupt)


def test_a_reference_knows_its_size():
    assert BY_KEY.batches == 3
    assert dataclasses.replace(BY_KEY, states=()).batches == 0


# By key.


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ([[0, 1], [4]], {"missing": 2}),
        ([[0, 1], [2, 3], [4], [2, 3]], {"duplicated": 2, "disordered": 2}),
        ([[0, 1], [0, 1], [4]], {"missing": 2, "duplicated": 2, "disordered": 1}),
        ([[2, 3], [0, 1], [4]], {"disordered": 2}),
        ([], {"missing": 5}),
    ],
    ids=["lost", "repeated", "repeated in the place of another", "swapped", "nothing came"],
)
def test_by_key_samples_are_lost_repeated_or_late(keys, found):
    assert counted(count(columns(*keys), BY_KEY, None)) == found


def test_by_key_a_sample_with_the_content_of_another_is_corrupt():
    seen = columns([0, 1], [2, 3], [4], contents=[[100, 101], [102, 100], [104]])
    epoch = count(seen, BY_KEY, None)
    assert counted(epoch) == {"corrupt": 1}
    assert epoch.samples == {"corrupt": (3,)}


def test_content_that_is_new_each_time_is_not_compared():
    seen = columns([0, 1], [2, 3], [4], contents=[[100, 101], [7, 8], [104]])
    epoch = count(seen, dataclasses.replace(BY_KEY, reproducible=False), None)
    assert (epoch.missing, epoch.duplicated, epoch.corrupt) == (0, 0, None)


def test_a_sample_that_the_loader_holds_twice_may_come_twice():
    twice = dataclasses.replace(BY_KEY, states=((*THREE, THREE[0]),))
    epoch = count(columns([0, 1], [2, 3], [4], [0, 1]), twice, None)
    assert counted(epoch) == {}
    assert epoch.disordered is None
    assert counted(count(columns([0, 1], [2, 3], [4], [0, 1], [0, 1]), twice, None)) == {"duplicated": 2}


def test_by_content_what_no_sample_holds_is_corrupt_and_stands_for_one_that_is_missing():
    epoch = count(contents([0, 1], [2, 99], [4]), BY_CONTENT, None)
    assert counted(epoch) == {"corrupt": 1}
    assert epoch.samples == {"missing": (3,), "corrupt": (99,)}


def test_by_content_a_missing_sample_beside_a_corrupt_one_is_missing():
    assert counted(count(contents([0, 1], [2, 99]), BY_CONTENT, None)) == {"missing": 1, "corrupt": 1}


def test_where_samples_can_not_be_told_apart_nothing_is_counted_but_their_number():
    epoch = count(columns([7, 8], [9]), dataclasses.replace(BY_KEY, keyed=False), 2)
    assert (epoch.delivered, epoch.reads) == (3, 2)
    assert (epoch.missing, epoch.duplicated, epoch.disordered, epoch.corrupt) == (None,) * 4


def test_an_order_that_is_new_each_time_is_not_judged():
    epoch = count(columns([4, 3], [2, 1], [0]), dataclasses.replace(BY_KEY, ordered=False), None)
    assert counted(epoch) == {}
    assert epoch.disordered is None


def test_a_few_of_many_samples_are_named():
    many = dataclasses.replace(BY_KEY, states=(columns(range(20)),))
    assert count([], many, None).samples == {"missing": (0, 1, 2, 3, 4)}


# Stamps.


@pytest.mark.parametrize(
    ("stamps", "stale"), [([[5, 5], [5, 5], [5]], 0), ([[4, 4], [5, 5], [5]], 2), ([[-1, -1], [-1, -1], [-1]], None)]
)
def test_samples_that_were_made_for_another_epoch_are_stale(stamps, stale):
    assert count(columns([0, 1], [2, 3], [4], stamps=stamps), BY_KEY, None).stale == stale
    unknown = dataclasses.replace(BY_KEY, keyed=False)
    assert count(columns([0, 1], [2, 3], [4], stamps=stamps), unknown, None).stale == stale


# By place.


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ([[2, 3], [0, 1], [4]], {"disordered": 2}),
        ([[0, 1], [0, 1], [4]], {"corrupt": 2}),
        ([[0, 1], [2, 99], [4]], {"corrupt": 1}),
        ([[0, 1], [2, 3]], {"missing": 1}),
        ([[0, 1], [2], [4]], {"missing": 1}),
        ([[0, 1], [2, 3], [4], [0, 1]], {"duplicated": 2}),
        ([[0, 1], [2, 3], [4, 4]], {"duplicated": 1}),
        ([], {"missing": 5}),
    ],
    ids=["swapped", "of another batch", "of no batch", "cut", "short", "too many", "long", "nothing came"],
)
def test_by_place_a_batch_is_what_its_index_asks_for(parts, found):
    assert counted(count(contents(*parts), BY_PLACE, None)) == found


def test_by_place_equal_batches_are_in_order_in_every_place():
    first, second, third = BY_PLACE.states[0]
    again = dataclasses.replace(BY_PLACE, states=((first, second, first, third),))
    assert counted(count(contents([0, 1], [2, 3], [0, 1], [4]), again, None)) == {}


# Several states.


@pytest.mark.parametrize("state", [THREE, TURNED], ids=["first", "second"])
def test_an_epoch_is_counted_against_the_state_that_it_is_nearest_to(state):
    """Keras calls the hooks between epochs a different number of times, by release."""
    for reference in (BY_KEY, BY_PLACE):
        several = dataclasses.replace(reference, states=(THREE, TURNED))
        assert counted(count(state, several, None)).keys() <= {"disordered"}
    by_content = [contents(*(batch.keys for batch in part)) for part in (THREE, TURNED, state)]
    by_place = dataclasses.replace(BY_PLACE, states=tuple(by_content[:2]))
    assert counted(count(by_content[2], by_place, None)) == {}


def test_a_shorter_state_is_not_taken_for_a_longer_one_that_holds_it_too():
    changing = dataclasses.replace(BY_KEY, states=(columns([0, 1], [2, 3], [4, 5]), columns([0, 1], [2, 3])))
    assert count(columns([0, 1], [2, 3]), changing, None).faults == 0


def test_states_may_hold_other_samples():
    """A loader may leave a remainder out, another one each time."""
    several = dataclasses.replace(BY_KEY, states=(THREE, columns([5, 6], [7])))
    assert counted(count(columns([5, 6], [7]), several, None)) == {}
    assert counted(count(columns([5, 6]), several, None)) == {"missing": 1}
