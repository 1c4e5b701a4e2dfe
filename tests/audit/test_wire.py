"""Evidence that crosses the boundary of a process is the same on the other side."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from feeders.audit import events, evidence, exceptions, findings, inspection, readings, switches, wire
from feeders.audit.evidence import FitAnswer, Growth, Left
from feeders.audit.readings import Description
from feeders.loaders import pickling
from feeders.measure import identity

# What is put together on this side, and crosses nothing.
STAYS = {"BrokenReading", "FitRun", "StressRun", "Evidence", "ByContent", "Event"}

CALL = findings.RaisedCall(3, exceptions.RaisedException("E: a", (exceptions.Frame("a.py", 1, "f"),), "a\n"))

THINGS = (
    readings.Reading(
        Description("sequence", handles=(inspection.Handle("self.file", "File", True),), length=3),
        epochs=((identity.Columns((1, 2), (3, 4)), identity.Columns((), ())),),
        reused=readings.ReusedBuffer(0, 1, None),
        failed=readings.FailedRead(None, 0, 0, exceptions.RaisedException("E: b")),
    ),
    FitAnswer(None, Left(0, 2)),
    Growth((evidence.Held(1, 2, 3, None),), (evidence.HeavyLine("a.py", 4, 5),), cut=True),
    evidence.Draws((((1, 2), (3,)),), (((4,),), ((5,),))),
    evidence.Bounds(None, ()),
    events.Found(findings.Finding(2, CALL, switches.Place("a.py", "f", 3), (switches.Place("a.py", "f", 4, 5),))),
    events.BatchTrained((1,), None, (2,)),
)


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_what_was_sent_arrives(thing):
    text = wire.to_json(thing)
    assert "\n" not in text
    assert wire.from_json(text, type(thing)) == thing


def test_what_is_not_expected_is_refused():
    with pytest.raises(TypeError, match=r"^Left came, expected Growth$"):
        wire.from_json(wire.to_json(Left(1, 2)), Growth)


def test_every_kind_of_evidence_can_be_sent():
    modules = (events, evidence, exceptions, findings, identity, inspection, pickling, readings, switches)
    kinds = {
        name
        for module in modules
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__
    }
    assert kinds - STAYS == set(wire.CLASSES)


@pytest.mark.parametrize("kind", wire.CLASSES.values(), ids=lambda kind: kind.__name__)
def test_evidence_is_never_changed(kind):
    assert kind.__dataclass_params__.frozen
