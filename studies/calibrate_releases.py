"""How often comparisons of real releases in lockstep are right, on this machine.

``python studies/calibrate_releases.py --state FILE`` compares a release in two environments that are made
separately as if they were two releases, and the release with one that has a slow-down planted, and prints a Markdown
table with asv's own rule on the same turns beside it. Each set of comparisons is in FILE when it is over: Ctrl-C ends
the run, and the same command goes on with it. Delete FILE to begin again.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
from asv.commands.compare import _is_result_better
from asv_runner.statistics import compute_stats

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from feeders.compare import run  # noqa: E402
from feeders.compare.lockstep_client import TAKES_OF_CELLS, LockstepProcess  # noqa: E402
from feeders.compare.request import CellPair, ComparisonRequest, choose, name_of  # noqa: E402
from feeders.measure.stack import PINS_VARIABLE  # noqa: E402
from feeders.releases import environments  # noqa: E402
from feeders.releases.stacks import stacks  # noqa: E402
from feeders.terminal import Progress  # noqa: E402

PLANTED = str(ROOT / "tests" / "compare" / "planted.py")

# One thread and four, Python and TensorFlow's ops, work and waiting.
SAME_CELLS = ("generator/text/1", "sequence/text/4", "tfdata-map/text/4", "tfdata-native/text/4", "sequence/remote/4")
SLOW_CELLS = ("generator/text/1", "sequence/text/1")

# Lines that are parsed twice of each 32: about a tenth of the time of an epoch, somewhat more of one without a gap.
LINES = 7

# Sets of comparisons, in turns: identical sides, and with the slow-down.
SETS = ("same", "slow") * 10

MAXIMUM = 20
ASV_FACTOR = 1.1


def twin(stack, letter):
    """Return the interpreter of an environment of the stack, made on its own."""
    cache = environments.environments_folder().with_name(f"twin-{letter}")
    with mock.patch.dict(os.environ, FEEDERS_CACHE=str(cache)):
        return environments.build_environment(stack, print)


@contextlib.contextmanager
def lockstep_processes(stack, kind):
    """Start an interpreter in each of the twins, the second with the slow-down if asked for."""
    variables = {PINS_VARIABLE: stack.digest}
    arguments = (PLANTED, str(LINES)) if kind == "slow" else TAKES_OF_CELLS
    one, other = twin(stack, "a"), twin(stack, "b")
    with LockstepProcess(one, variables) as a, LockstepProcess(other, variables, arguments) as b:
        yield a, b


def measure_set(stack, number, kind, on_progress):
    """Compare the cells of one set and return a row for each."""
    cells = choose(SLOW_CELLS if kind == "slow" else SAME_CELLS)
    request = ComparisonRequest("a", "b", "a", "b", tuple(CellPair(name_of(cell), cell, cell) for cell in cells))
    run.lockstep_processes = lambda *_: lockstep_processes(stack, kind)
    comparisons, added = {}, {}
    for pair, comparison in run.compare(request, on_progress, maximum=MAXIMUM, family=1):
        comparisons[pair.name] = comparison
        if kind == "slow":
            # After each pair, while both sides are idle: within minutes the same work costs a quarter more or less.
            added.setdefault(pair.name, []).append(added_seconds(stack))
    return [row(number, kind, name, each, added.get(name)) for name, each in comparisons.items()]


def added_seconds(stack):
    """Return the CPU seconds that the planted lines add to a batch."""
    done = subprocess.run([twin(stack, "b"), PLANTED, str(LINES), "cpu"], stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def row(number, kind, name, comparison, added):
    """Return what is written down of a comparison."""
    steps = {side: _step_seconds(comparison.pairs, side) for side in "ab"}
    return {
        "set": number,
        "kind": kind,
        "cell": name,
        "word": comparison.verdict.word if comparison.verdict else comparison.broken[-1].outcome,
        "log_ratios": [round(pair.log_ratio, 6) for pair in comparison.pairs],
        "parts": [[round(each, 4) for each in (pair.feed, pair.gap, pair.share)] for pair in comparison.pairs],
        "planted": planted(float(np.median(added)), comparison.pairs) if added else 0.0,
        "asv": asv_word(steps["a"], steps["b"]),
        "load": os.getloadavg()[0],
        "seconds": round(sum(pair.seconds for pair in comparison.pairs)),
        "date": datetime.date.today().isoformat(),
    }


def planted(added, pairs):
    """Return the log-ratio that so many seconds more a batch make of an epoch of A."""
    turns = pairs[0].a
    gap = np.median([seconds for pair in pairs for seconds in pair.a.gaps])
    step = np.median(_step_seconds(pairs, "a"))
    return math.log1p(float(added * turns.steps / (gap + step * (turns.steps - 1))))


def _step_seconds(pairs, side):
    turns = [getattr(pair, side) for pair in pairs]
    return np.concatenate([np.divide(each.feeds, each.feed_steps) for each in turns])


def asv_word(a, b):
    """Return asv's own verdict, ``asv compare`` with its defaults, on the steps of all takes."""
    (value_a, stats_a), (value_b, stats_b) = (compute_stats(list(samples), 1) for samples in (a, b))
    sides = ((value_a, (stats_a, list(a))), (value_b, (stats_b, list(b))))
    for word, (one, other) in (("slower", sides), ("faster", sides[::-1])):
        if _is_result_better(one[0], other[0], one[1], other[1], ASV_FACTOR):
            return word
    return "not changed"


