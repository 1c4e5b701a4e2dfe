"""Machines: each has a folder under results/, which holds all that was measured on it."""

from __future__ import annotations

import os
import platform

from feeders import variables

# asv's description of the machine; its folder is there once it has one.
DESCRIPTION = "machine.json"


def name_of_host() -> str:
    """Return what this machine is called where nothing else is said: FEEDERS_MACHINE, else the host name."""
    return os.environ.get(variables.MACHINE) or platform.node() or "localhost"
