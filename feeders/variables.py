"""Environment variables that a person sets, by name; whoever reads one says what it takes."""

from __future__ import annotations

PROFILE = "FEEDERS_PROFILE"
MODEL = "FEEDERS_MODEL"
BATCH = "FEEDERS_BATCH"
IMAGES = "FEEDERS_IMAGES"
DEVICE = "FEEDERS_DEVICE"
CACHE = "FEEDERS_CACHE"
LOADER = "FEEDERS_LOADER"
MACHINE = "FEEDERS_MACHINE"
SERVICE = "FEEDERS_TF_DATA_SERVICE"
