"""Evidence on its way out of a watched process: dataclasses as JSON, and back. Nothing else reads that JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, TypeVar

from feeders.loaders import pickling
from feeders.measure import identity

from . import events, evidence, exceptions, findings, inspection, readings, switches

Kind = TypeVar("Kind")

# The name under which an object's class stands.
CLASS = "class"

# Whatever passes between the parts of an audit.
CLASSES: dict[str, type] = {
    row.__name__: row
    for row in (
        exceptions.Frame,
        exceptions.RaisedException,
        identity.Columns,
        inspection.Handle,
        pickling.PicklingFault,
        switches.Place,
        findings.WrongBatch,
        findings.ChangedBatch,
        findings.RaisedCall,
        findings.WrongSet,
        findings.Finding,
        inspection.DtypeChange,
        readings.Description,
        readings.Agreement,
        readings.FailedRead,
        readings.ReusedBuffer,
        readings.Remainder,
        readings.Reading,
        evidence.Left,
        evidence.FitAnswer,
        evidence.StressAnswer,
        evidence.Draws,
        evidence.Held,
        evidence.HeavyLine,
        evidence.Growth,
        evidence.Bounds,
        evidence.Key,
        events.Heartbeat,
        events.LoaderOpened,
        events.Foreseen,
        events.EpochBegan,
        events.EpochEnded,
        events.BatchRead,
        events.BatchTrained,
        events.HookEnded,
        events.Logged,
        events.TrialBegan,
        events.LinesRan,
        events.Found,
    )
}


def to_json(value: object) -> str:
    """Return a dataclass of `CLASSES` as one line of JSON."""
    return json.dumps(value, separators=(",", ":"), default=_fields)


def from_json(text: str | bytes, kind: type[Kind]) -> Kind:
    """Return what `to_json` was given; its sequences are tuples.

    Raises:
        TypeError: it is of another class.
    """
    value = json.loads(text, object_hook=_revived)
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} came, expected {kind.__name__}")
    return value


def _fields(value: Any) -> dict[str, object]:
    return {CLASS: type(value).__name__, **{part.name: getattr(value, part.name) for part in dataclasses.fields(value)}}


def _revived(values: dict[str, object]) -> object:
    frozen = {name: _frozen(value) for name, value in values.items()}
    name = frozen.pop(CLASS, None)
    return frozen if name is None else CLASSES[str(name)](**frozen)


def _frozen(value: object) -> object:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
