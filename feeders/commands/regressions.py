"""``feeders regressions``."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING, Any

from feeders.errors import FeedersError
from feeders.terminal import Progress

from .arguments import BUDGET, count
from .needs import require, require_clone, results_folder

if TYPE_CHECKING:
    from feeders.results.changes import ReleaseFinding


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "regressions",
        help="what did releases change on this machine?",
        description="Look for changes between releases in the results of `asv run`. Let the two releases of each "
        "suspect train in turns again, to confirm it. Findings are kept beside the results, and not measured again.",
        epilog="Exit status: 0; 1 with --fail, if a release is slower or breaks; 2 the call is wrong.",
    )
    parser.add_argument("--fail", action="store_true", help="exit with status 1 if a release is slower or breaks")
    parser.add_argument("--budget", type=count, metavar="MINUTES", help=BUDGET)
    parser.set_defaults(command=_regressions)


def _regressions(options: argparse.Namespace) -> int:
    require("regressions", "asv", "uv")
    require_clone("regressions")
    from feeders.asv_plugin.machine import describe
    from feeders.compare.confirm import confirm
    from feeders.compare.history import by_cell, screen, turned
    from feeders.compare.regressions import findings_text, has_regression, unmeasured
    from feeders.releases.catalogue import oldest_first
    from feeders.results.changes import changes_file, merged, read_changes, write_changes
    from feeders.results.machines import machine_folder, writable_folder
    from feeders.results.series import environment_in_file_names, environment_name
    from feeders.results.takes import read_takes

    results = results_folder("regressions")
    machine, environment = describe(None, results)["machine"], environment_in_file_names(environment_name())
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
    folder = writable_folder(results, machine) if suspected else machine_folder(results, machine)
    path = changes_file(folder, environment)
    known = read_changes(path)
    findings: list[ReleaseFinding] = []
    try:
        with Progress() as progress, contextlib.closing(
            confirm(suspected, known, progress.update, progress.print, 60 * (options.budget or 0))
        ) as confirmed:
            for finding in confirmed:
                findings = merged(findings, [finding])
                write_changes(path, merged(known, findings))
    finally:  # also what was confirmed before Ctrl-C
        print(findings_text(findings, unmeasured(suspected, findings), turns))
    return int(options.fail and has_regression(findings, turns))
