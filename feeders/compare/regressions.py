"""What releases changed, in words: confirmed findings by release, then what is not one."""

from __future__ import annotations

import itertools
import math
from typing import Any, Iterable, Sequence

from feeders.releases.catalogue import age
from feeders.results.changes import ReleaseFinding, SpeedVerdict
from feeders.terminal import table

from .confirm import INSIDE_EPOCHS, changed_part
from .history import Suspected, Turned
from .request import name_of
from .show import finding_text, interval_text, what_changed
from .verdict import FASTER, SLOWER


def findings_text(findings: Iterable[ReleaseFinding], unmeasured: Iterable[Suspected], turned: Sequence[Turned]) -> str:
    """Return a table that a person can act on: confirmed changes by release, then what is not one.

    Args:
        findings: one per suspect that was compared.
        unmeasured: suspects that were not.
        turned: cells that end otherwise.
    """
    findings = sorted(findings, key=_place)
    confirmed = [finding for finding in findings if finding.confirmed]
    parts = [_of_release(*releases, list(group)) for releases, group in itertools.groupby(confirmed, _releases)]
    if not confirmed:
        parts.append("No change was confirmed.")
    if turned:
        rows = [(each.after, name_of(each.cell), f"{each.was} -> {each.is_now}") for each in turned]
        parts.append("\n".join(["Another outcome, or another guarantee:", *table(rows, indent=2)]))
    doubted = [
        (*_suspicion(*finding.key, finding.step), finding_text(finding))
        for finding in findings
        if not finding.confirmed
    ]
    doubted += [(*_suspicion(*each.key, each.suspect.step), "not compared") for each in unmeasured]
    if doubted:
        parts.append("\n".join(["Suspects, not confirmed (no alarm):", *table(doubted, indent=2)]))
    return "\n\n".join(parts)


def has_regression(findings: Iterable[ReleaseFinding], turned: Iterable[Turned]) -> bool:
    """Whether something is confirmed to be slower, or breaks since a release."""
    slower = any(finding.confirmed and finding.step > 0 for finding in findings)
    return slower or any(each.worse for each in turned)


def unmeasured(suspected: Iterable[Suspected], findings: Iterable[ReleaseFinding]) -> list[Suspected]:
    """Return the suspects that have no finding."""
    keys = {finding.key for finding in findings}
    return [each for each in suspected if each.key not in keys]


def _place(finding: ReleaseFinding) -> tuple[Any, ...]:
    """What findings are ordered by; releases that no table knows have the same age."""
    return age(finding.after), finding.after, age(finding.before), finding.before


def _releases(finding: ReleaseFinding) -> tuple[str, str]:
    return finding.before, finding.after


def _suspicion(cell: str, before: str, after: str, step: float) -> tuple[str, str, str]:
    return f"{before} -> {after}", cell, f"{100 * math.expm1(step):+.0f} % in the history"


def _of_release(before: str, after: str, findings: Sequence[ReleaseFinding]) -> str:
    judged = [(finding, finding.verdict) for finding in findings if finding.verdict]
    counts = {word: sum(verdict.word == word for _, verdict in judged) for word in (SLOWER, FASTER)}
    summary = ", ".join(
        f"{word} in {count} {'cell' if count == 1 else 'cells'}" for word, count in counts.items() if count
    )
    changed = what_changed(before, after)
    head = [f"{after} (after {before}): {summary}", *([f"  {changed}"] if changed else [])]
    return "\n".join([*head, *table([_row(finding, verdict) for finding, verdict in judged], indent=2)])


def _row(finding: ReleaseFinding, verdict: SpeedVerdict) -> tuple[str, ...]:
    part = INSIDE_EPOCHS if finding.quantity == INSIDE_EPOCHS else changed_part(finding)
    word = f"{verdict.word} {part}".rstrip()
    return finding.cell, word, f"{verdict.ratio:.3f}", interval_text(verdict), f"{verdict.pairs} pairs"
