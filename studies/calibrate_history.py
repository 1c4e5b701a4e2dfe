"""A made-up history of sixteen releases, fifteen of them the same and the newest with a slow-down of 15 % planted.

``python studies/calibrate_history.py --state FILE`` makes five interleaved takes of each, screens them, confirms
what is suspected by lockstep pairs, and prints which releases are named; beside it what asv's step detection makes of
the same takes. Takes and findings are in FILE when they are made: Ctrl-C ends the run, and the same command goes on
with it.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
from asv.step_detect import detect_regressions, detect_steps

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from feeders.compare import run  # noqa: E402
from feeders.compare.confirm import confirm  # noqa: E402
from feeders.compare.history import by_cell, screen  # noqa: E402
from feeders.compare.lockstep_client import TAKES_OF_CELLS, LockstepProcess  # noqa: E402
from feeders.compare.regressions import findings_text  # noqa: E402
from feeders.compare.request import name_of  # noqa: E402
from feeders.measure import Record  # noqa: E402
from feeders.measure.stack import PINS_VARIABLE  # noqa: E402
from feeders.releases.environments import build_environment  # noqa: E402
from feeders.releases.stacks import stacks  # noqa: E402
from feeders.results.changes import ReleaseFinding, merged  # noqa: E402
from feeders.terminal import Progress, write_atomically  # noqa: E402

PLANTED = str(ROOT / "tests" / "compare" / "planted.py")
RELEASES = tuple(f"made{number:02}" for number in range(1, 17))
ROUNDS = 5

# The slow-down is in the workload `text`; what feeds another one has not changed.
CELLS = ("generator/text/1", "sequence/text/1", "tfdata-generator/text/1", "generator/remote/1")

# Lines parsed twice of each 32: 15 % of the time of an epoch.
LINES = 9


def lines_of(release):
    """Return the planted lines of a release."""
    return LINES if release == RELEASES[-1] else 0


def makes(stack, release):
    """Return the records of one take of each cell, made in one interpreter."""
    command = [build_environment(stack, print), PLANTED, str(lines_of(release)), *CELLS]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, PINS_VARIABLE: stack.digest}
    )
    return [Record.from_json(text) for text in done.stdout.splitlines() if text.startswith("{")]


def order():
    """Return round and release of all takes: one round after the other, the releases of each in random order."""
    chance = random.Random(2026)
    return [(number, name) for number in range(ROUNDS) for name in chance.sample(RELEASES, len(RELEASES))]


@contextlib.contextmanager
def lockstep_processes(stack, before, after, *_):
    """Start an interpreter of each release."""
    python, variables = build_environment(stack, print), {PINS_VARIABLE: stack.digest}
    arguments = [(PLANTED, str(lines)) if lines else TAKES_OF_CELLS for lines in map(lines_of, (before, after))]
    processes = [LockstepProcess(python, variables, each) for each in arguments]
    with processes[0] as a, processes[1] as b:
        yield a, b


def asv_finds(takes):
    """Return the releases at which asv's step detection sees a regression of a cell, with its defaults."""
    values = [float(np.median([record.metrics["epoch"] for record in takes[name]])) for name in RELEASES]
    _, _, positions = detect_regressions(detect_steps(values), threshold=0.05)
    return [RELEASES[right] for _, right, *_ in positions or ()]


def keep(state, taken, findings):
    """Write takes and findings."""
    rows = [*taken, *({"finding": json.loads(each.to_json())} for each in findings)]
    write_atomically(state, "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))


def main():
    """Make the takes that are left, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, metavar="FILE", help="JSON lines, kept between runs")
    parser.add_argument("--release", default="k3.15.1", help="what all of them are; default: %(default)s")
    arguments = parser.parse_args()
    state, stack = arguments.state, stacks()[arguments.release]
    rows = [json.loads(text) for text in state.read_text().splitlines()] if state.exists() else []
    taken = [row for row in rows if "records" in row]
    known = [ReleaseFinding.from_json(json.dumps(row["finding"])) for row in rows if "finding" in row]
    with Progress() as progress:
        left = order()[len(taken) :]
        for done, (number, release) in enumerate(left):
            progress.update(f"takes {len(taken) + 1} of {len(order())}", done / len(left))
            records = [json.loads(record.to_json()) for record in makes(stack, release)]
            taken.append({"round": number, "release": release, "records": records})
            keep(state, taken, known)
    history = {name: [] for name in RELEASES}
    for row in taken:
        made = [Record.from_json(json.dumps({**each, "run": "made", "round": row["round"]})) for each in row["records"]]
        history[row["release"]] += made
    cells = by_cell(history)
    suspected = screen(cells)
    run.lockstep_processes = functools.partial(lockstep_processes, stack)
    findings = []
    with Progress() as progress:
        for finding in confirm(suspected, known, progress.update, progress.print):
            findings = merged(findings, [finding])
            keep(state, taken, merged(known, findings))
    print(findings_text(findings, [], []))
    confirmed = {finding.after for finding in findings if finding.confirmed}
    print(f"\n{len(suspected)} suspects; confirmed: {', '.join(sorted(confirmed)) or 'none'}; planted: {RELEASES[-1]}")
    for cell, takes in cells.items():
        level = [np.median([record.metrics["epoch"] for record in takes[name]]) for name in RELEASES]
        step = math.log(level[-1] / np.median(level[:-1]))
        print(f"asv's step detection, {name_of(cell)} ({100 * math.expm1(step):+.0f} %): {asv_finds(takes) or 'none'}")
    return 0 if confirmed == {RELEASES[-1]} else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        sys.exit(130)
