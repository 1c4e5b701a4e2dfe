"""What a person can change in the loader itself, so that it is prepared faster or can be carried by more feeders."""

from __future__ import annotations

import math

from feeders.loaders import INDEX
from feeders.loaders.opening import PACKAGE, SEQUENCE
from feeders.measure import METRICS, Cell

from .candidates import UNORDERED
from .evidence import Evidence
from .look import Look
from .patches import lifted_file

# Of the preparation of a pipeline: from here on its Python holds the GIL too long for parallel calls.
PYTHON_SHARE = 0.3

# Starts its processes anew, and so needs a loader that can be pickled.
OWN_PROCESSES = "lookahead-processes"

# Of the fastest so far: processes that could give no more are not worth a change.
WORTH_IT = 1.25

# Of an epoch: from here on the gap to the next one is worth a line.
LONG_GAP = 0.1

_NO_INDEX = (
    "One thread reads it, since its batches have no index. Try: a {} with __getitem__, whose batches several "
    "workers can prepare."
)

_NO_LENGTH = "It has no __len__, so that Keras alone can read it by index. Try: a __len__ that returns its batches."

_BATCH_METHOD = (
    "The pools of this package were not tried: they would call its method batch() in place of __getitem__. Try: "
    "another name for that method."
)


def of_a_pipeline(evidence: Evidence) -> list[str]:
    """Return what makes the preparation of a tf.data pipeline faster."""
    look, limit = evidence.look, evidence.limit
    notes = of_gaps(evidence)
    if look.serial_map:
        notes.append(
            "A map without parallel calls prepares one element at a time. Try: `num_parallel_calls=tf.data.AUTOTUNE`"
        )
    if limit and limit.gil_share > PYTHON_SHARE:
        notes.append(
            "Its Python holds the GIL and gains nothing from parallel calls: write it in TensorFlow ops, or as a "
            f"{_class_of(look)}, which processes can prepare."
        )
    if look.repeats:
        before = " before its `repeat()`" if look.endless else ""  # behind it all epochs would be kept, without end
        notes.append(
            f"Each epoch has the same content. If one fits into memory, `.cache()`{before} keeps it; it also keeps the "
            "order of the first epoch, unless `shuffle()` comes after it."
        )
    return notes


def of_gaps(evidence: Evidence) -> list[str]:
    """What the pipeline loses by beginning anew with each epoch."""
    now, look = evidence.tried_of(evidence.today), evidence.look
    # An endless one goes on where the last epoch ended. Of one that ends, a take of some steps begins each epoch anew,
    # and fit() does not.
    if look.endless or (evidence.request.steps and (look.cut or not look.sized)):
        return []
    gap, epoch = (now.metric("gap"), now.epoch_seconds) if now else (None, None)
    if not gap or not epoch or gap < LONG_GAP * epoch:
        return []
    speak = METRICS.named("gap").format
    return [
        f"Between two epochs {speak(gap)} of {speak(epoch)} pass, since each begins the pipeline anew. Try: "
        f"`model.fit({look.expression}.repeat().prefetch(tf.data.AUTOTUNE), steps_per_epoch={look.steps})`",
        *of_epoch(look),
    ]


def of_processes(evidence: Evidence) -> list[str]:
    """Return what keeps the loader from processes that may prepare it faster."""
    unpicklable, limit, safe = evidence.look.unpicklable, evidence.limit, evidence.safe()
    if not (unpicklable and limit and limit.prepare_seconds and safe):
        return []
    gain = limit.preparation().gain_of_processes(math.ceil(limit.cores), limit.cores)
    most = min(limit.samples, gain / limit.prepare_seconds)
    speed = METRICS.named("effective_throughput").format
    if most < WORTH_IT * (safe[0].speed or 0.0):
        return []
    return [
        f"`{OWN_PROCESSES}` could not be tried, and may give up to {speed(most)}: "
        f"{unpicklable}, which can't be sent to a process that starts anew. Try: leave that out in __getstate__, and "
        "make it again in __setstate__."
    ]


def of_index(look: Look) -> list[str]:
    """Return what keeps its batches from being asked for by number, or by all that do so."""
    if INDEX not in look.offers:
        return [_NO_INDEX.format(_class_of(look))]
    unsized = look.kind == SEQUENCE and not look.sized
    return [*([_NO_LENGTH] if unsized else []), *([_BATCH_METHOD] if look.batch_method else [])]


def _class_of(look: Look) -> str:
    """Name what this Keras has for batches with an index."""
    return "PyDataset" if look.generation == 3 else "Sequence"


def of_order(look: Look, cell: Cell) -> list[str]:
    """Return what becomes of the order that Keras draws, where a way of feeding takes the place of a sequence."""
    if look.kind != SEQUENCE or not look.sized or cell.feeder in ("sequence", "sequence-processes"):
        return []
    order = "give the batch that is ready first" if cell.feeder == UNORDERED else "keep the order of the index"
    return [
        f"`fit()` draws a new order of the batches of a {_class_of(look)} for each epoch, unless it gets "
        f"`shuffle=False`. These lines {order}. Where training needs another order, draw it in `on_epoch_end`."
    ]


def of_dataset(look: Look, cell: Cell) -> list[str]:
    """Return what else is to be lifted out, where the lines make a dataset of a pool."""
    if not (look.distributed and lifted_file(cell)):
        return []
    return [
        f"Without this package copy {PACKAGE / 'strategies' / 'pool_dataset.py'} too: the lines take `pool_dataset`."
    ]


def of_epoch(look: Look) -> list[str]:
    """Return what a number of steps in the lines stands for, where nobody tells it."""
    if not look.open_end:
        return []
    return [
        f"It does not tell how many batches an epoch has: {look.steps:,} stand for them in the lines, and in the "
        "answer. Try: --steps N, as steps_per_epoch of your fit()."
    ]
