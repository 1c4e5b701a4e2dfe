"""The Markdown summary: the answer, what arrives, what releases changed, and every number that ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable, Sequence

import numpy as np
import pandas as pd

from feeders import variables
from feeders.errors import FeedersError
from feeders.measure import MEASURED, METRICS, Record
from feeders.measure.epochs import EPOCH_BATCHES
from feeders.releases.catalogue import age, oldest_first
from feeders.results.machines import name_of_host
from feeders.results.takes import Takes, read_takes
from feeders.strategies import FEEDERS

from .audits import summarise_audits
from .cells import BROKE, NO_NUMBER, UNSAFE, by_cell, cells_table, of_long_epochs, subject_of
from .changes import summarise_changes
from .devices import short_device
from .recommendation import WRONG, Recommendation, alternatives, name, recommendations, share, speed

# Behind a number: not every sample arrived once, or not all whole.
UNSAFE_MARK = " ✗"


def summarise(
    results: Path, release: str | None = None, trained_on: str | None = None, epoch: int = EPOCH_BATCHES
) -> str:
    """Return the summary as Markdown: of this host, or of all machines where it has measured nothing that is asked for.

    Args:
        results: the results folder.
        release: of that release alone; by default the newest one of each machine, and what all releases changed.
        trained_on: speeds on that device alone, named as `Takes.device` or as on the page; by default on the GPU of
            each machine, else its CPU, with the model and backend that are the default, and what arrives.
        epoch: batches of an epoch that speeds are of.

    Raises:
        FeedersError: nothing has been measured, the release or the device has not, or a file is damaged.
    """
    parts, elsewhere = _asked_for(oldest_first(read_takes(results)), release)
    newest = {part.machine: part.release for part in sorted(parts, key=lambda part: age(part.release))}
    shown = [part for part in parts if part.release == newest[part.machine]]
    if trained_on:
        devices = dict.fromkeys(part.device for part in shown)
        trained_on = {short_device(device): device for device in devices}.get(trained_on, trained_on)
        if trained_on not in devices:
            raise FeedersError(
                f"report: {trained_on!r} has not been measured; expected {' or '.join(map(repr, devices))}"
            )
        shown = [part for part in shown if part.device == trained_on]
        cells = cells_table(results, shown, epoch)
        return "\n\n".join(_section(part, _of(cells, part), epoch) for part in shown)
    of_machines: dict[str, list[Takes]] = {}
    for part in shown:
        of_machines.setdefault(part.machine, []).append(part)
    plain = [min(each, key=_strangeness) for each in of_machines.values()]
    cells = cells_table(results, plain, epoch)
    sections = [_section(part, _of(cells, part), epoch) for part in plain]
    others = list(dict.fromkeys(part.device for part in shown if part not in plain))
    if others:
        of = f"--release {release} " if release else ""
        sections.append(f"Also measured, with `report --summary {of}--device '{others[0]}'`: {'; '.join(others)}")
    audited = summarise_audits(results, dict.fromkeys((part.machine, part.release, part.backend) for part in plain))
    changed = summarise_changes(results, of_machines, release)
    return "\n\n".join([*sections, *audited, *changed, *elsewhere])


def _asked_for(parts: Sequence[Takes], release: str | None) -> tuple[list[Takes], list[str]]:
    """Return the takes of this host, or of all where it has none, and a line that names the machines left out."""
    asked = [part for part in parts if release in (None, part.release)]
    if not asked:
        known = ", ".join(sorted({part.release for part in parts}))
        raise FeedersError(f"report: {release} has not been measured; results/ holds {known}")
    own = [part for part in asked if part.machine == name_of_host()]
    others = dict.fromkeys(f"`{variables.MACHINE}={part.machine}`" for part in asked if part.machine != name_of_host())
    if not own or not others:
        return asked, []
    return own, [f"Of another machine, with {' or '.join(others)} and the same command."]


def _strangeness(part: Takes) -> tuple[int, bool, int]:
    """How far what takes ran on is from what most people have: no model or backend of its own, and a GPU first.

    A GPU always tells the size of its batches.
    """
    told = part.device.count(", ")
    return told - part.device.count(f"{variables.BATCH}="), not part.device.startswith("GPU"), told


def _of(cells: pd.DataFrame, part: Takes) -> pd.DataFrame:
    machine, release, device = subject_of(part)
    return cells[(cells["machine"] == machine) & (cells["release"] == release) & (cells["device"] == device)]


def _section(part: Takes, cells: pd.DataFrame, epoch: int) -> str:
    first = part.records[0]
    host = f"{first.host['cores']} cores, machine `{part.machine}`, {part.device}"
    return "\n".join(
        [f"**{part.stack}**, {host}:", "", *_answers(recommendations(cells)), "", *_speeds(cells, part.records, epoch)]
    )


def _answers(each_workload: Sequence[Recommendation]) -> list[str]:
    wrong = [
        f"- not `{label}` on `{each.workload}`: {why}"
        for each in each_workload
        for label, why in each.avoid
        if why.startswith((WRONG, BROKE))
    ]
    return [
        "| workload | use | samples/s | of the limit | of the ceiling | p99 wait | CPU | memory |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
        *map(_answer, each_workload),
        "",
        *(f"- `{each.workload}`: {each.uncounted}" for each in each_workload if each.uncounted),
        *(f"- `{each.workload}`: {'; '.join(others)}" for each in each_workload if (others := alternatives(each))),
        *(f"- `{each.workload}`: {each.neighbour}" for each in each_workload if each.neighbour),
        *wrong,
    ]


def _answer(each: Recommendation) -> str:
    best = each.best
    if best is None:
        return f"| {each.workload} | {each.none_safe} |  |  |  |  |  |  |"
    numbers = (METRICS.named(metric).format(best[metric]) for metric in ("wait_p99", "cpu", "memory"))
    of_limit = METRICS.named("share_of_limit").format(best["share_of_limit"])
    return f"| {' | '.join((each.workload, f'`{name(best)}`', speed(best), of_limit, share(best), *numbers))} |"


def _speeds(cells: pd.DataFrame, records: Iterable[Record], epoch: int) -> list[str]:
    shown = cells.assign(
        text=[_cell(*row) for row in zip(cells["state"], cells["word"], cells["effective_throughput"])]
    )
    grid = shown.pivot_table(index="feeder", columns=["workload", "workers"], values="text", aggfunc="first")
    order = list(dict.fromkeys(cells["workload"]))  # that of the catalogue; a person's loader is not in it
    measured = set(zip(cells["workload"], cells["workers"]))
    columns = sorted(measured, key=lambda column: (order.index(column[0]), column[1]))
    grid = grid.reindex(index=[row.name for row in FEEDERS if row.name in grid.index], columns=columns).fillna("")
    heads = [f"{workload} ×{workers}" for workload, workers in columns]
    return [
        f"Effective samples/s (unique and whole) in epochs of {epoch:,} batches, by workload × workers:",
        "",
        f"| feeder | {' | '.join(heads)} |",
        f"|---|{'--:|' * len(heads)}",
        *(f"| `{feeder}` | {' | '.join(texts)} |" for feeder, texts in zip(grid.index, grid.to_numpy())),
        "",
        _footnote(records),
    ]


def _cell(state: str, word: str, value: float) -> str:
    return word if state == NO_NUMBER else f"{value:,.0f}{UNSAFE_MARK if state == UNSAFE else ''}"


def _footnote(records: Iterable[Record]) -> str:
    measured = [take for _, takes in by_cell(records) for take in of_long_epochs(takes) if take.outcome == MEASURED]
    if not measured:
        return "No take of it has numbers."
    takes = pd.DataFrame(
        [((take.feeder, take.workload, take.workers), take.metrics["throughput"]) for take in measured],
        columns=["cell", "speed"],
    )
    speeds = takes.groupby("cell")["speed"]
    counts, quartiles = speeds.size(), speeds.quantile(np.array([0.25, 0.5, 0.75])).unstack()
    # One take has no spread; that is not a spread of 0.
    spread = (50 * (quartiles[0.75] - quartiles[0.25]) / quartiles[0.5])[counts > 1]
    spread_text = (
        f"A number is the median of {_range(counts)} takes, each in fresh processes. Brackets hold its interval: 95 % "
        "from six takes on, below that their whole range. Half the distance between the quartiles is "
        f"{spread.median():.0f} % of the median in the middle cell, and {spread.quantile(0.9):.0f} % in one of ten."
        if len(spread)
        else "One take of each, in fresh processes: how far takes spread is not known. `asv run` makes several."
    )
    return (
        f"{spread_text} {UNSAFE_MARK.strip()}: some samples did not arrive exactly once and whole, in a take or where "
        "an audit provoked races. Only those that did count."
    )


def _range(counts: pd.Series[int]) -> str:
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"
