"""What a sample is known by: its own content, a key that a person names, or the stamps of this suite's workloads."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from feeders.errors import FeedersError
from feeders.keras_api import flatten, map_structure

# 48 bits: among 100,000 samples two share one by chance once in 50,000 audits, and JSON readers keep them exact.
HASH_BYTES = 6

LABELS = "labels"

# Whole numbers up to here are exact as float32.
EXACT_IN_FLOAT32 = 1 << 24


@dataclass(frozen=True)
class Columns:
    """The samples of a batch, one entry each.

    Attributes:
        keys: which sample it is.
        contents: a hash of what it holds.
        stamps: the epoch it was prepared for; None where a sample does not carry it.
    """

    keys: tuple[int, ...]
    contents: tuple[int, ...]
    stamps: tuple[int, ...] | None = None

    def column(self, name: str) -> tuple[int, ...]:
        """Return the keys or the contents."""
        return self.keys if name == "keys" else self.contents


class Identity(Protocol):
    """Tells samples apart."""

    def columns(self, batch: Any) -> Columns:
        """Identify the samples of a batch.

        Args:
            batch: as a loader returns it or as a training step gets it: nested tuples and dicts of arrays.
        """


class ByContent:
    """A sample is what it holds, whatever its dtype becomes on the way: a cast to float32 is no other content."""

    def columns(self, batch: Any) -> Columns:
        """See `Identity`."""
        hashes = content_hashes(batch)
        return Columns(hashes, hashes)


class ByKey:
    """A sample is named by an expression over its batch.

    Args:
        expression: Python over ``x``, ``y``, ``w`` and ``np``, whose value has one entry per sample; or "labels".
    """

    def __init__(self, expression: str) -> None:
        self.expression = expression
        try:
            self._code = compile("y" if expression == LABELS else expression, "--key", "eval")
        except SyntaxError as error:
            raise FeedersError(f"--key {expression!r}: not a Python expression ({error.msg})") from None

    def columns(self, batch: Any) -> Columns:
        """See `Identity`.

        Raises:
            FeedersError: the expression fails, or has not one entry per sample.
        """
        names = {"np": np, **named_parts(batch)}
        contents = content_hashes(batch)
        try:
            value = as_array(eval(self._code, names))
        except Exception as error:
            raise FeedersError(
                f"--key {self.expression!r}: {type(error).__name__}: {error}; x, y and w are the parts of a batch, "
                f"here {', '.join(name for name in names if name in 'xyw')}, as arrays of NumPy"
            ) from None
        if value.ndim == 0 or len(value) != len(contents):
            raise FeedersError(
                f"--key {self.expression!r}: gives shape {value.shape} for a batch of {len(contents)} samples; "
                "expected one entry per sample"
            )
        if value.ndim == 1 and value.dtype.kind in "iub":
            return Columns(tuple(int(key) for key in value), contents)
        return Columns(content_hashes(value), contents)


class ByStamp:
    """A sample of this suite's workloads, which carries its id, its epoch and the checksum of its right content."""

    def columns(self, batch: Any) -> Columns:
        """See `Identity`; the content is 1 where the checksum holds and 0 where it does not."""
        x, y = (as_array(part) for part in batch)
        sums = np.array([zlib.crc32(row.tobytes()) for row in x], np.int64)
        # JAX has no 64-bit integers by default; a CRC-32 has 32 bits.
        sound = (sums ^ y[:, 3]) & 0xFFFFFFFF == 0
        return Columns(*(tuple(column.tolist()) for column in (y[:, 1], sound.astype(int), y[:, 2])))


def leaves(batch: Any) -> list[Any]:
    """Return the arrays of a nested batch, in the order in which Keras flattens it."""
    return [leaf for leaf in flatten(batch) if leaf is not None]


def as_array(leaf: Any) -> Any:
    """Return an array, a tensor of any backend, or a frame or series of pandas as an array of NumPy."""
    return np.asarray(leaf.detach().cpu() if hasattr(leaf, "detach") else leaf)


def named_parts(batch: Any) -> dict[str, Any]:
    """Return x, y and w of a batch, as far as it has them, as the arrays of NumPy that a training step gets."""
    parts = batch if isinstance(batch, (tuple, list)) else (batch,)
    return {name: map_structure(_plain, part) for name, part in zip("xyw", parts)}


