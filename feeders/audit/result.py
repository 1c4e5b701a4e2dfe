"""A finished audit, and the JSON that it is written as."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feeders.loaders.opening import PACKAGE
from feeders.results.audits import SCHEMA

from .causes import Fault
from .evidence import Evidence, FitRun, StressRun
from .excerpts import excerpts, marks_of
from .findings import ChangedBatch, Finding, RaisedCall, Seen, WrongBatch, WrongSet
from .judge import CONFIDENCE, AuditVerdict
from .request import AuditRequest
from .sayings import meaning_of
from .show import WIDTH, to_text

# Findings of a process that are written; the others are counted.
MOST_FINDINGS = 20

# The name of each kind of finding.
SEEN = {WrongBatch: "wrong", ChangedBatch: "changed", RaisedCall: "raised", WrongSet: "pulled"}


@dataclass(frozen=True)
class Audit:
    """A finished audit.

    Attributes:
        request: as it was carried out, with what was found out about key and steps.
        verdict: what is wrong, and what is not known.
        evidence: from which it follows.
        stack: versions.
        host: the machine.
        seconds: all of it took.
        announced: seconds beyond the budget that were announced.
    """

    request: AuditRequest
    verdict: AuditVerdict
    evidence: Evidence
    stack: dict[str, str]
    host: dict[str, object]
    seconds: float
    announced: float = 0.0

    @property
    def safe(self) -> bool:
        """Whether the loader is safe as it was used."""
        return self.verdict.safe

    def to_text(self, width: int = WIDTH) -> str:
        """Return what the command prints, the verdict first.

        Args:
            width: columns of the terminal.
        """
        return to_text(self.to_json(), width)

    def to_json(self) -> dict[str, Any]:
        """Return the whole evidence: the object that ``--json`` writes, described in METHODOLOGY.md."""
        evidence, known, verdict = self.evidence, self.evidence.description, self.verdict
        logged = dict.fromkeys(text for run in evidence.fits for text in run.logged if not _is_untrue(text, evidence))
        found = {
            "schema": SCHEMA,
            "loader": self.request.loader,
            "title": known.title,
            "kind": known.kind,
            "use": self._use(),
            "verdict": verdict.word,
            "content": verdict.content,
            "safe": verdict.safe,
            "message": verdict.message,
            "faults": [_fault(fault) for fault in verdict.faults],
            "notes": list(verdict.notes),
            "said": [{"text": text, "meaning": meaning_of(text)} for text in logged],
            "fits": [_fit(run) for run in evidence.fits],
            "others": [{"use": run.use, **_fit(run)} for run in evidence.others],
            "pulls": [_stress(run) for run in evidence.stress],
            "power": {
                "deliveries": verdict.deliveries,
                "confidence": CONFIDENCE,
                "unseen_rate": verdict.unseen_rate,
                "places": sum(run.answer.places for run in evidence.stress),
                "compared": evidence.reference is None or evidence.reference.tells,
            },
            "memory_limit": evidence.memory_limit,
            "budget": self.request.seconds,
            "announced": self.announced,
            "seconds": round(self.seconds, 1),
            "stack": self.stack,
            "host": self.host,
        }
        return {name: _relative(value) for name, value in found.items()}

    def _use(self) -> dict[str, object]:
        """How it was fed."""
        request, known = self.request, self.evidence.description
        return {
            "workers": known.workers,
            "processes": known.processes,
            "start_method": request.start_method,
            "epochs": request.epochs,
            "steps": request.steps,
            "key": request.key,
            "also": list(request.also),
            "call": request.call,
            "workload": request.workload if request.is_feeder else None,
        }


def _is_untrue(text: str, evidence: Evidence) -> bool:
    """Whether Keras says that data ran out while every batch came: it finds out by itself how long an epoch is."""
    due = evidence.reference.batches if evidence.reference else 0
    whole = due > 0 and all(run.epochs and run.batches == due * len(run.epochs) for run in evidence.fits)
    return "ran out of data" in text and whole


def _fault(fault: Fault) -> dict[str, object]:
    return {
        "cause": fault.cause.name,
        "seen": fault.seen,
        "where": fault.where,
        "observations": fault.observations,
        "advice": [part for part in (fault.advice, fault.cause.advice) if part],
        "meaning": fault.cause.meaning,
        "summary": fault.summary or fault.cause.meaning,
        "source": excerpts(fault.marks or marks_of(fault.where)),
    }


def _fit(run: FitRun) -> dict[str, object]:
    return {
        "provoked": run.provoked,
        "outcome": run.outcome,
        "message": run.message,
        "batches": run.batches,
        "left": dataclasses.asdict(run.answer.left) if run.answer else None,
        "epochs": [dataclasses.asdict(epoch) for epoch in run.epochs],
    }


def _stress(run: StressRun) -> dict[str, object]:
    return {
        "outcome": run.outcome,
        "message": run.message,
        **dataclasses.asdict(run.answer),
        "findings": [_finding(finding) for finding in run.findings[:MOST_FINDINGS]],
        "found": len(run.findings),
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "event": "found",
        "trial": finding.trial,
        "place": dataclasses.asdict(finding.place) if finding.place else None,
        "beside": [dataclasses.asdict(place) for place in finding.beside],
        "kind": SEEN[type(finding.seen)],
        "index": None,
        **_seen(finding.seen),
    }


def _seen(seen: Seen) -> dict[str, object]:
    if not isinstance(seen, RaisedCall):
        return dataclasses.asdict(seen)
    exception = seen.exception
    frames = [dataclasses.astuple(frame) for frame in exception.frames]
    return {"index": seen.index, "error": exception.error, "frames": frames, "text": exception.text}


def _relative(value: object) -> object:
    """Paths as seen from here, and those of this suite as seen from its root, wherever they stand."""
    if isinstance(value, str):
        return value.replace(f"{Path.cwd()}/", "").replace(f"{PACKAGE.parent}/", "")
    if isinstance(value, dict):
        return {name: _relative(part) for name, part in value.items()}
    return [_relative(part) for part in value] if isinstance(value, (list, tuple)) else value
