"""Runs of asv that may be interrupted: asked for again, such a run goes on with the takes that it has."""

from __future__ import annotations

import datetime
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from asv.console import log

from feeders import variables
from feeders.keras_api import BACKEND_VARIABLE
from feeders.measure.metrics import SERIES_VERSION
from feeders.terminal import write_atomically

# Beside the machine's results: an interrupted run may be gone on with in another checkout. asv reads *.json alone.
UNFINISHED = "unfinished.run"

# Of those that nobody goes on with, the oldest are forgotten.
MOST = 10

# What one name, or none, stands for is one release.
SEVERAL = ("ALL", "NEW", "TAGS", "EXISTING")

# What decides what a take measures, beside asv's arguments.
VARIABLES = (
    variables.PROFILE,
    variables.MODEL,
    variables.IMAGES,
    BACKEND_VARIABLE,
    "TF_USE_LEGACY_KERAS",
    variables.DEVICE,
)


@dataclass(frozen=True)
class Run:
    """A run that is going on.

    Attributes:
        id: when it began, UTC; the takes made for it carry it.
        path: its file, which is there until it has ended.
    """

    id: str
    path: Path

    def end(self) -> None:
        """Forget it: whoever asks for the same next wants new takes."""
        left = [run for run in _read(self.path) if run["id"] != self.id]
        if left:
            _write(self.path, left)
        else:
            self.path.unlink(missing_ok=True)


def begin(folder: Path, asked: Mapping[str, Any]) -> Run:
    """Go on with the unfinished run that asked for the same, else begin a new one.

    Args:
        folder: the machine's folder of results.
        asked: what `request` returned.
    """
    path = folder / UNFINISHED
    unfinished = _read(path)
    for run in unfinished:
        if run["asked"] == asked:
            log.info(f"Going on with the run of {run['id']}, which did not end (anew: delete {path})")
            return Run(run["id"], path)
    run = {"id": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "asked": asked}
    _write(path, [*unfinished, run])
    return Run(run["id"], path)


def request(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run asks for, as JSON: two runs that ask for the same may share takes.

    Args:
        kwargs: arguments of asv's `Run.run`.
    """
    names = ("range_spec", "bench", "attribute", "quick", "skip_successful", "skip_failed", "skip_existing_commits")
    asked = {name: kwargs.get(name) or None for name in names}
    variables = {name: os.environ.get(name) or None for name in VARIABLES}
    return json.loads(json.dumps({**asked, **variables, "series": SERIES_VERSION}))  # type: ignore[no-any-return]


def may_name_several(range_spec: Any) -> bool:
    """Whether asv's range stands for more than one release."""
    if isinstance(range_spec, list):
        return len(range_spec) > 1
    spec = str(range_spec or "")
    return spec in SEVERAL or ".." in spec or spec.startswith("HASHFILE:")


def interleave(kwargs: dict[str, Any]) -> None:
    """Make the round the outermost loop: releases measured one after the other would get the machine's drift.

    Args:
        kwargs: arguments of asv's `Run.run`, changed in place.
    """
    kwargs["interleave_rounds"] = True
    if kwargs.get("quick"):  # asv would go through all rounds, and measure nothing in all but one
        kwargs["attribute"] = {**(kwargs.get("attribute") or {}), "rounds": 1}


def rounds(benchmarks: Mapping[str, Any], attributes: Mapping[str, Any] | None) -> int:
    """Return how many rounds asv makes."""
    asked = (attributes or {}).get("rounds")
    return int(asked) if asked else max(int(each.get("rounds", 1)) for each in benchmarks.values())


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        return [{"id": run["id"], "asked": run["asked"]} for run in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def _write(path: Path, unfinished: list[dict[str, Any]]) -> None:
    write_atomically(path, json.dumps(unfinished[-MOST:], indent=1) + "\n")
