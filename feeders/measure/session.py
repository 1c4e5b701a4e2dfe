"""What the two processes of a take do: one verifies the delivery of an epoch, a fresh one times ``fit()``."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Callable

from feeders.errors import Unsupported
from feeders.loaders import STATIC_EPOCH, Material, workload
from feeders.results.record import FAILED, MEASURED, REFUSED, UNSUPPORTED
from feeders.strategies import feeder

from . import device
from .cells import Cell
from .delivery import DeliveryLog
from .settings import Settings
from .supervise import Answer
from .timed import TimedFit, make_model
from .verify import verify

ROOT = Path(__file__).resolve().parent.parent

# A TensorFlow error carries a whole graph; its head names the error, its tail the cause.
MESSAGE_LIMIT = 1600


def verify_cell(cell: Cell, answer: Answer) -> None:
    """Answer with the delivery of one epoch as fields of a `Record`, and under "seconds" what its ``fit()`` took."""
    row, log = feeder(cell.feeder), DeliveryLog()

    def work() -> dict[str, Any]:
        material = workload(cell.workload).open()
        verified = verify(row.build, material, cell.workers, log)
        metrics = verified.metrics()
        if device.current() == device.GPUS:
            # Each takes its part of a batch, in no order.
            metrics = {name: value for name, value in metrics.items() if name not in ("disordered", "reads")}
        fields: dict[str, Any] = {"outcome": MEASURED, "seconds": verified.seconds, "metrics": metrics}
        if row.ceiling:
            return {**fields, "metrics": {"left": verified.left}}
        delivery = verified.delivery
        whole = delivery.whole / material.samples
        return {**fields, "guarantee": delivery.guarantee, "delivered": delivery.delivered, "whole": whole}

    answer(_or_outcome(work, log))


def time_cell(cell: Cell, settings: Settings, answer: Answer) -> None:
    """Answer with the timed fit as fields of a `Record`, and under "seconds" what it took."""

    def work() -> dict[str, Any]:
        material = workload(cell.workload).open()
        model = device.on_device(lambda: make_model(material.x_shape, material.classes, settings))
        timed = TimedFit(feeder(cell.feeder).build(material, cell.workers), model, len(material), settings)
        # It answers from within fit(), at the end of the last epoch: how long Keras takes to close is not our matter.
        timed.run(lambda: answer(_timed_fields(timed, material)))
        raise RuntimeError("fit() returned before its last epoch: the feed ran out of data")

    answer(_or_outcome(work, None))


def _timed_fields(timed: TimedFit, material: Material) -> dict[str, Any]:
    metrics = timed.metrics(material.samples)
    copy = device.copy_seconds(material.prepare(0, STATIC_EPOCH)) if device.current() != device.CPU else None
    if copy is not None:
        metrics["copy"] = copy
    return {
        "outcome": MEASURED,
        "seconds": timed.seconds(),
        "metrics": metrics,
        "epochs": timed.epochs(),
        "waits": timed.wait_quantiles(),
        "span": timed.span(),
    }


def _or_outcome(work: Callable[[], dict[str, Any]], log: DeliveryLog | None) -> dict[str, Any]:
    try:
        return work()
    except Unsupported as error:
        return {"outcome": UNSUPPORTED, "message": str(error)}
    except Exception as error:
        refused = log is not None and not log.batches and is_refusal(error)
        return {"outcome": REFUSED if refused else FAILED, "message": message_of(error)}


def is_refusal(error: Exception) -> bool:
    """Whether Keras said no to the kind of thing it was given, rather than the thing breaking while it fed."""
    return isinstance(error, (TypeError, ValueError)) and not _comes_from_feeding(error.__traceback__)


def _comes_from_feeding(trace: TracebackType | None) -> bool:
    folders = (str(ROOT / "strategies"), str(ROOT / "workloads"))
    return any(frame.filename.startswith(folders) for frame in traceback.extract_tb(trace))


def message_of(error: Exception) -> str:
    """Type and text of an exception; for one that carries a traceback in its text, the errors named there first."""
    text = f"{type(error).__name__}: {error}"
    causes = dict.fromkeys(re.findall(r"^(?:\w+\.)*\w*(?:Error|Exception): .+$", str(error), re.MULTILINE))
    return shorten(" <- ".join([*causes, text]))


def shorten(text: str) -> str:
    """Keep head and tail of a long text."""
    text = text.strip()
    half = MESSAGE_LIMIT // 2
    return text if len(text) <= MESSAGE_LIMIT else f"{text[:half]} [...] {text[-half:]}"
