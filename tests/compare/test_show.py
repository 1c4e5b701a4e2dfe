"""The table of a comparison says what its evidence says, and what the words rest on."""

from __future__ import annotations

import dataclasses
import re
import sys

import pytest

from feeders.compare import show
from feeders.compare.evidence import ComparisonEvidence, evidence
from feeders.compare.request import CellPair, ComparisonRequest
from feeders.compare.sampling import Comparison
from feeders.compare.show import TABLE_HEADS, comparison_text, inside_epochs, interval_text, verdict_text, what_changed
from feeders.compare.verdict import judge_pairs, judge_within_family
from feeders.measure import Cell
from feeders.releases.catalogue import Release
from feeders.releases.stacks import KERAS_PACKAGE, TENSORFLOW_PACKAGE, Stack, difference, stacks
from feeders.results.changes import BrokenPair, SpeedVerdict
from tests.compare.made import HUNG, made

SLOW, FAST = ([mean + about for about in 5 * [0.01, -0.01]] for mean in (0.3, -0.3))
SAME, OPEN = [0.001, -0.001] * 5, [0.04, -0.04] * 5

A_HUNG = dataclasses.replace(HUNG, side="a")


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch):
    """What the interpreter of the tests holds plays no part."""
    monkeypatch.setattr(show, "installed", lambda: None)


def found(family=None, releases=("2.15.1", "2.16.2"), **answers):
    """Evidence of one comparison per name: of log-ratios, or of pairs that broke, or of both."""
    names = [*answers, *range((family or len(answers)) - len(answers))]
    cell_pairs = [CellPair(f"{name}/text/1", *2 * (Cell(str(name), "text", 1),)) for name in names]
    seen = {}
    for cells, values in zip(cell_pairs, answers.values()):
        broken = tuple(value for value in values if isinstance(value, BrokenPair))
        ratios = [value for value in values if not isinstance(value, BrokenPair)]
        verdict = None if len(broken) > 1 else judge_within_family(ratios, len(cell_pairs))
        seen[cells] = Comparison(tuple(map(made, ratios)), broken, verdict, ended=True)
    return evidence(ComparisonRequest(*releases, *releases, tuple(cell_pairs)), seen)


def asked_as(shown, **values):
    """The same evidence of another request."""
    return ComparisonEvidence(dataclasses.replace(shown.request, **values), shown.comparisons)


def table(text):
    """The columns of each row by its name; columns are two blanks or more apart, or empty."""
    _, body, _ = text.split("\n\n")
    head, *lines = body.splitlines()
    starts = [head.index(title) for title in TABLE_HEADS[1:]]
    ends = [*starts[1:], None]
    return {line[: starts[0]].strip(): [line[a:b].strip() for a, b in zip(starts, ends)] for line in lines}


def test_columns_tell_ratio_interval_pairs_spread_and_what_would_have_been_seen():
    text = comparison_text(found(slow=SLOW))
    verdict = judge_pairs(SLOW)
    assert table(text) == {
        "slow/text/1": [
            "slower",
            f"{verdict.ratio:.3f}",
            f"[{verdict.low:.3f}, {verdict.high:.3f}]",
            "10",
            f"{100 * verdict.spread:.1f} %",
            f"{100 * verdict.detectable:.1f} %",
        ]
    }
    assert "[1.335, 1.365]" in text
    assert re.search(r"^ +verdict +B/A time +99 % interval +pairs +spread of a pair +would have seen$", text, re.M)


def test_every_word_is_said_with_what_qualifies_it():
    """How close "same" is; how many pairs "undecided" still wants."""
    rows = table(comparison_text(found(slow=SLOW, fast=FAST, same=SAME, open=OPEN, few=SLOW[:3])))
    assert [row[0] for row in rows.values()] == [
        "slower",
        "faster",
        "same within 0.1 %",
        f"undecided ({judge_pairs(OPEN).needed} pairs)",
        "undecided (10 pairs)",
    ]


def test_of_what_is_undecided_the_inside_of_epochs_is_told():
    """Gaps between epochs spread most, and may be all that is open."""
    text = comparison_text(found(open=OPEN, few=OPEN[:9], slow=SLOW))
    inside = judge_pairs(OPEN)
    said = f"inside epochs 1.000 [{inside.low:.3f}, {inside.high:.3f}]; 20 % of the time is between them"
    notes = text.split("\n\n")[-1].splitlines()
    assert notes[:-1] == [f"open/text/1: {said}"]


