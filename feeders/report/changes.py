"""What releases changed: the findings of ``feeders regressions``, as Markdown and as tables of the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Sequence

import pandas as pd

from feeders.compare.show import interval_text, what_changed
from feeders.releases.catalogue import age
from feeders.results.changes import MachineFindings, ReleaseFinding, SpeedVerdict, read_all_changes
from feeders.results.takes import Takes

from .cells import SUBJECT, rows_of


def summarise_changes(results: Path, machines: Iterable[str], release: str | None = None) -> list[str]:
    """Return a Markdown section for each machine and environment whose history has been judged.

    Args:
        results: the results folder.
        machines: those alone, in their order.
        release: what came with that release alone.

    Raises:
        FeedersError: a file is damaged; the text names it and the line.
    """
    sections = []
    for judged in (judged for machine in machines for judged in read_all_changes(results, machine)):
        findings = [finding for finding in judged.findings if release in (None, finding.after)]
        if findings:
            sections.append(_section(judged, findings))
    return sections


def _section(judged: MachineFindings, findings: Sequence[ReleaseFinding]) -> str:
    confirmed = sorted(_confirmed(findings), key=_place)
    begun = sum(finding.confirmed is None for finding in findings)
    heads = "| release | after | cell | of | time | 99 % interval | pairs |\n|---|---|---|---|--:|--:|--:|"
    return "\n".join(
        [
            f"**Changes by releases**, machine `{judged.machine}`, environment `{judged.environment}`: lockstep pairs "
            f"confirm {len(confirmed)} of {len(findings) - begun} suspects that were compared"
            + (f"; {begun} more are begun" if begun else ""),
            "",
            heads,
            *(_row(finding, verdict) for finding, verdict in confirmed),
            "",
            *_pins(finding for finding, _ in confirmed),
        ]
    )


def _confirmed(findings: Iterable[ReleaseFinding]) -> list[tuple[ReleaseFinding, SpeedVerdict]]:
    return [(finding, finding.verdict) for finding in findings if finding.confirmed and finding.verdict]


def _place(confirmed: tuple[ReleaseFinding, SpeedVerdict]) -> tuple[object, ...]:
    return age(confirmed[0].after), age(confirmed[0].before)


def _row(finding: ReleaseFinding, verdict: SpeedVerdict) -> str:
    names = f"`{finding.after}` | `{finding.before}` | `{finding.cell}` | {finding.quantity}"
    return f"| {names} | × {verdict.ratio:#.3g} | {interval_text(verdict)} | {verdict.pairs} |"


def _pins(findings: Iterable[ReleaseFinding]) -> list[str]:
    transitions = dict.fromkeys((finding.before, finding.after) for finding in findings)
    return [f"- `{after}` after `{before}`: {what_changed(before, after)}" for before, after in transitions]


def changes_table(results: Path, parts: Iterable[Takes]) -> pd.DataFrame:
    """Return the confirmed changes of all machines, those of a machine in the order of the releases.

    Args:
        results: the results folder.
        parts: all takes, which tell what trained.

    Raises:
        FeedersError: a file is damaged; the text names it and the line.
    """
    devices = {(part.machine, part.environment): part.device for part in parts}
    rows: list[dict[str, Any]] = []
    for judged in read_all_changes(results):
        device = devices.get((judged.machine, judged.environment), judged.environment)
        for finding, verdict in _confirmed(judged.findings):
            rows.append(
                {
                    **dict(zip(SUBJECT, (judged.machine, finding.after, device))),
                    **{"before": finding.before, "cell": finding.cell, "of": finding.quantity},
                    **{"times": verdict.ratio, "times_low": verdict.low, "times_high": verdict.high},
                    "pairs": verdict.pairs,
                }
            )
    rows.sort(key=lambda row: (row["machine"], age(row["release"])))
    columns = [*SUBJECT, "before", "cell", "of", "times", "times_low", "times_high", "pairs"]
    return pd.DataFrame(rows, columns=columns)


def upgrades_table(changes: pd.DataFrame) -> pd.DataFrame:
    """Return what changed in the stack of each release that changed a cell, once for all of its cells."""
    pairs = changes[["machine", "release", "before"]].drop_duplicates()
    return pairs.assign(pins=list(map(what_changed, pairs["before"], pairs["release"])))


def steps(changes: pd.DataFrame) -> dict[tuple[Any, ...], tuple[str, str]]:
    """Return in words and as a label what changed in a cell: by `SUBJECT`, feeder, workload and workers."""
    texts = {}
    for change in rows_of(changes):
        feeder, workload, workers = change["cell"].split("/")
        label = f"× {change['times']:#.3g}"
        text = f"{change['of']}: {label} of the time on {change['before']}"
        texts[(*(change[key] for key in SUBJECT), feeder, workload, int(workers))] = (text, label)
    return texts
