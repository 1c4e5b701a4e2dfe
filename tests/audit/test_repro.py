"""`--repro`: a script of plain Keras, written only if it shows the fault."""

from __future__ import annotations

import ast
import dataclasses

import pytest

from feeders.audit import Audit, AuditRequest, repro
from feeders.audit.causes import Fault
from feeders.audit.causes.endings import HANGS
from feeders.audit.causes.growth import GROWS_MEMORY
from feeders.audit.causes.keras import KERAS_MISDELIVERS
from feeders.audit.causes.state import SHARED_STATE
from feeders.audit.evidence import Evidence
from feeders.audit.judge import AuditVerdict
from feeders.audit.readings import Description, Reading
from feeders.measure.counts import Reference

STACK = {"keras": "3.15.1", "backend": "jax", "jax": "0.12.0", "python": "3.12.1"}


@pytest.fixture
def audit(tmp_path):
    def audit(cause, word="exactly-once", **options):
        known = Description("sequence", "a mine.Mine", workers=4, processes=False, length=8, generation=3)
        return Audit(
            request=dataclasses.replace(AuditRequest(f"{tmp_path}/mine.py:Mine"), **options),
            verdict=AuditVerdict(word, "corrupt", (Fault(cause, "seen"),), message="no end after 8 s"),
            evidence=Evidence(forward=Reading(known)),
            stack=STACK,
            host={},
            seconds=1.0,
        )

    return audit


@pytest.mark.parametrize("options", [{}, {"key": "labels"}, {"key": "x[:, 0]", "start_method": "spawn", "steps": 3}])
@pytest.mark.parametrize(
    ("cause", "word"), [(SHARED_STATE, "exactly-once"), (HANGS, "hung"), (KERAS_MISDELIVERS, "none")]
)
def test_a_script_is_short_plain_keras_and_tells_versions(audit, cause, word, options):
    text = repro.script(audit(cause, word, **options))
    ast.parse(text)
    assert len(text.splitlines()) <= 40
    assert "feeders" not in text
    assert "keras 3.15.1, jax 0.12.0, python 3.12.1, backend jax" in ast.get_docstring(ast.parse(text))
    assert ("module.Mine" in text) is (cause is not KERAS_MISDELIVERS)


def test_a_script_reads_alone_what_is_due(audit):
    """Epochs may be parts of one pass, or the first batches of a long one."""
    found = audit(SHARED_STATE, steps=3)
    parts = Reference((), keyed=True, reproducible=True, ordered=True, addressed=True, named=False, through=True)
    found = dataclasses.replace(found, evidence=dataclasses.replace(found.evidence, reference=parts))
    text = repro.script(found)
    assert "for batch in (loader[i % 8] for i in range(3 * 2)) for key in samples(batch) * 1)" in text
    text = repro.script(audit(SHARED_STATE, cut=5))
    assert "for batch in (loader[i] for i in range(5)) for key in samples(batch) * 2)" in text
    assert "cls, first = type(loader), 5" in text
    ast.parse(text)


def test_what_loses_nothing_has_no_script(audit, tmp_path):
    said = repro.write_repro(audit(GROWS_MEMORY), tmp_path / "repro.py")
    assert said.endswith("not written, there is no fault here that a script of plain Keras can show")


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("import sys; sys.exit('FAULT in fit() 1: 8 samples never arrived')", True),
        ("import sys; sys.exit('the samples are others in each pass')", False),
        ("raise ImportError('no keras')", False),
    ],
)
def test_it_is_written_only_if_it_shows_the_fault(audit, tmp_path, monkeypatch, body, written):
    monkeypatch.setattr(repro, "script", lambda found: body)
    said = repro.write_repro(audit(SHARED_STATE), tmp_path / "repro.py")
    assert (tmp_path / "repro.py").exists() is written
    assert ("shows the fault" in said) is written
    assert written or "did not show the fault" in said


@pytest.mark.parametrize(
    ("word", "body", "shown"),
    [
        ("hung", "print('fit() begins'); import sys; sys.exit('Timeout (0:00:40)!')", True),
        ("hung", "print('fit() begins')", False),
        ("crashed", "print('fit() begins', flush=True); import os; os.abort()", True),
        ("failed", "print('fit() begins'); raise ValueError('no end')", False),
    ],
)
def test_an_ending_is_shown_by_the_same_ending(audit, word, body, shown):
    assert repro._shows(audit(HANGS, word), body) is shown
