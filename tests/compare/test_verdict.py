from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest
from scipy import stats

from feeders.compare.verdict import (
    FASTER,
    LEVEL,
    MARGIN,
    SAME,
    SLOWER,
    UNDECIDED,
    holm,
    judge_pairs,
    judge_within_family,
    step_down,
)

# Of t with 9 degrees of freedom, as tables have it.
T_99 = 3.2498
LOG_MARGIN = math.log(1.03)


def ten(mean: float, error: float) -> list[float]:
    """Ten pairs with this mean and this standard error: half of them three errors above, half three below."""
    return [mean - 3 * error, mean + 3 * error] * 5


@pytest.mark.parametrize(
    ("mean", "error", "word"),
    [
        (0.1, 0.01, SLOWER),
        (0.04, 0.0122, SLOWER),
        pytest.param(0.04, 0.0124, UNDECIDED, id="the interval holds 0"),
        pytest.param(0.0290, 0.002, UNDECIDED, id="certain, but below the margin, and perhaps above"),
        pytest.param(0.0250, 0.001, SAME, id="certain, and certainly below the margin"),
        pytest.param(0.0, 0.0090, SAME, id="just within the margin"),
        pytest.param(0.0, 0.0092, UNDECIDED, id="just not"),
    ],
)
def test_the_word_follows_from_interval_and_margin_and_swapping_the_sides_mirrors_it(mean, error, word):
    mirrored = {SLOWER: FASTER}
    assert judge_pairs(ten(mean, error)).word == word
    assert judge_pairs(ten(-mean, error)).word == mirrored.get(word, word)


def test_numbers_of_a_change_are_those_computed_by_hand():
    verdict = judge_pairs(ten(0.1, 0.01))
    assert verdict.pairs == 10
    assert verdict.ratio == pytest.approx(math.exp(0.1))
    assert verdict.low == pytest.approx(math.exp(0.1 - T_99 * 0.01), rel=1e-5)
    assert verdict.high == pytest.approx(math.exp(0.1 + T_99 * 0.01), rel=1e-5)
    assert verdict.spread == pytest.approx(0.01 * math.sqrt(10))
    assert verdict.p == pytest.approx(stats.ttest_1samp(ten(0.1, 0.01), 0).pvalue)
    assert (verdict.needed, verdict.within) == (None, None)


def test_same_says_within_what():
    verdict = judge_pairs(ten(-0.01, 0.004))
    assert verdict.word == SAME
    assert verdict.within == pytest.approx(math.exp(0.01 + T_99 * 0.004) - 1, rel=1e-4)


def test_undecided_says_how_many_pairs_would_do():
    assert judge_pairs(ten(0, LOG_MARGIN)).needed == 71  # 10 t^2, t of 70 degrees of freedom being 2.648
    assert judge_pairs(ten(0.0290, 0.002)).needed == 11


@pytest.mark.parametrize("spread", [0.01, 0.03, 0.12, 0.5])
def test_that_many_pairs_of_the_same_spread_do_and_one_less_does_not(spread):
    """Also told by two pairs, whose own interval is 64 standard errors wide."""
    needed = judge_pairs(_centred(spread, 2)).needed
    assert judge_pairs(_centred(spread, needed)).word == SAME
    assert judge_pairs(_centred(spread, needed - 1)).word == UNDECIDED


def _centred(spread: float, pairs: int) -> np.ndarray:
    return _spreading(spread, pairs) - _spreading(spread, pairs).mean()


@pytest.mark.parametrize("seed", range(20))
def test_swapping_the_sides_mirrors_every_number(seed):
    random = np.random.default_rng(seed)
    log_ratios = random.normal(random.normal(0, 0.03), 0.03, size=random.integers(2, 30))
    one, other = judge_pairs(log_ratios), judge_pairs(-log_ratios)
    assert other.word == {SLOWER: FASTER, FASTER: SLOWER}.get(one.word, one.word)
    assert (other.ratio, other.low, other.high) == pytest.approx((1 / one.ratio, 1 / one.high, 1 / one.low))
    assert (other.spread, other.p, other.detectable) == pytest.approx((one.spread, one.p, one.detectable))
    assert (other.needed, other.within) == pytest.approx((one.needed, one.within))


@pytest.mark.parametrize(("spread", "pairs"), [(0.05, 5), (0.08, 5), (0.08, 10), (0.2, 20), (0.2, 2)])
def test_the_smallest_effect_is_that_of_the_noncentral_t_where_the_margin_is_small(spread, pairs):
    verdict = judge_pairs(_spreading(spread, pairs))
    noncentrality = math.log1p(verdict.detectable) / (spread / math.sqrt(pairs))
    threshold = stats.t.ppf(1 - LEVEL / 2, pairs - 1)
    assert stats.nct.sf(threshold, pairs - 1, noncentrality) == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize(("spread", "pairs", "level"), [(0.03, 10, LEVEL), (0.02, 20, LEVEL), (0.03, 10, LEVEL / 40)])
