"""The frozen record of a take: one JSON line, with the stack, host and settings it came from."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any, Mapping

from feeders.errors import FeedersError

SCHEMA = 1

MEASURED, UNSUPPORTED, REFUSED, FAILED, HUNG, CRASHED = OUTCOMES = (
    "measured",
    "unsupported",
    "refused",
    "failed",
    "hung",
    "crashed",
)

# What an epoch kept: every sample once, none lost, none repeated, nothing.
EXACTLY_ONCE, AT_LEAST_ONCE, AT_MOST_ONCE, NONE = "exactly-once", "at-least-once", "at-most-once", "none"

# Outcomes that say something broke; "unsupported" and "refused" are answers, not faults.
BROKEN = (FAILED, HUNG, CRASHED)


@dataclass(frozen=True)
class Record:
    """One take of one cell.

    Attributes:
        feeder, workload, workers: the cell; the workload is the address of a person's loader where that was fed.
        outcome: one of `OUTCOMES`.
        message: for outcomes other than measured, what was seen: exception text, stacks of a hang, signal; for one
            that was measured, why its delivery was not counted.
        metrics: name of a `Metric` to its value; a value that is not known is absent.
        guarantee: exactly-once, at-least-once, at-most-once or none, for the verified epoch; empty if not verified.
        delivered: samples that reached the training step in the verified epoch; None if not verified.
        epochs: seconds of each epoch of the timed fit, the first included.
        waits: wait per batch in seconds at `WAIT_QUANTILES`, over the steady epochs.
        batches: of an epoch; None in takes of before it was written down.
        overhead: seconds the take cost on top of the timed fit.
        started: UTC time, ISO 8601.
        stack: versions of TensorFlow, Keras, Python, ..., and the backend.
        host: CPU, cores, memory, kernel, load.
        settings: what the take was asked to do.
        run: id of the asv run that it was made for; empty outside of one.
        round: of that run, from 0; takes of one round lie close together in time.
        schema: version of this layout.
    """

    feeder: str
    workload: str
    workers: int
    outcome: str
    message: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    guarantee: str = ""
    delivered: int | None = None
    epochs: tuple[float, ...] = ()
    waits: tuple[float, ...] = ()
    batches: int | None = None
    overhead: float | None = None
    started: str = ""
    stack: Mapping[str, str] = field(default_factory=dict)
    host: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""
    round: int | None = None
    schema: int = SCHEMA

    def to_json(self) -> str:
        """Return one line of JSON, numbers rounded to six significant digits."""
        return json.dumps(_rounded(dataclasses.asdict(self)), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> Record:
        """Read what `to_json` wrote.

        Raises:
            FeedersError: the line is damaged or of another schema.
        """
        try:
            values = json.loads(line)
            schema = values["schema"]
            if schema == SCHEMA:
                for name in ("epochs", "waits"):
                    values[name] = tuple(values[name])
                return cls(**values)
        except (ValueError, TypeError, KeyError) as error:
            raise FeedersError(f"take record: damaged line ({error}): {line[:80]!r}. Try: delete that line") from None
        raise FeedersError(
            f"take record: schema {schema}, expected {SCHEMA}: written by another version of this suite. "
            "Try: that version, or measure again"
        )


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(part) for part in value]
    return value
