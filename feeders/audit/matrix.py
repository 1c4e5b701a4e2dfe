"""Every feeder of the catalogue on every workload, one audit each."""

from __future__ import annotations

from typing import Any, Callable, Iterator

from feeders.errors import Unsupported
from feeders.loaders import WORKLOADS
from feeders.results.audits import SCHEMA
from feeders.results.record import UNSUPPORTED
from feeders.strategies import FEEDERS

from .audit import audit
from .request import AuditRequest


def audit_all(seconds: float, workers: int | None, progress: Callable[[str, float], None]) -> Iterator[dict[str, Any]]:
    """Audit all of them, one after the other, each in processes of its own.

    Args:
        seconds: budget of each audit.
        workers: of each feeder that knows of workers; None is the default of an audit.
        progress: told what is going on, and the share of the audits that are made.

    Yields:
        What `Audit.to_json` returns, with "workload"; where a feeder can't feed one, "schema", "loader", "workload",
        the "verdict" unsupported and a "message".

    Raises:
        FeedersError: TensorFlow is missing.
    """
    cells = [(row.name, workload.name) for row in FEEDERS if not row.ceiling for workload in WORKLOADS]
    for made, (feeder, workload) in enumerate(cells):
        share, title = made / len(cells), f"{made + 1} of {len(cells)}: {feeder} on {workload}"
        request = AuditRequest(feeder, workload=workload, workers=workers, seconds=seconds)
        try:
            found = audit(request, progress=lambda text: progress(f"{title}: {text}", share)).to_json()  # noqa: B023  (called here alone)
        except Unsupported as error:
            found = {"schema": SCHEMA, "loader": feeder, "verdict": UNSUPPORTED, "message": str(error)}
        yield {**found, "workload": workload}
