from __future__ import annotations

import math

import numpy as np
import pytest

from feeders.compare.screen import SCREEN_LEVEL, low_quantile, newest_step, scan, suspects, without_rounds

# The takes of a release about its level: the standard error of a step between two of them is 2 %.
ABOUT = (-0.04, -0.02, 0.0, 0.02, 0.04)


def history(levels, rounds=None):
    """Five takes of each release about its level, in turn in each of five rounds, which add what is said."""
    rounds = rounds or [0.0] * len(ABOUT)
    return {
        f"2.{index}": [
            (f"r{key}", level + ABOUT[(index + key) % len(ABOUT)] + added) for key, added in enumerate(rounds)
        ]
        for index, level in enumerate(levels)
    }


def uneven(releases, by=0.01):
    """Levels that go up and down, so that the scan has a spread."""
    return np.array([by, -by] * releases)[:releases]


def at(found):
    return [(suspect.before, suspect.after) for suspect in found]


def test_nothing_is_suspected_where_nothing_changed():
    assert suspects(history(uneven(16))) == ()
    assert suspects(history([0.0] * 16)) == ()


@pytest.mark.parametrize("size", [0.1, -0.1])
def test_a_lasting_step_is_found_once_in_either_direction(size):
    (suspect,) = suspects(history(uneven(16) + size * (np.arange(16) >= 6)))
    assert (suspect.before, suspect.after, suspect.by) == ("2.5", "2.6", "scan")
    assert suspect.step == pytest.approx(size, abs=0.01)


def test_all_of_several_steps_are_found():
    levels = uneven(16) + 0.1 * (np.arange(16) >= 5) + 0.1 * (np.arange(16) >= 11)
    assert at(suspects(history(levels))) == [("2.4", "2.5"), ("2.10", "2.11")]


def test_a_change_that_lasts_for_one_release_is_found_going_and_coming():
    found = suspects(history(0.1 * (np.arange(16) == 8)))
    assert [(suspect.before, suspect.after, suspect.by) for suspect in found] == [
        ("2.7", "2.8", "adjacent"),
        ("2.8", "2.9", "adjacent"),
    ]
    assert [suspect.step for suspect in found] == pytest.approx([0.1, -0.1])


def test_the_newest_release_is_tested_alone():
    """A step that is one of many transitions elsewhere is enough in the newest release, where people look."""
    levels = uneven(16, by=0.02)
    levels[-2:] = 0.0, 0.06
    (suspect,) = suspects(history(levels))
    assert (suspect.before, suspect.after, suspect.by) == ("2.14", "2.15", "newest")
    levels[6:9] = 0.0, 0.06, 0.0
    assert at(suspects(history(levels))) == [("2.14", "2.15")]


def test_a_change_has_to_be_larger_than_the_margin_and_not_merely_certain():
    certain = [[level + about / 100 for about in ABOUT] for level in (0.0, 0.019)]
    assert newest_step(certain) == {}
    assert newest_step([certain[0], [take + 0.003 for take in certain[1]]]) == {1: pytest.approx(0.022)}


def test_a_history_the_other_way_round_has_the_same_suspects():
    random = np.random.default_rng(4)
    levels = random.normal(0, 0.03, 16) + 0.1 * (np.arange(16) >= 6)
    takes = {str(index): [(None, x) for x in random.normal(level, 0.03, 5)] for index, level in enumerate(levels)}
    opposite = {name: [(key, -x) for key, x in own] for name, own in takes.items()}
    found, mirrored = suspects(takes), suspects(opposite)
    assert len(found) > 1
    assert [(s.before, s.after, -s.step, s.by) for s in mirrored] == [(s.before, s.after, s.step, s.by) for s in found]


def test_of_a_history_without_a_step_the_scan_finds_one_in_twenty():
    random = np.random.default_rng(2)
    for releases in (4, 9, 16):
        found = sum(bool(scan(levels)) for levels in 10 * random.standard_normal((2_000, releases)))
        assert found / 2_000 == pytest.approx(SCREEN_LEVEL, abs=0.02)


