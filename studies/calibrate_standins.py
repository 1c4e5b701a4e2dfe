"""How often comparisons of stand-ins in lockstep are right, on this machine, idle or loaded.

``python studies/calibrate_standins.py --state FILE [--load 2]`` compares stand-ins of a feeder, most of them
identical, others with work added, and prints a Markdown table and whether the promises are kept. Each comparison is a
line of FILE when it is over: Ctrl-C ends the run, and the same command goes on with it. Delete FILE to begin again.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import math
import os
import platform
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from feeders.compare.lockstep import Side  # noqa: E402
from feeders.compare.lockstep_client import LockstepProcess  # noqa: E402
from feeders.compare.sampling import Sampling  # noqa: E402
from feeders.compare.verdict import t_interval  # noqa: E402
from feeders.measure import Settings  # noqa: E402
from feeders.terminal import Progress  # noqa: E402
from tests.compare.standin import ARGUMENTS, BATCH_UNITS, STEP_UNITS, StandIn, Units  # noqa: E402

SEED = 2026
KINDS = ("inline", "threaded")

# Units of work added to each batch, and how many comparisons with them, half of each kind.
PLAN = {0: 60, 2: 20, 1: 20}

MAXIMUM = 20
TURN_SECONDS = 0.05
STEPS = 40
SETTINGS = Settings(deadline_seconds=60)

# Passes over a stand-in's work to learn what the added units cost.
PASSES = 400


@dataclass(frozen=True)
class Planned:
    """One comparison of the plan.

    Attributes:
        number: its place in the plan.
        kind: of both sides.
        extra: units added to side B.
    """

    number: int
    kind: str
    extra: int


def planned():
    """Return the comparisons in the order in which they are made, the same in every run."""
    rows = [(kind, extra) for extra, count in PLAN.items() for kind in KINDS for _ in range(count // len(KINDS))]
    random.Random(SEED).shuffle(rows)
    return [Planned(number, *row) for number, row in enumerate(rows)]


def added_share(extra):
    """Return the CPU time of the added units over that of a batch and its step."""
    units, seconds = Units(), {0: [], extra: []}
    for _ in range(PASSES):
        for more, taken in seconds.items():
            start = time.process_time()
            units.work(BATCH_UNITS + STEP_UNITS + more)
            taken.append(time.process_time() - start)
    return np.median(seconds[extra]) / np.median(seconds[0]) - 1


def compare(row, on_progress):
    """Make one comparison, in interpreters of its own, and return what is written down of it."""
    processes = [LockstepProcess(sys.executable, arguments=ARGUMENTS) for _ in range(2)]
    start = time.monotonic()
    with processes[0], processes[1]:
        sides = [
            Side(process, StandIn(row.kind, extra, steps=STEPS), SETTINGS)
            for process, extra in zip(processes, (0, row.extra))
        ]
        sampling = Sampling(random.Random(SEED + row.number), maximum=MAXIMUM, turn_seconds=TURN_SECONDS)
        while not sampling.ended:
            on_progress(sampling.progress)
            sampling.measure(*sides)
        comparison = sampling.comparison()
    return {
        **dataclasses.asdict(row),
        "word": comparison.verdict.word if comparison.verdict else "broken",
        "broken": [dataclasses.asdict(broken) for broken in comparison.broken],
        "log_ratios": [round(pair.log_ratio, 6) for pair in comparison.pairs],
        "shares": [round(pair.share, 3) for pair in comparison.pairs],
        "seconds": round(time.monotonic() - start, 1),
        "machine_load": os.getloadavg()[0],
        "date": datetime.date.today().isoformat(),
    }


@contextlib.contextmanager
def busy(processes):
    """Keep that many processes busy; they end with the context, and with this process if it is killed."""
    code = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"
    running = [subprocess.Popen([sys.executable, "-c", code], start_new_session=True) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def read(state, load):
    """Return what is in the file, by number of the comparison."""
    rows = [json.loads(line) for line in state.read_text().splitlines()] if state.exists() else []
    others = {row["load"] for row in rows} - {load}
    if others:
        sys.exit(f"{state}: made with --load {others.pop()}. Try: another file for --load {load}")
    return {row["number"]: row for row in rows}


def measure(state, load):
    """Make the comparisons that the file lacks, until Ctrl-C."""
    done = read(state, load)
    left = [row for row in planned() if row.number not in done]
    with busy(load), Progress() as progress:
        for made, row in enumerate(left):
            title, share = f"comparison {row.number + 1} of 100", made / len(left)
            seen = compare(row, lambda text, title=title, share=share: progress.update(f"{title}: {text}", share))
            with state.open("a") as file:
                file.write(json.dumps({**seen, "load": load}) + "\n")


def table(rows):
    """Return the table: a row for each kind and number of added units."""
    lines = [
        "| stand-in | added CPU time | comparisons | slower | faster | same | undecided | broken "
        "| median ratio | SD of a pair | 95 % interval holds the ratio |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for extra in PLAN:
        share = added_share(extra) if extra else 0.0
        for kind in KINDS:
            part = [row for row in rows if (row["kind"], row["extra"]) == (kind, extra)]
            lines.append(line(kind, share, part))
    return "\n".join(lines)


def line(kind, share, rows):
    """Return one row of the table."""
    words = [sum(row["word"] == word for row in rows) for word in ("slower", "faster", "same", "undecided", "broken")]
    samples = [row["log_ratios"] for row in rows if len(row["log_ratios"]) > 1]
    ratio = spread = covered = "-"
    if samples:
        ratio = f"{math.exp(np.median([np.mean(sample) for sample in samples])):.3f}"
        # Within comparisons: what differs between them is not what a pair adds.
        spread = f"{100 * math.sqrt(np.mean([np.var(sample, ddof=1) for sample in samples])):.1f} %"
        # Waits overlap with work in the threaded one: only its CPU time is known to be so much more.
        if kind == "inline" or not share:
            bounds = [t_interval(sample, 0.05) for sample in samples]
            covered = f"{sum(low <= math.log1p(share) <= high for low, high in bounds)} of {len(bounds)}"
    cells = [kind, f"{100 * share:+.1f} %", len(rows), *words, ratio, spread, covered]
    return "| " + " | ".join(map(str, cells)) + " |"


def promises(rows, load):
    """Return a line for each promise: what was reached, and whether that keeps it."""
    by_extra = {extra: [row["word"] for row in rows if row["extra"] == extra] for extra in PLAN}
    flagged = sum(word in ("slower", "faster") for word in by_extra[0])
    found, wrong = by_extra[2].count("slower"), sum(word in ("same", "faster") for word in by_extra[1])
    needed, tenths = 15 if load else 19, len(by_extra[2])
    checks = [
        (flagged <= 2, f"identical: {flagged} of {len(by_extra[0])} called a change; at most 2 of 60"),
        (20 * found >= needed * tenths, f"2 units added: {found} of {tenths} called slower; at least {needed} of 20"),
        (wrong <= 1, f"1 unit added: {wrong} of {len(by_extra[1])} called same or faster; at most 1 of 20"),
    ]
    return [(kept, f"{'kept' if kept else 'BROKEN'}: {text}") for kept, text in checks]


def processor():
    """Return the model of the processor, where the system tells it."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return platform.machine()


