"""asv's view of the suite: one module a question, one method a series. What is measured is in the package `feeders`."""

from __future__ import annotations

import sys
from pathlib import Path

# asv imports this package alone; `feeders` lies beside it, and spawned workers of a feeder look it up on this path too.
ROOT = str(Path(__file__).resolve().parent.parent)
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

# asv's fork server imports the suite once and forks every launch from there; beside it runs one process that imports
# the backend (3-10 s) and forks the takes. Discovery and setup_cache have no use for it.
if "run_server" in sys.argv:
    from feeders.measure.server import start
    from feeders.measure.supervise import die_with_parent

    die_with_parent()
    start(Path(sys.argv[-1]).parent)  # beside asv's own socket, in a folder that asv removes
