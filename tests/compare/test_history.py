"""The recorded history: which takes count, what of them is compared, and where a cell begins to end otherwise."""

from __future__ import annotations

import math

import pytest

from feeders.compare import history
from feeders.compare.history import Turned, by_cell, screen, turned
from feeders.measure import Cell, Record
from feeders.releases.stacks import stacks

CELL = Cell("sequence", "text", 1)

# The takes of a release about its level, as shares: the standard error of a step between two of them is 2 %.
ABOUT = (-0.04, -0.02, 0.0, 0.02, 0.04)


def record(cell=CELL, *, feed=1.0, gap=0.25, outcome="measured", pins="", run="", number=None, guarantee=""):
    """A take whose steady epochs are all alike."""
    measured = outcome == "measured"
    return Record(
        cell.feeder,
        cell.workload,
        cell.workers,
        outcome,
        metrics={"epoch": feed + gap, "gap": gap} if measured else {},
        epochs=(9.0, *4 * (feed + gap,)) if measured else (),
        guarantee=guarantee,
        stack={"pins": pins} if pins else {},
        run=run,
        round=number,
    )


def takes(releases, **times):
    """Five takes of each release in five rounds; a time is a function of the release's index."""
    return {
        f"2.{index}": [
            record(
                run="r",
                number=number,
                **{name: of(index) * (1 + ABOUT[(index + number) % len(ABOUT)]) for name, of in times.items()},
            )
            for number in range(len(ABOUT))
        ]
        for index in range(releases)
    }


def at(found):
    return [(each.cell, each.suspect.before, each.suspect.after) for each in found]


def test_takes_are_sorted_by_cell_and_release_in_the_order_of_the_releases():
    other = Cell("sequence", "text", 4)
    cells = by_cell({"2.9": [record(), record(other)], "2.10": [record(other), record(), record()]})
    assert {cell: {name: len(own) for name, own in each.items()} for cell, each in cells.items()} == {
        CELL: {"2.9": 1, "2.10": 2},
        other: {"2.9": 1, "2.10": 1},
    }
    assert list(cells[CELL]) == ["2.9", "2.10"]


def test_takes_of_other_environments_than_the_stack_s_are_left_out():
    """Takes of a release that was measured where it happened to be installed are of other packages."""
    own = stacks()["2.15.1"].digest
    records = [record(pins=own), record(pins="0123456789ab"), record(), record(pins=own, feed=2.0)]
    assert by_cell({"2.15.1": records}) == {CELL: {"2.15.1": [records[0], records[3]]}}


def test_without_takes_of_the_stack_those_of_the_newest_environment_count():
    """A release without a stack is measured where it is installed, and an update of that is another environment."""
    older, newer = record(pins="0123456789ab"), record(pins="ba9876543210")
    for release in ("2.15.1", "n261120"):
        assert by_cell({release: [older, newer, older, newer]}) == {CELL: {release: [newer, newer]}}
    assert by_cell({"2.15.1": []}) == {}


def test_takes_of_one_round_of_one_run_lie_together(monkeypatch):
    """A later run has rounds of the same numbers, hours apart."""
    seen = []
    monkeypatch.setattr(history, "suspects", lambda takes: seen.append(takes) or ())
    records = [record(run="monday", number=0), record(run="tuesday", number=0), record(run="tuesday", number=1)]
    screen({CELL: {"2.9": [*records, record()]}})
    for quantity in seen:
        assert [key for key, _ in quantity["2.9"]] == ["monday 0", "tuesday 0", "tuesday 1", None]


def test_the_epoch_with_its_gap_is_judged_and_without_it(monkeypatch):
    """The first epoch of a fit, which traces and starts workers, is in neither."""
    seen = []
    monkeypatch.setattr(history, "suspects", lambda takes: seen.append(takes) or ())
    screen({CELL: {"2.9": [record(feed=1.0, gap=0.5)]}})
    assert [[value for _, value in quantity["2.9"]] for quantity in seen] == [[pytest.approx(math.log(1.5))], [0.0]]


def test_takes_that_were_not_measured_are_no_values(monkeypatch):
    """Unknown is not 0: neither is a take that hung, nor a gap that nobody saw."""
    seen = []
    monkeypatch.setattr(history, "suspects", lambda takes: seen.append(takes) or ())
    no_gap = Record("sequence", "text", 1, "measured", metrics={"epoch": 1.0}, epochs=(9.0, 1.0))
    screen({CELL: {"2.8": [record(outcome="hung")], "2.9": [record(outcome="failed"), no_gap]}})
    assert seen == [{"2.8": [], "2.9": [(None, 0.0)]}, {"2.8": [], "2.9": []}]