def _plain(leaf: Any) -> Any:
    return as_array(leaf) if hasattr(leaf, "__array__") else leaf


def content_hashes(batch: Any) -> tuple[int, ...]:
    """Hash each sample of a batch; the whole batch where its arrays do not share a first axis."""
    arrays, size = _arrays(batch)
    if size is None:
        return (_hash(arrays),)
    return tuple(_hash([array[row : row + 1] for array in arrays]) for row in range(size))


def samples_of(batch: Any) -> int:
    """Return how many samples a batch has: its rows, or one where its arrays do not share a first axis."""
    size = _arrays(batch)[1]
    return 1 if size is None else size


def _arrays(batch: Any) -> tuple[list[Any], int | None]:
    """The arrays of a batch, with an entry for each row, and how many; None where they do not share a first axis."""
    arrays = [_canonical(leaf) for leaf in leaves(map_structure(_by_row, _sparse_by_row(batch)))]
    sizes = {len(array) if array.ndim else -1 for array in arrays}
    return arrays, None if len(sizes) != 1 or -1 in sizes else sizes.pop()


def _by_row(leaf: Any) -> Any:
    """Give a ragged tensor of TensorFlow an entry per row; leave anything else as it is."""
    if not hasattr(leaf, "nested_row_splits"):
        return leaf
    rows: list[Any] = _canonical(leaf.flat_values).tolist()
    for splits in reversed(leaf.nested_row_splits):
        ends = np.asarray(splits).tolist()
        rows = [rows[start:end] for start, end in zip(ends, ends[1:])]
    return np.array([*map(repr, rows), None], object)[:-1]


def _sparse_by_row(part: Any) -> Any:
    """Give a sparse matrix of scipy or TensorFlow an entry per row; leave anything else as it is."""
    if isinstance(part, dict):
        return {name: _sparse_by_row(inner) for name, inner in part.items()}
    if hasattr(part, "tocoo"):
        matrix = part.tocoo()
        return _rows(np.stack([matrix.row, matrix.col], 1), matrix.data, matrix.shape[0])
    if hasattr(part, "dense_shape"):
        return _rows(np.asarray(part.indices), part.values, int(np.asarray(part.dense_shape)[0]))
    if isinstance(part, (tuple, list)):
        parts = [_sparse_by_row(inner) for inner in part]
        return parts if isinstance(part, list) else tuple(parts)
    return part


def _rows(indices: Any, values: Any, size: int) -> Any:
    """Return an entry per row of a sparse matrix: where it holds something, and what."""
    order = np.lexsort(indices.T[::-1])
    indices, values = indices[order], _canonical(values)[order]
    ends = np.searchsorted(indices[:, 0], np.arange(size + 1)).tolist()
    rows = [(indices[start:end, 1:].tolist(), values[start:end].tolist()) for start, end in zip(ends, ends[1:])]
    return np.array([*map(repr, rows), None], object)[:-1]


def _hash(arrays: list[Any]) -> int:
    digest = hashlib.blake2b(digest_size=HASH_BYTES)
    for array in arrays:
        if array.dtype.kind == "O":
            digest.update(repr(array.tolist()).encode())
        else:
            digest.update(np.ascontiguousarray(_as_decimals(array)).tobytes())
    return int.from_bytes(digest.digest(), "big")


def _as_decimals(array: Any) -> Any:
    """Whole numbers as decimals, which Keras makes of them after a first batch of decimals; if nothing is lost."""
    whole = array.dtype == np.int64 and (np.abs(array) <= EXACT_IN_FLOAT32).all()
    return array.astype(np.float32) if whole else array


def _canonical(leaf: Any) -> Any:
    """Bring an array to the type that Keras makes of it at the latest."""
    array = as_array(leaf)
    if array.dtype.kind in "iub":
        return array.astype(np.int64)
    if array.dtype.kind == "c":
        return array.astype(np.complex64)
    if array.dtype.kind in "SUO":
        flat = [part.encode() if isinstance(part, str) else part for part in array.ravel().tolist()]
        return np.array([*flat, None], object)[:-1].reshape(array.shape)
    return array.astype(np.float32)