def test_the_inside_of_epochs_is_that_of_their_own_turns():
    (each,) = found(open=OPEN).comparisons.values()
    pairs = [dataclasses.replace(pair, feed=pair.feed / 40, share=0.5) for pair in each.pairs]
    assert inside_epochs(each.verdict, pairs) == (
        "inside epochs 1.000 [0.999, 1.001]; 50 % of the time is between them"
    )


def test_what_one_pair_or_none_can_not_tell_is_empty():
    """Unknown is never 0."""
    rows = table(comparison_text(found(one=[0.3], none=[])))
    assert rows == {
        "one/text/1": ["undecided", "", "", "1", "", ""],
        "none/text/1": ["undecided", "", "", "0", "", ""],
    }
    assert interval_text(SpeedVerdict("undecided", 1)) == ""
    assert verdict_text(SpeedVerdict("undecided", 1)) == "undecided"


def test_where_a_side_broke_its_outcome_stands_in_place_of_a_verdict():
    text = comparison_text(found(slow=SLOW, broken=[0.3, HUNG, HUNG], a=[A_HUNG, A_HUNG]))
    rows = table(text)
    assert rows["broken/text/1"] == ["B hung", "", "", "1", "", ""]
    assert rows["a/text/1"] == ["A hung", "", "", "0", "", ""]
    notes = text.split("\n\n")[-1].splitlines()
    assert notes[:2] == ["broken/text/1: B hung: no end after 60 s.", "a/text/1: A hung: no end after 60 s."]


def test_a_side_that_broke_once_is_told_beside_its_verdict():
    """A pair that was repeated is no secret."""
    text = comparison_text(found(slow=[HUNG, *SLOW]))
    assert table(text)["slow/text/1"][0] == "slower"
    assert "slow/text/1: B hung: no end after 60 s." in text


def test_a_long_message_is_cut():
    (line,) = [
        line
        for line in comparison_text(found(x=2 * [BrokenPair("b", "failed", 1000 * "x")])).splitlines()
        if line.startswith("x/text/1: ")
    ]
    assert line == f"x/text/1: B failed: {300 * 'x'}"


def test_what_was_not_compared_is_named_and_counts_in_the_family():
    text = comparison_text(found(family=3, slow=SLOW))
    assert "not compared: 0/text/1, 1/text/1\n" in text
    said = "Lockstep pairs; slower and faster hold for all 3 together at 99 % (Holm) and exceed 3 %."
    assert text.endswith(said)


def test_a_single_comparison_speaks_of_no_family():
    assert comparison_text(found(slow=SLOW)).endswith("Lockstep pairs; slower and faster hold at 99 % and exceed 3 %.")


def test_the_head_names_both_sides_and_their_stacks():
    text = comparison_text(found(slow=SLOW))
    before, after = (stacks()[release] for release in ("2.15.1", "2.16.2"))
    assert text.splitlines()[:2] == [
        f"A: 2.15.1 (TensorFlow 2.15.1, Keras {before.version(KERAS_PACKAGE)}, Python {before.python}, CPU)",
        f"B: 2.16.2 (TensorFlow 2.16.2, Keras {after.version(KERAS_PACKAGE)}, Python {after.python}, CPU)",
    ]


def test_a_release_without_a_stack_is_named_alone_and_a_feeder_with_its_release():
    head = comparison_text(asked_as(found(slow=SLOW), a="sequence", release_a="n261120", b="arrays")).splitlines()
    assert head[0] == "A: sequence on n261120"
    assert head[1].startswith("B: arrays on 2.16.2 (TensorFlow 2.16.2, ")


def test_of_the_installed_release_what_is_installed_is_told(monkeypatch):
    """Its feeders are measured as it is here; its stack may pin another Python and other packages."""
    monkeypatch.setattr(show, "installed", lambda: Release("2.15.1", "2024-03-08", "TensorFlow 2.15.1, Keras 2.15.0"))
    shown = asked_as(found(slow=SLOW, releases=2 * ("2.15.1",)), a="sequence", b="arrays")
    head = comparison_text(shown).splitlines()
    python = ".".join(map(str, sys.version_info[:2]))
    stack = f"as installed here: TensorFlow 2.15.1, Keras 2.15.0, Python {python}"
    assert head[:2] == [f"A: sequence on 2.15.1 ({stack})", f"B: arrays on 2.15.1 ({stack})"]


def test_of_two_releases_their_stacks_are_told_even_if_one_is_installed(monkeypatch):
    """They are compared as they are pinned: another Python is not what a release changed."""
    monkeypatch.setattr(show, "installed", lambda: Release("2.15.1", "2024-03-08", "TensorFlow 2.15.1, Keras 2.15.0"))
    before, _ = comparison_text(found(slow=SLOW)).splitlines()[:2]
    assert before == f"A: 2.15.1 (TensorFlow 2.15.1, Keras 2.15.0, Python {stacks()['2.15.1'].python}, CPU)"


