"""Names of devices that are short enough to read."""

from __future__ import annotations

from pathlib import PurePath

from feeders import variables
from feeders.keras_api import BACKEND_VARIABLE


def short_device(device: str) -> str:
    """Return the name that a page shows for `Takes.device`: "CPU, jax" for "CPU, KERAS_BACKEND=jax"."""
    return ", ".join(_short(part) for part in device.split(", "))


def _short(part: str) -> str:
    name, equals, value = part.partition("=")
    if not equals:
        return part
    if name == BACKEND_VARIABLE:
        return value
    if name == variables.IMAGES:
        return f"images {PurePath(value).name}"
    return f"{name.rpartition('_')[2].lower()} {value}"
