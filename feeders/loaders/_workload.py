"""A row of the workload catalogue."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from feeders.errors import FeedersError

from . import cache
from ._material import Material

# Sizes that a batch may be given. None of them divides an epoch, so that its last batch is always a short one.
BATCH_SIZES = (16, 32, 64, 128, 256)


@dataclass(frozen=True)
class Workload:
    """One kind of data, and what it takes to prepare a batch of it.

    Attributes:
        name: its name in every table, plot and asv parameter.
        summary: what preparing a batch does, in one line.
        gil: whether the preparation holds the GIL: "short" (a moment), "held" or "released".
        source: what the material is.
        kind: class of its material.
        batch_size: samples of a batch; None is the size of its own.
    """

    name: str
    summary: str
    gil: str
    source: str
    kind: type[Material] = field(repr=False)
    batch_size: int | None = None

    def of_batch(self, size: int | None) -> Workload:
        """Return the workload with batches of that size; None leaves it as it is.

        Raises:
            FeedersError: it is none of `BATCH_SIZES`.
        """
        if size is None:
            return self
        if size not in BATCH_SIZES:
            sizes = ", ".join(map(str, BATCH_SIZES))
            raise FeedersError(f"{self.name}: batches of {size} samples; expected one of {sizes}")
        return dataclasses.replace(self, batch_size=size)

    def material(self) -> Path:
        """Make the material if it is absent, check its content, and return its folder.

        Takes up to a few seconds: call it once, before anything is timed.

        Raises:
            FeedersError: the cache can't be written or is damaged, or ``FEEDERS_IMAGES`` holds no photograph.
        """
        folder = cache.folder(self.kind.recipe(self.batch_size))
        cache.verify(folder)
        self.kind(folder, self.batch_size).close()
        return folder

    def open(self) -> Material:
        """Open the material, made if absent; its files' sizes are checked, their content is not (see `material`).

        Raises:
            FeedersError: as `material`.
        """
        return self.kind(cache.folder(self.kind.recipe(self.batch_size)), self.batch_size)
