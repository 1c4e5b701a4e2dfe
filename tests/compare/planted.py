"""A stack with a slow-down planted: the workload `text` parses more lines than it feeds.

``python planted.py LINES COMMANDS ANSWERS`` serves takes in lockstep, ``python planted.py LINES CELL...`` makes whole
takes and prints their records, ``python planted.py LINES cpu`` prints what the added lines cost a batch, in seconds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from feeders.loaders import workload  # noqa: E402
from feeders.loaders.text import Text  # noqa: E402
from feeders.measure import Cell, preload, take  # noqa: E402
from feeders.measure.fit_in_turns import fit_in_turns, stack_of_takes  # noqa: E402
from feeders.measure.lockstep_worker import run_worker  # noqa: E402

# Passes over all batches to learn what the added lines cost.
PASSES = 5

plain = Text.batch


def slowed(lines):
    """Return a `batch` that parses so many lines of its batch once more: counted work, never a sleep."""

    def batch(self, index, epoch):
        with open(self.paths[index], encoding="ascii") as file:
            for line in file.readlines()[:lines]:
                _, *fields = line.rstrip("\n").split(",")
                [float(field) if field else 0.0 for field in fields]
        return plain(self, index, epoch)

    return batch


def added_seconds(lines):
    """Return the CPU time of the added lines, per batch: the difference of medians over passes in turns."""
    material, ways = workload("text").open(), (plain, slowed(lines))
    taken = {way: [] for way in ways}
    for _ in range(PASSES):
        for way, seen in taken.items():
            start = time.process_time()
            for index in range(len(material)):
                way(material, index, 0)
            seen.append((time.process_time() - start) / len(material))
    without, with_lines = (sorted(taken[way])[PASSES // 2] for way in ways)
    return with_lines - without


def main(lines, *rest):
    """Do what the arguments say."""
    if rest == ("cpu",):
        print(added_seconds(lines))
        return 0
    if lines:
        Text.batch = slowed(lines)
    if rest[0].isdigit():
        return run_worker(fit_in_turns, stack_of_takes, *map(int, rest))
    preload()
    for name in rest:
        feeder, workload, workers = name.split("/")
        print(take(Cell(feeder, workload, int(workers))).to_json(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:]))
