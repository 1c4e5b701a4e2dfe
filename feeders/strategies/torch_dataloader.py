"""torch's ``DataLoader`` around the same loader, with worker processes.

What its documents advise for batches that are made whole: ``batch_size=None``, a sampler of keys, and workers that
live across epochs. Arrays become tensors in the workers, which travel in shared memory.
"""

from __future__ import annotations

from typing import Any, Iterator

from feeders.loaders import Loader

from ._feeder import Feed, Feeder
from ._feeds import refuse_hooks


class Batches:
    """A map-style dataset whose items are whole batches, by epoch and index."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __getitem__(self, key: tuple[int, int]) -> Any:
        epoch, index = key
        return self.loader.batch(index, epoch)


class Epochs:
    """A sampler of (epoch, index): each pass over it is the next epoch, those too that Keras begins to learn shapes."""

    def __init__(self, steps: int) -> None:
        self.steps, self.passes = steps, 0

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch, self.passes = self.passes, self.passes + 1
        return ((epoch, index) for index in range(self.steps))


def _build(loader: Loader, workers: int) -> Feed:
    from torch.utils.data import DataLoader

    refuse_hooks("torch-dataloader", loader)
    sampler: Any = Epochs(len(loader))
    dataset: Any = Batches(loader)
    return Feed(DataLoader(dataset, batch_size=None, sampler=sampler, num_workers=workers, persistent_workers=True))


ROWS = (
    Feeder(
        "torch-dataloader",
        _build,
        "torch's DataLoader with num_workers=workers, kept between epochs",
        "what people know; no GIL, tensors in shared memory",
        shared_by="processes",
        library="torch",
    ),
)
