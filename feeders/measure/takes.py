"""Takes: fresh processes measure one cell once."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from feeders import variables
from feeders.errors import FeedersError, Unsupported
from feeders.keras_api import asked_backend
from feeders.loaders import workload
from feeders.results.record import FAILED, MEASURED, UNSUPPORTED, Record

from . import device
from .cells import Cell
from .session import time_cell, verify_cell
from .settings import Settings
from .stack import describe_host, describe_stack, is_untouched
from .supervise import Watch
from .watched import watched

# Set for an interpreter that was started for one take: it starts no further one.
NEW_VARIABLE = "FEEDERS_NEW_INTERPRETER"


def take(cell: Cell, settings: Settings | None = None) -> Record:
    """Measure a cell once: a fresh process verifies the delivery of an epoch, another one times ``fit()``.

    They are forked from this process if TensorFlow has been imported here and has run nothing (see `preload`), else
    from a new interpreter that imports it: 2-10 s more. What breaks in them becomes the outcome.

    Args:
        cell: what to measure.
        settings: how; those of the environment by default.

    Raises:
        FeedersError: unknown cell, or no TensorFlow.
    """
    settings = settings or Settings.from_environment()
    cell.checked()
    base = Record(
        **dataclasses.asdict(cell),
        outcome=FAILED,
        started=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        host=describe_host(),
        settings=dataclasses.asdict(settings),
    )
    try:
        workload(cell.workload).material()
    except Unsupported as error:
        return dataclasses.replace(base, outcome=UNSUPPORTED, message=str(error))
    except FeedersError as error:
        return dataclasses.replace(base, message=str(error))
    if is_untouched():
        return _forked(cell, settings, base)
    if os.environ.get(NEW_VARIABLE):
        raise FeedersError(
            f"{cell}: this interpreter was started for this take alone, and importing {asked_backend()} has touched a "
            f"device already; expected one that takes can be forked from. Try: {variables.DEVICE}=cpu"
        )
    return _in_new_interpreter(cell, settings)


def _forked(cell: Cell, settings: Settings, base: Record) -> Record:
    base = dataclasses.replace(base, stack=describe_stack())
    start = time.perf_counter()
    verified = watched(lambda answer: verify_cell(cell, answer), Watch(settings.deadline_seconds, memory=True))
    if verified["outcome"] != MEASURED:
        return dataclasses.replace(base, **_outcome(verified))
    watch = Watch(settings.deadline_seconds, memory=False, gpu=device.current() != device.CPU)
    timed = watched(lambda answer: time_cell(cell, settings, answer), watch)
    if timed["outcome"] != MEASURED:
        # The delivery is known all the same.
        return dataclasses.replace(base, **{**_fields(verified), **_outcome(timed)})
    gpu = timed.get("gpu", {"metrics": {}, "stack": {}})
    metrics, stack = {**_metrics(verified, timed), **gpu["metrics"]}, {**base.stack, **gpu["stack"]}
    fields = {**_fields(verified), **_fields(timed), "metrics": metrics, "stack": stack}
    fields.update({name: tuple(timed[name]) for name in ("epochs", "waits")})
    inside = verified["seconds"] + timed["seconds"]
    return dataclasses.replace(base, **fields, overhead=timed["ended"] - start - inside)


def _metrics(verified: dict[str, Any], timed: dict[str, Any]) -> dict[str, float]:
    """Put delivery and speed together: only what arrived once and whole is effective."""
    metrics = {**verified["metrics"], **timed["metrics"]}
    metrics["effective_throughput"] = metrics["throughput"] * verified.get("whole", 1.0)
    if metrics["effective_throughput"]:
        metrics["effective"] = 1000 / metrics["effective_throughput"]
    peak = max(metrics.get("memory", 0.0), float(verified["memory"]))
    return {**metrics, "memory": peak} if peak else metrics


def _outcome(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in ("outcome", "message")}


def _fields(answer: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(Record)}
    return {name: value for name, value in answer.items() if name in names}


def _in_new_interpreter(cell: Cell, settings: Settings) -> Record:
    request = json.dumps([dataclasses.asdict(cell), dataclasses.asdict(settings)])
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    answer = subprocess.run(
        [sys.executable, "-m", "feeders.measure", request],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, NEW_VARIABLE: "1"},
    )
    if answer.returncode:
        raise FeedersError(answer.stdout.strip() or f"{cell}: the measuring process ended with {answer.returncode}")
    return Record.from_json(answer.stdout.splitlines()[-1])