def test_a_gap_as_long_as_the_epoch_leaves_no_feed():
    """There is no logarithm of it."""
    assert screen({CELL: {"2.8": [record(feed=0.0)] * 3, "2.9": [record(feed=0.0)] * 3}}) == []


def test_a_change_of_the_gap_alone_is_suspected():
    """No per-batch number sees it: it is in the whole epoch only."""
    changed = takes(16, feed=lambda index: 1.0, gap=lambda index: 0.5 if index >= 6 else 0.25)
    (found,) = screen({CELL: changed})
    assert at([found]) == [(CELL, "2.5", "2.6")]
    assert found.suspect.step == pytest.approx(math.log(1.5 / 1.25), abs=0.02)


def test_a_change_of_the_feed_is_suspected_where_a_long_gap_hides_it():
    """Keras 2 waits for five seconds between epochs: steps that are 12 % slower add 2 % to an epoch."""
    changed = takes(16, feed=lambda index: 1.12 if index >= 6 else 1.0, gap=lambda index: 5.0)
    (found,) = screen({CELL: changed})
    assert at([found]) == [(CELL, "2.5", "2.6")]
    assert found.suspect.step == pytest.approx(math.log(1.12), abs=0.02)


def test_a_change_of_both_is_one_suspect_of_its_cell():
    other = Cell("sequence", "text", 4)
    slower = takes(16, feed=lambda index: 1.2 if index >= 6 else 1.0, gap=lambda index: 0.3 if index >= 6 else 0.25)
    flat = takes(16, feed=lambda index: 1.0, gap=lambda index: 0.25)
    assert at(screen({CELL: slower, other: flat})) == [(CELL, "2.5", "2.6")]
    assert at(screen({CELL: slower, other: slower})) == [(CELL, "2.5", "2.6"), (other, "2.5", "2.6")]


def states(*words):
    """One release for each word: an outcome, or a guarantee of what was measured."""
    return {
        f"2.{index}": [
            record(outcome=word)
            if word in ("hung", "failed", "crashed", "refused", "unsupported", "measured")
            else record(guarantee=word)
        ]
        * 3
        for index, word in enumerate(words)
    }


@pytest.mark.parametrize(
    ("was", "is_now", "worse"),
    [
        ("measured", "hung", True),
        ("measured", "failed", True),
        ("measured", "crashed", True),
        ("exactly-once", "refused", True),
        ("measured", "unsupported", False),
        ("hung", "measured", False),
        ("refused", "failed", False),
        ("failed", "hung", False),
        ("none", "exactly-once", False),
        ("exactly-once", "none", True),
        ("exactly-once", "unsupported", False),
        ("at-least-once", "none", False),
    ],
)
def test_another_outcome_or_guarantee_is_told_and_worse_is_what_was_measured_before(was, is_now, worse):
    assert turned({CELL: states(was, is_now)}) == [Turned(CELL, "2.0", "2.1", was, is_now, worse)]


def test_a_race_that_shows_in_some_takes_is_no_turn():
    """From exactly-once to none it is only told where all takes agree, however long they did not."""
    seen = states("exactly-once", "none", "exactly-once", "none")
    for release in ("2.1", "2.2"):
        seen[release] = [*seen["2.0"][:1], *seen["2.3"][:2]]
    assert turned({CELL: seen}) == [Turned(CELL, "2.0", "2.3", "exactly-once", "none", True)]
    assert turned({CELL: {**seen, "2.3": seen["2.0"]}}) == []


def test_each_turn_is_told_and_what_stays_is_not():
    found = turned({CELL: states("measured", "measured", "hung", "hung", "measured")})
    assert [(each.before, each.after, each.worse) for each in found] == [("2.1", "2.2", True), ("2.3", "2.4", False)]


def test_the_word_of_most_takes_counts():
    """One take in five that hangs is no other outcome; three are."""
    fine, hung = record(), record(outcome="hung")
    assert turned({CELL: {"2.0": [fine] * 5, "2.1": [hung, *[fine] * 4]}}) == []
    (found,) = turned({CELL: {"2.0": [fine] * 5, "2.1": [fine, hung, hung, fine, hung]}})
    assert (found.was, found.is_now) == ("measured", "hung")


def test_a_guarantee_of_another_release_s_failure_is_not_read():
    """What broke delivered nothing worth a guarantee, whatever its record says."""
    broken = record(outcome="failed", guarantee="none")
    (found,) = turned({CELL: {"2.0": [record(guarantee="exactly-once")], "2.1": [broken]}})
    assert (found.was, found.is_now) == ("exactly-once", "failed")


def test_a_release_in_which_a_cell_was_not_taken_is_spanned():
    cells = by_cell({"2.0": [record()], "2.1": [record(Cell("arrays", "text", 1))], "2.2": [record(outcome="refused")]})
    (found,) = turned(cells)
    assert (found.before, found.after) == ("2.0", "2.2")
