"""How it is measured: cells, takes in fresh processes, taps, and one frozen record a take."""

from __future__ import annotations

from feeders.results.record import BROKEN, MEASURED, OUTCOMES, Record

from .cells import PROFILES, WORKERS, Cell, Profile, current_profile, profile
from .metrics import METRICS, Metric
from .settings import Settings
from .stack import preload
from .takes import take

__all__ = [
    "BROKEN",
    "MEASURED",
    "METRICS",
    "OUTCOMES",
    "PROFILES",
    "WORKERS",
    "Cell",
    "Metric",
    "Profile",
    "Record",
    "Settings",
    "current_profile",
    "preload",
    "profile",
    "take",
]
