"""What is asked of a person's loader and model, seen to before anything is measured."""

from __future__ import annotations

import dataclasses
import re
import time
from typing import Any, Sequence

from feeders.errors import FeedersError
from feeders.keras_api import backend, is_dataset, keras
from feeders.loaders.opening import ARRAYS, DATASET, SEQUENCE, Source
from feeders.loaders.own import Own, OwnLoader
from feeders.results.record import Record
from feeders.strategies import feeder

from . import device
from .cells import Cell
from .models import MODELS
from .settings import NO_MODEL, Settings, is_own_model
from .supervise import Finish, Watch
from .survey import FEWEST_STEPS, LONGEST_SECONDS, Survey, survey
from .takes import take
from .trains import open_model
from .watched import watched

# How a loader is used where nobody says another feeder.
_AS_USED = {SEQUENCE: "sequence", DATASET: "tfdata-native", ARRAYS: "arrays"}

# With quicker ones, an epoch of the batches that are prepared in `LONGEST_SECONDS` is no matter.
SLOW_STEP_SECONDS = 0.02


def look(address: str, feeders: Sequence[str], settings: Settings) -> Survey:
    """Look at a person's loader, and see whether the model takes its batches and the feeders can carry it.

    Args:
        address: of the loader.
        feeders: that are asked for.
        settings: name the model.

    Raises:
        FeedersError: one thing can't be; the text says what to try.
    """
    _check_what_trains(settings)
    found = survey(address, settings)
    for name in feeders:
        if found.unpicklable and _starts_anew(name):
            raise FeedersError(
                f"{address}: it can't be pickled, and {name} starts its workers as new interpreters here: "
                f"{found.unpicklable}. Try: leave that out of the pickle (__getstate__), or another feeder"
            )
    step = (settings.step_ms or 0.0) / 1000
    if is_own_model(settings.model):
        step = _check_model(Own(address, settings.call, found.steps), found, settings)
    return _trained_in_time(address, found, step, settings)


def _trained_in_time(address: str, found: Survey, step: float, settings: Settings) -> Survey:
    """Where training on an epoch takes long, look at as many of its batches as can be trained on in time.

    Args:
        address: of the loader.
        found: by the first look.
        step: seconds of one of training.
        settings: as for that look.
    """
    steps = max(FEWEST_STEPS, int(LONGEST_SECONDS / max(step, 1e-9)))
    if settings.steps or step < SLOW_STEP_SECONDS or steps >= found.steps:
        return dataclasses.replace(found, step=step)
    fewer = survey(address, dataclasses.replace(settings, steps=steps))
    return dataclasses.replace(fewer, length=found.length, step=step)


def take_own(address: str, by: str | None, workers: int | None, settings: Settings) -> Record:
    """Take a person's loader once.

    Args:
        address: of the loader.
        by: the feeder that carries it; None as ``fit()`` is given it.
        workers: of the feeder; None is 1, or what the loader sets itself.
        settings: name the model, and how the loader is made.

    Raises:
        FeedersError: as `look`.
    """
    found = look(address, [by] if by else [], settings)
    used = as_used(address, found)
    cell = Cell(by or used.feeder, address, workers or (1 if by else used.workers))
    return take(cell.checked(), found.settled(settings), found)


def _check_what_trains(settings: Settings) -> None:
    """See to it that a model may be there; nothing of it is imported."""
    if not is_own_model(settings.model):
        if settings.model != NO_MODEL and all(row.name != settings.model for row in MODELS):
            raise FeedersError(f"--model {settings.model}: expected FILE.py:NAME or package.module:NAME")
        return
    Source(settings.model).checked()
    if settings.step_ms:
        raise FeedersError(
            f"--model {settings.model}, --step-ms {settings.step_ms:g}: a step that stands in for a model has none. "
            "Try: one of the two"
        )


def as_used(address: str, found: Survey) -> Cell:
    """Return the cell of a loader as ``fit()`` is given it: with its own workers, or one."""
    return Cell(feeder_as_used(found.kind, found.processes), address, found.workers)


def feeder_as_used(kind: str, processes: bool) -> str:
    """Return the feeder that stands for a loader of a kind given to ``fit()``; `processes`: its workers are some."""
    return "sequence-processes" if kind == SEQUENCE and processes else _AS_USED.get(kind, "generator")


def _starts_anew(name: str) -> bool:
    """Whether a feeder's processes are started anew once a model has been made."""
    row = feeder(name)
    return row.own_workers and row.shared_by == "processes" and backend() != "torch"


def _check_model(load: Own, found: Survey, settings: Settings) -> float:
    """Train on its first batch in a process of its own, and return the seconds of a step."""
    watch = Watch(settings.deadline_seconds, memory=False, patient=True)
    ended = watched(lambda finish: _train_a_step(load, found, settings, finish), watch)
    if ended.answer is None:
        raise FeedersError(f"--model {settings.model}: {ended.outcome} in its first step: {ended.message}")
    if "error" in ended.answer:
        raise FeedersError(ended.answer["error"])
    return float(ended.answer["seconds"])


def _train_a_step(load: Own, found: Survey, settings: Settings, finish: Finish) -> None:
    try:
        model = device.on_device(lambda: open_model(settings.model))
        loader = load.open()
    except FeedersError as error:
        finish({"error": str(error)})
    try:
        batch, stamps = _first_batch(loader, found.kind), []
        stamp = keras().callbacks.LambdaCallback(
            on_train_batch_begin=lambda *_, **__: stamps.append(time.perf_counter()),
            on_train_batch_end=lambda *_, **__: stamps.append(time.perf_counter()),
        )
        for _ in range(2):  # the first one is compiled
            model.fit(_again(batch), steps_per_epoch=1, epochs=1, shuffle=False, verbose=0, callbacks=[stamp])
    except Exception as error:
        fault = f"it does not fit the batches of {load.name}, {found.batch}: {_first_lines(error)}"
        finish({"error": f"--model {settings.model}: {fault}"})
    finish({"seconds": stamps[-1] - stamps[-2]})


def _first_batch(loader: OwnLoader, kind: str) -> Any:
    return loader.native(1, 0).take(1) if kind == DATASET else next(loader.batches(0))


def _again(batch: Any) -> Any:
    """What ``fit()`` takes of a batch, each time anew."""
    return batch if is_dataset(batch) else (each for each in [batch])


def _first_lines(error: Exception) -> str:
    """What an exception of Keras says, without colours and without the arguments of the call that it came from."""
    text = re.sub(r"\x1b\[\d*m", "", str(error)).partition("\nArguments received")[0]
    return f"{type(error).__name__}: {' '.join(text.split())}"