def test_of_an_installed_release_without_a_stack_what_is_installed_is_told(monkeypatch):
    monkeypatch.setattr(show, "installed", lambda: Release("n261120", "2026-11-20", "TensorFlow nightly"))
    head = comparison_text(found(slow=SLOW, releases=("n261120", "2.15.1"))).splitlines()
    assert head[0].startswith("A: n261120 (as installed here: TensorFlow nightly, Python ")


def test_keras_of_a_tensorflow_that_brings_its_own_is_said():
    assert "Keras built in" in comparison_text(found(slow=SLOW, releases=("2.4.4", "2.15.1"))).splitlines()[0]


def test_keras_of_a_nightly_build_is_said(monkeypatch):
    pins = (("keras-nightly", "3.31.0.dev2026102704"), ("tensorflow-cpu", "2.30.0rc0"))
    monkeypatch.setattr(show, "stacks", lambda: {**stacks(), "x1a2b3c4": Stack("x1a2b3c4", "3.11", "2026-10-27", pins)})
    head = comparison_text(found(slow=SLOW, releases=("2.15.1", "x1a2b3c4"))).splitlines()
    assert head[1] == "B: x1a2b3c4 (TensorFlow 2.30.0rc0, Keras 3.31.0.dev2026102704, Python 3.11, CPU)"
    assert ", keras-nightly none -> 3.31.0.dev2026102704, " in what_changed("2.15.1", "x1a2b3c4", most=5)


@pytest.mark.parametrize(
    ("answers", "bad"),
    [
        ({"slow": SLOW}, True),
        ({"fast": FAST, "same": SAME, "open": OPEN}, False),
        ({"fast": FAST, "slow": SLOW}, True),
        ({"b": [HUNG, HUNG]}, True),
        ({"a": [A_HUNG, A_HUNG]}, False),
        ({"both": [HUNG, A_HUNG]}, True),
        ({"once": [HUNG, *SAME]}, False),
        ({"few": SLOW[:9]}, False),
        ({"none": []}, False),
    ],
)
def test_bad_is_what_is_slower_or_breaks_on_side_b(answers, bad):
    assert found(**answers).is_bad is bad


def test_nothing_answered_is_not_bad():
    assert found(family=2).is_bad is False


@pytest.fixture
def two_stacks(monkeypatch):
    """Return a function that puts two stacks with these pins in the place of all."""

    def two_stacks(before, after, pythons=("3.10", "3.11")):
        made_up = {
            name: Stack(name, python, "2026-01-01", tuple(pins.items()))
            for name, python, pins in zip(("old", "new"), pythons, (before, after))
        }
        monkeypatch.setattr(show, "stacks", lambda: made_up)

    return two_stacks


def test_the_packages_that_explain_most_changes_come_first(two_stacks):
    two_stacks(
        {"absl-py": "1", "keras": "2", "numpy": "1.26", "tensorflow-cpu": "2.15", "wheel": "1"},
        {"absl-py": "2", "keras": "3", "numpy": "2.0", "tensorflow-cpu": "2.16", "wheel": "1"},
    )
    first = "python 3.10 -> 3.11, tensorflow-cpu 2.15 -> 2.16, keras 2 -> 3, numpy 1.26 -> 2.0"
    assert what_changed("old", "new") == f"{first}, absl-py 1 -> 2"
    assert what_changed("old", "new", most=4) == f"{first} and 1 more"
    assert what_changed("new", "old", most=1) == "python 3.11 -> 3.10 and 4 more"


def test_a_package_that_comes_or_goes_is_told(two_stacks):
    two_stacks({"gone": "1"}, {"new": "2"}, ("3.11", "3.11"))
    assert what_changed("old", "new") == "gone 1 -> none, new none -> 2"


@pytest.mark.parametrize("releases", [("n261120", "2.15.1"), ("2.15.1", "n261120"), ("2.15.1", "2.15.1")])
def test_nothing_is_said_where_a_stack_is_unknown_or_the_same(releases):
    assert what_changed(*releases) == ""


def test_of_real_stacks_tensorflow_and_keras_are_among_the_first():
    """The names are those that stacks use."""
    assert difference(stacks()["2.15.1"], stacks()["2.16.2"])
    assert re.match(
        rf"(python \S+ -> \S+, )?{TENSORFLOW_PACKAGE} 2\.15\.1 -> 2\.16\.2, {KERAS_PACKAGE} ",
        what_changed("2.15.1", "2.16.2"),
    )
