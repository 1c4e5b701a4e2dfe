"""Every feeder of the catalogue on every workload, one audit each."""

from __future__ import annotations

import json
from typing import Any, Callable

from feeders.errors import Unsupported
from feeders.strategies import FEEDERS
from feeders.workloads import WORKLOADS

from .audit import audit
from .request import Request
from .show import SCHEMA, to_json

UNSUPPORTED = "unsupported"


def audit_all(
    seconds: float, workers: int | None, progress: Callable[[str], None], told: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Audit all of them, each in processes of its own.

    Args:
        seconds: budget of each audit.
        workers: of each feeder that knows of workers; None is the default of an audit.
        progress: told what is going on.
        told: gets a line per finished audit.

    Returns:
        What `to_json` returns, for each with its "workload"; where a feeder can't feed one, "schema", "loader",
        "workload", the "verdict" unsupported and a "message".

    Raises:
        FeedersError: TensorFlow is missing.
    """
    audits: list[dict[str, Any]] = []
    cells = [(row.name, workload.name) for row in FEEDERS if not row.ceiling for workload in WORKLOADS]
    for number, (feeder, workload) in enumerate(cells, 1):
        title = f"{number} of {len(cells)}: {feeder} on {workload}"
        request = Request(feeder, workload=workload, workers=workers, seconds=seconds)
        try:
            found = to_json(audit(request, lambda text, title=title: progress(f"{title}: {text}")))  # type: ignore[misc]
        except Unsupported as error:
            found = {"schema": SCHEMA, "loader": feeder, "verdict": UNSUPPORTED, "message": str(error)}
        audits.append({**found, "workload": workload})
        told(f"{title}: {_word(audits[-1])}")
    return audits


def matrix(audits: list[dict[str, Any]]) -> str:
    """Return the verdicts of `audit_all` as a table: a row per feeder, a column per workload."""
    workloads = [row.name for row in WORKLOADS]
    cells = {(part["loader"], part["workload"]): part for part in audits}
    names = list(dict.fromkeys(part["loader"] for part in audits))
    table = [["feeder", "fed by", *workloads]]
    for name in names:
        row = [cells[name, workload] for workload in workloads]
        table.append([name, _fed_by(row), *(_word(part) for part in row)])
    widths = [max(map(len, column)) for column in zip(*table)]
    return "\n".join("  ".join(f"{text:{width}}" for text, width in zip(row, widths)).rstrip() for row in table)


def _fed_by(row: list[dict[str, Any]]) -> str:
    used = next((part for part in row if part["verdict"] != UNSUPPORTED and part["use"]["workers"]), None)
    if used is None:
        return "-"
    if used["kind"] == "dataset":
        return "TensorFlow"
    count, processes = used["use"]["workers"], used["use"]["processes"]
    return f"{count} {'process' if processes else 'thread'}{'' if count == 1 else 'es' if processes else 's'}"


def _word(found: dict[str, Any]) -> str:
    if found["verdict"] == UNSUPPORTED:
        return UNSUPPORTED
    return f"{found['verdict']}, corrupt" if found["content"] == "corrupt" else str(found["verdict"])


def to_lines(audits: list[dict[str, Any]]) -> str:
    """Return the answer of `audit_all` as JSON, one audit to the line."""
    return "".join(json.dumps(part, separators=(",", ":")) + "\n" for part in audits)
