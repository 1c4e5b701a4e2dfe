"""Photographs, read, decoded, cropped and normalised."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL
from PIL import Image, features

from feeders import variables

from . import cache
from ._images import OwnFolder, write_crops
from ._material import Material
from ._stamped import Batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 96

# Pixels go to -1 ... 1. Subtracting first leaves one rounding, which no fused multiply-add can change.
MIDDLE = np.float32(127.5)
SCALE = np.float32(1 / 127.5)

# A crop's place is a share of what its photograph leaves free, in units of 2**-PLACE_BITS.
PLACE_BITS = 16


class Jpeg(Material):
    """Crops of photographs, each at its own place; the label: which photograph, or which of your subfolders.

    An epoch in larger batches goes through them several times: it has as many batches, and needs no more files.

    With ``FEEDERS_IMAGES=DIR`` your files are used as they are, again and again if there are fewer than an epoch
    has samples; the cache then holds their list alone.
    """

    name = "jpeg"
    version = 1
    needed = 12_000_000
    samples = 24 * 16 + 7
    batch_size = 16
    x_shape = (SIDE, SIDE, 3)

    @classmethod
    def recipe(cls, batch_size: int | None = None) -> cache.Recipe:
        """As the base class says; another one for each state of the person's own folder."""
        own = os.environ.get(variables.IMAGES)
        if not own:
            return super().recipe()
        folder = OwnFolder(own)
        write = partial(cls._write_list, own=folder)
        return cache.Recipe(f"{cls.name}-{cls.version}-own-{folder.identity()}", write, 1_000_000)

    @classmethod
    def _write(cls, folder: Path) -> None:
        random = np.random.Generator(np.random.PCG64(2025))
        cls._write_index(folder, write_crops(folder, cls.samples, random), "", random)

    @classmethod
    def _write_list(cls, folder: Path, own: OwnFolder) -> None:
        random = np.random.Generator(np.random.PCG64(2025))
        files, note = own.choose(cls.samples, SIDE, random)
        cls._write_index(folder, files, note, random)

    @classmethod
    def _write_index(cls, folder: Path, files: list[Any], note: str, random: np.random.Generator) -> None:
        places = random.integers(0, 1 << PLACE_BITS, (cls.samples, 2)).tolist()
        index = {"files": files, "note": note, "places": places}
        (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")

    def _load(self) -> None:
        index = json.loads((self.folder / "index.json").read_text(encoding="utf-8"))
        distinct, passes = type(self).samples, self._passes()
        files = passes * [index["files"][i % len(index["files"])] for i in range(distinct)]
        self.paths = [str(self.folder / path) for path, _ in files]
        self._encoded = [os.fsencode(path) for path in self.paths]
        self.labels = np.array([label for _, label in files], np.int64)
        self.places: list[list[int]] = passes * index["places"]
        self.classes = max(2, int(np.max(self.labels)) + 1)
        self.note = index["note"]

    def _passes(self) -> int:
        return max(1, self.batch_size // type(self).batch_size)

    def batch(self, index: int, epoch: int) -> Batch:
        """Read, decode, crop and normalise the photographs one by one."""
        ids = self.ids(index)
        x = np.stack([self._crop(i) for i in ids])
        return x, self._y(ids, self.labels[ids.start : ids.stop], epoch)

    def _crop(self, i: int) -> NDArray[np.float32]:
        with Image.open(self.paths[i]) as image:
            pixels = np.asarray(image.convert("RGB"))
        down, right = self.places[i]
        top = (pixels.shape[0] - SIDE + 1) * down >> PLACE_BITS
        left = (pixels.shape[1] - SIDE + 1) * right >> PLACE_BITS
        return (pixels[top : top + SIDE, left : left + SIDE] - MIDDLE) * SCALE

    def native(self, workers: int, epoch: Any) -> Any:
        """The same by ``tf.io.decode_jpeg``, one call per photograph."""
        import tensorflow as tf

        from ._native import native_y

        def crop(i: Any, path: Any, label: Any, place: Any) -> Any:
            # Pillow decodes with libjpeg's accurate integer transform; TensorFlow's default is the fast one.
            pixels = tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method="INTEGER_ACCURATE")
            free = tf.shape(pixels, tf.int64)[:2] - SIDE + 1
            corner = tf.bitwise.right_shift(free * place, tf.constant(PLACE_BITS, tf.int64))
            piece = tf.slice(pixels, tf.concat([corner, [0]], 0), [SIDE, SIDE, 3])
            return (tf.cast(piece, tf.float32) - MIDDLE) * SCALE, native_y(self, i, label, epoch)

        columns = (np.arange(self.samples), self._encoded, self.labels, np.array(self.places, np.int64))
        photographs = tf.data.Dataset.from_tensor_slices(columns)
        return photographs.map(crop, num_parallel_calls=workers).batch(self.batch_size)

    def versions(self) -> list[str]:
        """Those of the base class, Pillow's and its JPEG decoder's."""
        return [*super().versions(), PIL.__version__, str(features.version("jpg"))]
