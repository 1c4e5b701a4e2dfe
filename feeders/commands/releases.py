"""``feeders releases``."""

from __future__ import annotations

import argparse
from typing import Any

from feeders.terminal import Progress

from .needs import require, require_clone


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    releases = commands.add_parser(
        "releases",
        help="which releases of TensorFlow and Keras can be measured here?",
        description="2.16.2 is that TensorFlow with the Keras of its day. k3.6.0 is that Keras with the TensorFlow of "
        "its day. The one that is installed is used as it is. Each other gets an environment, about 1 GB, when it is "
        "first needed.",
    )
    releases.set_defaults(command=_list)
    actions = releases.add_subparsers(metavar="ACTION")
    listing = actions.add_parser("list", help="list date, Python and Keras, whether built and measured (the default)")
    listing.set_defaults(command=_list)
    adding = actions.add_parser("add", help="add a release: find its packages as of its day, install them, train once")
    adding.add_argument(
        "release", metavar="ID", help="2.16.2 or 2.22.0rc0, a TensorFlow; k3.6.0, a Keras; nightly, Keras' newest build"
    )
    adding.set_defaults(command=_add)
    cleaning = actions.add_parser("clean", help="remove all environments; each is made again when it is needed")
    cleaning.set_defaults(command=_clean)


def _list(options: argparse.Namespace) -> int:
    from feeders.releases.listing import releases_table
    from feeders.results.machines import RESULTS

    print(releases_table(RESULTS))
    return 0


def _add(options: argparse.Namespace) -> int:
    require("releases add", "uv", "asv_runner")
    require_clone("releases add")
    from feeders.measure import MEASURED
    from feeders.releases.listing import add_release, trial_text

    with Progress() as progress:
        path, record = add_release(options.release, progress.print)
    print(trial_text(path, record))
    return int(record.outcome != MEASURED)


def _clean(options: argparse.Namespace) -> int:
    from feeders.releases.listing import clean

    with Progress() as progress:
        clean(progress.print)
    return 0
