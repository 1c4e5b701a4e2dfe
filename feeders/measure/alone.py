"""Preparing and training measured each by itself, in processes of their own: what the limit of a loader is made of.

What computes is told by CPU time, taken while all cores compute: they share caches, memory and often their clock, as
they do when feeder and model keep all of them busy; and a machine that others use too gives less time, not less work
for it. Training alone counts where it takes less. Of several short runs the least disturbed ones count. Preparing is
measured before and after training, so that a slow moment of the machine does not hit one alone.
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
from typing import Any, Callable, Iterable, Iterator, Sequence

import numpy as np

from feeders.errors import FeedersError
from feeders.keras_api import TENSORFLOW, backend, flatten, is_dataset, map_structure
from feeders.loaders import INDEX, STATIC_EPOCH, Loader, Stamped, Workload, workload
from feeders.loaders.own import Own, OwnLoader
from feeders.strategies import Feed
from feeders.strategies.tfdata import as_tensors

from . import device
from .cells import address_of, is_own
from .gil import Preparation, preparation
from .host import granted_cores, usable_cores
from .identity import samples_of
from .limit import Limit
from .settings import Settings
from .stack import is_untouched
from .supervise import Finish, Watch, die_with_parent
from .survey import survey
from .takes import in_new_interpreter
from .timed import Shapes
from .trains import model_for
from .watched import watched
from .within import UNDISTURBED, LongEpoch, Pace

# A cache that the system does not tell the size of: that of a large server.
CACHE_BYTES = 32 << 20

# Batches that training goes round through, at most. A small batch costs the same from memory and from a cache, and a
# dataset for each of thousands takes seconds to make.
MOST_BATCHES = 64

# Batches that stand for all of a person's loader, and are copied to be trained on: to prepare all takes too long.
FIRST_BATCHES = 4

# Batches whose preparation is timed, each in every pass: some are smaller than others. Passes go on for so long, each
# time, and are three at least, of which the least disturbed counts.
DIFFERENT_BATCHES, PREPARE_SECONDS, FEWEST_PASSES = 12, 0.3, 3

# Over a loader that has no index: more than any preparation takes.
PASSES = 1 << 20


def measure_limit(name: str, settings: Settings | None = None) -> Limit | None:
    """Measure what bounds every feeder of a loader here and now; None if one of its parts broke.

    Forked from this process as takes are, or made in a new interpreter.

    Args:
        name: of the workload, or the address of a person's loader.
        settings: as those of the takes that it is held against; those of the environment by default.

    Raises:
        FeedersError: there is no such workload, or no backend; a person's loader can't be opened.
    """
    settings = settings or Settings.from_environment()
    own = is_own(name)
    load = Own(address_of(name), settings.call, settings.steps) if own else workload(name).of_batch(settings.batch)
    if not is_untouched():
        answer = json.loads(in_new_interpreter([name, dataclasses.asdict(settings)], f"the limit of {name}"))
        return None if answer is None else Limit.from_json(answer)
    if isinstance(load, Own) and settings.steps is None:
        load = dataclasses.replace(load, steps=survey(load.name, settings).steps)
    return limit_of(load, settings)


def limit_of(load: Workload | Own, settings: Settings) -> Limit | None:
    """Measure the limit of a workload in processes that are forked from this one, which has started no backend."""
    try:
        load.material()
    except FeedersError:
        return None
    answers: list[Any] = []
    for part in _parts(load, settings):
        # A person's loader may be slow; of a model that is, a pass takes longer than anybody waits for a limit.
        watch = Watch(settings.deadline_seconds, memory=False, patient=isinstance(load, Own) and not answers)
        answers.append(watched(part, watch).answer)
        if answers[-1] is None:
            return None
    known = {name: value for answer in answers for name, value in answer.items()}
    while_all_compute = [answer["prepare_cpu"] for answer in answers[1:] if "prepare_cpu" in answer]
    known["prepare_cpu"] = min(while_all_compute, default=answers[0]["prepare_cpu"])
    return Limit(**known, cores=granted_cores())


def _parts(load: Workload | Own, settings: Settings) -> list[Callable[[Finish], None]]:
    """What is measured, each in a process of its own, the loader's part alone first."""

    def alone(finish: Finish) -> None:
        finish(_alone(load.open()))

    def trained(finish: Finish) -> None:
        _train(load, settings, finish)

    if isinstance(load, Own):
        return [alone, trained]
    built_in = load

    def prepared(finish: Finish) -> None:
        finish({"prepare_cpu": _all_cores_prepare(built_in)})

    return [alone, prepared, trained, prepared]


