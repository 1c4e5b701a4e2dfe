"""A catalogue keeps its order, finds rows by name, and answers a wrong name with those that are near."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from feeders.catalogue import Catalogue
from feeders.errors import FeedersError

ROWS = [SimpleNamespace(name=name) for name in ("sequence", "arrays", "sequence-lock")]


def test_rows_keep_their_order_and_are_found_by_name():
    catalogue = Catalogue("a feeder", ROWS)
    assert list(catalogue) == ROWS
    assert (len(catalogue), catalogue[1], catalogue[1:]) == (3, ROWS[1], tuple(ROWS[1:]))
    assert catalogue.names == ("sequence", "arrays", "sequence-lock")
    assert catalogue.named("arrays") is ROWS[1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("seqence", "seqence: not a feeder. Nearest: sequence, sequence-lock. Try: feeders list"),
        ("zzz", "zzz: not a feeder. Known: sequence, arrays, sequence-lock. Try: feeders list"),
        ("", ": not a feeder. Known: sequence, arrays, sequence-lock. Try: feeders list"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest_or_with_all(name, text):
    with pytest.raises(FeedersError) as error:
        Catalogue("a feeder", ROWS, hint="feeders list").named(name)
    assert str(error.value) == text


def test_two_rows_of_one_name_are_a_mistake():
    with pytest.raises(AssertionError, match="a feeder: two rows have one name"):
        Catalogue("a feeder", [*ROWS, ROWS[0]])
