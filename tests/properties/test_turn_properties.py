"""Any plan of turns: whole epochs, or parts that make up epochs, of about the length that was asked for."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from feeders.compare.lockstep import TURN_STEPS, plan

STEPS = st.integers(2, 5_000)
SECONDS = st.floats(1e-4, 100)
GAP = st.floats(0, 10)
TURN = st.floats(0.01, 2)


@given(STEPS, SECONDS, GAP, TURN)
def test_turns_make_up_whole_epochs(steps, inside, gap, turn):
    """What begins and ends with an epoch is in one turn, or an epoch ends where a turn does."""
    parts = list(itertools.islice(plan(steps, inside, gap, turn), 2_000))
    assert all(part > 0 for part in parts)
    ends = set(itertools.accumulate(parts))
    epochs = range(steps, sum(parts), steps)
    if min(parts) >= steps:
        assert all(part % steps == 0 for part in parts)
    else:
        assert all(end in ends for end in epochs)


@given(STEPS, SECONDS, GAP, TURN)
def test_parts_of_an_epoch_are_nearly_equal_and_never_short(steps, inside, gap, turn):
    """A short turn is over before what was read ahead has been used."""
    parts = list(itertools.islice(plan(steps, inside, gap, turn), 200))
    if min(parts) < steps:
        assert max(parts) - min(parts) <= 1
        assert min(parts) >= TURN_STEPS


@given(STEPS, SECONDS, GAP, TURN)
def test_an_epoch_is_cut_only_where_it_is_longer_than_a_turn(steps, inside, gap, turn):
    first = next(plan(steps, inside, gap, turn))
    if first < steps:
        assert inside > turn
    else:
        epochs = first // steps
        assert epochs == 1 or epochs * (inside + gap) <= 1.5 * turn
