"""A loader whose epochs are longer than another's: the same batches, again and again."""

from __future__ import annotations

from typing import Any, Iterator

from ._loader import Loader


class Repeated(Loader):
    """A view of a loader: an epoch is so many passes over its batches.

    It is there to time batches in long epochs. Nothing may check a delivery by it: each sample comes once a pass.

    Args:
        loader: whose batches they are.
        times: passes in an epoch.
    """

    def __init__(self, loader: Loader, times: int) -> None:
        self.name, self.hooks, self.draws_late = loader.name, loader.hooks, loader.draws_late
        self._loader, self._times = loader, times

    @property
    def signature(self) -> Any:
        """That of the loader."""
        return self._loader.signature

    @property
    def offers(self) -> frozenset[str]:
        """Those of the loader."""
        return self._loader.offers

    def __len__(self) -> int:
        return self._times * len(self._loader)

    def batch(self, index: int, epoch: int) -> Any:
        """Prepare the batch of the pass that the index is in."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name}: batch {index} asked for; an epoch has 0 to {len(self) - 1}")
        return self._loader.batch(index % len(self._loader), epoch)

    def batches(self, epoch: int) -> Iterator[Any]:
        """Return those of one pass after the other."""
        return self._loader.passes(epoch, self._times)

    def native(self, workers: int, epoch: Any) -> Any:
        """Return the loader's dataset so many times; what it prepares ahead ends with each pass."""
        return self._loader.native_passes(workers, epoch, self._times)

    def on_epoch_begin(self) -> None:
        """Tell the loader."""
        self._loader.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Tell the loader."""
        self._loader.on_epoch_end()

    def close(self) -> None:
        """Close the loader."""
        self._loader.close()
