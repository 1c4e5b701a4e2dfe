"""What a comparison prints, from its evidence."""

from __future__ import annotations

import dataclasses
import sys
from statistics import median
from typing import Any, Mapping, Sequence

from feeders.releases.installed import installed
from feeders.releases.stacks import KERAS, TENSORFLOW, difference, stacks
from feeders.terminal import table

from .verdict import FEWEST, SAME, SLOWER, UNDECIDED, judge

HEADS = ("", "verdict", "B/A time", "99 % interval", "pairs", "spread of a pair", "would have seen")

# Of the packages that differ, those that explain most changes come first.
FIRST = ("python", TENSORFLOW, KERAS, "numpy")


def to_text(found: Mapping[str, Any]) -> str:
    """Return the table of what `run.evidence` returned, and what the words rest on."""
    rows = [_row(each) for each in found["comparisons"]]
    head = f"A: {_side(found, 'a')}\nB: {_side(found, 'b')}"
    notes = [f"{each['name']}: {_broken(each)}" for each in found["comparisons"] if each["broken"]]
    notes += [f"{each['name']}: {inside}" for each in found["comparisons"] if (inside := inside_epochs(each))]
    if found["unanswered"]:
        notes.append(f"not compared: {', '.join(found['unanswered'])}")
    family = len(found["comparisons"]) + len(found["unanswered"])
    notes.append(
        f"Lockstep pairs; slower and faster hold for all {family} together at 99 % (Holm) and exceed 3 %."
        if family > 1
        else "Lockstep pairs; slower and faster hold at 99 % and exceed 3 %."
    )
    return "\n".join([head, "", *table(rows, HEADS), "", *notes])


def is_bad(found: Mapping[str, Any]) -> bool:
    """Whether B is slower somewhere, or breaks."""
    return any(
        each["verdict"]["word"] == SLOWER if each["verdict"] else each["broken"][-1]["side"] == "b"
        for each in found["comparisons"]
    )


def words(verdict: Mapping[str, Any]) -> str:
    """Return the verdict in words: how close "same" is, and how many pairs "undecided" wants."""
    if verdict["word"] == SAME:
        return f"same within {100 * verdict['within']:.1f} %"
    if verdict["word"] == UNDECIDED and verdict["needed"]:
        return f"undecided ({verdict['needed']} pairs)"
    return str(verdict["word"])


def interval(verdict: Mapping[str, Any]) -> str:
    """Return the interval of the ratio; empty where it is not known."""
    return f"[{verdict['low']:.3f}, {verdict['high']:.3f}]" if verdict["low"] is not None else ""


def inside_epochs(found: Mapping[str, Any]) -> str:
    """Return what the pairs of an undecided comparison show without the gaps between epochs, which spread most.

    It is no verdict: an epoch is what people wait for, gaps included. Empty where there is a verdict, or too few pairs.

    Args:
        found: "verdict" and "pairs" of a comparison or a finding.
    """
    pairs: Sequence[Mapping[str, Any]] = found["pairs"]
    if len(pairs) < FEWEST or not found["verdict"] or found["verdict"]["word"] != UNDECIDED:
        return ""
    inside = dataclasses.asdict(judge([pair["feed"] for pair in pairs]))
    share = median(pair["share"] for pair in pairs)
    return f"inside epochs {inside['ratio']:.3f} {interval(inside)}; {100 * share:.0f} % of the time is between them"


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
    rows.sort(key=lambda row: FIRST.index(row[0]) if row[0] in FIRST else len(FIRST))
    named = [f"{name} {old or 'none'} -> {new or 'none'}" for name, old, new in rows[:most]]
    return ", ".join(named) + (f" and {len(rows) - most} more" if len(rows) > most else "")


def _row(each: Mapping[str, Any]) -> tuple[str, ...]:
    verdict = each["verdict"]
    if not verdict:
        broken = each["broken"][-1]
        return each["name"], f"{broken['side'].upper()} {broken['outcome']}", "", "", str(len(each["pairs"])), "", ""
    if verdict["low"] is None:
        return each["name"], words(verdict), "", "", str(verdict["pairs"]), "", ""
    return (
        each["name"],
        words(verdict),
        f"{verdict['ratio']:.3f}",
        interval(verdict),
        str(verdict["pairs"]),
        f"{100 * verdict['spread']:.1f} %",
        f"{100 * verdict['detectable']:.1f} %",
    )


def _broken(each: Mapping[str, Any]) -> str:
    broken = each["broken"][-1]
    return f"{broken['side'].upper()} {broken['outcome']}: {broken['message'][:300]}"


def _side(found: Mapping[str, Any], side: str) -> str:
    name, release = found[side], found[f"release_{side}"]
    title = f" on {release}" if name != release else ""
    here, stack = installed(), stacks().get(release)
    pinned = stack and found["release_a"] != found["release_b"]
    if here and here.id == release and not pinned:
        python = "{}.{}".format(*sys.version_info)
        return f"{name}{title} (as installed here: {here.title}, Python {python})"
    if not stack:
        return f"{name}{title}"
    keras = stack.version(KERAS) or "built in"
    return f"{name}{title} (TensorFlow {stack.version(TENSORFLOW)}, Keras {keras}, Python {stack.python}, CPU)"
