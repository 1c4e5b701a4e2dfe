"""What the screen, the confirmation and the interval reach on drawn data, whose answers are known.

A history is drawn as 16 releases x 5 takes in interleaved rounds; what is screened is confirmed with fresh lockstep
pairs. `python tests/compare/test_calibration.py [SEED ...]` prints the counts that were reached.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from typing import Callable, Iterator

import numpy as np
import pytest

from feeders.compare.confirm import QUANTITIES
from feeders.compare.screen import History, Suspect, suspects
from feeders.compare.verdict import FASTER, SLOWER, UNDECIDED, judge_within_family, t_interval

Random = np.random.Generator
Draw = Callable[[Random, "int | tuple[int, ...]"], np.ndarray]

SEED = 2026
RELEASES, TAKES = 16, 5
# Of one take, of what a release's session adds to all its takes, of a round, and of one lockstep pair; in logs.
TAKE_SD, RELEASE_SD, ROUND_SD, PAIR_SD = 0.03, 0.005, 0.05, 0.03
PAIRS = 10


def normal(random: Random, size) -> np.ndarray:
    return random.standard_normal(size)


def t4(random: Random, size) -> np.ndarray:
    """Student's t with 4 degrees of freedom has a variance of 2."""
    return random.standard_t(4, size) / np.sqrt(2)


def lognormal_difference(random: Random, size) -> np.ndarray:
    """Skewed noise on both sides of a pair; what is left of it in their difference is long tails."""
    return random.lognormal(0, 0.5, size) - random.lognormal(0, 0.5, size)


def centred_lognormal(random: Random, size) -> np.ndarray:
    """Skewed to one side, as the noise of a pair is not: its sides are drawn alike."""
    return random.lognormal(0, 0.5, size) - np.exp(0.125)


def no_step(random: Random) -> np.ndarray:
    return np.zeros(RELEASES)


def step(size: float) -> Callable[[Random], np.ndarray]:
    """A lasting step at a random release."""
    return lambda random: np.log1p(size) * (np.arange(RELEASES) >= random.integers(1, RELEASES))


def step_in_newest(random: Random) -> np.ndarray:
    return np.log1p(0.1) * (np.arange(RELEASES) == RELEASES - 1)


def blip(random: Random) -> np.ndarray:
    """Slower in one release, neither the first nor the last, and back in the next."""
    return np.log1p(0.1) * (np.arange(RELEASES) == random.integers(1, RELEASES - 1))


def draw_history(random: Random, levels: np.ndarray) -> History:
    session = RELEASE_SD * random.standard_normal((RELEASES, 1))
    rounds = ROUND_SD * random.standard_normal(TAKES)
    takes = levels[:, None] + session + rounds + TAKE_SD * t4(random, (RELEASES, TAKES))
    return {str(release): [(str(key), float(x)) for key, x in enumerate(own)] for release, own in enumerate(takes)}


def is_confirmed(random: Random, suspect: Suspect, levels: np.ndarray) -> bool:
    """Whether ten fresh pairs, or where they do not decide ten more, see a change in the suspected direction.

    In whole epochs, or inside them, where a pair spreads less: half of its variance is made between epochs.
    """
    change = levels[int(suspect.after)] - levels[int(suspect.before)]
    inside = change + PAIR_SD / np.sqrt(2) * t4(random, (2 * PAIRS,))
    whole = inside + PAIR_SD / np.sqrt(2) * t4(random, (2 * PAIRS,))
    family = len(QUANTITIES)
    pairs = PAIRS if judge_within_family(whole[:PAIRS], family).word != UNDECIDED else 2 * PAIRS
    words = [judge_within_family(values[:pairs], family).word for values in (whole, inside)]
    return (SLOWER if suspect.step > 0 else FASTER) in words


