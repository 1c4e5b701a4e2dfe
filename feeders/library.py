"""The commands as functions, for programs and notebooks: ``from feeders import advise, audit, measure, compare``."""

from __future__ import annotations

import contextlib
import time
from typing import Any, Sequence

from feeders.advise import Advice, AdviseRequest
from feeders.advise import advise as _advise
from feeders.audit import Audit, AuditRequest
from feeders.audit import audit as _audit
from feeders.commands.needs import require_for
from feeders.compare.evidence import ComparisonEvidence, evidence
from feeders.compare.own import first_takes, is_address, parse_own
from feeders.compare.request import CellPair, parse_request
from feeders.compare.run import compare as _compare
from feeders.compare.sampling import Comparison
from feeders.errors import FeedersError
from feeders.measure import Cell, Record, Settings, preload, take
from feeders.measure.asked import take_own

__all__ = [
    "Advice",
    "Audit",
    "Comparison",
    "ComparisonEvidence",
    "Record",
    "Settings",
    "advise",
    "audit",
    "compare",
    "measure",
]


def measure(
    feeder: str,
    workload: str = "jpeg",
    workers: int | None = None,
    settings: Settings | None = None,
    by: str | None = None,
) -> Record:
    """Measure a feeder on a workload, or a loader of your own, once, in fresh processes.

    One take says little: takes of one cell spread by some per cent, and `compare` says which differences are there.

    Args:
        feeder: its name, as ``feeders list`` has it; or your loader, ``"FILE.py:NAME"`` or ``"package.module:NAME"``.
        workload: its name; of no meaning with your loader.
        workers: threads or processes that prepare batches; 1 by default, or what your loader sets itself.
        settings: how long, with which model, and how your loader is made; those of the environment by default.
        by: the feeder that carries your loader; by default as ``fit()`` is given it.

    Returns:
        The record: its ``outcome``, ``metrics`` in the units of `feeders.measure.METRICS`, and the delivery.

    Raises:
        FeedersError: a name is in no catalogue, the backend of Keras is missing, or your loader or your model is not
            what it has to be.
    """
    if ":" in feeder:
        preload()
        return take_own(feeder, by, workers, settings or Settings.from_environment())
    if by:
        raise FeedersError(f"by={by!r} is for a loader of your own; {feeder} is a feeder itself")
    cell = Cell(feeder, workload, workers or 1).checked()
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


def compare(
    a: str,
    b: str,
    *,
    cells: Sequence[str] = (),
    workloads: Sequence[str] = (),
    release: str | None = None,
    budget_seconds: float | None = None,
    loader: str | None = None,
    settings: Settings | None = None,
) -> ComparisonEvidence:
    """Compare two feeders, releases or loaders by pairs of takes that train in turns: ten to thirty of each.

    Args:
        a: a feeder as FEEDER or FEEDER:WORKERS, the id of a release, or your loader, ``"FILE.py:NAME"``.
        b: the same kind of thing.
        cells: of releases: names or patterns of cells, "feeder/workload/workers"; by default those that tell releases
            apart.
        workloads: of feeders: what they are compared on; by default ``jpeg``.
        release: of feeders: on which release; by default the one that is installed.
        loader: your loader, that two feeders carry, or that is fed on two releases.
        settings: with which model, and how your loaders are made.
        budget_seconds: no pair begins after it; what is undecided by then is called so.

    Returns:
        The comparisons, by name (``by_name``); ``str()`` of it is the table that the command prints.

    Raises:
        FeedersError: the call makes no sense, or a release can't be measured here.
    """
    if loader or is_address(a) or is_address(b):
        sides = parse_own(a, b, loader, release)
        require_for(*(side.release for side in sides))
        request = first_takes(sides, settings or Settings.from_environment(), lambda text: None)
    else:
        request = parse_request(a, b, cells, workloads, release)
        require_for(request.release_a, request.release_b)
    end = time.monotonic() + budget_seconds if budget_seconds else None
    comparisons: dict[CellPair, Comparison] = {}
    with contextlib.closing(_compare(request, lambda text, share: None, end=end)) as pairs:
        comparisons.update(pairs)
    return evidence(request, comparisons)


def advise(loader: str, **options: Any) -> Advice:
    """Say how a loader of one's own is best carried on this host, and whether it is safe as it is used.

    Args:
        loader: ``"FILE.py:NAME"`` or ``"package.module:NAME"``.
        options: the other fields of `feeders.advise.AdviseRequest`: ``model``, ``step_ms``, ``epoch``, ``workers``,
            ``seconds``, ``steps``, ``call`` and ``key``.

    Returns:
        The advice: ``answer`` with its ``kind``, ``feeder``, ``ratio``, ``code`` and so on, and the evidence.

    Raises:
        FeedersError: the call is wrong, or the loader can't be opened.
    """
    return _advise(AdviseRequest(loader, **options))
