"""A row of the workload catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from . import cache
from ._material import Material


@dataclass(frozen=True)
class Workload:
    """One kind of data, and what it takes to prepare a batch of it.

    Attributes:
        name: its name in every table, plot and asv parameter.
        summary: what preparing a batch does, in one line.
        gil: whether the preparation holds the GIL: "short" (a moment), "held" or "released".
        source: what the material is.
        kind: class of its material.
    """

    name: str
    summary: str
    gil: str
    source: str
    kind: type[Material] = field(repr=False)

    def material(self) -> Path:
        """Make the material if it is absent, check its content, and return its folder.

        Takes up to a few seconds: call it once, before anything is timed.

        Raises:
            FeedersError: the cache can't be written or is damaged, or ``FEEDERS_IMAGES`` holds no photograph.
        """
        folder = cache.folder(self.kind.recipe())
        cache.verify(folder)
        self.kind(folder).close()
        return folder

    def open(self) -> Material:
        """Open the material, made if absent; its files' sizes are checked, their content is not (see `material`).

        Raises:
            FeedersError: as `material`.
        """
        return self.kind(cache.folder(self.kind.recipe()))
