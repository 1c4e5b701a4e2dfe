"""The Markdown table of what releases changed: the findings of ``feeders regressions`` under results/."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, Sequence

from feeders.compare.show import interval, what_changed
from feeders.releases.catalogue import age
from feeders.results.changes import SUFFIX, Finding, read


def summarise_changes(machines: Iterable[Path], release: str | None = None) -> list[str]:
    """Return a Markdown section for each machine and environment whose history has been judged.

    Args:
        machines: their folders of results.
        release: what came with that release alone.

    Raises:
        FeedersError: a file is damaged; the text names it and the line.
    """
    sections = []
    for path in (path for machine in machines for path in sorted(machine.glob(f"*{SUFFIX}"))):
        findings = [found for found in read(path) if release in (None, found["after"])]
        if findings:
            sections.append(_section(path.parent.name, path.name[: -len(SUFFIX)], findings))
    return sections


def _section(machine: str, environment: str, findings: Sequence[Finding]) -> str:
    confirmed = sorted((found for found in findings if found["confirmed"]), key=_place)
    begun = sum(found["confirmed"] is None for found in findings)
    heads = "| release | after | cell | of | time | 99 % interval | pairs |\n|---|---|---|---|--:|--:|--:|"
    return "\n".join(
        [
            f"**What releases changed**, machine `{machine}`, environment `{environment}`: confirmed by lockstep "
            f"pairs are {len(confirmed)} of {len(findings) - begun} suspects that were compared"
            + (f"; {begun} more are begun" if begun else ""),
            "",
            heads,
            *map(_row, confirmed),
            "",
            *_pins(confirmed),
        ]
    )


def _place(found: Finding) -> tuple[object, ...]:
    return age(found["after"]), age(found["before"])


def _row(found: Finding) -> str:
    verdict = found["verdict"]
    names = " | ".join(f"`{found[name]}`" for name in ("after", "before", "cell"))
    return f"| {names} | {found['quantity']} | × {verdict['ratio']:#.3g} | {interval(verdict)} | {verdict['pairs']} |"


def _pins(findings: Iterable[Finding]) -> list[str]:
    transitions = dict.fromkeys((found["before"], found["after"]) for found in findings)
    return [f"- `{after}` after `{before}`: {what_changed(before, after)}" for before, after in transitions]
