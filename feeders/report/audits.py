"""The one reader of the audits under results/, and their table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterable

from feeders.audit.show import SCHEMA
from feeders.errors import FeedersError
from feeders.json_lines import read_lines
from feeders.measure.record import UNSUPPORTED
from feeders.measure.stack import BACKENDS
from feeders.strategies import FEEDERS
from feeders.workloads import WORKLOADS

AUDITS_SUFFIX = "-audits.jsonl"


def audits_file(folder: Path, release: str, backend: str) -> Path:
    """Return where ``python -m feeders audit --all`` writes.

    Args:
        folder: of the machine, under results/.
        release: its id.
        backend: that Keras computes with.
    """
    return folder / f"{release}{'' if backend == BACKENDS[0] else f'-{backend}'}{AUDITS_SUFFIX}"


def read_audits(path: Path) -> list[dict[str, Any]]:
    """Return the audits of one release on one machine; none where the file is missing.

    Args:
        path: as `audits_file` gives it.

    Raises:
        FeedersError: a line is damaged or of another schema; the text names the file and the line.
    """
    return read_lines(path, _audit)


def _audit(line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)
    if found["schema"] != SCHEMA:
        raise FeedersError(f"schema {found['schema']}, expected {SCHEMA}. Try: audit --all again")
    return found


def merged_audits(path: Path, audits: Iterable[dict[str, Any]]) -> str:
    """Return the text of the file after new audits: they take the place of older ones of the same cell."""
    cells = {(found["loader"], found["workload"]): found for found in (*read_audits(path), *audits)}
    order = [(row.name, workload.name) for row in FEEDERS for workload in WORKLOADS]
    return "".join(json.dumps(cells[cell], separators=(",", ":")) + "\n" for cell in order if cell in cells)


def summarise_audits(results: Path, measured: Iterable[tuple[str, str, str]]) -> list[str]:
    """Return a Markdown section for each machine, release and backend that has been audited.

    Args:
        results: the results folder.
        measured: machines, releases and backends to look for.
    """
    sections = []
    for machine, release, backend in measured:
        audits = read_audits(audits_file(results / machine, release, backend))
        if audits:
            budgets = sorted({f"{found['budget']:g}" for found in audits if "budget" in found})
            text = f"What arrives (machine `{machine}`, audits of {' or '.join(budgets)} s, races provoked):"
            sections.append(f"{text}\n\n{delivery_table(audits)}")
    return sections


def delivery_table(audits: Iterable[dict[str, Any]]) -> str:
    """Return the verdicts as a Markdown table: a row per feeder, a column per workload."""
    cells = {(found["loader"], found["workload"]): found for found in audits}
    workloads = [row.name for row in WORKLOADS if any(workload == row.name for _, workload in cells)]
    names = [row.name for row in FEEDERS if any(loader == row.name for loader, _ in cells)]
    table = [["feeder", "fed by", *workloads]]
    for name in names:
        row = [cells.get((name, workload)) for workload in workloads]
        table.append([f"`{name}`", _fed_by(row), *(_word(found) for found in row)])
    lines = [f"| {' | '.join(row)} |" for row in table]
    return "\n".join([lines[0], "|---" * len(table[0]) + "|", *lines[1:]])


def _fed_by(row: list[dict[str, Any] | None]) -> str:
    used = next((found for found in row if found and found["verdict"] != UNSUPPORTED and found["use"]["workers"]), None)
    if used is None:
        return ""
    if used["kind"] == "dataset":
        return "TensorFlow"
    count, processes = used["use"]["workers"], used["use"]["processes"]
    return f"{count} {'process' if processes else 'thread'}{'' if count == 1 else 'es' if processes else 's'}"


def _word(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    corrupt = found["verdict"] != UNSUPPORTED and found["content"] == "corrupt"
    return f"{found['verdict']}, **corrupt**" if corrupt else str(found["verdict"])
