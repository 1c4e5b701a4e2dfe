"""``feeders overhead``."""

from __future__ import annotations

import argparse
from typing import Any

from feeders.terminal import Progress

from .arguments import count


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "overhead",
        help="what does the measuring itself cost?",
        description="Train with and without the clocks of the suite, in turns, and tell the difference.",
    )
    parser.add_argument(
        "--pairs", type=count, default=20, metavar="N", help="pairs of runs, with and without; default: %(default)s"
    )
    parser.set_defaults(command=_overhead)


def _overhead(options: argparse.Namespace) -> int:
    from feeders.measure.overhead import measure_overhead

    with Progress() as progress:
        text = measure_overhead(options.pairs, progress.update)
    print(text)
    return 0
