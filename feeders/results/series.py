"""What keeps series of one machine apart: variables that change what is measured are part of the files' names."""

from __future__ import annotations

import hashlib
import os
import re

from feeders import variables
from feeders.keras_api import BACKEND_VARIABLE, TENSORFLOW

# asv's "environment_type", and the first part of an environment's name.
TOOL = "stack"

# With the value that means nothing was changed; another value has series of its own.
SERIES_VARIABLES = (
    (variables.MODEL, "light"),
    (variables.BATCH, ""),
    (variables.IMAGES, ""),
    (BACKEND_VARIABLE, TENSORFLOW),
    (variables.DEVICE, "cpu"),
    (variables.LOADER, ""),
)

# As asv 0.6.6 does in file names (util.py:sanitize_filename).
NOT_IN_FILE_NAMES = re.compile(r'[<>:"/\^|?*\x00-\x1f]')

# Characters of an environment's name from which on files have its digest in their names.
LONGEST = 128


def changed_variables() -> dict[str, str]:
    """Return the variables that set this process' series apart, with their values."""
    values = {name: os.environ.get(name) or default for name, default in SERIES_VARIABLES}
    return {name: values[name] for name, default in SERIES_VARIABLES if values[name] != default}


def environment_name() -> str:
    """Return the name of the environment that the variables of this process make.

    FEEDERS_DEVICE counts as it stands: see `feeders.measure.device.resolve_device`.
    """
    changed = sorted(changed_variables().items())
    return NOT_IN_FILE_NAMES.sub("_", "-".join([TOOL, *(f"{name}{value}" for name, value in changed)]))


def environment_in_file_names(environment: str) -> str:
    """Return how names of files tell an environment: as asv 0.6.6 does (results.py:get_filename)."""
    if len(environment) < LONGEST:
        return environment
    return f"env-{hashlib.md5(environment.encode()).hexdigest()}"


def settings_in_name(environment: str) -> list[str]:
    """Return the settings that an environment's name tells, "FEEDERS_MODEL=real"; of a long name its digest alone."""
    if not environment.startswith(TOOL):
        return [environment]
    names = [name for name, _ in SERIES_VARIABLES]
    settings: list[str] = []
    for part in environment[len(TOOL) :].split("-"):
        name = next((name for name in names if part.startswith(name)), "")
        if name:
            settings.append(f"{name}={part[len(name) :]}")
        elif part:  # a value that has a hyphen
            settings[-1:] = [f"{settings[-1]}-{part}"] if settings else [part]
    return settings