@pytest.mark.parametrize(
    "takes",
    [
        {},
        {"2.1": [("r1", 0.0), ("r2", 0.1)]},
        {"2.1": [("r1", 0.0), ("r2", 0.1)], "2.2": []},
        {f"2.{index}": [("r1", 0.3 * index)] for index in range(8)},
    ],
    ids=["nothing", "one release", "another without takes", "one take of each"],
)
def test_what_is_too_little_to_judge_is_not_suspected(takes):
    assert suspects(takes) == ()


def test_a_release_without_takes_is_spanned():
    takes = history(0.2 * (np.arange(10) >= 5))
    takes["2.5"] = takes["2.5"][:1]
    assert at(suspects(takes)) == [("2.4", "2.6")]


def test_what_a_round_adds_to_all_releases_is_taken_away():
    slow = [0.3, 0.0, -0.2, 0.1, 0.0]
    calm, left = without_rounds(history(uneven(16))), without_rounds(history(uneven(16), slow))
    added = np.array(list(left.values())) - np.array(list(calm.values()))
    assert np.ptp(added) < 1e-9
    assert at(suspects(history(uneven(16) + 0.06 * (np.arange(16) >= 6), slow))) == [("2.5", "2.6")]


def test_a_release_that_missed_rounds_is_not_blamed_for_those_it_was_in():
    takes = history(uneven(16), [0.3, 0.3, 0.0, 0.0, 0.0])
    takes["2.9"] = takes["2.9"][:2]
    assert suspects(takes) == ()


def test_a_round_of_two_releases_is_left_as_it_is():
    takes = {"2.1": [("r1", 0.0), ("r2", 0.3)], "2.2": [("r1", 0.1), ("r2", 0.3)]}
    assert without_rounds(takes) == {"2.1": [0.0, 0.3], "2.2": [0.1, 0.3]}
    takes["2.3"] = [(None, 0.0), (None, 0.3)]
    assert without_rounds(takes)["2.3"] == [0.0, 0.3]


def test_a_later_session_is_compared_by_the_releases_it_shares():
    """The machine was 10 % slower in a second session, which holds two old releases and the new one."""
    takes = history(uneven(9))
    later = history([0.01, -0.01, 0.0], [0.1] * 5)
    for name, again in zip(("2.6", "2.7", "2.9"), later.values()):
        takes[name] = [*takes.get(name, []), *((f"later {key}", x) for key, x in again)]
    assert suspects(takes) == ()


@pytest.mark.parametrize("key", [None, "alone"])
def test_takes_of_the_newest_release_alone_are_no_change_of_it(key):
    """It was measured again on a day when the machine was faster, as one does with what is installed."""
    takes = history(uneven(16))
    takes["2.15"] = [*takes["2.15"], *((key and f"{key} {round}", -0.5) for round in range(9))]
    assert list(takes)[-1] == "2.15"
    assert suspects(takes) == ()
    assert without_rounds(takes)["2.15"] == pytest.approx(without_rounds(history(uneven(16)))["2.15"])


def test_two_sessions_that_share_no_release_keep_their_difference():
    """Nothing tells it from a step: it is a suspect, and lockstep pairs have to say."""
    takes = history(uneven(16) + 0.1 * (np.arange(16) >= 8))
    for name in list(takes)[8:]:
        takes[name] = [(f"later {key}", x) for key, x in takes[name]]
    assert at(suspects(takes)) == [("2.7", "2.8")]


def test_the_low_quantile_of_a_take_is_the_log_of_its_tenth():
    epochs = [float(second) for second in range(1, 12)]
    assert low_quantile(epochs) == pytest.approx(math.log(2))
    assert low_quantile([*epochs[:-1], 500.0]) == low_quantile(epochs)
    assert low_quantile([3.0]) == pytest.approx(math.log(3))


def test_a_take_without_epochs_has_no_time():
    with pytest.raises(ValueError, match="no steady epochs; expected at least one"):
        low_quantile([])
