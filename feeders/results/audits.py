"""The audits under results/: one JSON line each, as ``feeders audit --all`` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterable

from feeders.errors import FeedersError
from feeders.keras_api import TENSORFLOW
from feeders.loaders import WORKLOADS
from feeders.strategies import FEEDERS
from feeders.terminal import write_atomically

from .json_lines import read_lines

# Of a line, and of what `audit --json` writes.
SCHEMA = 1

AUDITS_SUFFIX = "-audits.jsonl"


def audits_file(folder: Path, release: str, backend: str) -> Path:
    """Return where ``feeders audit --all`` writes.

    Args:
        folder: of the machine, under results/.
        release: its id.
        backend: that Keras computes with.
    """
    return folder / f"{release}{'' if backend == TENSORFLOW else f'-{backend}'}{AUDITS_SUFFIX}"


def read_audits(path: Path) -> list[dict[str, Any]]:
    """Return the audits of one release on one machine; none where the file is missing.

    Args:
        path: as `audits_file` gives it.

    Raises:
        FeedersError: a line is damaged or of another schema; the text names the file and the line.
    """
    return read_lines(path, _audit)


def _audit(line: str) -> dict[str, Any]:
    audit: dict[str, Any] = json.loads(line)
    if audit["schema"] != SCHEMA:
        raise FeedersError(f"schema {audit['schema']}, expected {SCHEMA}. Try: audit --all again")
    return audit


def by_feeder_and_workload(audits: Iterable[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return audits by the feeder and the workload that they are of; of two the later one."""
    return {(audit["loader"], audit["workload"]): audit for audit in audits}


def merged_audits(path: Path, audits: Iterable[dict[str, Any]]) -> str:
    """Return the text of the file after new audits: they take the place of older ones of the same cell."""
    cells = by_feeder_and_workload((*read_audits(path), *audits))
    order = [(row.name, workload.name) for row in FEEDERS for workload in WORKLOADS]
    return "".join(json.dumps(cells[cell], separators=(",", ":")) + "\n" for cell in order if cell in cells)


def add_audits(path: Path, audits: Iterable[dict[str, Any]]) -> None:
    """Write audits into a file.

    Args:
        path: as `audits_file` gives it; its folder is made if it is not there.
        audits: new ones.

    Raises:
        FeedersError: a line of the file is damaged; it is left as it is.
    """
    text = merged_audits(path, audits)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
