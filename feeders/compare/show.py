"""What a comparison prints, from its evidence."""

from __future__ import annotations

import sys
from statistics import median
from typing import Sequence

from feeders.measure import MEASURED
from feeders.measure.delivery import delivery_text
from feeders.releases.installed import installed
from feeders.releases.stacks import KERAS_PACKAGE, NIGHTLY_PACKAGE, TENSORFLOW_PACKAGE, difference, stacks
from feeders.results.changes import BrokenPair, PairNumbers, ReleaseFinding, SpeedVerdict
from feeders.terminal import table

from .evidence import ComparisonEvidence
from .sampling import Comparison
from .verdict import FEWEST, SAME, UNDECIDED, judge_pairs

TABLE_HEADS = ("", "verdict", "B/A time", "99 % interval", "pairs", "spread of a pair", "would have seen")

# Of the packages that differ, those that explain most changes come first.
TELLING_PACKAGES = ("python", TENSORFLOW_PACKAGE, KERAS_PACKAGE, NIGHTLY_PACKAGE, "numpy")

# Of the message of a side that broke: its outcome and what is at its root; the evidence has the whole.
MESSAGE_LENGTH = 300


def comparison_text(evidence: ComparisonEvidence) -> str:
    """Return the table of what comparisons have shown, and what the words rest on."""
    by_name = evidence.by_name
    rows = [_row(name, each) for name, each in by_name.items()]
    head = f"A: {_side(evidence, 'a')}\nB: {_side(evidence, 'b')}"
    notes = [f"{name}: {_broken(broken)}" for name, each in by_name.items() for broken in _last_broken(each)]
    insides = {name: inside_epochs(each.verdict, each.pairs) for name, each in by_name.items()}
    notes += [f"{name}: {inside}" for name, inside in insides.items() if inside]
    if evidence.not_compared:
        notes.append(f"not compared: {', '.join(evidence.not_compared)}")
    family = len(evidence.request.cell_pairs)
    notes.append(
        f"Lockstep pairs; slower and faster hold for all {family} together at 99 % (Holm) and exceed 3 %."
        if family > 1
        else "Lockstep pairs; slower and faster hold at 99 % and exceed 3 %."
    )
    head += "".join(
        f"\ndelivery of {side}: {delivery_text(take)}"
        for side, take in zip("AB", evidence.request.takes)
        if take.outcome == MEASURED
    )
    return "\n".join([head, "", *table(rows, TABLE_HEADS), "", *notes])


def verdict_text(verdict: SpeedVerdict) -> str:
    """Return the verdict in words: how close "same" is, and how many pairs "undecided" wants."""
    if verdict.within is not None:
        return f"{SAME} within {100 * verdict.within:.1f} %"
    if verdict.needed:
        return f"{UNDECIDED} ({verdict.needed} pairs)"
    return verdict.word


def interval_text(verdict: SpeedVerdict) -> str:
    """Return the interval of the ratio; empty where it is not known."""
    return f"[{verdict.low:.3f}, {verdict.high:.3f}]" if verdict.low is not None else ""


def finding_text(finding: ReleaseFinding) -> str:
    """Return what the pairs of a suspect have shown, in one line."""
    verdict = finding.verdict
    if not verdict:
        return _outcome(finding.broken[-1])
    if verdict.low is None:
        return f"pairs: {verdict_text(verdict)}"
    inside = inside_epochs(verdict, finding.pairs)
    more = [f"; {inside}"] if inside else []
    more += [", to be gone on with"] if finding.confirmed is None else []
    return f"pairs: {verdict_text(verdict)}, {verdict.ratio:.3f} {interval_text(verdict)}{''.join(more)}"


def inside_epochs(verdict: SpeedVerdict | None, pairs: Sequence[PairNumbers]) -> str:
    """Return what the pairs of an undecided comparison show without the gaps between epochs, which spread most.

    It is no verdict: an epoch is what people wait for, gaps included. Empty where there is a verdict, or too few pairs.

    Args:
        verdict: of the pairs.
        pairs: of a comparison or a finding.
    """
    if len(pairs) < FEWEST or not verdict or verdict.word != UNDECIDED:
        return ""
    inside = judge_pairs([pair.feed for pair in pairs])
    share = median(pair.share for pair in pairs)
    text = f"inside epochs {inside.ratio:.3f} {interval_text(inside)}"
    return f"{text}; {100 * share:.0f} % of the time is between them"


def what_changed(before: str, after: str, most: int = 6) -> str:
    """Return how two releases' stacks differ, the telling packages first; empty where one has no stack.

    Args:
        before: id of a release.
        after: id of a later one.
        most: packages that are named.
    """
    if before not in stacks() or after not in stacks():
        return ""
    rows = difference(stacks()[before], stacks()[after])
    rows.sort(key=lambda row: TELLING_PACKAGES.index(row[0]) if row[0] in TELLING_PACKAGES else len(TELLING_PACKAGES))
    named = [f"{name} {old or 'none'} -> {new or 'none'}" for name, old, new in rows[:most]]
    return ", ".join(named) + (f" and {len(rows) - most} more" if len(rows) > most else "")


def _row(name: str, comparison: Comparison) -> tuple[str, ...]:
    verdict = comparison.verdict
    if not verdict:
        outcomes = ", ".join(map(_outcome, _last_broken(comparison)))
        return name, outcomes, "", "", str(len(comparison.pairs)), "", ""
    if verdict.low is None or verdict.spread is None or verdict.detectable is None:
        return name, verdict_text(verdict), "", "", str(verdict.pairs), "", ""
    return (
        name,
        verdict_text(verdict),
        f"{verdict.ratio:.3f}",
        interval_text(verdict),
        str(verdict.pairs),
        f"{100 * verdict.spread:.1f} %",
        f"{100 * verdict.detectable:.1f} %",
    )


def _last_broken(comparison: Comparison) -> list[BrokenPair]:
    """Return the last pair that came to nothing of each side that broke."""
    return list({broken.side: broken for broken in comparison.broken}.values())


def _outcome(broken: BrokenPair) -> str:
    return f"{broken.side.upper()} {broken.outcome}"


def _broken(broken: BrokenPair) -> str:
    return f"{_outcome(broken)}: {broken.message[:MESSAGE_LENGTH]}"


def _side(evidence: ComparisonEvidence, side: str) -> str:
    request = evidence.request
    name, release = {"a": (request.a, request.release_a), "b": (request.b, request.release_b)}[side]
    title = f" on {release}" if name != release else ""
    here, stack = installed(), stacks().get(release)
    pinned = stack and request.release_a != request.release_b
    if here and here.id == release and not pinned:
        python = "{}.{}".format(*sys.version_info)
        return f"{name}{title} (as installed here: {here.title}, Python {python})"
    if not stack:
        return f"{name}{title}"
    keras = stack.keras or "built in"
    tensorflow = stack.version(TENSORFLOW_PACKAGE)
    return f"{name}{title} (TensorFlow {tensorflow}, Keras {keras}, Python {stack.python}, CPU)"
