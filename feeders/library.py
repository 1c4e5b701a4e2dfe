"""The commands as functions, for programs and notebooks: ``from feeders import audit, measure, compare``."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from feeders.audit import Audit, AuditRequest
from feeders.audit import audit as _audit
from feeders.commands.needs import require_for
from feeders.compare.lockstep import Comparison
from feeders.compare.request import Question, request
from feeders.compare.run import compare as _compare
from feeders.compare.run import evidence
from feeders.compare.show import is_bad, to_text
from feeders.compare.verdict import holm
from feeders.measure import Cell, Record, Settings, preload, take

__all__ = ["Audit", "Compared", "Comparison", "Record", "Settings", "audit", "compare", "measure"]


def measure(feeder: str, workload: str = "jpeg", workers: int = 1, settings: Settings | None = None) -> Record:
    """Measure a feeder on a workload once, in fresh processes.

    One take says little: takes of one cell spread by some per cent, and `compare` says which differences are there.

    Args:
        feeder: its name, as ``feeders list`` has it.
        workload: its name.
        workers: threads or processes that prepare batches.
        settings: how long, and with which model; those of the environment by default.

    Returns:
        The record: its ``outcome``, ``metrics`` in the units of `feeders.measure.METRICS`, and the delivery.

    Raises:
        FeedersError: a name is in no catalogue, or the backend of Keras is missing.
    """
    cell = Cell(feeder, workload, workers).checked()
    preload()
    return take(cell, settings)


def audit(loader: str, **options: Any) -> Audit:
    """Feed a loader through ``fit()``, provoke races, and tell what is wrong.

    Args:
        loader: a feeder's name, ``"FILE.py:NAME"`` or ``"package.module:NAME"``.
        options: the other fields of `feeders.audit.AuditRequest`: ``workers``, ``seconds``, ``processes``, ``key``, ...

    Returns:
        The finished audit: what was asked, the verdict, and the evidence that it follows from.

    Raises:
        FeedersError: the call is wrong, or the loader can't be opened.
    """
    return _audit(AuditRequest(loader, **options))


@dataclass(frozen=True)
class Compared:
    """B against A.

    Attributes:
        comparisons: by the name of the workload, or of the cell where two releases were compared: the pairs that were
            made, and the verdict, which holds for all of them together; its ``ratio`` is B's time over A's.
        evidence: all that was seen, as ``feeders compare --json`` writes it.
    """

    comparisons: Mapping[str, Comparison]
    evidence: Mapping[str, Any]

    @property
    def is_bad(self) -> bool:
        """Whether B is slower somewhere, or breaks."""
        return is_bad(self.evidence)

    def __str__(self) -> str:
        return to_text(self.evidence)


def compare(
    a: str,
    b: str,
    *,
    cells: Sequence[str] = (),
    workloads: Sequence[str] = (),
    release: str | None = None,
    budget_seconds: float | None = None,
) -> Compared:
    """Compare two feeders, or two releases, by pairs of takes that train in turns: ten to thirty of each.

    Args:
        a: a feeder as FEEDER or FEEDER:WORKERS, or the id of a release.
        b: the same kind of thing.
        cells: of releases: names or patterns of cells, "feeder/workload/workers"; by default those that tell releases
            apart.
        workloads: of feeders: what they are compared on; by default ``jpeg``.
        release: of feeders: on which release; by default the one that is installed.
        budget_seconds: no pair begins after it; what is undecided by then is called so.

    Returns:
        The comparisons, by name.

    Raises:
        FeedersError: the call makes no sense, or a release can't be measured here.
    """
    asked = request(a, b, cells, workloads, release)
    require_for(asked.release_a, asked.release_b)
    end = time.monotonic() + budget_seconds if budget_seconds else None
    answers: dict[Question, Comparison] = {}
    with contextlib.closing(_compare(asked, lambda text, share: None, end=end)) as seen:
        answers.update(seen)
    verdicts = holm({question: [pair.log_ratio for pair in answer.pairs] for question, answer in answers.items()})
    comparisons = {
        question.name: dataclasses.replace(answer, verdict=verdicts[question]) if answer.verdict else answer
        for question, answer in answers.items()
    }
    return Compared(comparisons, evidence(asked, answers))
