"""Preparing and training measured each alone, in processes of their own: what the limit of a loader is made of."""

from __future__ import annotations

import dataclasses
import itertools
import json
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import numpy as np

from feeders.errors import FeedersError
from feeders.keras_api import TENSORFLOW, backend, flatten, is_dataset, map_structure
from feeders.loaders import INDEX, STATIC_EPOCH, Loader, Stamped, Workload, workload
from feeders.loaders.own import Own, OwnLoader
from feeders.strategies import Feed
from feeders.strategies.arrays import rows
from feeders.strategies.tfdata import as_tensors

from . import device
from .cells import address_of, is_own, usable_cores
from .gil import Preparation, preparation
from .limit import Limit
from .settings import Settings
from .stack import is_untouched
from .supervise import Watch
from .survey import survey
from .takes import in_new_interpreter
from .timed import Shapes
from .trains import model_for
from .watched import watched
from .within import LongEpoch, Pace

# A cache that the system does not tell the size of: that of a large server.
CACHE_BYTES = 32 << 20

# Batches that training goes round through, at most. A small batch costs the same from memory and from a cache, and a
# dataset for each of thousands takes seconds to make.
MOST_BATCHES = 64


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
    load = Own(address_of(name), settings.call, settings.steps) if is_own(name) else workload(name)
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
    watch = Watch(settings.deadline_seconds, memory=False)
    prepared = watched(lambda finish: finish(_prepare(load.open())), watch).answer
    trained = watched(lambda finish: _train(load.open(), settings, finish), watch).answer
    if prepared is None or trained is None:
        return None
    return Limit(**prepared, **trained, cores=usable_cores())


def _prepare(loader: Loader) -> dict[str, float]:
    """What preparing a sample costs, in one thread."""
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
    calls, cpu = itertools.count(), time.process_time()
    seen = preparation(lambda _: (next(calls), next(batches)))
    if not threads:
        return seen
    return dataclasses.replace(seen, cpu_seconds=(time.process_time() - cpu) / next(calls))


def _passes(loader: Loader) -> Iterator[Iterator[Any]]:
    while True:
        yield loader.serially(0) if isinstance(loader, OwnLoader) else loader.batches(0)


def _samples(loader: Loader) -> float:
    """Samples of a batch, in the mean of an epoch."""
    if isinstance(loader, Stamped):
        return loader.samples / len(loader)
    return float(rows(next(loader.batches(0))))


def _train(loader: Loader, settings: Settings, finish: Callable[[Any], Any]) -> None:
    """What training on a sample takes, from batches that another thread has written and no cache holds."""
    shapes = Shapes()
    model = device.on_device(lambda: model_for(loader, settings, shapes.loss))
    batches = _written_elsewhere(loader)
    samples = rows(batches[0])

    def ended(pace: Pace) -> None:
        finish({"ceiling": samples / pace.seconds, "train_cpu": pace.cpu_seconds / samples})

    long = LongEpoch(model, len(batches), 1, settings, shapes.count)
    long.run(_in_turn(batches, long.passes), ended)


def _written_elsewhere(loader: Loader) -> list[Any]:
    """Return full batches, together twice what the cache holds, or `MOST_BATCHES`."""
    few = max(1, min(4, len(loader) - 1))
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
