"""Grain's ``MapDataset`` around the same loader, prefetched by worker processes.

What its documents advise for work that holds the GIL: ``mp_prefetch``, and no reading threads where processes do the
work. An epoch is a number of steps of a dataset without end: Keras would start the workers anew for each pass.
"""

from __future__ import annotations

import sys
from typing import Any

from feeders.loaders import Loader

from ._feeder import Feed, Feeder
from ._feeds import refuse_hooks

# Batches that wait in each worker; with the one in work it is as far ahead as torch's DataLoader and our pools.
WAITING = 1


class Batches:
    """A random-access source of whole batches, epoch after epoch."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, place: int) -> Any:
        epoch, index = divmod(int(place), len(self.loader))
        return self.loader.batch(index, epoch)


def _build(loader: Loader, workers: int) -> Feed:
    import grain
    from absl import flags

    flags.FLAGS.mark_as_parsed()  # Grain 0.2.18 reads a flag in scripts too that parse none, where JAX is installed
    refuse_hooks("grain", loader)
    dataset = grain.MapDataset.source(Batches(loader))
    read = dataset.to_iter_dataset(grain.ReadOptions(num_threads=0, prefetch_buffer_size=0))
    options = grain.MultiprocessingOptions(num_workers=workers, per_worker_buffer_size=WAITING)
    return Feed(read.mp_prefetch(options), fit={"steps_per_epoch": len(loader)})


ROWS = (
    Feeder(
        "grain",
        _build,
        "Grain's MapDataset with mp_prefetch, workers kept between epochs",
        "what JAX's users know; no GIL, order kept",
        shared_by="processes",
        library="grain",
    ),
)
