"""Preparing and training measured each by itself, in processes of their own: what the limit of a loader is made of.

What computes is told by CPU time, taken while all cores compute: they share caches, memory and often their clock, as
they do when feeder and model keep all of them busy; and a machine that others use too gives less time, not less work
for it. Of several short runs the least disturbed ones count. Preparing is measured before and after training, so that
a slow moment of the machine does not hit one alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import numpy as np

from feeders.errors import FeedersError
from feeders.keras_api import TENSORFLOW, backend, map_structure
from feeders.loaders import STATIC_EPOCH, Stamped, Workload, workload
from feeders.strategies import Feed

from . import device
from .cells import usable_cores
from .gil import preparation
from .limit import Limit
from .settings import Settings
from .stack import is_untouched
from .supervise import Finish, Watch, die_with_parent
from .takes import in_new_interpreter
from .timed import Shapes, make_model
from .watched import watched
from .within import UNDISTURBED, LongEpoch, Pace

# A cache that the system does not tell the size of: that of a large server.
CACHE_BYTES = 32 << 20

# Batches that training goes round through, at most. A small batch costs the same from memory and from a cache, and a
# dataset for each of thousands takes seconds to make.
MOST_BATCHES = 64

# Batches whose preparation is timed, each in every pass: some are smaller than others. Passes go on for so long, each
# time, and are three at least, of which the least disturbed counts.
DIFFERENT_BATCHES, PREPARE_SECONDS, FEWEST_PASSES = 12, 0.3, 3


def measure_limit(name: str, settings: Settings | None = None) -> Limit | None:
    """Measure what bounds every feeder of a workload here and now; None if one of its parts broke.

    Forked from this process as takes are, or made in a new interpreter.

    Args:
        name: of the workload.
        settings: as those of the takes that it is held against; those of the environment by default.

    Raises:
        FeedersError: there is no such workload, or no backend.
    """
    settings = settings or Settings.from_environment()
    load = workload(name)
    if not is_untouched():
        answer = json.loads(in_new_interpreter([name, dataclasses.asdict(settings)], f"the limit of {name}"))
        return None if answer is None else Limit.from_json(answer)
    return limit_of(load, settings)


def limit_of(load: Workload, settings: Settings) -> Limit | None:
    """Measure the limit of a workload in processes that are forked from this one, which has started no backend."""
    try:
        load.material()
    except FeedersError:
        return None
    watch = Watch(settings.deadline_seconds, memory=False)
    parts: tuple[Callable[[Finish], None], ...] = (
        lambda finish: finish(_alone(load.open())),
        lambda finish: finish(_all_cores_prepare(load)),
        lambda finish: _train(load, settings, finish),
        lambda finish: finish(_all_cores_prepare(load)),
    )
    answers = []
    for part in parts:
        answers.append(watched(part, watch).answer)
        if answers[-1] is None:
            return None
    alone, before, trained, after = answers
    return Limit(**alone, prepare_cpu=min(before, after), **trained, cores=usable_cores())


def _alone(loader: Stamped) -> dict[str, float]:
    """What preparing a sample takes in one thread, by the clock, and how much of it holds the GIL."""
    seen = preparation(lambda call: loader.batch(call % len(loader), STATIC_EPOCH))
    samples = loader.samples / len(loader)
    return {"prepare_seconds": seen.seconds / samples, "gil_share": seen.gil_share}


def _all_cores_prepare(load: Workload) -> float:
    """CPU seconds to prepare a sample while every core prepares."""
    with _others_preparing(load) as begin:
        begin()
        return prepare_cpu(load.open())


def prepare_cpu(loader: Stamped) -> float:
    """Return the CPU seconds to prepare a sample in this thread: of each batch, its least disturbed time."""
    whole = max(1, len(loader) - 1)  # the last one is short
    places = sorted({index * whole // DIFFERENT_BATCHES for index in range(DIFFERENT_BATCHES)})
    taken: list[list[float]] = []
    end = time.perf_counter() + PREPARE_SECONDS
    while time.perf_counter() < end or len(taken) < FEWEST_PASSES:
        stamps = [time.thread_time()]
        for place in places:
            loader.batch(place, STATIC_EPOCH)
            stamps.append(time.thread_time())
        taken.append(np.diff(stamps).tolist())
    return float(np.quantile(taken, UNDISTURBED, axis=0).mean()) / loader.batch_size


@contextlib.contextmanager
def _others_preparing(load: Workload) -> Iterator[Callable[[], None]]:
    """Keep all cores but one busy with preparing, from the call of what it gives to the end of the context.

    Their processes are forked at once: a backend that has started its threads must not be forked any more.
    """
    waits, begins = os.pipe()
    children = [_prepare_for_ever(load, waits, begins) for _ in range(usable_cores() - 1)]
    os.close(waits)
    try:
        yield lambda: os.close(begins)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _prepare_for_ever(load: Workload, waits: int, begins: int) -> int:
    """Return the process that does, once the pipe is closed; it ends with this one."""
    child = os.fork()
    if child:
        return child
    try:
        die_with_parent()
        os.close(begins)
        os.read(waits, 1)
        loader = load.open()
        for call in itertools.count():
            loader.batch(call % len(loader), STATIC_EPOCH)
    finally:
        os._exit(1)


def _train(load: Workload, settings: Settings, finish: Callable[[Any], Any]) -> None:
    """What training on a sample takes, from batches that another thread has written and no cache holds.

    First alone, for the ceiling by the clock; then while the other cores prepare, for its CPU time.
    """
    with _others_preparing(load) as begin:
        loader, shapes = load.open(), Shapes()
        ceiling: list[float] = []
        model = device.on_device(lambda: make_model(loader.x_shape, loader.classes, settings, shapes.loss))
        batches = _written_elsewhere(loader)

        def ended(pace: Pace) -> None:
            seconds, cpu_seconds = pace.undisturbed()
            if ceiling:
                finish({"ceiling": ceiling[0], "train_cpu": cpu_seconds / loader.batch_size})
            ceiling.append(loader.batch_size / seconds)
            begin()

        long = LongEpoch(model, len(batches), 1, settings, shapes.count, known=0.0)
        long.run(_in_turn(batches, long.passes), ended)


def _written_elsewhere(loader: Stamped) -> list[Any]:
    """Return full batches, together twice what the cache holds, or `MOST_BATCHES`."""
    first = loader.batch(0, STATIC_EPOCH)
    size = sum(part.nbytes for part in first)
    count = max(2, min(MOST_BATCHES, -(-2 * cache_bytes() // size)))
    batches: list[Any] = []

    def write() -> None:
        # Copies of a few batches: preparing them all would take longer than training on them.
        made = [loader.batch(index, STATIC_EPOCH) for index in range(min(4, count, len(loader) - 1))]
        batches.extend(map_structure(np.array, made[index % len(made)]) for index in range(count))

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    return batches


def cache_bytes() -> int:
    """Return the size of the last-level cache."""
    sizes = []
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        number, unit = path.read_text().strip()[:-1], path.read_text().strip()[-1]
        sizes.append(int(number) << {"K": 10, "M": 20}.get(unit, 0))
    return max(sizes, default=CACHE_BYTES)


def _in_turn(batches: Sequence[Any], passes: int) -> Feed:
    """A feed of batches that lie in memory, one after the other, so many times."""
    steps = {"steps_per_epoch": passes * len(batches)}
    if backend() != TENSORFLOW:
        return Feed((batch for batch in itertools.cycle(batches)), fit=steps)
    import tensorflow as tf

    datasets = [tf.data.Dataset.from_tensors(map_structure(tf.constant, batch)).repeat() for batch in batches]
    choose = getattr(tf.data.Dataset, "choose_from_datasets", tf.data.experimental.choose_from_datasets)
    return Feed(choose(datasets, tf.data.Dataset.range(len(batches)).repeat()), fit=steps)
