"""Real ``fit()``, or another use: what reaches the model, pass by pass, and what Keras says meanwhile."""

from __future__ import annotations

import functools
import logging
import multiprocessing
import numbers
import os
import sys
import threading
import time
import warnings
from typing import Any, Callable

from feeders.keras_api import is_of_keras, seed_everything
from feeders.loaders.opening import SEQUENCE
from feeders.measure.processes import tree
from feeders.measure.recording import recording_model

from .events import BatchRead, BatchTrained, Heartbeat, HookEnded, Logged
from .evidence import FitAnswer, Left
from .exceptions import RaisedException, describe_exception
from .hooks import HOOKS, overrides
from .journal import Journal
from .loader import AuditedLoader, open_loader, provoked_files
from .request import AuditRequest
from .switches import Switches
from .uses import Passes, Using

# A hook is held back this long, as a busy host may do, while workers read on.
HOOK_SECONDS = 0.1

# Share of the lines of the person's code that are stopped for a moment, and the longest such moment.
NOISE_SHARE, NOISE_SECONDS = 0.03, 0.002

# Workers and threads of a pool that closes need a moment.
GRACE_SECONDS = 0.5


def fit(request: AuditRequest, use: str, steps: int | None, seed: int, provoked: bool, journal: Journal) -> FitAnswer:
    """Open the loader and use it with a model that only takes down what it gets.

    Args:
        request: what is audited.
        use: see `uses`.
        steps: ``steps_per_epoch``; None where the loader knows its end.
        seed: of the global random numbers.
        provoked: force thread switches, and hold back the hooks between epochs.
        journal: gets what happens meanwhile, which outlives this process.
    """
    if request.start_method:
        multiprocessing.set_start_method(request.start_method, force=True)
    seed_everything(request.seeded(seed))
    with journal.kept_alive():
        loader = open_loader(request)
    _listen(journal)
    if loader.kind == SEQUENCE:
        _take_down_reads(loader, journal, request.cut, HOOK_SECONDS if provoked else 0.0)
    passes = Passes(use, journal)
    model = _recording_model(loader, passes, journal)
    switches = Switches(provoked_files(request))
    threads, children = threading.active_count(), len(tree(os.getpid()))
    exception: RaisedException | None = None
    with switches:
        if provoked:
            switches.noise(NOISE_SHARE, NOISE_SECONDS)
        try:
            Using(use, loader, request.epochs, steps).run(model, passes.callback)
            journal.write(Heartbeat())
        except Exception as error:
            exception = describe_exception(error)
    return FitAnswer(exception, _left(threads, children))


def _left(threads: int, children: int) -> Left:
    end = time.perf_counter() + GRACE_SECONDS
    while True:
        more = threading.active_count() - threads, len(tree(os.getpid())) - children
        left = Left(*(max(0, count) for count in more))
        if left == Left(0, 0) or time.perf_counter() > end:
            return left
        time.sleep(GRACE_SECONDS / 10)


def _listen(journal: Journal) -> None:
    """Write warnings and log messages of Keras and TensorFlow to the journal."""

    def show(message: Any, category: Any, filename: str, *rest: Any) -> None:
        journal.write(Logged(f"{category.__name__}: {message}"))

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            journal.write(Logged(record.getMessage()))

    warnings.resetwarnings()
    warnings.simplefilter("default")
    warnings.showwarning = show  # type: ignore[assignment]
    logging.getLogger("tensorflow").addHandler(Handler(logging.WARNING))


def _take_down_reads(loader: AuditedLoader, journal: Journal, cut: int | None, hold: float) -> None:
    """Take down which index was read, in whichever thread or forked process, and hold back the hooks.

    The class is changed in place: a loader of another class would pickle as something else.
    """
    cls = type(loader.x)
    _replace(cls, "__getitem__", lambda get: _noted(get, journal))
    if cut is not None:
        _shorten(cls, cut)
    for hook in HOOKS:
        if overrides(loader.x, hook):
            _replace(cls, hook, lambda method, hook=hook: _held_back(method, hook, journal, hold))  # type: ignore[misc]


def _replace(cls: type, name: str, make: Callable[[Any], Any]) -> None:
    method = getattr(cls, name)
    setattr(cls, name, functools.wraps(method)(make(method)))


def _noted(get: Any, journal: Journal) -> Any:
    def noted(self: Any, *index: Any, **options: Any) -> Any:  # a loader may ask itself for more than a batch
        batch = get(self, *index, **options)
        if index and isinstance(index[0], numbers.Integral):
            journal.write(BatchRead(int(index[0])))
        return batch

    return noted


def _shorten(cls: Any, cut: int) -> None:
    """Tell Keras of a shorter epoch, and the person's own code of the real one: its last batch may be another."""
    length, told = getattr(cls, "__len__", None), getattr(cls, "num_batches", None)
    if length:
        cls.__len__ = _shortened(length, cut)
    if isinstance(told, property):
        by_length = length and is_of_keras(getattr(told.fget, "__module__", ""))
        cls.num_batches = property(_shortened(length if by_length else told.fget, cut))


def _shortened(length: Any, cut: int) -> Any:
    def shortened(self: Any) -> int | None:
        number: int | None = length(self)
        asked = is_of_keras(str(sys._getframe(1).f_globals.get("__name__", "")))
        return min(cut, number) if asked and number is not None else number

    return functools.wraps(length)(shortened)


def _held_back(method: Any, hook: str, journal: Journal, hold: float) -> Any:
    def held_back(self: Any, *args: Any, **options: Any) -> Any:
        time.sleep(hold)
        result = method(self, *args, **options)
        journal.write(HookEnded(hook))
        return result

    return held_back


def _recording_model(loader: AuditedLoader, passes: Passes, journal: Journal) -> Any:
    def take_down(batch: Any) -> None:
        if not passes.open:
            return
        columns = loader.identity.columns(batch)
        contents = None if columns.contents is columns.keys else columns.contents
        journal.write(BatchTrained(columns.keys, contents, columns.stamps))

    return recording_model(take_down)
