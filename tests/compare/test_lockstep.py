"""Lockstep pairs: the number of a pair by hand, and pairs of real takes."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import random
import sys

import pytest

from feeders.compare import lockstep
from feeders.compare.lockstep import Pair, Plan, Side, TurnTimes, measure_pair, numbers, plan
from feeders.compare.lockstep_client import BrokenTake, LockstepProcess
from feeders.errors import FeedersError
from feeders.measure import Cell, Settings
from feeders.results.changes import BrokenPair
from tests.compare.standin import ARGUMENTS, StandIn

SETTINGS = Settings(deadline_seconds=100)

# Enough turns for a pair; how long they are does not matter here.
TURN_SECONDS = 0.005


def turns(gap, step, steps=97):
    """Turns of a side without noise: thirty of ten steps, three with a gap."""
    return TurnTimes(steps, 1, [10 * step] * 30, [10] * 30, [gap + step] * 3)


def epoch(gap, step):
    return gap + 97 * step


def test_equal_sides_differ_by_nothing():
    assert numbers(turns(0.1, 0.01), turns(0.1, 0.01)) == (0.0, 0.0, 0.0, pytest.approx(0.11 / 1.07))


@pytest.mark.parametrize(
    ("a", "b"),
    [((0, 0.01), (0, 0.011)), ((0, 0.01), (5, 0.01)), ((5, 0.01), (0, 0.01)), ((0.1, 0.01), (0.05, 0.02))],
    ids=["slower steps", "a gap appears", "a gap disappears", "both"],
)
def test_the_number_is_the_ratio_of_whole_epochs(a, b):
    number, *_ = numbers(turns(*a), turns(*b))
    assert number == pytest.approx(math.log(epoch(*b) / epoch(*a)))


def test_the_noise_of_a_gap_that_takes_nothing_does_not_move_the_number():
    """An epoch of 10,000 steps: a gap ten times as long is 0.1 % of it."""
    a = turns(0, 0.01, steps=10_000)
    b = dataclasses.replace(a, gaps=[10 * seconds for seconds in a.gaps])
    number, feed, gap, share = numbers(a, b)
    assert (feed, gap, share) == (0, pytest.approx(math.log(10)), pytest.approx(1 / 10_000))
    assert number == pytest.approx(math.log(1 + 9 / 10_000))


def test_bursts_that_hit_three_turns_in_ten_do_not_move_the_number():
    a = turns(0, 0.01)
    a = dataclasses.replace(a, gaps=10 * a.gaps[:1])
    feeds, gaps = (
        [seconds * (50 if at % 10 < 3 else 1.1) for at, seconds in enumerate(values)] for values in (a.feeds, a.gaps)
    )
    _, feed, gap, _ = numbers(a, dataclasses.replace(a, feeds=feeds, gaps=gaps))
    assert (feed, gap) == (pytest.approx(math.log(1.1)), pytest.approx(math.log(1.1)))


def in_parts(*parts, epochs=2, begun=()):
    """Turns of a side without noise whose epochs are so many turns, of 10 steps each."""
    feeds = [*parts * epochs, *begun]
    return TurnTimes(10 * len(parts), len(parts), feeds, [10] * len(feeds), [0.01] * epochs)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((0.5, 0.1, 0.1), (0.3, 0.1, 0.1)),
        ((0.5, 0.1, 0.1), (0.1, 0.3, 0.1)),  # the same batches came in another order
        ((0.1, 0.1, 0.1, 0.1, 2.0), (0.1, 0.1, 0.1, 0.1, 0.5)),
    ],
    ids=["the slow part", "another part", "one in five"],
)
def test_a_part_with_slow_batches_counts_for_as_much_as_it_takes(a, b):
    _, feed, _, _ = numbers(in_parts(*a), in_parts(*b))
    assert feed == pytest.approx(math.log(sum(b) / sum(a)))


def test_an_epoch_that_is_only_begun_counts_for_nothing():
    a, b = (0.5, 0.1, 0.1), (0.3, 0.1, 0.1)
    whole = numbers(in_parts(*a), in_parts(*b))
    assert numbers(in_parts(*a, begun=(0.5, 0.1)), in_parts(*b, begun=(0.3, 0.1))) == whole


def test_the_share_of_the_gap_is_of_an_epoch_with_its_slow_batches():
    """Of 30 steps, 29 are inside and one is in the gap."""
    inside = (0.5 + 0.1 + 0.1) * 29 / 30
    assert in_parts(0.5, 0.1, 0.1).gap_share() == pytest.approx(0.01 / (0.01 + inside))


def test_bursts_in_one_epoch_of_five_do_not_move_the_number():
    a = in_parts(0.5, 0.1, 0.1, epochs=5)
    b = dataclasses.replace(a, feeds=[*(50 * seconds for seconds in a.feeds[:3]), *a.feeds[3:]])
    _, feed, _, _ = numbers(a, b)
    assert feed == pytest.approx(0)


@pytest.mark.parametrize(
    ("steps", "inside", "gap", "expected"),
    [
        (97, 0.25, 0.05, [97]),
        (97, 0.04, 0.02, [5 * 97]),
        (97, 0.3, 5.0, [97]),  # a gap is never cut
        (97, 1.2, 0.0, [24, 24, 24, 25]),
        (97, 120.0, 0.0, [19, 19, 20, 19, 20]),  # not fewer than 17 steps
        (40, 1.2, 0.0, [20, 20]),
        (2, 5.0, 0.0, [2]),
    ],
)
def test_turns_are_whole_epochs_or_equal_parts_of_one(steps, inside, gap, expected):
    assert plan(steps, inside, gap, 0.3, 0.3) == Plan(expected, 0, lockstep.TURNS)
    assert sum(expected) % steps == 0


@pytest.mark.parametrize(("inside", "expected"), [(0.02, [4 * 60]), (0.2, [60]), (0.4, [60]), (0.6, [30, 30])])
def test_shorter_turns_cut_no_epoch_that_longer_ones_leave_whole(inside, expected):
    assert plan(60, inside, 0.005, 0.1, 0.3).steps == expected


@pytest.mark.parametrize(
    ("steps", "inside", "expected"),
    [
        (97, 0.25, Plan([97], 97, 8)),
        (97, 0.1, Plan([3 * 97], 97, 8)),
        (10, 0.3, Plan([10], 20, 8)),  # what was read ahead has been used
        (60, 1.1, Plan([60], 60, 4)),  # in place of 16 thirds
        (97, 2.5, Plan([19, 19, 20, 19, 20], 0, 16)),  # it would take too long
    ],
)
def test_sides_that_wait_train_on_an_epoch_before_each_turn(steps, inside, expected):
    assert plan(steps, inside, 0.0, 0.3, 0.3, waits=True) == expected


@pytest.mark.parametrize(
    ("gap_seconds", "gaps", "feeds", "seconds", "enough"),
    [
        (0.47, 6, 16, 0, True),  # 0.48 of 1.44 s: 5.3 of 16 turns
        (0.47, 5, 16, 0, False),
        (0.47, 6, 15, 0, False),
        (0.0, 2, 16, 0, True),
        (0.0, 1, 16, 0, False),
        (5.0, 14, 16, 0, True),  # 5.01 of 5.97 s: 13.4 of 16 turns
        (5.0, 13, 16, 0, False),
        (5.0, 2, 2, 31, True),
        (5.0, 1, 30, 31, False),
    ],
)
def test_a_pair_ends_with_enough_turns_of_both_kinds_or_when_its_time_is_over(
    gap_seconds, gaps, feeds, seconds, enough
):
    seen = turns(gap_seconds, 0.01)
    seen = dataclasses.replace(
        seen, gaps=seen.gaps[:1] * gaps, feeds=seen.feeds[:feeds], feed_steps=seen.feed_steps[:feeds]
    )
    assert lockstep._enough(seen, lockstep.TURNS, seconds) is enough


@pytest.fixture(scope="module")
def stand_ins():
    """Return a function that measures a pair of stand-ins."""
    processes = [LockstepProcess(sys.executable, arguments=ARGUMENTS) for _ in range(2)]
    with processes[0] as first, processes[1] as second:
        yield lambda a, b: measure_pair(
            Side(first, a, SETTINGS), Side(second, b, SETTINGS), random.Random(3), TURN_SECONDS
        )


def test_a_pair_of_stand_ins_can_be_written_down(stand_ins):
    seen = stand_ins(StandIn(), StandIn("threaded"))
    assert math.isfinite(seen.log_ratio)
    assert len(seen.a.feeds) == len(seen.b.feeds) >= lockstep.TURNS
    assert seen.a.feed_steps == seen.b.feed_steps
    assert set(seen.a.feed_steps) == {19, 20}  # halves of an epoch, one with the gap
    assert (seen.a.parts, seen.b.parts) == (2, 2)
    assert {sum(pair) for pair in zip(seen.a.feed_steps[::2], seen.a.feed_steps[1::2])} == {39}
    assert len(seen.a.gaps) >= lockstep.GAPS
    assert json.loads(json.dumps(dataclasses.asdict(seen)))["launched"] in ("ab", "ba")


@pytest.mark.slow
def test_ten_times_the_work_is_seen_and_so_is_work_between_epochs(stand_ins):
    """No neighbour makes that much."""
    assert stand_ins(StandIn(), StandIn(extra=200)).log_ratio > 1
    seen = stand_ins(StandIn(), StandIn(gap=4000))
    assert seen.log_ratio > 0.7
    assert seen.gap > 1


@pytest.mark.slow
def test_one_slow_batch_counts_for_as_much_as_it_takes(stand_ins):
    """It takes as long as all others of its epoch, which is ten turns: the typical turn knows nothing of it."""
    steps = 170
    seen = stand_ins(StandIn(steps=steps, slow=20 * steps), StandIn(steps=steps))
    assert seen.a.parts > 5
    assert -0.9 < seen.log_ratio < -0.5


def test_what_a_side_waited_for_while_it_was_stopped_is_no_gain(stand_ins):
    """A batch that takes 0.3 s is asked for before the turn that needs it: stopped there, it would come for free."""
    seen = stand_ins(StandIn("waits", steps=60, slow=300), StandIn("waits", steps=60))
    assert seen.a.parts == 1
    # An epoch takes 0.12 s, and 0.27 s more.
    assert -1.7 < seen.log_ratio < -0.7


@pytest.mark.parametrize(("a", "b", "side"), [("raises", "", "a"), ("", "raises", "b")])
@pytest.mark.parametrize("at", [5, 140])
def test_the_side_that_breaks_is_named(stand_ins, a, b, side, at):
    seen = stand_ins(StandIn(fault=a, at=at), StandIn(fault=b, at=at))
    assert seen == BrokenPair(side, "failed", "ValueError: planted")


class StartedTake:
    """Stands for a take that is warm: notes whether it was ended."""

    def __init__(self):
        self.ended = False

    def end(self):
        self.ended = True


@pytest.fixture
def starts(monkeypatch):
    """Return a function that lets the takes of these sides be refused, and which sides were started."""
    begun = {}

    def starts(*refused):
        def start_take(process, cell, settings):
            begun[process] = StartedTake()
            if process in refused:
                raise BrokenTake("refused", f"not by {process}")
            return begun[process]

        monkeypatch.setattr(lockstep, "start_take", start_take)
        return begun

    return starts


@pytest.mark.parametrize("launched", ["ab", "ba"])
def test_what_neither_side_does_is_told_of_a_whichever_was_launched_first(starts, launched):
    """Else chance says that B alone is refused, and decides the exit status."""
    starts("a", "b")
    sides = {name: Side(name, StandIn(), SETTINGS) for name in "ab"}
    assert lockstep._in_lockstep(sides, launched, "a", TURN_SECONDS, TURN_SECONDS) == BrokenPair(
        "a", "refused", "not by a"
    )


@pytest.mark.parametrize("launched", ["ab", "ba"])
def test_what_b_alone_does_not_do_is_told_of_b_and_a_is_ended(starts, launched):
    begun = starts("b")
    sides = {name: Side(name, StandIn(), SETTINGS) for name in "ab"}
    assert lockstep._in_lockstep(sides, launched, "a", TURN_SECONDS, TURN_SECONDS) == BrokenPair(
        "b", "refused", "not by b"
    )
    assert begun["a"].ended


def test_epochs_of_different_length_are_no_pair(stand_ins):
    with pytest.raises(FeedersError, match="an epoch has 40 steps on side A and 50 on side B; expected the same"):
        stand_ins(StandIn(steps=40), StandIn(steps=50))


def test_what_chance_draws_follows_from_the_seed(monkeypatch):
    drawn = []

    def remember(sides, launched, first, turn_seconds, part_seconds):
        drawn.append((launched, first, sides["a"].process is processes[1]))
        return BrokenPair("a", "failed", "")

    monkeypatch.setattr(lockstep, "_in_lockstep", remember)
    processes = LockstepProcess("python"), LockstepProcess("python")
    sides = [Side(process, StandIn(), SETTINGS) for process in processes]
    for seed in (5, 5, *range(40)):
        measure_pair(*sides, random.Random(seed))
    assert drawn[0] == drawn[1]
    assert set(drawn) == set(itertools.product(("ab", "ba"), "ab", (False, True)))


def test_processes_that_differ_are_not_swapped(monkeypatch):
    held = set()
    monkeypatch.setattr(
        lockstep, "_in_lockstep", lambda sides, *_: held.add(sides["a"].process) or BrokenPair("a", "failed", "")
    )
    one, other = LockstepProcess("python3.8"), LockstepProcess("python3.12")
    for seed in range(20):
        measure_pair(Side(one, StandIn(), SETTINGS), Side(other, StandIn(), SETTINGS), random.Random(seed))
    assert held == {one}


@pytest.fixture(scope="module")
def stacks():
    """Two processes of this interpreter."""
    pytest.importorskip("tensorflow")
    with LockstepProcess(sys.executable) as a, LockstepProcess(sys.executable) as b:
        yield a, b


@pytest.mark.slow
@pytest.mark.parametrize(("feeder", "workers"), [("sequence", 4), ("sequence-processes", 2), ("tfdata-map", 2)])
def test_a_pair_of_real_takes_gives_a_number(stacks, feeder, workers):
    """Each side trains on whole epochs of the same feeder or on fifths of them, 97 batches each, one at a time."""
    assert stacks[0].stack["tensorflow"] == stacks[1].stack["tensorflow"]
    sides = [Side(process, Cell(feeder, "remote", workers), SETTINGS) for process in stacks]
    seen = measure_pair(*sides, random.Random(1), turn_seconds=0.02)
    assert isinstance(seen, Pair), seen
    assert math.isfinite(seen.log_ratio)
    for side in (seen.a, seen.b):
        assert side.steps == 97
        # How many cores are kept busy meanwhile is the host's matter. In the last fifth a step belongs to the gap.
        turns, feed_steps = {1: (lockstep.FEWEST_APART, {96}), 5: (lockstep.TURNS, {18, 19, 20})}[side.parts]
        # Keras 2 sits idle for 5 s between epochs.
        assert len(side.feeds) >= turns or seen.seconds > lockstep.PAIR_SECONDS
        assert set(side.feed_steps) <= feed_steps
        assert len(side.gaps) >= lockstep.GAPS


@pytest.mark.slow
def test_a_real_cell_that_fails_is_an_outcome(stacks):
    """Plain generators have no workers in Keras 3; a name that is unknown fails everywhere."""
    sides = [Side(process, Cell(name, "remote", 1), SETTINGS) for process, name in zip(stacks, ("sequence", "no-such"))]
    seen = measure_pair(*sides, random.Random(1))
    assert (seen.side, seen.outcome) == ("b", "failed")
    assert "no-such" in seen.message
