"""``python -m feeders compare`` and ``regressions``."""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from pathlib import Path
from typing import Any, Mapping

from feeders.errors import FeedersError
from feeders.terminal import Progress, write_atomically

from .arguments import count, names, writable


def add(commands: Any) -> None:
    """Add both commands to a parser's."""
    comparing = commands.add_parser(
        "compare",
        help="is B as fast as A: two releases, two feeders, two numbers of workers",
        description="Compare two releases on cells, or two feeders of one release on workloads, by lockstep pairs: at "
        "least ten, at most thirty. Exit status: 0, 1 if B is slower or breaks somewhere, 2 the call is wrong.",
    )
    comparing.add_argument("a", metavar="A", help="a release of `releases`, or FEEDER or FEEDER:WORKERS of `list`")
    comparing.add_argument("b", metavar="B", help="the same")
    comparing.add_argument(
        "--cells", type=names, default=[], metavar="C,C", help="of releases: sequence/remote/4, or 'tfdata-*/*/4'"
    )
    comparing.add_argument("--workload", type=names, default=[], metavar="W,W", help="of feeders; default: jpeg")
    comparing.add_argument("--release", metavar="ID", help="of feeders; default: what is installed")
    comparing.add_argument("--budget", type=count, metavar="MINUTES", help="for all comparisons together")
    comparing.add_argument("--json", type=Path, metavar="FILE", help="write the whole evidence there")
    comparing.set_defaults(command=_compare)
    changes = commands.add_parser(
        "regressions",
        help="what did releases change: screen the results of this machine, confirm each suspect",
        description="Screen the recorded history of every cell for changes and confirm each suspect by fresh lockstep "
        "pairs of the two releases. Findings are kept beside the results and are not measured again.",
    )
    changes.add_argument("--fail", action="store_true", help="exit with status 1 if something is slower or breaks")
    changes.add_argument("--budget", type=count, metavar="MINUTES", help="no pair begins after it")
    changes.set_defaults(command=_regressions)


def _compare(options: argparse.Namespace) -> int:
    from feeders.compare.request import request
    from feeders.compare.run import compare, evidence
    from feeders.compare.show import is_bad, to_text

    if options.json:
        writable(options.json)
    asked = request(options.a, options.b, options.cells, options.workload, options.release)
    answers = {}
    try:
        with Progress() as progress:
            end = time.monotonic() + 60 * options.budget if options.budget else None
            with contextlib.closing(compare(asked, progress.say, end=end)) as seen:
                for question, answer in seen:
                    answers[question] = answer
    finally:  # also what was compared before Ctrl-C
        found = evidence(asked, answers)
        if answers:
            print(to_text(found))
            if options.json:
                write_atomically(options.json, json.dumps(found) + "\n")
    return int(is_bad(found))


def _regressions(options: argparse.Namespace) -> int:
    from feeders.asv_plugin.machine import describe
    from feeders.compare import regressions
    from feeders.compare.history import by_cell, screen, turned
    from feeders.releases.catalogue import oldest_first
    from feeders.results import changes as findings
    from feeders.results.series import environment_name
    from feeders.results.takes import read_takes

    results = Path("results")
    machine, environment = describe(None, results)["machine"], environment_name()
    recorded = oldest_first(read_takes(results))
    parts = [part for part in recorded if (part.machine, part.environment) == (machine, environment)]
    if not parts:
        raise FeedersError(
            f"regressions: results/ holds nothing of machine {machine!r} in environment {environment!r}; it has "
            f"{', '.join(sorted({part.machine for part in recorded}))}. Try: asv run ALL, or FEEDERS_MACHINE=..."
        )
    cells = by_cell({part.release: part.records for part in parts})
    suspected, turns = screen(cells), turned(cells)
    print(
        f"machine {machine}: {len(cells)} cells, {len(parts)} releases, "
        f"{sum(len(part.records) for part in parts)} takes: {len(suspected)} suspects\n"
    )
    path = results / machine / f"{environment}{findings.SUFFIX}"
    known = findings.read(path)
    found: list[Mapping[str, Any]] = []
    try:
        with Progress() as progress, contextlib.closing(
            regressions.confirm(suspected, known, progress.say, progress.print, 60 * (options.budget or 0))
        ) as seen:
            for finding in seen:
                found = findings.merged(found, [finding])
                findings.write(path, findings.merged(known, found))
    finally:  # also what was confirmed before Ctrl-C
        print(regressions.to_text(found, regressions.unmeasured(suspected, found), turns))
    return int(options.fail and regressions.is_bad(found, turns))
