"""What is to be compared: two releases on chosen cells, or two feeders on chosen workloads of one release."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import Sequence

from feeders.errors import FeedersError
from feeders.measure import Cell, Record, Settings, profile
from feeders.releases.catalogue import RELEASES
from feeders.releases.installed import NONE_INSTALLED, installed
from feeders.releases.interpreters import is_release
from feeders.strategies import feeder

# The cells that tell releases apart, and what they are named by.
HISTORY = "history"


@dataclass(frozen=True)
class CellPair:
    """Two cells to compare: is B as fast as A?

    Attributes:
        name: what a table calls it.
        a: cell of side A.
        b: cell of side B, on the same workload, or on another loader of a person's.
    """

    name: str
    a: Cell
    b: Cell


@dataclass(frozen=True)
class ComparisonRequest:
    """Comparisons that are made together, on two releases or on one.

    Attributes:
        a: what side A is called.
        b: what side B is called.
        release_a: release of side A.
        release_b: release of side B.
        cell_pairs: the comparisons.
        settings: of the takes; None for those of the environment.
        packages: beside the pins of both releases.
        takes: of a person's loader: one of each side, made before, which tells how it is delivered.
    """

    a: str
    b: str
    release_a: str
    release_b: str
    cell_pairs: tuple[CellPair, ...]
    settings: Settings | None = None
    takes: tuple[Record, ...] = ()
    packages: tuple[str, ...] = ()


def parse_request(
    a: str, b: str, cells: Sequence[str], workloads: Sequence[str], release: str | None
) -> ComparisonRequest:
    """Return what a call asks for.

    Args:
        a: a release, or a feeder as FEEDER or FEEDER:WORKERS.
        b: the same kind of thing.
        cells: of releases: names or patterns of cells, "feeder/workload/workers"; by default the profile `history`.
        workloads: of feeders: what they are compared on.
        release: of feeders: on which release; by default the installed one.

    Raises:
        FeedersError: the call makes no sense.
    """
    releases = [is_release(name) for name in (a, b)]
    if all(releases):
        if workloads or release:
            raise FeedersError(f"compare {a} {b}: two releases are compared on cells. Try: --cells 'sequence/*/4'")
        chosen = choose(cells)
        return ComparisonRequest(a, b, a, b, tuple(CellPair(name_of(cell), cell, cell) for cell in chosen))
    for name, known in zip((a, b), releases):
        if name in RELEASES and not known:
            raise FeedersError(
                f"compare {a} {b}: {name} is a release without a stack. Try: feeders releases add {name}"
            )
    if any(releases):
        one, other = (a, b) if releases[0] else (b, a)
        raise FeedersError(
            f"compare {a} {b}: {one} is a release, {other} is none that can be measured here. "
            "Try: two of feeders releases, or two feeders"
        )
    if cells:
        raise FeedersError(f"compare {a} {b}: two feeders are compared on workloads. Try: --workload text,remote")
    here = installed()
    release = release or (here.id if here else None)
    if not release:
        raise FeedersError(f"compare {a} {b}: {NONE_INSTALLED}. Try: --release 2.21.0")
    loads = dict.fromkeys(workloads or ["jpeg"])
    return ComparisonRequest(
        a, b, release, release, tuple(CellPair(load, _side(a, load), _side(b, load)) for load in loads)
    )


def name_of(cell: Cell) -> str:
    """Return the name of a cell: "feeder/workload/workers"."""
    return f"{cell.feeder}/{cell.workload}/{cell.workers}"


def choose(patterns: Sequence[str]) -> list[Cell]:
    """Return the cells that names or patterns stand for; without any, those of the profile `history`.

    Raises:
        FeedersError: one stands for none.
    """
    history = {name_of(cell): cell for cell in profile(HISTORY).cells}
    chosen: dict[str, Cell] = {}
    for pattern in patterns or ["*"]:
        matching = {name: history[name] for name in fnmatch.filter(history, pattern)} or _exactly(pattern)
        if not matching:
            raise FeedersError(
                f"--cells {pattern}: stands for no cell; expected names like {next(iter(history))}, or a pattern of "
                f"those that tell releases apart: {', '.join(history)}"
            )
        chosen.update(matching)
    return list(chosen.values())


def _exactly(name: str) -> dict[str, Cell]:
    parts = name.split("/")
    if len(parts) != 3 or not parts[2].isdecimal() or any(sign in name for sign in "*?["):
        return {}
    return {name: Cell(parts[0], parts[1], int(parts[2])).checked()}


def feeder_and_workers(text: str) -> tuple[str, int]:
    """Return what FEEDER or FEEDER:WORKERS says.

    Raises:
        FeedersError: no number of workers, or no such feeder.
    """
    name, _, workers = text.partition(":")
    if workers and (not workers.isdecimal() or int(workers) < 1):
        raise FeedersError(f"compare {text}: {workers!r} workers; expected FEEDER or FEEDER:WORKERS, like sequence:4")
    return feeder(name).name, int(workers or 1)


def _side(text: str, workload: str) -> Cell:
    name, workers = feeder_and_workers(text)
    return Cell(name, workload, workers).checked()
