"""The part of an audit that is about uses beside ``fit()``, where they are asked for."""

from __future__ import annotations

from dataclasses import replace

from feeders.loaders.opening import DATASET

from .causes import Case, is_use_seen_once
from .epochs import count_epochs, reference_of_a_pass
from .evidence import FitRun
from .inquiry import Inquiry
from .probes import Probes
from .readings import BrokenReading
from .request import AuditRequest

# Runs that look again for what one alone has shown.
MOST_EXTRA_RUNS = 3


def use_otherwise(inquiry: Inquiry) -> None:
    """Evaluate, predict or validate with the loader, as it is and provoked."""
    for use in inquiry.request.also:
        _run(inquiry, use, provoked=False)
        _run(inquiry, use, provoked=True)
        for _ in range(MOST_EXTRA_RUNS):
            if is_use_seen_once(Case(inquiry.request, inquiry.evidence), use):
                _run(inquiry, use, provoked=True)
        runs = [run for run in inquiry.evidence.others if run.use == use]
        if any(epoch.faults for run in runs for epoch in run.epochs):
            inquiry.progress(f"{use} with a loader known to be safe")
            controls = (*inquiry.evidence.other_controls, *_safe_use(inquiry, use))
            inquiry.evidence = replace(inquiry.evidence, other_controls=controls)


def _run(inquiry: Inquiry, use: str, provoked: bool) -> None:
    evidence = inquiry.evidence
    inquiry.progress(f"{use}{', switches forced' if provoked else ''}")
    steps = evidence.forward.steps if evidence.forward else None
    run = inquiry.fit(inquiry.probes, steps, len(evidence.others) + 1, provoked, use)
    if evidence.forward and evidence.backward:
        due = reference_of_a_pass(inquiry.request, evidence.forward, evidence.backward)
        run = replace(run, epochs=count_epochs(run, due))
    inquiry.evidence = replace(evidence, others=(*evidence.others, run))


def _safe_use(inquiry: Inquiry, use: str) -> tuple[FitRun, ...]:
    """The same use of a loader that is known to be safe, fed in the same way; TensorFlow's own pipelines have none."""
    known, asked = inquiry.evidence.description, inquiry.request
    if known.kind == DATASET:
        return ()
    name = "generator" if known.iterates else "sequence-processes" if known.processes else "sequence"
    request = AuditRequest(name, workers=known.workers, epochs=asked.epochs, seconds=asked.seconds)
    probes = Probes(request)
    inquiry.budget.allow(2 * inquiry.expected("fit"), f"{use} with a loader known to be safe")
    read = probes.read(1, backward=False)
    if isinstance(read, BrokenReading):
        return ()
    control = inquiry.fit(probes, None, 1, False, use)
    return (replace(control, epochs=count_epochs(control, reference_of_a_pass(request, read, read))),)