def _alone(loader: Loader) -> dict[str, float]:
    """What preparing a sample takes in one thread, and how much of it holds the GIL."""
    loader.on_epoch_begin()  # it may draw there what its batches need
    if INDEX in loader.offers:
        seen = preparation(lambda call: loader.batch(call % len(loader), STATIC_EPOCH))
    else:
        seen = _prepare_in_order(loader)
    samples = _samples(loader)
    return {
        "prepare_cpu": seen.cpu_seconds / samples,
        "prepare_seconds": seen.seconds / samples,
        "gil_share": seen.gil_share,
    }


def _prepare_in_order(loader: Loader) -> Preparation:
    """The same of batches that have no index; TensorFlow's threads prepare those of a dataset."""
    threads = isinstance(loader, OwnLoader) and is_dataset(loader.x)
    batches = itertools.chain.from_iterable(_passes(loader))
    next(batches)  # a pipeline that shuffles reads thousands of samples for it
    calls, cpu = itertools.count(), time.process_time()
    seen = preparation(lambda _: (next(calls), next(batches)))
    if not threads:
        return seen
    return dataclasses.replace(seen, cpu_seconds=(time.process_time() - cpu) / next(calls))


def _passes(loader: Loader) -> Iterator[Iterator[Any]]:
    while True:
        yield loader.serially(0, PASSES) if isinstance(loader, OwnLoader) else loader.batches(0)


def _samples(loader: Loader) -> float:
    """Samples of a batch, in the mean of an epoch; of a person's loader, in that of its first batches."""
    if isinstance(loader, Stamped):
        return loader.samples / len(loader)
    return _mean_samples(itertools.islice(loader.batches(0), FIRST_BATCHES))


def _mean_samples(batches: Iterable[Any]) -> float:
    return float(np.mean([samples_of(batch) for batch in batches]))


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
def _others_preparing(load: Workload | Own) -> Iterator[Callable[[], None]]:
    """Keep all cores but one busy with preparing, from the call of what it gives to the end of the context.

    Their processes are forked at once: a backend that has started its threads must not be forked any more. A person's
    loader may hold gigabytes, a port or a file that it writes: there is never a copy of it for each core.
    """
    waits, begins = os.pipe()
    others = 0 if isinstance(load, Own) else usable_cores() - 1
    children = [_prepare_for_ever(load, waits, begins) for _ in range(others)]
    os.close(waits)
    try:
        yield lambda: os.close(begins)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _prepare_for_ever(load: Workload | Own, waits: int, begins: int) -> int:
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


def _train(load: Workload | Own, settings: Settings, finish: Callable[[Any], Any]) -> None:
    """What training on a sample takes, from batches that another thread has written and no cache holds.

    First alone, for the ceiling by the clock; then while the other cores prepare. The lesser CPU time of both counts:
    threads that wait for one another by computing, as torch's do, use two to four times as much where others want their
    cores, and a feeder that leaves these alone does not pay that.
    """
    with _others_preparing(load) as begin:
        loader, shapes = load.open(), Shapes()
        paces: list[tuple[float, float]] = []
        model = device.on_device(lambda: model_for(loader, settings, shapes.loss))
        batches = _written_elsewhere(loader)
        samples = _mean_samples(batches)

        def ended(pace: Pace) -> None:
            paces.append(pace.undisturbed())
            if len(paces) == 2:
                alone_seconds, least_cpu = paces[0][0], min(cpu for _, cpu in paces)
                finish({"ceiling": samples / alone_seconds, "train_cpu": least_cpu / samples})
            begin()

        long = LongEpoch(model, len(batches), 1, settings, shapes.count, known=0.0)
        long.run(_in_turn(batches, long.passes), ended)


def _written_elsewhere(loader: Loader) -> list[Any]:
    """Return full batches, together twice what the cache holds, or `MOST_BATCHES`."""
    loader.on_epoch_begin()
    few = max(1, min(FIRST_BATCHES, len(loader) - 1))
    made = list(itertools.islice(loader.batches(STATIC_EPOCH), few))
    size = sum(getattr(part, "nbytes", 0) for part in flatten(made[0])) or 1
    count = max(2, min(MOST_BATCHES, -(-2 * cache_bytes() // size)))
    batches: list[Any] = []

    def write() -> None:
        # Copies of a few batches: preparing them all would take longer than training on them.
        batches.extend(map_structure(_copy, made[index % len(made)]) for index in range(count))

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    return batches


def _copy(part: Any) -> Any:
    """A copy of an array; a ragged or sparse tensor stays what it is."""
    return np.array(part) if hasattr(part, "__array__") and not hasattr(part, "nested_row_splits") else part


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

    datasets = [tf.data.Dataset.from_tensors(as_tensors(batch)).repeat() for batch in batches]
    choose = getattr(tf.data.Dataset, "choose_from_datasets", tf.data.experimental.choose_from_datasets)
    return Feed(choose(datasets, tf.data.Dataset.range(len(batches)).repeat()), fit=steps)
