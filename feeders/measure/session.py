"""What the two processes of a take do: one verifies the delivery of an epoch, a fresh one times ``fit()``."""

from __future__ import annotations

import dataclasses
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Mapping, cast

from feeders.errors import Unsupported
from feeders.keras_api import seed_everything
from feeders.loaders import INDEX, STATIC_EPOCH, Loader, Repeated, Stamped, Workload
from feeders.loaders.own import Own
from feeders.messages import message_of
from feeders.results.record import FAILED, MEASURED, REFUSED, UNSUPPORTED
from feeders.strategies import Feeder

from . import device
from .delivery import ContentLog, DeliveryLog
from .identity import as_array, leaves, samples_of
from .settings import Settings
from .survey import FORWARD_SEED, Survey
from .timed import Shapes, Timed, TimedFit, waited
from .trains import model_for
from .verify import verify
from .within import LongEpoch, Pace

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Answered:
    """What a process of a take answers.

    Attributes:
        outcome: how it went, in the words of a `Record`.
        message: what was seen, where it did not go well.
        value: a `Verified` or `Timed` as JSON, where it did.
    """

    outcome: str
    message: str = ""
    value: Mapping[str, Any] | None = None


def verify_cell(
    row: Feeder,
    load: Workload | Own,
    workers: int,
    answer: Callable[[Answered], None],
    survey: Survey | None = None,
) -> None:
    """Answer with the `Verified` epoch of a feeder on a workload, or on a person's loader.

    Args:
        row: of the feeder.
        load: opens the loader.
        workers: of the feeder.
        answer: is called with it.
        survey: of a person's loader: what an epoch of it should deliver.
    """
    log = ContentLog(survey.reference) if survey else DeliveryLog()
    try:
        if survey:  # a loader that draws at random draws what the reference drew
            seed_everything(FORWARD_SEED)
        loader = load.open()
        samples = survey.samples if survey else cast(Stamped, loader).samples
        answer(Answered(MEASURED, value=verify(row, loader, workers, log, samples).to_json()))
    except Exception as error:
        answer(_broken(error, before_any_batch=not log.batches))


def time_cell(
    row: Feeder,
    load: Workload | Own,
    workers: int,
    settings: Settings,
    samples: int,
    answer: Callable[[Answered], None],
) -> None:
    """Answer with the `Timed` fit of a feeder on a workload, or on a person's loader.

    It answers from within a last ``fit()`` with an epoch that does not end: how long Keras takes to close that is not
    our matter.

    Args:
        row: of the feeder.
        load: opens the loader.
        workers: of the feeder.
        settings: how.
        samples: of an epoch.
        answer: is called with it.
    """
    try:
        loader, shapes = load.open(), Shapes()
        model = device.on_device(lambda: model_for(loader, settings, shapes.loss))
        with device.scope_of(model):
            feed = row.build(loader, workers)
        fit = TimedFit(feed, model, len(loader), settings, shapes.count)
        fit.run()
        timed = _timed(fit, loader, samples)
        if settings.taps and not row.whole:
            long = LongEpoch(model, len(loader), workers, settings, shapes.count)
            with device.scope_of(model):
                feed = row.build(Repeated(loader, long.passes), workers)

            def ended(pace: Pace) -> None:
                idle = waited(fit.wait_tap.read(), pace.span)
                answer(Answered(MEASURED, value=_with_batch(timed, pace, idle, row, loader, samples)))

            with fit.wait_tap.installed():
                long.run(feed, ended)
        answer(Answered(MEASURED, value=timed.to_json()))
    except Exception as error:
        answer(_broken(error, before_any_batch=False))


def _with_batch(
    timed: Timed, pace: Pace, idle: float | None, row: Feeder, loader: Loader, samples: int
) -> dict[str, Any]:
    """Put in the time of a batch in long epochs, and what of it is no wait; `idle` are the seconds of all waits."""
    # The ceiling repeats a full batch there; in an epoch of the loader the last one is short.
    share = samples / (len(loader) * samples_of(loader.batch(0, STATIC_EPOCH))) if row.ceiling else 1.0
    metrics = {**timed.metrics, "seconds_per_batch": pace.seconds * share}
    # Where no tap sees a batch arrive, as with several devices: what an epoch takes beyond its batches.
    metrics.setdefault("gap", max(0.0, metrics["epoch"] - len(loader) * metrics["seconds_per_batch"]))
    if idle is not None:
        metrics["step_work"] = (pace.seconds - idle / (len(pace.passes) * len(loader))) * share
    return dataclasses.replace(timed, metrics=metrics).to_json()


def _timed(fit: TimedFit, loader: Loader, samples: int) -> Timed:
    known = device.current() != device.CPU and INDEX in loader.offers
    return fit.timed(samples, _copy_seconds(loader.batch(0, STATIC_EPOCH)) if known else None)


def _copy_seconds(batch: Any) -> float | None:
    """Seconds that a batch takes to the device; None where it holds what is no array, as a sparse matrix."""
    parts = leaves(batch)
    if not all(hasattr(part, "__array__") for part in parts):
        return None
    return device.copy_seconds(tuple(map(as_array, parts)))


def _broken(error: Exception, before_any_batch: bool) -> Answered:
    if isinstance(error, Unsupported):
        return Answered(UNSUPPORTED, str(error))
    refused = before_any_batch and is_refusal(error)
    return Answered(REFUSED if refused else FAILED, message_of(error))


def is_refusal(error: Exception) -> bool:
    """Whether Keras said no to the kind of thing it was given, rather than the thing breaking while it fed."""
    return isinstance(error, (TypeError, ValueError)) and not _comes_from_feeding(error.__traceback__)


def _comes_from_feeding(trace: TracebackType | None) -> bool:
    folders = (str(ROOT / "strategies"), str(ROOT / "loaders"))
    return any(frame.filename.startswith(folders) for frame in traceback.extract_tb(trace))
