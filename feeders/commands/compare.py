"""``feeders compare``."""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from pathlib import Path
from typing import Any

from feeders.terminal import Progress, write_atomically

from .arguments import count, names, writable
from .needs import require_for


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "compare",
        help="is B as fast as A: two releases, two feeders, two numbers of workers",
        description="Compare two releases on cells, or two feeders of one release on workloads, by lockstep pairs: at "
        "least ten, at most thirty. Exit status: 0, 1 if B is slower or breaks somewhere, 2 the call is wrong.",
    )
    parser.add_argument("a", metavar="A", help="a release of `releases`, or FEEDER or FEEDER:WORKERS of `list`")
    parser.add_argument("b", metavar="B", help="the same")
    parser.add_argument(
        "--cells", type=names, default=[], metavar="C,C", help="of releases: sequence/remote/4, or 'tfdata-*/*/4'"
    )
    parser.add_argument("--workload", type=names, default=[], metavar="W,W", help="of feeders; default: jpeg")
    parser.add_argument("--release", metavar="ID", help="of feeders; default: what is installed")
    parser.add_argument("--budget", type=count, metavar="MINUTES", help="for all comparisons together")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the whole evidence there")
    parser.set_defaults(command=_compare)


def _compare(options: argparse.Namespace) -> int:
    from feeders.compare.request import request
    from feeders.compare.run import compare, evidence
    from feeders.compare.show import is_bad, to_text

    if options.json:
        writable(options.json)
    asked = request(options.a, options.b, options.cells, options.workload, options.release)
    require_for(asked.release_a, asked.release_b)
    answers = {}
    try:
        with Progress() as progress:
            end = time.monotonic() + 60 * options.budget if options.budget else None
            with contextlib.closing(compare(asked, progress.update, end=end)) as seen:
                for question, answer in seen:
                    answers[question] = answer
    finally:  # also what was compared before Ctrl-C
        found = evidence(asked, answers)
        if answers:
            print(to_text(found))
            if options.json:
                write_atomically(options.json, json.dumps(found) + "\n")
    return int(is_bad(found))
