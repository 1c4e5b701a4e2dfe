"""Suspects of the recorded history, each confirmed by fresh lockstep pairs, or not."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import time
from typing import Any, Callable, Generator, Iterable, Iterator, Mapping, Sequence

from feeders.errors import FeedersError
from feeders.releases.catalogue import age
from feeders.releases.stacks import stacks
from feeders.results.changes import PairNumbers, ReleaseFinding, SpeedVerdict

from .history import Suspected
from .request import CellPair, ComparisonRequest
from .run import OnProgress, compare
from .sampling import Comparison
from .show import finding_text, what_changed
from .verdict import FASTER, FEWEST, SLOWER, judge_pairs, judge_within_family

# What ten pairs leave undecided is given ten more, and then left.
MAXIMUM = 20

# What a verdict may be about. The screen looks at both: gaps that spread may hide what changed inside epochs.
WHOLE_EPOCHS, INSIDE_EPOCHS = QUANTITIES = ("whole epochs", "inside epochs")

# Where the only change of whole epochs is.
INSIDE_ALONE, BETWEEN_ALONE = "inside epochs alone", "between epochs alone"


def confirm(
    suspected: Sequence[Suspected],
    known: Sequence[ReleaseFinding],
    on_progress: OnProgress,
    log: Callable[[str], None],
    budget_seconds: float | None = None,
) -> Generator[ReleaseFinding, None, None]:
    """Compare the two releases of each suspect by fresh lockstep pairs.

    Args:
        suspected: in any order; those of the same releases are compared together.
        known: findings of an earlier call; their suspects are not measured again.
        on_progress: called with what goes on, and the share that is done of what has to be.
        log: called with what became of each suspect, and which releases could not be compared, and why.
        budget_seconds: no pair begins after it.

    Yields:
        The known findings, and after each pair what it made of its suspect's. One whose pairs have not decided has no
        answer yet ("confirmed" is None); cut off there, it goes on from them the next time.
    """
    known_of = _still_valid(suspected, known)
    yield from known_of.values()
    fresh = [each for each in suspected if each not in known_of or known_of[each].confirmed is None]
    # Where the time does not last for all: people ask about the newest.
    fresh.sort(key=lambda each: (age(each.suspect.after), age(each.suspect.before)), reverse=True)
    family = len(QUANTITIES) * len(suspected)
    end = time.monotonic() + budget_seconds if budget_seconds else None
    decided, over = itertools.count(1), 0
    for (before, after), group in itertools.groupby(fresh, lambda each: each.releases):
        if end and time.monotonic() > end:
            return
        together = list(group)
        progress = _within(on_progress, f"{before} -> {after}", over, len(together), len(fresh))
        try:
            for each, comparison in _compared(together, known_of, family, progress, end):
                finding = _finding(each, comparison, _pairs(known_of.get(each)), family)
                yield finding
                if comparison.ended:
                    log(f"{next(decided)} of {len(fresh)}: {before} -> {after}, {each.name}, {finding_text(finding)}")
        except FeedersError as error:
            log(f"{before} -> {after}: {error}")
        over += len(together)


def changed_part(finding: ReleaseFinding) -> str:
    """Return which part of an epoch alone has changed; empty for both, and where the pairs do not tell.

    Long epochs feel what is inside them, short ones what is between.
    """
    verdict = finding.verdict
    if not verdict or finding.quantity != WHOLE_EPOCHS or len(finding.pairs) < FEWEST:
        return ""
    inside, between = (
        judge_pairs([getattr(pair, part) for pair in finding.pairs]).word == verdict.word for part in ("feed", "gap")
    )
    return "" if inside == between else INSIDE_ALONE if inside else BETWEEN_ALONE


def _compared(
    suspected: Sequence[Suspected],
    known_of: Mapping[Suspected, ReleaseFinding],
    family: int,
    on_progress: OnProgress,
    end: float | None,
) -> Iterator[tuple[Suspected, Comparison]]:
    """Compare the releases of suspects, which are the same of all, and yield after each pair what is known of whose."""
    before, after = suspected[0].releases
    of_cells = {CellPair(each.name, each.cell, each.cell): each for each in suspected}
    request = ComparisonRequest(before, after, before, after, tuple(of_cells))
    begun = {cells: [pair.log_ratio for pair in _pairs(known_of.get(each))] for cells, each in of_cells.items()}
    for cells, comparison in compare(request, on_progress, maximum=MAXIMUM, family=family, end=end, begun=begun):
        if comparison.pairs or comparison.broken:
            yield of_cells[cells], comparison


def _pairs(finding: ReleaseFinding | None) -> tuple[PairNumbers, ...]:
    return finding.pairs if finding else ()


def _still_valid(suspected: Sequence[Suspected], known: Iterable[ReleaseFinding]) -> dict[Suspected, ReleaseFinding]:
    """Return the findings of suspects; of other pins than those of today, none."""
    by_key = {finding.key: finding for finding in known}
    findings = {each: by_key[each.key] for each in suspected if each.key in by_key}
    return {each: finding for each, finding in findings.items() if finding.stacks == _digests(each)}


def _within(on_progress: OnProgress, title: str, over: int, part: int, whole: int) -> OnProgress:
    """Return what tells how far a part of the work is, for a callee who knows of no other part."""

    def on_progress_of_part(text: str, share: float) -> None:
        on_progress(f"{title}: {text}", (over + share * part) / whole)

    return on_progress_of_part


def _digests(each: Suspected) -> tuple[str, ...]:
    """Digests of the pins of both releases: other pins, another finding."""
    sides = (stacks().get(release) for release in each.releases)
    return tuple(stack.digest if stack else "" for stack in sides)


def _finding(each: Suspected, comparison: Comparison, begun: Sequence[PairNumbers], family: int) -> ReleaseFinding:
    pairs = (*begun, *map(_rounded, comparison.pairs))
    suspicion = SLOWER if each.suspect.step > 0 else FASTER
    verdict, quantity = _verdict(comparison, suspicion, pairs, family)
    confirmed = verdict is not None and verdict.word == suspicion
    before, after = each.releases
    return ReleaseFinding(
        cell=each.name,
        before=before,
        after=after,
        step=each.suspect.step,
        by=each.suspect.by,
        stacks=_digests(each),
        confirmed=confirmed if comparison.ended else None,
        quantity=quantity,
        verdict=verdict,
        broken=comparison.broken,
        pairs=pairs,
        changed=what_changed(before, after, most=100),
        measured=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )


def _verdict(
    comparison: Comparison, suspicion: str, pairs: Sequence[PairNumbers], family: int
) -> tuple[SpeedVerdict | None, str]:
    """Return the verdict and its quantity: inside epochs where that alone is what was suspected."""
    verdict = comparison.verdict
    if verdict and verdict.word != suspicion and comparison.ended:
        inside = judge_within_family([pair.feed for pair in pairs], family)
        if inside.word == suspicion:
            return inside, INSIDE_EPOCHS
    return verdict, WHOLE_EPOCHS


def _rounded(pair: PairNumbers) -> PairNumbers:
    """Return the numbers of a pair, without its turns, which they sum up."""
    values: dict[str, Any] = {field.name: getattr(pair, field.name) for field in dataclasses.fields(PairNumbers)}
    digits = {name: round(value, 5) for name, value in values.items() if isinstance(value, float)}
    return PairNumbers(**{**values, **digits})
