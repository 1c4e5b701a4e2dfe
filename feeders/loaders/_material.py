"""What all built-in workloads share: material in the cache, and the table of right checksums."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Iterable

import numpy as np

from . import cache
from ._loader import STATIC_EPOCH
from ._stamped import Stamped

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Material(Stamped):
    """A loader of opened material of a workload.

    It takes no locks and may be shared by threads and forked processes, as safe as its `batch` happens to be.
    Pickled, it is its folder: the other side opens it again.

    Args:
        folder: as `cache.folder` returned it for `recipe()`.
        batch_size: samples of a batch; None is that of the class.

    Attributes:
        note: what a person should know about this material, or empty.
    """

    version: ClassVar[int]
    needed: ClassVar[int]
    samples: int = 96 * 32 + 10
    batch_size: int = 32
    note: str = ""

    def __init__(self, folder: Path, batch_size: int | None = None) -> None:
        self.folder = folder
        self.batch_size = batch_size or type(self).batch_size
        self.samples = type(self).samples * self._passes()
        self._load()
        self.checksums = np.zeros(self.samples, np.int64)
        self.checksums = np.tile(_right_checksums(self), self._passes())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.folder, self.batch_size)

    def _passes(self) -> int:
        """How often an epoch goes through the material, each time as other samples."""
        return 1

    @classmethod
    def recipe(cls, batch_size: int | None = None) -> cache.Recipe:
        """How the material is made. A new `version` is due whenever `_write` writes something else.

        Args:
            batch_size: of whoever reads it; None is that of the class. Most material is the same for all.
        """
        return cache.Recipe(f"{cls.name}-{cls.version}", cls._write, cls.needed)

    @classmethod
    def _write(cls, folder: Path) -> None:
        raise NotImplementedError

    def _load(self) -> None:
        raise NotImplementedError

    def versions(self) -> list[str]:
        """Versions of the libraries that decide the content of a batch."""
        return [np.__version__]


def _right_checksums(material: Material) -> NDArray[np.int64]:
    """Return the checksums of a serial pass over the material, made once for all that decides the content."""
    count = type(material).samples

    def write(folder: Path) -> None:
        cache.verify(material.folder)  # or the table would bless damaged content
        np.save(folder / "checksums.npy", np.fromiter(_serial_pass(material), np.int64, count))

    recipe = cache.Recipe(f"{material.folder.name}-checksums-{_key(material)}", write, 10_000 + 8 * count)
    table: NDArray[np.int64] = np.load(cache.folder(recipe) / "checksums.npy")
    return table


def _serial_pass(material: Material) -> Iterable[int]:
    for index in range(len(material)):
        x, _ = material.batch(index, STATIC_EPOCH)
        yield from (zlib.crc32(row.tobytes()) for row in x)


def _key(material: Material) -> str:
    source = Path(inspect.getfile(type(material))).read_text(encoding="utf-8")
    decides = [cache.fingerprint(material.folder), source, sys.byteorder, *material.versions()]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:12]
