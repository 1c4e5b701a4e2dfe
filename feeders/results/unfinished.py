"""Runs of asv on a machine that have begun and not ended: a file in the machine's folder.

An interrupted run may be gone on with in another checkout, so the file lies beside the takes. asv reads ``*.json``
alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence

from feeders.terminal import write_atomically

UNFINISHED = "unfinished.run"

# Of those that nobody goes on with, the oldest are forgotten.
MOST = 10


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that has not ended.

    Attributes:
        id: when it began, UTC; the takes made for it carry it.
        asked: what decides which takes it makes.
    """

    id: str
    asked: Mapping[str, Any]


def unfinished_file(folder: Path) -> Path:
    """Return where the unfinished runs of a machine are kept.

    Args:
        folder: of the machine.
    """
    return folder / UNFINISHED


def read_unfinished(folder: Path) -> list[UnfinishedRun]:
    """Return a machine's unfinished runs, oldest first; none where their file is missing or damaged."""
    try:
        rows = json.loads(unfinished_file(folder).read_text(encoding="utf-8"))
        return [UnfinishedRun(row["id"], row["asked"]) for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def write_unfinished(folder: Path, runs: Sequence[UnfinishedRun]) -> None:
    """Keep a machine's unfinished runs; without any, the file is removed."""
    path = unfinished_file(folder)
    if runs:
        write_atomically(path, json.dumps([asdict(run) for run in runs[-MOST:]], indent=1) + "\n")
    else:
        path.unlink(missing_ok=True)