@dataclass
class Reached:
    """Counts over histories of one kind.

    Attributes:
        histories: drawn.
        screened: histories with a suspect.
        suspects: in all histories.
        false: confirmed changes where nothing changed.
        first: histories whose first change was confirmed, at its release and in its direction.
        all: histories all of whose changes were.
    """

    histories: int
    screened: int = 0
    suspects: int = 0
    false: int = 0
    first: int = 0
    all: int = 0


def screen_and_confirm(seed: int, histories: int, levels_of: Callable[[Random], np.ndarray]) -> Reached:
    random = np.random.default_rng(seed)
    reached = Reached(histories)
    for _ in range(histories):
        levels = levels_of(random)
        found = suspects(draw_history(random, levels))
        confirmed = [int(suspect.after) for suspect in found if is_confirmed(random, suspect, levels)]
        changes = [index for index in range(1, RELEASES) if levels[index] != levels[index - 1]]
        reached.screened += bool(found)
        reached.suspects += len(found)
        reached.false += len(set(confirmed) - set(changes))
        reached.first += bool(changes) and changes[0] in confirmed
        reached.all += bool(changes) and set(changes) <= set(confirmed)
    return reached


def coverage(seed: int, draw: Draw, pairs: int, comparisons: int = 4_000) -> float:
    """Return the share of comparisons whose 95 % interval holds the true mean, which is 0."""
    random = np.random.default_rng([seed, pairs])
    ends = (t_interval(values, 0.05) for values in draw(random, (comparisons, pairs)))
    return sum(low <= 0 <= high for low, high in ends) / comparisons


KINDS = {
    "no step": (no_step, 3_000),
    "+10 % at a random release": (step(0.1), 300),
    "+10 % in the newest release": (step_in_newest, 300),
    "+10 % for one release": (blip, 300),
    "+5 % at a random release": (step(0.05), 300),
}
NOISES: dict[str, Draw] = {
    "normal": normal,
    "t4": t4,
    "difference of lognormals": lognormal_difference,
    "centred lognormal": centred_lognormal,
}


def test_of_histories_without_a_step_few_are_screened_and_next_to_none_is_called_a_change():
    reached = screen_and_confirm(SEED, *reversed(KINDS["no step"]))
    assert 0 < reached.screened <= 0.05 * reached.histories
    assert reached.false <= 3


@pytest.mark.parametrize(
    ("kind", "share"),
    [
        ("+10 % at a random release", 0.97),
        ("+10 % in the newest release", 0.95),
        ("+10 % for one release", 0.80),
        ("+5 % at a random release", 0.75),
    ],
)
def test_a_step_is_confirmed_at_its_release(kind, share):
    reached = screen_and_confirm(SEED, *reversed(KINDS[kind]))
    assert reached.first >= share * reached.histories
    assert reached.false <= 1


@pytest.mark.parametrize("pairs", [5, 10, 20])
@pytest.mark.parametrize("noise", ["normal", "t4", "difference of lognormals"])
def test_the_interval_covers_what_it_says(noise, pairs):
    assert 0.93 <= coverage(SEED, NOISES[noise], pairs) <= 0.98


def table(seed: int) -> Iterator[str]:
    yield f"Seed {seed}; {TAKES} takes of {RELEASES} releases:"
    yield ""
    yield f"| kind | {' | '.join(field.name for field in fields(Reached))} |"
    yield f"|---|{'--:|' * len(fields(Reached))}"
    for kind, (levels_of, histories) in KINDS.items():
        reached = screen_and_confirm(seed, histories, levels_of)
        yield f"| {kind} | {' | '.join(f'{value:,}' for value in vars(reached).values())} |"
    yield ""
    yield "| the 95 % interval covers, % | 5 pairs | 10 | 20 |"
    yield "|---|--:|--:|--:|"
    for noise, draw in NOISES.items():
        yield f"| {noise} | {' | '.join(f'{100 * coverage(seed, draw, pairs):.1f}' for pairs in (5, 10, 20))} |"


if __name__ == "__main__":
    for chosen in sys.argv[1:] or [SEED]:
        print("\n".join(table(int(chosen))), end="\n\n", flush=True)