def report(state, load):
    """Print what the file holds; return whether every promise is kept by all of the plan."""
    rows = list(read(state, load).values())
    if not rows:
        print("nothing measured yet")
        return False
    loads = [row["machine_load"] for row in rows]
    dates = sorted({row["date"] for row in rows})
    print(
        f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}; {load} busy processes beside, "
        f"load average {np.median(loads):.1f} ({min(loads):.1f}-{max(loads):.1f}); {dates[0]} to {dates[-1]}; "
        f"{len(rows)} of {len(planned())} comparisons, {sum(len(row['log_ratios']) for row in rows)} pairs, "
        f"{sum(row['seconds'] for row in rows) / 60:.0f} min\n"
    )
    print(table(rows) + "\n")
    checks = promises(rows, load)
    print("\n".join(text for _, text in checks))
    return len(rows) == len(planned()) and all(kept for kept, _ in checks)


def main():
    """Measure what is left, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, metavar="FILE", help="JSON lines, kept between runs")
    parser.add_argument("--load", type=int, choices=(0, 2), default=0, help="busy processes beside")
    arguments = parser.parse_args()
    try:
        measure(arguments.state, arguments.load)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        report(arguments.state, arguments.load)
        return 130
    return 0 if report(arguments.state, arguments.load) else 1


if __name__ == "__main__":
    sys.exit(main())