def test_an_effect_of_the_smallest_size_is_found_in_four_of_five_where_the_margin_matters(spread, pairs, level):
    detectable = judge_pairs(_spreading(spread, pairs), level).detectable
    assert detectable > MARGIN
    random = np.random.default_rng(1)
    drawn = math.log1p(detectable) + spread * random.standard_normal((20_000, pairs))
    t_values = drawn.mean(axis=1) / (drawn.std(axis=1, ddof=1) / math.sqrt(pairs))
    found = (t_values > stats.t.ppf(1 - level / 2, pairs - 1)) & (drawn.mean(axis=1) > LOG_MARGIN)
    assert found.mean() == pytest.approx(0.8, abs=0.01)


def _spreading(spread: float, pairs: int) -> np.ndarray:
    """Values with exactly this standard deviation."""
    values = np.arange(pairs, dtype=float)
    return values * spread / values.std(ddof=1)


def test_what_one_pair_or_none_cannot_tell_is_empty():
    none, one = judge_pairs([]), judge_pairs([0.5])
    assert asdict(none) == {**dict.fromkeys(asdict(none)), "word": UNDECIDED, "pairs": 0}
    assert asdict(one) == {**dict.fromkeys(asdict(one)), "word": UNDECIDED, "pairs": 1, "ratio": math.exp(0.5)}


def test_pairs_that_agree_entirely_have_an_interval_of_no_width():
    slower, same = judge_pairs([0.5, 0.5]), judge_pairs([0.0, 0.0])
    assert (slower.word, slower.low, slower.high, slower.p) == (SLOWER, slower.ratio, slower.ratio, 0)
    assert (same.word, same.within, same.p) == (SAME, 0, 1)
    assert same.detectable == pytest.approx(MARGIN)


def test_pairs_that_disagree_wildly_are_undecided_and_their_numbers_finite():
    verdict = judge_pairs([-500.0, 900.0])
    assert verdict.word == UNDECIDED
    assert all(math.isfinite(value) for value in asdict(verdict).values() if isinstance(value, float))


def test_a_log_ratio_that_is_none_is_named():
    with pytest.raises(ValueError, match=r"2 of 3 log-ratios are not finite; expected the logarithm .* left out"):
        judge_pairs([0.1, math.nan, -math.inf])


def test_the_interval_and_same_are_99_percent_at_any_level():
    strict, usual = judge_pairs(ten(0.04, 0.0122), LEVEL / 5), judge_pairs(ten(0.04, 0.0122))
    assert (strict.word, usual.word) == (UNDECIDED, SLOWER)
    assert (strict.low, strict.high) == (usual.low, usual.high)
    assert strict.detectable > usual.detectable
    assert judge_pairs(ten(0, 0.009), LEVEL / 5).word == SAME


@pytest.mark.parametrize(
    ("p_values", "rejected"),
    [
        ([0.003, 0.004, 0.009], [True, True, True]),
        ([0.009, 0.003, 0.004], [True, True, True]),
        pytest.param([0.004, 0.003, 0.02], [True, True, False], id="one is left"),
        pytest.param([0.004, 0.004, 0.004], [False, False, False], id="the first already fails"),
        pytest.param([0.003, 0.006, 0.009], [True, False, False], id="what follows a failure fails"),
        ([0.009], [True]),
        ([], []),
    ],
)
def test_holm_steps_down_as_by_hand(p_values, rejected):
    assert [p < level for p, level in zip(p_values, step_down(p_values, 0.01))] == rejected


def test_in_a_family_a_change_has_to_survive_all_the_others():
    # Alone each of these is slower: t is above 3.25. Of three the first has to pass 3.95, the second 3.69.
    error = 0.012
    steep = {"a": ten(3.4 * error, error), "b": ten(4.2 * error, error), "c": ten(-3.8 * error, error)}
    flat = {"a": ten(3.4 * error, error), "b": ten(3.6 * error, error), "c": ten(-3.5 * error, error)}
    assert {cell: verdict.word for cell, verdict in holm(steep).items()} == {"a": SLOWER, "b": SLOWER, "c": FASTER}
    assert {cell: verdict.word for cell, verdict in holm(flat).items()} == dict.fromkeys("abc", UNDECIDED)


def test_same_is_said_in_a_family_of_any_size_and_what_has_no_pairs_counts_as_one_of_it():
    verdicts = holm({"same": ten(0, 0.009), "slower": ten(0.0408, 0.012), "unmeasured": []})
    assert [verdict.word for verdict in verdicts.values()] == [SAME, UNDECIDED, UNDECIDED]
    assert holm({}) == {}


def test_what_is_called_a_change_before_the_others_are_known_stays_one():
    random = np.random.default_rng(3)
    for _ in range(50):
        family = dict(enumerate(random.normal(random.normal(0, 0.05, (8, 1)), 0.03, (8, 10))))
        final = holm(family)
        for cell, log_ratios in family.items():
            early = judge_within_family(log_ratios, len(family)).word
            assert early in (final[cell].word, UNDECIDED)


@pytest.mark.parametrize(
    ("log_ratios", "needed"),
    [([0.03, -0.03] * 2, 13), ([0.02, -0.02] * 3, 10), ([0.001, -0.001] * 2, 10), ([0.3], None)],
)
def test_no_fewer_than_ten_pairs_are_said_to_do(log_ratios, needed):
    """Of the second spread eight would be enough, if ten were not the fewest that are judged."""
    verdict = judge_within_family(log_ratios, 1)
    assert (verdict.word, verdict.needed) == (UNDECIDED, needed)
