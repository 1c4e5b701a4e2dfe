"""What a run found, in the few lines that it ends with."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

import pandas as pd

from feeders.measure.metrics import METRICS, stall_word
from feeders.releases.catalogue import age
from feeders.results.takes import TAKES_SUFFIX, read_takes
from feeders.terminal import table

from .cells import cells_table
from .recommendation import WRONG, Recommendation, name, recommendations, speed

# What to do next, and what for.
NEXT = (
    ("feeders report", "all numbers, as a page: report.html"),
    ("feeders advise my_data.py:Train", "your own loader: is it safe, and how to feed it best"),
)

# Of a run without a feeder that delivered wrongly.
SOUND = "Every sample that was counted arrived once and whole. Only an audit provokes rare races: feeders audit FEEDER"


def closing_lines(results: Path, machine: str, run: str) -> list[str]:
    """Return the answer per workload, what was unsafe, and the next commands; nothing if the run made no take.

    The answer is of all takes of the newest release that the run measured, as the report has it.

    Args:
        results: the results folder.
        machine: name of the host.
        run: its id.

    Raises:
        FeedersError: a file of results is damaged.
    """
    if not any((results / machine).glob(f"*{TAKES_SUFFIX}")):
        return []
    parts = [part for part in read_takes(results) if part.machine == machine]
    made = [part for part in parts if any(take.run == run for take in part.records)]
    if not made:
        return []
    part = max(made, key=lambda each: age(each.release))
    workloads = {take.workload for take in part.records if take.run == run}
    answers = [each for each in recommendations(cells_table(results, [part])) if each.workload in workloads]
    return [
        f"How to feed fit() here ({part.stack}, {part.device}):",
        *table([_answer(each) for each in answers], indent=2),
        *_unsafe(answers),
        "Next:",
        *table(NEXT, indent=2),
    ]


def _answer(each: Recommendation) -> tuple[str, ...]:
    best = each.best
    if best is None:
        return (each.workload, each.none_safe)
    stall, of_limit = best["stall"], METRICS.named("share_of_limit").format(best.get("share_of_limit"))
    of_ceiling = f"{METRICS.named('stall').format(100 - stall)} of the ceiling: {stall_word(stall)}"
    takes = f"{best['measured']} take{'' if best['measured'] == 1 else 's'}"
    shares = [f"{of_limit} of this host's limit" if of_limit else "", "" if pd.isna(stall) else of_ceiling]
    return (each.workload, name(best), f"{speed(best)} samples/s", *shares, takes)


def _unsafe(answers: Sequence[Recommendation]) -> list[str]:
    """A line for each feeder that delivered wrongly: where it did, and what arrived on the first of these workloads.

    Without any, what is known of the delivery; nothing where no take has numbers.
    """
    faults: dict[str, list[tuple[str, str]]] = {}
    for each in answers:
        for feeder, reason in each.avoid:
            if reason.startswith(WRONG):
                faults.setdefault(feeder, []).append((each.workload, _first_fault(reason)))
    if not faults:
        uncounted = [f"{each.workload}: {each.uncounted}" for each in answers if each.uncounted]
        return uncounted or ([SOUND] if any(each.best or each.otherwise for each in answers) else [])
    rows = [(feeder, ", ".join(load for load, _ in found), found[0][1]) for feeder, found in faults.items()]
    return ["Unsafe, however fast:", *table(rows, indent=2)]


def _first_fault(reason: str) -> str:
    """The first count of a reason; without a count, the whole of it."""
    parts = reason.removeprefix(f"{WRONG}: ").split("; ")
    return next((part for part in parts if " samples " in part), parts[0])
