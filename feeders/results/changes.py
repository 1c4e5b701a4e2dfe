"""The file of findings: what became of each suspect of a machine's history, one JSON line each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Mapping, Sequence

from feeders.terminal import write_atomically

from .json_lines import read_lines

# Of a line.
SCHEMA = 3

# Beside the takes, behind the name of the environment.
SUFFIX = "-changes.jsonl"

Finding = Mapping[str, Any]


def key(finding: Finding) -> tuple[str, str, str]:
    """Return what a finding is about: cell and both releases."""
    return finding["cell"], finding["before"], finding["after"]


def read(path: Path) -> list[dict[str, Any]]:
    """Read the findings of earlier calls; none if there is no such file.

    Raises:
        FeedersError: a line is damaged or of another schema.
    """
    return read_lines(path, _finding)


def _finding(line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)
    if found["schema"] != SCHEMA:
        raise ValueError(f"schema {found['schema']}, expected {SCHEMA}")
    key(found)
    return found


def write(path: Path, findings: Sequence[Finding]) -> None:
    """Write findings, one JSON line each; the file is there whole or not at all."""
    write_atomically(path, "".join(json.dumps(found, separators=(",", ":")) + "\n" for found in findings))


def merged(known: Sequence[Finding], fresh: Sequence[Finding]) -> list[Finding]:
    """Return the known findings with the fresh ones in their places or behind them."""
    return list({key(found): found for found in (*known, *fresh)}.values())
