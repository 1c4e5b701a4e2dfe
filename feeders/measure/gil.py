"""How much of preparing a batch holds the GIL, measured, and what more workers would gain."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import Any, Callable

from .supervise import exact_sleeps

# Some fifty batches of the slowest built-in workload.
SECONDS = 0.5

# Another program disturbs two of five, and the middle one stays.
ROUNDS = 5

# Seconds between two askings, at most: some twenty of them in a round, or its share would be one of a few fractions.
MOST_PAUSE = 5e-3

# A sleep that ends later than this share of those beside nobody may have found the GIL held; never below what a
# virtual machine's clock is good for. Reading a file lets go of the GIL every 0.2 ms, so the bar has to be low.
CHANCE, LEAST_SECONDS = 0.9, 3e-5


@dataclass(frozen=True)
class Preparation:
    """What preparing a batch takes, alone.

    Attributes:
        seconds: of a batch, by the clock.
        cpu_seconds: of a batch.
        gil_share: share of the time in which it holds the GIL, from 0 to 1.
    """

    seconds: float
    cpu_seconds: float
    gil_share: float

    def gain_of_threads(self, workers: int, cores: float) -> float:
        """Return how many times as fast so many threads are at best.

        Amdahl's law, with the share that holds the GIL as the serial part; cores bound what computes.
        """
        return min(1 / (self.gil_share + (1 - self.gil_share) / workers), self._cores_allow(cores), workers)

    def gain_of_processes(self, workers: int, cores: float) -> float:
        """Return the same of processes, which share no GIL; what copies to and from them cost is not in it."""
        return min(workers, self._cores_allow(cores))

    def _cores_allow(self, cores: float) -> float:
        return max(1.0, cores * self.seconds / self.cpu_seconds) if self.cpu_seconds else float("inf")


def preparation(prepare: Callable[[int], Any], seconds: float = SECONDS) -> Preparation:
    """Measure it: first alone, then beside a thread that asks for the GIL at random moments.

    The share of them at which that thread has to wait is the share of time in which the preparation holds the GIL. A
    wait for a core, where other processes want it too, is left out as far as the system tells it; only Linux does.

    It does not see what the preparation's own threads do, nor holds of the GIL far below 0.1 ms.

    Args:
        prepare: called with 0, 1, 2, ...; prepares a batch.
        seconds: how long both parts are at least.
    """
    prepare(0)
    before = _thread_usage()
    calls, wall = _repeat(prepare, seconds)
    cpu, delay = (b - a for a, b in zip(before, _thread_usage()))
    each = max((wall - delay) / calls, 1e-9)
    with _Asker(each) as asker:
        shares = [_share(prepare, asker, seconds / ROUNDS) for _ in range(ROUNDS)]
    return Preparation(each, cpu / calls, sorted(shares)[ROUNDS // 2])


def _share(prepare: Callable[[int], Any], asker: _Asker, seconds: float) -> float:
    # What it takes to come back from a sleep where nobody holds the GIL, before and after: machines change.
    idle = asker.collect(lambda: time.sleep(seconds / 2))
    busy = asker.collect(lambda: _repeat(prepare, seconds))
    return _share_above(busy, sorted([*idle, *asker.collect(lambda: time.sleep(seconds / 2))]))


def _share_above(waits: list[float], idle: list[float]) -> float:
    """Return the share of waits that are longer than without a holder, corrected for those that are by chance.

    No wait at all means that the asker waits still. CPython has a thread wait for 5 ms before it demands the GIL, and
    anew each time that it was let go of for a moment, which ends before an idle core has woken up.
    """
    if not waits:
        return 1.0
    bar = idle[int(CHANCE * (len(idle) - 1))] if idle else 0.0
    above = sum(wait > max(bar, LEAST_SECONDS) for wait in waits) / len(waits)
    chance = sum(wait > max(bar, LEAST_SECONDS) for wait in idle) / max(1, len(idle))
    return min(1.0, max(0.0, (above - chance) / (1 - chance)))


def _repeat(prepare: Callable[[int], Any], seconds: float) -> tuple[int, float]:
    """Return how many calls were made, and seconds."""
    start, calls = time.perf_counter(), 0
    while time.perf_counter() < start + seconds:
        prepare(calls)
        calls += 1
    return calls, time.perf_counter() - start


def _thread_usage() -> tuple[float, float]:
    """Seconds that this thread has used a core, and that it has waited for one; 0 where that is not told."""
    try:
        with open(f"/proc/self/task/{threading.get_native_id()}/schedstat", encoding="ascii") as file:
            return time.thread_time(), int(file.read().split()[1]) / 1e9
    except OSError:
        return time.thread_time(), 0.0


class _Asker:
    """A thread that sleeps for a random time and notes how long after that it went on, until the context ends.

    Args:
        mean: seconds of a sleep; as long as what it watches where that is short, so that moments are independent of it.

    Attributes:
        waits: in seconds, without the time in which it waited for a core.
    """

    def __init__(self, mean: float) -> None:
        self.waits: list[float] = []
        self._mean = min(max(mean, 1e-3), MOST_PAUSE)
        self._ended = False
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> _Asker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join()

    def collect(self, work: Callable[[], Any]) -> list[float]:
        """Return the waits noted while the work was done."""
        first = len(self.waits)
        work()
        return self.waits[first:]

    def _ask(self) -> None:
        exact_sleeps()
        draw = random.Random(1)
        while not self._ended:
            pause = self._mean * draw.uniform(0.5, 1.5)
            _, delay = _thread_usage()
            due = time.perf_counter() + pause
            time.sleep(pause)
            now = time.perf_counter()
            self.waits.append(now - due - (_thread_usage()[1] - delay))
