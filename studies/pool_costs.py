"""What does a batch cost the process that trains, by each way of a pool into fit()? On TensorFlow, in turns.

python studies/pool_costs.py --workload text
python studies/pool_costs.py --workload jpeg --steps 80 --rounds 10

One process trains by each way in turn, in every round. A way's cost is the CPU time of a long fit() less that of a
short one, per batch: so the start of a fit() is not in it. Printed is the lower quartile over the rounds: other
programs only add. The speed by the clock is not printed, since it needs an idle machine.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path
from typing import Any, Iterator

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from feeders.loaders import WORKLOADS, workload  # noqa: E402
from feeders.strategies.lookahead_processes import LookaheadProcesses  # noqa: E402

SHORT_STEPS = 20
MOST_BATCHES = 24  # more than a cache of 32 MB holds, on jpeg
STEPS = 1_000_000  # no epoch ends within a round


class Endless:
    """Full batches of a workload, again and again."""

    def __init__(self, loader: Any) -> None:
        self._loader, self._full = loader, len(loader) - 1

    def __len__(self) -> int:
        return STEPS

    def batch(self, index: int, epoch: int) -> Any:
        return self._loader.batch(index % self._full, 0)


class Ready(Endless):
    """The same, prepared before."""

    def __init__(self, loader: Any) -> None:
        self._batches = [loader.batch(index, 0) for index in range(min(MOST_BATCHES, len(loader) - 1))]

    def batch(self, index: int, epoch: int) -> Any:
        return self._batches[index % len(self._batches)]


def generator(batches: Iterator[Any]) -> Iterator[Any]:
    """Yield them from a generator of its own, as Keras asks for."""
    yield from batches


def in_memory(ready: Ready) -> Any:
    """Return a dataset of batches that are there."""
    import tensorflow as tf

    parts = [tf.data.Dataset.from_tensors(ready.batch(index, 0)) for index in range(MOST_BATCHES)]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.concatenate(part)
    return whole.repeat().prefetch(2)


def cost_of(model: Any, feed: Any, steps: int) -> float:
    """Return seconds of CPU of this process for a batch."""

    def train(count: int) -> float:
        start = time.process_time()
        model.fit(feed(), steps_per_epoch=count, epochs=1, shuffle=False, verbose=0)
        return time.process_time() - start

    return (train(SHORT_STEPS + steps) - train(SHORT_STEPS)) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=WORKLOADS.names, default="text")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=8)
    arguments = parser.parse_args()
    loader = workload(arguments.workload).open()
    ready = Ready(loader)
    # Forked before TensorFlow starts.
    idle, pool, other = (
        LookaheadProcesses(each, arguments.workers) for each in (ready, Endless(loader), Endless(loader))
    )
    from feeders.measure.settings import Settings
    from feeders.measure.timed import make_model
    from feeders.strategies.pool_dataset import pool_dataset

    model = make_model(loader.x_shape, loader.classes, Settings.from_environment())
    made, taken = in_memory(ready), pool_dataset(other)
    ways = {
        "batches in memory, as a dataset": lambda: made,
        "the same from a generator": lambda: generator(ready.batch(index, 0) for index in itertools.count()),
        "a pool whose loader does nothing": lambda: generator(idle.batches()),
        "a pool whose workers prepare": lambda: generator(pool.batches()),
        "pool_dataset, workers prepare": lambda: taken,
    }
    seen: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(arguments.rounds):
        for way, feed in ways.items():
            seen[way].append(cost_of(model, feed, arguments.steps))
    print(f"{arguments.workload}, {arguments.workers} workers, {arguments.rounds} rounds of {arguments.steps} batches")
    for way, costs in seen.items():
        print(f"  {way:36} {np.quantile(costs, 0.25) * 1e6:8,.0f} us of CPU a batch")
    for each in (idle, pool, other):
        each.close()


if __name__ == "__main__":
    main()