def table(rows):
    """Return the Markdown table, a line for each cell and kind."""
    head = [
        "| B against A | cell | comparisons | slower | faster | same | undecided | broken | planted | median ratio "
        "| within 3 points | SD of a pair | asv: slower or faster |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind, cells in (("same", SAME_CELLS), ("slow", SLOW_CELLS)):
        for cell in cells:
            head.append(line(kind, cell, [each for each in rows if (each["kind"], each["cell"]) == (kind, cell)]))
    return "\n".join(head)


def line(kind, cell, rows):
    """Return one line of the table."""
    words = [sum(each["word"] == word for each in rows) for word in ("slower", "faster", "same", "undecided")]
    if not rows:
        return f"| {kind} | `{cell}` | 0 | | | | | | | | | | |"
    means = [float(np.mean(each["log_ratios"])) for each in rows if each["log_ratios"]]
    near = sum(map(is_near, rows))
    spread = math.sqrt(np.mean([np.var(each["log_ratios"], ddof=1) for each in rows if len(each["log_ratios"]) > 1]))
    planted = f"{100 * math.expm1(np.median([each['planted'] for each in rows])):+.1f} %" if kind == "slow" else ""
    changed = sum(each["asv"] != "not changed" for each in rows)
    title = {"same": "the same release, another environment", "slow": "a slow-down planted"}[kind]
    cells = [
        title,
        f"`{cell}`",
        len(rows),
        *words,
        len(rows) - sum(words),
        planted,
        f"{math.exp(np.median(means)):.3f}",
    ]
    cells += [f"{near} of {len(means)}", f"{100 * spread:.1f} %", changed]
    return "| " + " | ".join(map(str, cells)) + " |"


def is_near(row):
    """Whether the ratio is within 3 points of what was planted."""
    return bool(row["log_ratios"]) and abs(math.expm1(np.mean(row["log_ratios"])) - math.expm1(row["planted"])) <= 0.03


def promises(rows):
    """Return a line for each promise: what was reached, and whether that keeps it."""
    same, slow = ([each for each in rows if each["kind"] == kind] for kind in ("same", "slow"))
    flagged = [each for each in same if each["word"] in ("slower", "faster")]
    alike = sum(each["word"] == "same" for each in same)
    found = sum(each["word"] == "slower" for each in slow)
    near = sum(each["word"] == "slower" and is_near(each) for each in slow)
    checks = [
        (len(flagged) <= 1, f"identical: {len(flagged)} of {len(same)} called a change; at most 1"),
        (alike >= 0.4 * len(same), f"identical: {alike} of {len(same)} called the same; at least 40 %, idle"),
        (found >= 0.9 * len(slow), f"planted: {found} of {len(slow)} called slower; at least 18 of 20"),
        (near >= 0.9 * len(slow), f"planted: {near} of {len(slow)} found within 3 points; at least 18 of 20"),
    ]
    return [f"{'kept' if kept else 'BROKEN'}: {text}" for kept, text in checks]


def main():
    """Measure the sets that are left, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, metavar="FILE", help="JSON lines, kept between runs")
    parser.add_argument("--release", default="k3.15.1", help="default: %(default)s")
    arguments = parser.parse_args()
    state, stack, status = arguments.state, stacks()[arguments.release], 0
    rows = [json.loads(text) for text in state.read_text().splitlines()] if state.exists() else []
    try:
        with Progress() as progress:
            done = {each["set"] for each in rows}
            for number, kind in (each for each in enumerate(SETS) if each[0] not in done):
                head = f"set {number + 1} of {len(SETS)}"
                fresh = measure_set(stack, number, kind, lambda text, _, head=head: progress.update(f"{head}: {text}"))
                rows += fresh
                with state.open("a") as file:
                    file.write("".join(json.dumps(each) + "\n" for each in fresh))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        status = 130
    if rows:
        loads, minutes = [each["load"] for each in rows], sum(each["seconds"] for each in rows) / 60
        print(
            f"{arguments.release}, {os.cpu_count()} cores; load average {np.median(loads):.1f} "
            f"({min(loads):.1f}-{max(loads):.1f}); {rows[0]['date']} to {rows[-1]['date']}; {len(rows)} comparisons, "
            f"{sum(len(each['log_ratios']) for each in rows)} pairs, {minutes:.0f} min\n\n{table(rows)}\n"
        )
        print("\n".join(promises(rows)))
    return status


if __name__ == "__main__":
    sys.exit(main())
