"""What keeps series of one machine apart: variables that change what is measured are part of the files' names."""

from __future__ import annotations

import os
import re

from feeders import variables
from feeders.keras_api import BACKEND_VARIABLE, TENSORFLOW

# asv's "environment_type", and the first part of an environment's name.
TOOL = "stack"

# With the value that means nothing was changed; another value has series of its own.
SERIES_VARIABLES = (
    (variables.MODEL, "light"),
    (variables.IMAGES, ""),
    (BACKEND_VARIABLE, TENSORFLOW),
    (variables.DEVICE, "cpu"),
)

# As asv 0.6.6 does in file names (util.py:sanitize_filename).
UNSAFE = re.compile(r'[<>:"/\^|?*\x00-\x1f]')


def changed_variables() -> dict[str, str]:
    """Return the variables that set this process' series apart, with their values."""
    values = {name: os.environ.get(name) or default for name, default in SERIES_VARIABLES}
    return {name: values[name] for name, default in SERIES_VARIABLES if values[name] != default}


def environment_name() -> str:
    """Return the name of the environment that the variables of this process make.

    FEEDERS_DEVICE counts as it stands: see `feeders.measure.device.resolve_device`.
    """
    changed = sorted(changed_variables().items())
    return UNSAFE.sub("_", "-".join([TOOL, *(f"{name}{value}" for name, value in changed)]))
