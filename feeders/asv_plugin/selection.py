"""Which cells of asv's benchmarks a run launches: those of the profile."""

from __future__ import annotations

import itertools
import os
from typing import Any

from feeders import variables
from feeders.errors import FeedersError


def narrow(benchmarks: Any) -> None:
    """Take the cells that the profile leaves out of asv's selection; asv records them as skipped.

    Parameters stay as they are, so that all profiles and machines share one benchmarks.json.

    Args:
        benchmarks: `asv.benchmarks.Benchmarks`, changed in place.

    Raises:
        FeedersError: a setting is unknown, or none of the cells asked for is in the profile.
    """
    # Imported here: a host that only publishes results needs none of what measuring imports.
    from feeders.loaders.opening import Source
    from feeders.measure import Settings, current_profile

    profile = current_profile()
    Settings.from_environment()  # an unknown one is said here, before anything runs
    if os.environ.get(variables.LOADER):
        Source(os.environ[variables.LOADER]).checked()
    cells = {(repr(cell.feeder), repr(cell.workload), repr(cell.workers)) for cell in profile.cells}
    selection = benchmarks.benchmark_selection
    asked = len(benchmarks)
    for name, benchmark in list(benchmarks.items()):
        places = {index for index, cell in enumerate(itertools.product(*benchmark["params"])) if cell in cells}
        selection[name] = [index for index in selection[name] if index in places]
        if not selection[name]:
            del benchmarks[name]
    if asked and not benchmarks:
        raise FeedersError(
            f"of the {asked} series asked for, profile {profile.name!r} measures no cell; expected one at "
            "least. Try: FEEDERS_PROFILE=full asv run ..., or another -b"
        )
