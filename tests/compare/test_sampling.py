"""When a comparison ends: its looks at the verdict, its maximum, and sides that break."""

from __future__ import annotations

import random

import pytest

from feeders.compare import sampling
from feeders.compare.lockstep import Side
from feeders.compare.lockstep_client import LockstepProcess
from feeders.compare.sampling import Comparison, Sampling
from feeders.compare.verdict import judge_within_family
from feeders.measure import Cell, Settings
from feeders.results.changes import BrokenPair
from tests.compare.made import HUNG, made


def sampled(a, b, **settings):
    made_pairs = Sampling(random.Random(1), **settings)
    while not made_pairs.ended:
        made_pairs.measure(a, b)
    return made_pairs.comparison()


@pytest.fixture
def pairs(monkeypatch):
    """Put made-up pairs in the place of measured ones."""

    def pairs(*seen):
        left = iter(seen)
        monkeypatch.setattr(sampling, "measure_pair", lambda *_: next(left))
        side = Side(LockstepProcess("python"), Cell("sequence", "window", 1), Settings())
        return lambda **settings: sampled(side, side, **settings)

    return pairs


def noisy(mean, count):
    return [made(mean + (0.02 if at % 2 else -0.02)) for at in range(count)]


@pytest.mark.parametrize(("mean", "word", "count"), [(0.3, "slower", 10), (-0.3, "faster", 10), (0.0, "same", 10)])
def test_a_clear_answer_ends_a_comparison_at_the_first_look(pairs, mean, word, count):
    seen = pairs(*noisy(mean, 30))()
    assert (seen.verdict.word, len(seen.pairs)) == (word, count)


def test_looks_are_five_pairs_apart_and_the_last_is_at_the_maximum(pairs):
    wild = [made(0.1 if at % 2 else -0.1) for at in range(30)]
    assert [len(pairs(*wild)(maximum=count).pairs) for count in (12, 30)] == [12, 30]
    assert pairs(*wild)().verdict.word == "undecided"
    # Undecided after 10 pairs, slower from the 12th on: nobody looks before the 15th.
    slow = [made(0.12 if at % 2 else 0.0) for at in range(10)] + [made(0.09)] * 20
    assert judge_within_family([pair.log_ratio for pair in slow[:12]], 1).word == "slower"
    assert len(pairs(*slow)().pairs) == 15


def test_a_side_that_breaks_once_is_tried_again_and_that_is_told(pairs):
    seen = pairs(made(0.3), HUNG, *noisy(0.3, 30))()
    assert seen.broken == (HUNG,)
    assert (seen.verdict.word, len(seen.pairs)) == ("slower", 10)


def test_a_side_that_breaks_twice_ends_the_comparison_without_a_verdict(pairs):
    seen = pairs(HUNG, *noisy(0.3, 5), HUNG)()
    assert (seen.broken, seen.verdict, len(seen.pairs)) == ((HUNG, HUNG), None, 5)


def test_what_is_unsupported_is_not_tried_again(pairs):
    answer = BrokenPair("a", "unsupported", "it can't")
    assert pairs(answer)() == Comparison((), (answer,), None, ended=True)
