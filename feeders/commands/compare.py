"""``python -m feeders compare`` and ``regressions``."""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feeders.errors import FeedersError
from feeders.terminal import Progress, write_atomically

from .arguments import count, names, writable

if TYPE_CHECKING:
    from feeders.results.changes import Finding


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
    from feeders.compare.evidence import evidence
    from feeders.compare.request import parse_request
    from feeders.compare.run import compare
    from feeders.compare.show import comparison_text

    if options.json:
        writable(options.json)
    request = parse_request(options.a, options.b, options.cells, options.workload, options.release)
    comparisons = {}
    try:
        with Progress() as progress:
            end = time.monotonic() + 60 * options.budget if options.budget else None
            with contextlib.closing(compare(request, progress.say, end=end)) as pairs:
                for cells, comparison in pairs:
                    comparisons[cells] = comparison
    finally:  # also what was compared before Ctrl-C
        shown = evidence(request, comparisons)
        if comparisons:
            print(comparison_text(shown))
            if options.json:
                write_atomically(options.json, json.dumps(shown.to_json()) + "\n")
    return int(shown.is_bad)


def _regressions(options: argparse.Namespace) -> int:
    from feeders.asv_plugin.machine import describe
    from feeders.compare.confirm import confirm
    from feeders.compare.history import by_cell, screen, turned
    from feeders.compare.regressions import findings_text, has_regression, unmeasured
    from feeders.releases.catalogue import oldest_first
    from feeders.results.changes import changes_file, merged, read_changes, write_changes
    from feeders.results.machines import RESULTS, machine_folder
    from feeders.results.series import environment_name
    from feeders.results.takes import read_takes

    machine, environment = describe(None, RESULTS)["machine"], environment_name()
    recorded = oldest_first(read_takes(RESULTS))
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
    path = changes_file(machine_folder(RESULTS, machine), environment)
    known = read_changes(path)
    findings: list[Finding] = []
    try:
        with Progress() as progress, contextlib.closing(
            confirm(suspected, known, progress.say, progress.print, 60 * (options.budget or 0))
        ) as confirmed:
            for finding in confirmed:
                findings = merged(findings, [finding])
                write_changes(path, merged(known, findings))
    finally:  # also what was confirmed before Ctrl-C
        print(findings_text(findings, unmeasured(suspected, findings), turns))
    return int(options.fail and has_regression(findings, turns))
