"""How many samples a batch of the built-in workloads has: what FEEDERS_BATCH says, or what suits the device."""

from __future__ import annotations

import os

from feeders import variables
from feeders.errors import FeedersError
from feeders.loaders import BATCH_SIZES

# On a GPU a step on 16 photographs is bound by the host that launches its kernels: 20 ms with TensorFlow on an H100,
# 3.4 ms with JAX. By JAX's pace 64 take at most 14 ms, 4,700 a second; 16 cores prepare up to 12,000.
GPU_BATCH = 64


def asked() -> int | None:
    """Return what FEEDERS_BATCH asks for; None leaves each workload its own.

    Raises:
        FeedersError: for another size than can be had.
    """
    value = os.environ.get(variables.BATCH) or ""
    if value and value not in map(str, BATCH_SIZES):
        sizes = f"{', '.join(map(str, BATCH_SIZES[:-1]))} or {BATCH_SIZES[-1]}"
        raise FeedersError(
            f"{variables.BATCH}={value}: not a size of a batch; expected {sizes}. Try: unset {variables.BATCH}"
        )
    return int(value) if value else None


def resolve(on_gpu: bool) -> None:
    """Make FEEDERS_BATCH say how large batches are where a GPU trains: it is part of the series' name.

    A person's own loader has batches of its own.

    Args:
        on_gpu: whether one does; on a CPU each workload keeps its own size.

    Raises:
        FeedersError: as `asked`.
    """
    if asked() is None and on_gpu and not os.environ.get(variables.LOADER):
        os.environ[variables.BATCH] = str(GPU_BATCH)
