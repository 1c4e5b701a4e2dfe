"""Runs of asv that may be interrupted: asked for again, such a run goes on with the takes that it has."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path
from typing import Any, Mapping

from asv.console import log

from feeders import variables
from feeders.keras_api import BACKEND_VARIABLE
from feeders.measure.metrics import SERIES_VERSION
from feeders.results.unfinished import UnfinishedRun, read_unfinished, unfinished_file, write_unfinished

# What one name, or none, stands for is one release.
SEVERAL = ("ALL", "NEW", "TAGS", "EXISTING")

# asv's arguments that leave out what has results.
SKIPS = ("skip_successful", "skip_failed", "skip_existing_commits")

# What decides what a take measures, beside asv's arguments.
VARIABLES = (
    variables.PROFILE,
    variables.MODEL,
    variables.BATCH,
    variables.IMAGES,
    BACKEND_VARIABLE,
    "TF_USE_LEGACY_KERAS",
    variables.DEVICE,
    variables.LOADER,
    variables.SERVICE,
)


def begin(folder: Path, asked: Mapping[str, Any]) -> UnfinishedRun:
    """Go on with the unfinished run that asked for the same, else begin a new one.

    Args:
        folder: the machine's folder of results.
        asked: what `run_identity` returned.
    """
    unfinished = read_unfinished(folder)
    for run in unfinished:
        if run.asked == asked:
            path = unfinished_file(folder)
            log.info(f"Going on with the run of {run.id}, which did not end (anew: delete {path})")
            return run
    started = datetime.datetime.now(datetime.timezone.utc)
    run = UnfinishedRun(started.isoformat(timespec="seconds"), asked)
    write_unfinished(folder, [*unfinished, run])
    return run


def end(folder: Path, run: UnfinishedRun) -> None:
    """Forget a run that has ended: whoever asks for the same next wants new takes."""
    write_unfinished(folder, [other for other in read_unfinished(folder) if other.id != run.id])


def run_identity(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a run the same as another, as JSON: two such runs may share takes.

    Args:
        kwargs: arguments of asv's `Run.run`.
    """
    names = ("range_spec", "bench", "attribute", "quick", *SKIPS)
    asked = {name: kwargs.get(name) or None for name in names}
    variables = {name: os.environ.get(name) or None for name in VARIABLES}
    return json.loads(json.dumps({**asked, **variables, "series": SERIES_VERSION}))  # type: ignore[no-any-return]


def may_name_several(range_spec: Any) -> bool:
    """Whether asv's range stands for more than one release."""
    if isinstance(range_spec, list):
        return len(range_spec) > 1
    spec = str(range_spec or "")
    return spec in SEVERAL or ".." in spec or spec.startswith("HASHFILE:")


def settle_rounds(kwargs: dict[str, Any]) -> None:
    """Set how rounds are made.

    The round is the outermost loop where there are several releases: measured one after the other, they would get the
    machine's drift. A quick run has one round. asv makes one, but counts all of them, or goes through the others and
    measures nothing in them.

    Args:
        kwargs: arguments of asv's `Run.run`, changed in place.
    """
    if may_name_several(kwargs.get("range_spec")):
        kwargs["interleave_rounds"] = True
    if kwargs.get("quick"):
        kwargs["attribute"] = {**(kwargs.get("attribute") or {}), "rounds": 1}


def may_skip(kwargs: Mapping[str, Any]) -> bool:
    """Whether a run may leave out series or releases that have results.

    Args:
        kwargs: arguments of asv's `Run.run`.
    """
    return any(kwargs.get(name) for name in SKIPS)


def rounds(benchmarks: Mapping[str, Any], attributes: Mapping[str, Any] | None) -> int:
    """Return how many rounds asv makes."""
    asked = (attributes or {}).get("rounds")
    return int(asked) if asked else max(int(each.get("rounds", 1)) for each in benchmarks.values())
