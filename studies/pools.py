"""What the pools' own work costs: batches per second of a loader that has each batch ready.

python studies/pools.py                          all ways, at 10 kB and 16 MB a batch, five rounds
python studies/pools.py --workers 1 --rounds 20
python studies/pools.py --read                   whoever takes a batch reads it once, as training does
python studies/pools.py --only lookahead-processes "Keras' processes" --rounds 10

Preparing costs nothing here, so a batch's time is the pool's: seeds, queues, copies, the hand-over. The rounds take
turns: a slow minute hits all ways. Printed: the median round, the fastest, what that allows on larger hosts, and how
many times as many batches the pool of processes gives as Keras' own, round by round.

The arithmetic. Every batch passes through the process that trains, one after the other. With however many workers, no
more than one batch comes in the CPU time that the pool takes there: that is the bound on any host. If preparing a batch
takes P seconds of CPU, so many cores prepare cores / P batches a second. The pool keeps up with a P of cores times its
own CPU time, or more; with a shorter P it is what limits. What worker processes do (seeds, one copy into the slot) adds
to P. What threads do is in the number, since they take turns at the GIL. Not in it: cores that share the memory's
bandwidth, and the training's own CPU.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from typing import Any, Callable, Iterator

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "numpy")  # of Keras, the enqueuer alone is used

from feeders.strategies.lookahead_processes import LookaheadProcesses
from feeders.strategies.lookahead_threads import LookaheadThreads
from feeders.strategies.prefetch_thread import PrefetchThread
from feeders.strategies.queue_threads import QueueThreads

SIZES = {"10 kB": 10_000, "16 MB": 16_000_000}
CORES = (16, 64)  # hosts that this machine is not
STEPS = 1_000_000  # no epoch ends within a round
ROUND_SECONDS = 1.0
WARM_UP_BATCHES = 60  # every slot was used, and workers have started


class Ready:
    """Float rows and a label each, made once."""

    def __init__(self, size: int) -> None:
        rows = 32
        self.batch_of = np.ones((rows, size // rows // 4), np.float32), np.ones((rows, 1), np.int64)

    def __len__(self) -> int:
        return STEPS

    num_batches = property(__len__)  # Keras' name for it

    def __getitem__(self, index: int) -> Any:
        return self.batch_of


def bare(loader: Ready, _: int) -> tuple[Iterator[Any], Callable[[], None]]:
    """Yield the loader's batches."""
    return (loader[index] for index in itertools.count()), lambda: None


def pool_of(kind: Any) -> Any:
    """Return a function that makes a pool, and gives its batches and how to close it."""

    def make(loader: Ready, workers: int) -> tuple[Iterator[Any], Callable[[], None]]:
        pool = kind(loader, workers)
        return pool.batches(), pool.close

    return make


def keras_processes(loader: Ready, workers: int) -> tuple[Iterator[Any], Callable[[], None]]:
    """Feed through what `fit()` uses for a ``PyDataset`` with ``use_multiprocessing=True``."""
    from keras.src.trainers.data_adapters.py_dataset_adapter import OrderedEnqueuer

    enqueuer = OrderedEnqueuer(loader, workers=workers, use_multiprocessing=True)
    enqueuer.start()
    return enqueuer.get(), enqueuer.stop


WAYS: dict[str, Any] = {
    "bare loop": bare,
    "prefetch-thread": lambda loader, _: pool_of(lambda loader, _: PrefetchThread(bare(loader, 1)[0]))(loader, 1),
    "lookahead-threads": pool_of(LookaheadThreads),
    "queue-threads": pool_of(QueueThreads),
    "lookahead-processes": pool_of(LookaheadProcesses),
    "Keras' processes": keras_processes,
}


def round_of(way: Any, size: int, workers: int, read: bool) -> tuple[float, float]:
    """Return the seconds a batch takes, and how many of them are CPU time of this process."""
    batches, close = way(Ready(size), workers)
    try:
        for batch in itertools.islice(batches, WARM_UP_BATCHES):
            del batch
        count, cpu, start = 0, time.process_time(), time.perf_counter()
        while time.perf_counter() - start < ROUND_SECONDS:
            x, _ = next(batches)
            if read:
                x.sum()
            count += 1
        return (time.perf_counter() - start) / count, (time.process_time() - cpu) / count
    finally:
        close()


def scaling(cpu: dict[str, float]) -> list[str]:
    """Return lines with the bound of each way, and the preparation that it keeps up with on larger hosts.

    Args:
        cpu: seconds of CPU of this process for a batch, by way.
    """
    heads = "".join(f"{f'{cores} cores: P of':>22}" for cores in CORES)
    return [
        f"  {'on any host':20} {'batches/s at most':>20}{heads}",
        *(
            f"  {way:20} {1 / seconds:20,.0f}"
            + "".join(f"{f'{seconds * cores * 1e3:,.2f} ms or more':>22}" for cores in CORES)
            for way, seconds in cpu.items()
            if way != "bare loop"
        ),
    ]


def against_keras(seen: dict[str, list[tuple[float, float]]]) -> str:
    """Return a line with how many times as many batches a second the pool gives as Keras' processes, in each round."""
    ours, theirs = (seen.get(way, []) for way in ("lookahead-processes", "Keras' processes"))
    times = sorted(slow / fast for (fast, _), (slow, _) in zip(ours, theirs))
    if not times:
        return ""
    middle = statistics.median(times)
    return f"  lookahead-processes: {middle:.1f} times Keras' processes, {times[0]:.1f} to {times[-1]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--read", action="store_true")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY")
    arguments = parser.parse_args()
    for name, size in SIZES.items():
        seen: dict[str, list[tuple[float, float]]] = {way: [] for way in arguments.only}
        for _ in range(arguments.rounds):
            for way in arguments.only:
                seen[way].append(round_of(WAYS[way], size, arguments.workers, arguments.read))
        print(f"{name} a batch, {arguments.workers} workers, {arguments.rounds} rounds of {ROUND_SECONDS:.0f} s")
        print(f"  {'':20} {'batches/s':>12} {'us a batch':>12} {'fastest':>10} {'CPU here, us':>14}")
        for way, rounds in seen.items():
            middle, fastest = statistics.median(seconds for seconds, _ in rounds), min(rounds)[0]
            cpu = statistics.median(cpu for _, cpu in rounds)
            print(f"  {way:20} {1 / middle:12,.0f} {middle * 1e6:12,.1f} {fastest * 1e6:10,.1f} {cpu * 1e6:14,.1f}")
        print(against_keras(seen))
        print("\n".join(scaling({way: statistics.median(cpu for _, cpu in rounds) for way, rounds in seen.items()})))


if __name__ == "__main__":
    main()
