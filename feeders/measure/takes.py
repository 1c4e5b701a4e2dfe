"""Takes: fresh processes measure one cell once."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any, Callable

from feeders.errors import FeedersError, Unsupported
from feeders.workloads import workload

from .cells import Cell
from .record import CRASHED, FAILED, HUNG, MEASURED, UNSUPPORTED, Record
from .session import shorten, time_cell, verify_cell
from .settings import Settings
from .stack import describe_host, describe_stack, is_untouched
from .supervise import Answer, Watch, supervise


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
    return _in_new_interpreter(cell, settings)


def _forked(cell: Cell, settings: Settings, base: Record) -> Record:
    base = dataclasses.replace(base, stack=describe_stack())
    start = time.perf_counter()
    verified = _watched(lambda answer: verify_cell(cell, answer), Watch(settings.deadline_seconds, memory=True))
    if verified["outcome"] != MEASURED:
        return dataclasses.replace(base, **_outcome(verified))
    timed = _watched(lambda answer: time_cell(cell, settings, answer), Watch(settings.deadline_seconds, memory=False))
    if timed["outcome"] != MEASURED:
        # The delivery is known all the same.
        return dataclasses.replace(base, **{**_fields(verified), **_outcome(timed)})
    fields = {**_fields(verified), **_fields(timed), "metrics": _metrics(verified, timed)}
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


def _watched(work: Callable[[Answer], None], watch: Watch) -> dict[str, Any]:
    """Do the work in a watched process; a process that gives no answer becomes the outcome hung or crashed."""
    with tempfile.TemporaryFile() as result, tempfile.TemporaryFile() as log:
        _run_supervisor(work, watch, result, log)
        result.seek(0)
        log.seek(0)
        text, printed = result.read(), log.read().decode(errors="replace")
    if not text:
        return {"outcome": CRASHED, "message": shorten(f"the process that watched the take has ended. {printed}")}
    seen = json.loads(text)
    if seen["status"] is None:
        return {"outcome": HUNG, "message": shorten(f"no end after {watch.deadline_seconds:g} s. {printed}")}
    if seen["answer"] is None:
        return {"outcome": CRASHED, "message": shorten(f"{_ending(seen['status'])}. {printed}")}
    return {**seen, **seen["answer"]}


def _run_supervisor(work: Callable[[Answer], None], watch: Watch, result: IO[bytes], log: IO[bytes]) -> None:
    lifeline, hold = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(hold)
            supervise(work, watch, lifeline, result.fileno(), log.fileno())
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(70)
    os.close(lifeline)
    try:
        os.waitpid(pid, 0)
    finally:
        os.close(hold)
        with contextlib.suppress(ChildProcessError):  # interrupted: the closed pipe ends the take, this waits for it
            os.waitpid(pid, 0)


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with exit status {os.WEXITSTATUS(status)} and no result"


def _in_new_interpreter(cell: Cell, settings: Settings) -> Record:
    request = json.dumps([dataclasses.asdict(cell), dataclasses.asdict(settings)])
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    answer = subprocess.run(
        [sys.executable, "-m", "feeders.measure", request],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    if answer.returncode:
        raise FeedersError(answer.stdout.strip() or f"{cell}: the measuring process ended with {answer.returncode}")
    return Record.from_json(answer.stdout.splitlines()[-1])
