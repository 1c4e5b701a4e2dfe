"""What arrives, as a Markdown table of the audits under results/."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable

from feeders.loaders import WORKLOADS
from feeders.results.audits import audits_file, by_feeder_and_workload, read_audits
from feeders.results.machines import machine_folder
from feeders.results.record import UNSUPPORTED
from feeders.strategies import FEEDERS


def summarise_audits(results: Path, measured: Iterable[tuple[str, str, str]]) -> list[str]:
    """Return a Markdown section for each machine, release and backend that has been audited.

    Args:
        results: the results folder.
        measured: machines, releases and backends to look for.
    """
    sections = []
    for machine, release, backend in measured:
        audits = read_audits(audits_file(machine_folder(results, machine), release, backend))
        if audits:
            budgets = sorted({f"{audit['budget']:g}" for audit in audits if "budget" in audit})
            text = f"Delivery (machine `{machine}`, audits of {' or '.join(budgets)} s, races provoked):"
            sections.append(f"{text}\n\n{delivery_table(audits)}")
    return sections


def delivery_table(audits: Iterable[dict[str, Any]]) -> str:
    """Return the verdicts as a Markdown table: a row per feeder, a column per workload."""
    cells = by_feeder_and_workload(audits)
    workloads = [row.name for row in WORKLOADS if any(workload == row.name for _, workload in cells)]
    names = [row.name for row in FEEDERS if any(loader == row.name for loader, _ in cells)]
    table = [["feeder", "fed by", *workloads]]
    for name in names:
        row = [cells.get((name, workload)) for workload in workloads]
        table.append([f"`{name}`", _fed_by(row), *map(_word, row)])
    lines = [f"| {' | '.join(row)} |" for row in table]
    return "\n".join([lines[0], "|---" * len(table[0]) + "|", *lines[1:]])


def _fed_by(row: list[dict[str, Any] | None]) -> str:
    used = next((each for each in row if each and each["verdict"] != UNSUPPORTED and each["use"]["workers"]), None)
    if used is None:
        return ""
    if used["kind"] == "dataset":
        return "TensorFlow"
    count, processes = used["use"]["workers"], used["use"]["processes"]
    return f"{count} {'process' if processes else 'thread'}{'' if count == 1 else 'es' if processes else 's'}"


def _word(audit: dict[str, Any] | None) -> str:
    if audit is None:
        return ""
    corrupt = audit["verdict"] != UNSUPPORTED and audit["content"] == "corrupt"
    return f"{audit['verdict']}, **corrupt**" if corrupt else str(audit["verdict"])
