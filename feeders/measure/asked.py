"""What is asked of a person's loader and model, seen to before anything is measured."""

from __future__ import annotations

import itertools
import re
from typing import Any, Sequence

from feeders.errors import FeedersError
from feeders.keras_api import backend
from feeders.loaders.opening import ARRAYS, DATASET, SEQUENCE, Source
from feeders.loaders.own import Own, OwnLoader
from feeders.results.record import Record
from feeders.strategies import feeder

from . import device
from .cells import Cell
from .models import MODELS
from .settings import NO_MODEL, Settings, is_own_model
from .supervise import Finish, Watch
from .survey import Survey, survey
from .takes import take
from .trains import open_model
from .watched import watched

# How a loader is used where nobody says another feeder.
AS_USED = {SEQUENCE: "sequence", DATASET: "tfdata-native", ARRAYS: "arrays"}


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
    if is_own_model(settings.model):
        _check_model(Own(address, settings.call, found.steps), found, settings)
    return found


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
    return Cell(AS_USED.get(found.kind, "generator"), address, found.workers)


def _starts_anew(name: str) -> bool:
    """Whether a feeder's processes are started anew once a model has been made."""
    row = feeder(name)
    return row.own_workers and row.shared_by == "processes" and backend() != "torch"


def _check_model(load: Own, found: Survey, settings: Settings) -> None:
    """Train a step on its first batch, in a process of its own."""
    watch = Watch(settings.deadline_seconds, memory=False, patient=True)
    ended = watched(lambda finish: _train_a_step(load, found, settings, finish), watch)
    if ended.answer is None:
        raise FeedersError(f"--model {settings.model}: {ended.outcome} in its first step: {ended.message}")
    if ended.answer:
        raise FeedersError(ended.answer)


def _train_a_step(load: Own, found: Survey, settings: Settings, finish: Finish) -> None:
    try:
        model = device.on_device(lambda: open_model(settings.model))
        loader = load.open()
    except FeedersError as error:
        finish(str(error))
    try:
        model.fit(_first_batch(loader, found.kind), steps_per_epoch=1, epochs=1, shuffle=False, verbose=0)
    except Exception as error:
        finish(
            f"--model {settings.model}: it does not fit the batches of {load.name}, {found.batch}: "
            f"{_first_lines(error)}"
        )
    finish("")


def _first_batch(loader: OwnLoader, kind: str) -> Any:
    if kind == DATASET:
        return loader.native(1, 0).take(1)
    return (batch for batch in itertools.islice(loader.batches(0), 1))


def _first_lines(error: Exception) -> str:
    """What an exception of Keras says, without colours and without the arguments of the call that it came from."""
    text = re.sub(r"\x1b\[\d*m", "", str(error)).partition("\nArguments received")[0]
    return f"{type(error).__name__}: {' '.join(text.split())}"
