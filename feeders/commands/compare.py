"""``feeders compare``."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feeders.errors import FeedersError
from feeders.terminal import Progress, interrupted_by, write_atomically

from .arguments import BUDGET, JSON, OWN_OPTIONS, add_own, count, given_of_own, names, writable
from .needs import require_for

if TYPE_CHECKING:
    from feeders.compare.request import ComparisonRequest


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "compare",
        help="is B slower than A: two loaders, two feeders, or two releases?",
        description="Say whether B is slower than A. Both train in turns, so a slow minute of the host hits both. Ten "
        "such pairs are made at least, thirty at most: 3 to 10 minutes.",
        epilog="Exit status: 0 B is not slower; 1 B is slower, breaks or loses samples somewhere; 2 the call is wrong.",
    )
    parser.add_argument(
        "a", metavar="A", help="a release, 2.16.2; a feeder with its workers, sequence:4; or your loader"
    )
    parser.add_argument("b", metavar="B", help="what is compared with A, of the same kind")
    parser.add_argument(
        "--cells",
        type=names,
        default=[],
        metavar="C,C",
        help="of two releases: FEEDER/WORKLOAD/WORKERS, as sequence/remote/4 or 'tfdata-*/*/4'; default: 24 cells",
    )
    parser.add_argument(
        "--workload", type=names, default=[], metavar="W,W", help="of two feeders: workloads; default: jpeg"
    )
    parser.add_argument("--loader", metavar="LOADER", help="your loader, for two feeders or on two releases")
    add_own(parser)
    parser.add_argument(
        "--with", dest="packages", type=names, default=[], metavar="PKG,PKG", help="packages that your loader imports"
    )
    parser.add_argument("--release", metavar="ID", help="where two feeders are compared; default: what is installed")
    parser.add_argument("--budget", type=count, metavar="MINUTES", help=BUDGET)
    parser.add_argument("--json", type=Path, metavar="FILE", help=JSON)
    parser.set_defaults(command=_compare)


def _compare(options: argparse.Namespace) -> int:
    from feeders.compare.evidence import evidence
    from feeders.compare.own import is_address
    from feeders.compare.run import compare
    from feeders.compare.show import comparison_text

    if options.json:
        writable(options.json)
    own = options.loader or is_address(options.a) or is_address(options.b)
    request = _own_request(options) if own else _request(options)
    comparisons = {}
    try:
        with interrupted_by(signal.SIGTERM, signal.SIGHUP), Progress() as progress:
            end = time.monotonic() + 60 * options.budget if options.budget else None
            with contextlib.closing(compare(request, progress.update, end=end)) as pairs:
                for cells, comparison in pairs:
                    comparisons[cells] = comparison
    finally:  # also what was compared before Ctrl-C, or before the terminal was closed: the file comes first
        shown = evidence(request, comparisons)
        if comparisons:
            if options.json:
                write_atomically(options.json, json.dumps(shown.to_json()) + "\n")
            print(comparison_text(shown))
    return int(shown.is_bad)


def _request(options: argparse.Namespace) -> ComparisonRequest:
    from feeders.compare.request import parse_request

    given = [option for option, name in OWN_OPTIONS.items() if getattr(options, name) is not None]
    given += ["--with"] if options.packages else []
    if given:
        raise FeedersError(
            f"compare {options.a} {options.b}: {', '.join(given)}: for a loader of your own. Try: --loader FILE.py:NAME"
        )
    request = parse_request(options.a, options.b, options.cells, options.workload, options.release)
    require_for(request.release_a, request.release_b)
    return request


def _own_request(options: argparse.Namespace) -> ComparisonRequest:
    from feeders.compare.own import first_takes, parse_own
    from feeders.measure import Settings

    if options.cells or options.workload:
        raise FeedersError(f"compare {options.a} {options.b}: --cells and --workload are not for a loader of your own")
    sides = parse_own(options.a, options.b, options.loader, options.release)
    require_for(*(side.release for side in sides))
    settings = dataclasses.replace(Settings.from_environment(), **given_of_own(options))
    with Progress() as progress:
        return first_takes(sides, settings, progress.update, tuple(options.packages))
