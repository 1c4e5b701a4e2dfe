"""Machines: each has a folder under results/, which holds all that was measured on it."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

from feeders import variables
from feeders.errors import FeedersError

# Beside asv.conf.json, which leaves asv's `results_dir` at this default.
RESULTS = Path("results")

# asv's own file, and its keys that say nothing of the machine.
DESCRIPTION, OF_THE_FILE = "machine.json", ("machine", "version")

# asv's file of results of a release in an environment.
ASV_RESULTS = "*/*-*.json"


def name_of_host() -> str:
    """Return what this machine is called where nothing else is said: FEEDERS_MACHINE, else the host name."""
    return os.environ.get(variables.MACHINE) or platform.node() or "localhost"


def machine_folder(results: Path, machine: str) -> Path:
    """Return the folder of all that was measured on a machine; it need not exist."""
    return results / machine


def writable_folder(results: Path, machine: str) -> Path:
    """Return the folder of a machine, which is made if it is not there.

    Raises:
        FeedersError: nothing can be written there: what is measured would be lost.
    """
    folder = machine_folder(results, machine)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK | os.X_OK) else "no right to write"
    except OSError as error:
        reason = str(error.strerror)
    if reason:
        raise FeedersError(
            f"{folder}: results can't be kept there ({reason}). Try: a clone of your own, or {variables.MACHINE}=other"
        )
    return folder


def description_file(results: Path, machine: str) -> Path:
    """Return where asv describes a machine; the file is there once the machine has been measured on."""
    return machine_folder(results, machine) / DESCRIPTION


def read_description(results: Path, machine: str) -> dict[str, str]:
    """Return what is known of a machine's hardware; nothing where it was not described.

    Raises:
        FeedersError: the file is damaged.
    """
    path = description_file(results, machine)
    if not path.exists():
        return {}
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        return {key: str(value) for key, value in description.items() if key not in OF_THE_FILE}
    except (ValueError, AttributeError) as error:
        raise FeedersError(f"{path}: damaged ({error}). Try: git checkout {path}, or delete it") from None


def asv_results(results: Path) -> dict[str, Path]:
    """Return one of asv's files of results for each release that has any, by the release's id."""
    return {path.name.split("-")[0]: path for path in sorted(results.glob(ASV_RESULTS))}
