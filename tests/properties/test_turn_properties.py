"""Any plan of turns: whole epochs, or parts that make up epochs, of about the length that was asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from feeders.compare.lockstep import LONGEST_APART, TURN_STEPS, plan

STEPS = st.integers(2, 5_000)
SECONDS = st.floats(1e-4, 100)
GAP = st.floats(0, 10)
TURN = st.floats(0.01, 2)
LONGER = st.floats(1, 10)  # than a turn: a part of an epoch
WAITS = st.booleans()


@given(STEPS, SECONDS, GAP, TURN, LONGER, WAITS)
def test_turns_make_up_whole_epochs(steps, inside, gap, turn, longer, waits):
    """What begins and ends with an epoch is in one turn, or its turns make one epoch."""
    planned = plan(steps, inside, gap, turn, longer * turn, waits)
    assert all(part > 0 for part in planned.steps)
    assert sum(planned.steps) % steps == 0
    assert len(planned.steps) == 1 or sum(planned.steps) == steps
    assert planned.turns >= 1


@given(STEPS, SECONDS, GAP, TURN, LONGER)
def test_parts_of_an_epoch_are_nearly_equal_and_never_short(steps, inside, gap, turn, longer):
    """A short turn is over before what was read ahead has been used."""
    parts = plan(steps, inside, gap, turn, longer * turn).steps
    if min(parts) < steps:
        assert max(parts) - min(parts) <= 1
        assert min(parts) >= TURN_STEPS


@given(STEPS, SECONDS, GAP, TURN, LONGER)
def test_an_epoch_is_cut_only_where_it_is_longer_than_a_part(steps, inside, gap, turn, longer):
    first = plan(steps, inside, gap, turn, longer * turn).steps[0]
    if first < steps:
        assert inside > longer * turn
    else:
        epochs = first // steps
        assert epochs == 1 or epochs * (inside + gap) <= 1.5 * turn


@given(STEPS, SECONDS, GAP, TURN)
def test_a_side_that_waits_is_stopped_where_an_epoch_begins_and_goes_on_before_its_time_counts(
    steps, inside, gap, turn
):
    """Or what it waited for meanwhile would count for nothing."""
    planned = plan(steps, inside, gap, turn, turn, waits=True)
    if inside + gap <= LONGEST_APART:
        assert len(planned.steps) == 1
        assert planned.uncounted % steps == 0
        assert planned.uncounted >= TURN_STEPS
    else:
        assert planned == plan(steps, inside, gap, turn, turn)
