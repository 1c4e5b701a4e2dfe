"""The findings under results/: what became of each suspect of a machine's history, one JSON line each."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Sequence

from feeders.terminal import write_atomically

from .json_lines import read_lines

# Of a line.
SCHEMA = 3

CHANGES_SUFFIX = "-changes.jsonl"


@dataclass(frozen=True)
class SpeedVerdict:
    """What can be said of B against A. Ratios are B's time over A's: above 1, B takes longer. None is unknown.

    Attributes:
        word: "slower", "faster", "same" or "undecided".
        pairs: lockstep pairs judged.
        ratio: the exponential of the mean; None without pairs.
        low: lower end of the 99 % interval, as a ratio; None with fewer than two pairs, like all below.
        high: its upper end.
        spread: standard deviation of one pair, in logs.
        p: of the two-sided t test of a mean log-ratio of 0.
        detectable: the smallest true effect that these pairs would have called a change with a chance of 80 %, as a
            ratio less 1.
        needed: of "undecided", the pairs in all that would do for "same" if the sides were, and the spread stayed.
        within: of "same", the smallest bound that the interval lies in, as a ratio less 1.
    """

    word: str
    pairs: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    spread: float | None = None
    p: float | None = None
    detectable: float | None = None
    needed: int | None = None
    within: float | None = None


@dataclass(frozen=True)
class PairNumbers:
    """What a lockstep pair of B against A has shown, without its turns.

    Attributes:
        log_ratio: the pair's number, log of the time of B's epoch over that of A's.
        feed: log-ratio of the times inside epochs, their 30 % trimmed mean over turns, or over epochs that
            are several turns.
        gap: log-ratio of the turns' gaps, likewise.
        share: share of the gap in A's epoch.
        launched: which side was launched first, "ab" or "ba".
        first: which side had the first of each two turns.
        swapped: whether each side ran in the process that was started for the other, which were alike.
        seed: of the generator that drew these three.
        started: UTC time, ISO 8601.
        seconds: what the pair took.
        load: load average of the machine at the start.
    """

    log_ratio: float
    feed: float
    gap: float
    share: float
    launched: str
    first: str
    swapped: bool
    seed: int
    started: str
    seconds: float
    load: float


@dataclass(frozen=True)
class BrokenPair:
    """A pair that came to nothing.

    Attributes:
        side: "a" or "b", the one that broke.
        outcome: one of `record.OUTCOMES`, not "measured".
        message: what was seen.
    """

    side: str
    outcome: str
    message: str


@dataclass(frozen=True)
class ReleaseFinding:
    """What became of a cell that may have changed at a release.

    Attributes:
        cell: "feeder/workload/workers".
        before: id of the last release without the change; side A of the pairs.
        after: id of the first release with it; side B.
        step: what the history shows, log of the time after over the time before.
        by: the test that found it there.
        stacks: digests of the pins of both releases; empty texts where one has none.
        confirmed: whether the pairs say what the history says; None while they have not decided.
        quantity: what the verdict is about, "whole epochs" or "inside epochs".
        verdict: of the pairs; None where a side broke.
        broken: pairs that came to nothing.
        pairs: the others, oldest first.
        changed: how the two stacks differ.
        measured: UTC time of the last pair, ISO 8601.
    """

    cell: str
    before: str
    after: str
    step: float
    by: str
    stacks: tuple[str, ...]
    confirmed: bool | None
    quantity: str
    verdict: SpeedVerdict | None
    broken: tuple[BrokenPair, ...]
    pairs: tuple[PairNumbers, ...]
    changed: str
    measured: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is about: cell and both releases."""
        return self.cell, self.before, self.after

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps({"schema": SCHEMA, **dataclasses.asdict(self)}, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> ReleaseFinding:
        """Read what `to_json` wrote.

        Raises:
            ValueError, TypeError, KeyError: the line is damaged or of another schema.
        """
        values = json.loads(line)
        schema = values.pop("schema")
        if schema != SCHEMA:
            raise ValueError(f"schema {schema}, expected {SCHEMA}")
        verdict = values.pop("verdict")
        return cls(
            stacks=tuple(values.pop("stacks")),
            verdict=SpeedVerdict(**verdict) if verdict else None,
            broken=tuple(BrokenPair(**each) for each in values.pop("broken")),
            pairs=tuple(PairNumbers(**each) for each in values.pop("pairs")),
            **values,
        )


@dataclass(frozen=True)
class MachineFindings:
    """The findings of one machine and environment.

    Attributes:
        machine: its name.
        environment: asv's name of the environment that the takes are of.
        findings: in the order of the file.
    """

    machine: str
    environment: str
    findings: tuple[ReleaseFinding, ...]


def changes_file(folder: Path, environment: str) -> Path:
    """Return where the findings of an environment are kept.

    Args:
        folder: of the machine, under results/.
        environment: asv's name of it.
    """
    return folder / f"{environment}{CHANGES_SUFFIX}"


def read_changes(path: Path) -> list[ReleaseFinding]:
    """Return the findings of earlier calls; none if there is no such file.

    Raises:
        FeedersError: a line is damaged or of another schema; the text names the file and the line.
    """
    return read_lines(path, ReleaseFinding.from_json)


def read_all_changes(results: Path, machine: str = "*") -> list[MachineFindings]:
    """Return the findings of all environments under a results folder, by name.

    Args:
        results: the results folder.
        machine: of that machine alone, by default of all.

    Raises:
        FeedersError: a line of a file is damaged.
    """
    return [
        MachineFindings(path.parent.name, path.name[: -len(CHANGES_SUFFIX)], tuple(read_changes(path)))
        for path in sorted(results.glob(f"{machine}/*{CHANGES_SUFFIX}"))
    ]


def write_changes(path: Path, findings: Iterable[ReleaseFinding]) -> None:
    """Write findings, one JSON line each; the file is there whole or not at all."""
    write_atomically(path, "".join(f"{finding.to_json()}\n" for finding in findings))


def merged(known: Sequence[ReleaseFinding], fresh: Sequence[ReleaseFinding]) -> list[ReleaseFinding]:
    """Return the known findings with the fresh ones in their places or behind them."""
    return list({finding.key: finding for finding in (*known, *fresh)}.values())
