"""What a command needs beside the base installation: packages of the extra ``suite``, or a clone of the repository."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import feeders
from feeders.errors import FeedersError

# Is in a clone and in no wheel.
OF_A_CLONE = "asv.conf.json"


def require(command: str, *modules: str) -> None:
    """See to it that modules can be imported, before anything runs.

    Raises:
        FeedersError: the first that can't.
    """
    for name in modules:
        if importlib.util.find_spec(name) is None:
            raise FeedersError(
                f"{command}: needs {name}, which is not installed. Try: pip install 'keras-feeders[suite]'"
            )


def require_clone(command: str) -> None:
    """See to it that this package is imported from a clone: what makes environments gives them its folder.

    Raises:
        FeedersError: it is installed among other packages.
    """
    root = Path(feeders.__file__).resolve().parent.parent
    if not (root / OF_A_CLONE).is_file():
        raise FeedersError(
            f"{command}: needs a clone of keras-feeders; this one is installed in {root}. "
            "Try: git clone it, then pip install -e '.[cpu]'"
        )


def require_for(*releases: str) -> None:
    """See to it that releases can be compared: others than the one that is installed need environments of their own.

    Raises:
        FeedersError: something is missing for that.
    """
    from feeders.releases.installed import installed

    here = installed()
    if set(releases) != {here.id if here else None}:
        require("compare of releases", "uv")
        require_clone("compare of releases")


def results_folder(command: str) -> Path:
    """Return the results folder, seen from here.

    Raises:
        FeedersError: there is none.
    """
    results = Path("results")
    if not results.is_dir():
        raise FeedersError(
            f"{command}: no folder results/ in {Path.cwd()}. Try: call it where {OF_A_CLONE} is, in a "
            "clone of keras-feeders"
        )
    return results
