"""What releases changed: suspects of the recorded history, each confirmed by fresh lockstep pairs, or not."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import math
import time
from typing import Any, Callable, Generator, Sequence

from feeders.errors import FeedersError
from feeders.releases.catalogue import age
from feeders.releases.stacks import stacks
from feeders.results.changes import SCHEMA, Finding, key
from feeders.terminal import table

from .history import Suspected, Turned
from .lockstep import Comparison
from .request import Question, Request, name_of
from .run import Say, compare
from .show import inside_epochs, interval, what_changed, words
from .verdict import FASTER, SLOWER, decided_in

# What ten pairs leave undecided is given ten more, and then left.
MAXIMUM = 20

# What a verdict may be about. The screen looks at both: gaps that spread may hide what changed inside epochs.
WHOLE, INSIDE = QUANTITIES = ("whole epochs", "inside epochs")


def confirm(
    suspected: Sequence[Suspected],
    known: Sequence[Finding],
    say: Say,
    tell: Callable[[str], None],
    budget_seconds: float | None = None,
) -> Generator[dict[str, Any], None, None]:
    """Compare the two releases of each suspect by fresh lockstep pairs.

    Args:
        suspected: in any order; those of the same releases are compared together.
        known: findings of an earlier call; their suspects are not measured again.
        say: is told what goes on, and the share that is done of what has to be.
        tell: is told what became of each suspect, and which releases could not be compared, and why.
        budget_seconds: no pair begins after it.

    Yields:
        The known findings, and after each pair what it made of its suspect's. One whose pairs have not decided has no
        answer yet ("confirmed" is None); cut off there, it goes on from them the next time.
    """
    by_key = {key(finding): dict(finding) for finding in known}
    fresh: list[Suspected] = []
    begun: dict[Suspected, dict[str, Any]] = {}
    for each in suspected:
        found = by_key.get((name_of(each.cell), each.suspect.before, each.suspect.after))
        if not found or found["stacks"] != _stacks(each):
            fresh.append(each)
            continue
        yield found
        if found["confirmed"] is None:
            fresh.append(each)
            begun[each] = found
    # Where the time does not last for all: people ask about the newest.
    fresh.sort(key=lambda each: (age(each.suspect.after), age(each.suspect.before)), reverse=True)
    family = len(QUANTITIES) * len(suspected)
    end = time.monotonic() + budget_seconds if budget_seconds else None
    answered, over = itertools.count(1), 0
    for (before, after), group in itertools.groupby(fresh, _transition_of):
        if end and time.monotonic() > end:
            return
        by_question = {Question(name_of(each.cell), each.cell, each.cell): each for each in group}
        asked = Request(before, after, before, after, tuple(by_question))
        try:
            for question, seen in compare(
                asked,
                _placed(say, f"{before} -> {after}", over, len(by_question), len(fresh)),
                maximum=MAXIMUM,
                family=family,
                end=end,
                begun={question: _log_ratios(begun.get(each)) for question, each in by_question.items()},
            ):
                each = by_question[question]
                if not seen.pairs and not seen.broken:
                    continue
                found = _finding(each, seen, begun.get(each, {}).get("pairs", []), family)
                yield found
                if seen.ended:
                    tell(f"{next(answered)} of {len(fresh)}: {before} -> {after}, {question.name}, {_said(found)}")
        except FeedersError as error:
            tell(f"{before} -> {after}: {error}")
        over += len(by_question)


def _placed(say: Say, title: str, over: int, part: int, whole: int) -> Say:
    """Return what says how far a part of the work is, for a caller who knows of no other part."""

    def placed(text: str, share: float) -> None:
        say(f"{title}: {text}", (over + share * part) / whole)

    return placed


def _transition_of(each: Suspected) -> tuple[str, str]:
    return each.suspect.before, each.suspect.after


def _log_ratios(found: Finding | None) -> list[float]:
    return [pair["log_ratio"] for pair in found["pairs"]] if found else []


def _stacks(each: Suspected) -> list[str]:
    """Digests of the pins of both releases: other pins, another finding."""
    sides = (stacks().get(release) for release in _transition_of(each))
    return [stack.digest if stack else "" for stack in sides]


def _finding(each: Suspected, seen: Comparison, begun: list[Any], family: int) -> dict[str, Any]:
    verdict, quantity = seen.verdict, WHOLE
    suspicion = SLOWER if each.suspect.step > 0 else FASTER
    pairs = [*begun, *(_numbers(dataclasses.asdict(pair)) for pair in seen.pairs)]
    if verdict and verdict.word != suspicion and seen.ended:
        inside = decided_in([pair["feed"] for pair in pairs], family)
        if inside.word == suspicion:
            verdict, quantity = inside, INSIDE
    confirmed = verdict is not None and verdict.word == suspicion
    return {
        "schema": SCHEMA,
        "cell": name_of(each.cell),
        **{name: getattr(each.suspect, name) for name in ("before", "after", "step", "by")},
        "stacks": _stacks(each),
        "confirmed": confirmed if seen.ended else None,
        "quantity": quantity,
        "verdict": dataclasses.asdict(verdict) if verdict else None,
        "broken": [dataclasses.asdict(broken) for broken in seen.broken],
        "pairs": pairs,
        "changed": what_changed(each.suspect.before, each.suspect.after, most=100),
        "measured": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def _numbers(pair: dict[str, Any]) -> dict[str, Any]:
    """A pair without its turns, which its numbers sum up."""
    rounded = {name: round(value, 5) if isinstance(value, float) else value for name, value in pair.items()}
    return {name: value for name, value in rounded.items() if name not in ("a", "b")}


def to_text(findings: Sequence[Finding], unmeasured: Sequence[Suspected], turns: Sequence[Turned]) -> str:
    """Return a table that a person can act on: confirmed changes by release, then what is not one.

    Args:
        findings: one per suspect that was compared.
        unmeasured: suspects that were not.
        turns: cells that end otherwise.
    """
    findings = sorted(findings, key=_place)
    confirmed = [found for found in findings if found["confirmed"]]
    parts = [_of_release(*key, list(group)) for key, group in itertools.groupby(confirmed, _transition)]
    if not confirmed:
        parts.append("No change was confirmed.")
    if turns:
        rows = [(each.after, name_of(each.cell), f"{each.was} -> {each.is_now}") for each in turns]
        parts.append("\n".join(["Another outcome, or another guarantee:", *table(rows, indent=2)]))
    doubted = [(*_suspicion(found), _said(found)) for found in findings if not found["confirmed"]]
    doubted += [
        (*_suspicion({"cell": name_of(each.cell), **dataclasses.asdict(each.suspect)}), "not compared")
        for each in unmeasured
    ]
    if doubted:
        parts.append("\n".join(["Suspects, not confirmed (no alarm):", *table(doubted, indent=2)]))
    return "\n\n".join(parts)


def is_bad(findings: Sequence[Finding], turns: Sequence[Turned]) -> bool:
    """Whether something is confirmed to be slower, or breaks since a release."""
    return any(found["confirmed"] and found["step"] > 0 for found in findings) or any(each.worse for each in turns)


def unmeasured(suspected: Sequence[Suspected], findings: Sequence[Finding]) -> list[Suspected]:
    """Return the suspects that have no finding."""
    keys = {key(found) for found in findings}
    return [each for each in suspected if (name_of(each.cell), each.suspect.before, each.suspect.after) not in keys]


def _place(found: Finding) -> tuple[Any, ...]:
    """What findings are ordered by; releases that no table knows have the same age."""
    return age(found["after"]), found["after"], age(found["before"]), found["before"]


def _transition(found: Finding) -> tuple[str, str]:
    return found["before"], found["after"]


def _suspicion(found: Finding) -> tuple[str, str, str]:
    step = 100 * math.expm1(found["step"])
    return f"{found['before']} -> {found['after']}", found["cell"], f"{step:+.0f} % in the history"


def _of_release(before: str, after: str, findings: Sequence[Finding]) -> str:
    counts = {word: sum(found["verdict"]["word"] == word for found in findings) for word in (SLOWER, FASTER)}
    said = ", ".join(
        f"{word} in {count} {'cell' if count == 1 else 'cells'}" for word, count in counts.items() if count
    )
    rows = [
        (
            found["cell"],
            found["verdict"]["word"] + (f" {INSIDE}" if found["quantity"] == INSIDE else ""),
            f"{found['verdict']['ratio']:.3f}",
            interval(found["verdict"]),
            f"{found['verdict']['pairs']} pairs",
        )
        for found in findings
    ]
    changed = what_changed(before, after)
    head = [f"{after} (after {before}): {said}", *([f"  {changed}"] if changed else [])]
    return "\n".join([*head, *table(rows, indent=2)])


def _said(found: Finding) -> str:
    if not found["verdict"]:
        return f"{found['broken'][-1]['side'].upper()} {found['broken'][-1]['outcome']}"
    verdict = found["verdict"]
    if verdict["low"] is None:
        return f"pairs: {words(verdict)}"
    inside = inside_epochs(found)
    more = [f"; {inside}"] if inside else []
    more += [", to be gone on with"] if found["confirmed"] is None else []
    return f"pairs: {words(verdict)}, {verdict['ratio']:.3f} {interval(verdict)}{''.join(more)}"
