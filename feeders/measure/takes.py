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
from typing import Any, Callable, Mapping

from feeders import variables
from feeders.errors import FeedersError, Unsupported
from feeders.keras_api import asked_backend
from feeders.loaders import Workload
from feeders.loaders.own import Own
from feeders.results.record import FAILED, MEASURED, UNSUPPORTED, Record
from feeders.strategies import Feeder

from . import device
from .cells import Cell
from .session import Answered, time_cell, verify_cell
from .settings import Settings
from .stack import describe_host, describe_stack, is_untouched
from .supervise import Seen, Watch
from .survey import Survey, survey
from .timed import Timed
from .verify import Verified
from .watched import watched

# Set for an interpreter that was started for one take: it starts no further one.
NEW_VARIABLE = "FEEDERS_NEW_INTERPRETER"


# Stands for the guarantee of a loader whose content tells nothing.
NOT_COUNTED = "not counted: its content differs from pass to pass, or too many samples are alike"


def take(cell: Cell, settings: Settings | None = None, seen: Survey | None = None) -> Record:
    """Measure a cell once: a fresh process verifies the delivery of an epoch, another one times ``fit()``.

    They are forked from this process if the backend has been imported here and has run nothing (see `preload`), else
    from a new interpreter that imports it: 2-10 s more. What breaks in them becomes the outcome.

    Args:
        cell: what to measure.
        settings: how; those of the environment by default.
        seen: of a person's loader, if it has been looked at; else it is now, which takes some seconds.

    Raises:
        FeedersError: unknown cell, or no backend; a person's loader can't be opened, or breaks while one thread reads
            it.
    """
    settings = settings or Settings.from_environment()
    row, load = cell.rows()
    if isinstance(load, Own) and is_untouched():
        seen = seen or survey(load.name, settings)
        settings = seen.settled(settings)
    load = cell.load(settings.call, settings.steps, settings.batch)
    base = Record(
        **dataclasses.asdict(cell),
        outcome=FAILED,
        started=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        host=describe_host(),
        settings=dataclasses.asdict(settings),
    )
    try:
        load.material()
    except Unsupported as error:
        return dataclasses.replace(base, outcome=UNSUPPORTED, message=str(error))
    except FeedersError as error:
        return dataclasses.replace(base, message=str(error))
    if is_untouched():
        return _forked(row, load, settings, base, seen)
    if os.environ.get(NEW_VARIABLE):
        raise FeedersError(
            f"{cell}: this interpreter was started for this take alone, and importing {asked_backend()} has touched a "
            f"device already; expected one that takes can be forked from. Try: {variables.DEVICE}=cpu"
        )
    return Record.from_json(in_new_interpreter([dataclasses.asdict(cell), dataclasses.asdict(settings)], str(cell)))


def _forked(row: Feeder, load: Workload | Own, settings: Settings, base: Record, survey: Survey | None) -> Record:
    base, deadline, workers = dataclasses.replace(base, stack=describe_stack()), settings.deadline_seconds, base.workers
    start = time.perf_counter()
    patient = isinstance(load, Own)
    watch = Watch(deadline, memory=True, patient=patient)
    answer, checked = _in_child(lambda answer: verify_cell(row, load, workers, answer, survey), watch)
    if answer.value is None:
        return dataclasses.replace(base, outcome=answer.outcome, message=answer.message)
    verified = Verified.from_json(answer.value)
    # Known whatever becomes of the timed fit.
    base = _with_delivery(base, verified)
    if survey and verified.delivery is None and not row.ceiling:
        base = dataclasses.replace(base, message=NOT_COUNTED)
    gpu_span = None if device.current() == device.CPU else _steady_span
    watch = Watch(deadline, memory=False, patient=patient, gpu_span=gpu_span)
    answer, seen = _in_child(lambda answer: time_cell(row, load, workers, settings, verified.samples, answer), watch)
    if answer.value is None:
        return dataclasses.replace(base, outcome=answer.outcome, message=answer.message)
    timed = Timed.from_json(answer.value)
    overhead = seen.ended - start - verified.seconds - timed.seconds
    return dataclasses.replace(_with_speed(base, verified, timed, checked, seen), overhead=overhead)


def _in_child(work: Callable[[Callable[[Answered], None]], None], watch: Watch) -> tuple[Answered, Seen]:
    """Do the work in a watched process; one that gave no answer has its outcome all the same."""
    ended = watched(lambda finish: work(lambda answer: finish(dataclasses.asdict(answer))), watch)
    if ended.answer is None:
        return Answered(ended.outcome, ended.message), ended.seen
    return Answered(**ended.answer), ended.seen


def _steady_span(answer: dict[str, Any]) -> tuple[float, float] | None:
    value = Answered(**answer).value
    return None if value is None else Timed.from_json(value).span


def _with_delivery(base: Record, verified: Verified) -> Record:
    base = dataclasses.replace(base, metrics=verified.metrics())
    delivery = verified.delivery
    if delivery is None:
        return base
    return dataclasses.replace(base, guarantee=delivery.guarantee, delivered=delivery.delivered)


def _with_speed(base: Record, verified: Verified, timed: Timed, checked: Seen, seen: Seen) -> Record:
    """Put the speed to a record with the delivery: only what arrived once and whole is effective."""
    metrics = {**base.metrics, **timed.metrics}
    if verified.delivery:
        metrics["effective_throughput"] *= verified.delivery.whole_share
    if metrics["effective_throughput"]:
        metrics["effective"] = 1000 / metrics["effective_throughput"]
    peak = max(metrics.get("memory", 0.0), float(checked.memory))
    if peak:
        metrics["memory"] = peak
    return dataclasses.replace(
        base,
        outcome=MEASURED,
        metrics={**metrics, **seen.gpu.get("metrics", {})},
        stack={**base.stack, **seen.gpu.get("stack", {})},
        epochs=timed.epochs,
        waits=timed.waits,
        batches=timed.batches,
    )


def in_new_interpreter(
    request: Any, what: str, python: str | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """Return the line with which a new interpreter answers.

    Args:
        request: as `feeders.measure.__main__` takes it.
        what: is measured, in words.
        python: path of the interpreter; this one by default.
        environment: variables on top of those of this process.

    Raises:
        FeedersError: it could not; the text is what it said.
    """
    root = Path(__file__).resolve().parents[2]
    variables = {**os.environ, **(environment or {})}
    path = os.pathsep.join(filter(None, (str(root), variables.get("PYTHONPATH"))))
    answer = subprocess.run(
        [python or sys.executable, "-m", "feeders.measure", json.dumps(request)],
        stdout=subprocess.PIPE,
        text=True,
        env={**variables, "PYTHONPATH": path, NEW_VARIABLE: "1"},
    )
    if answer.returncode:
        raise FeedersError(answer.stdout.strip() or f"{what}: the measuring process ended with {answer.returncode}")
    return answer.stdout.splitlines()[-1]
