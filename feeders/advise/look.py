"""A first look at a person's loader, in a watched process: its kind, how it is used now, and its slow lines."""

from __future__ import annotations

import dataclasses
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from feeders.errors import FeedersError
from feeders.keras_api import TENSORFLOW, backend, flatten, generation, sequence_base
from feeders.loaders import Leaf, own
from feeders.loaders.opening import DATASET, SEQUENCE, Opened, open_own, own_files
from feeders.loaders.pickling import pickling_fault
from feeders.loaders.pipelines import is_endless
from feeders.measure import device
from feeders.measure.asked import feeder_as_used
from feeders.measure.gil import Preparation
from feeders.measure.host import free_memory
from feeders.measure.supervise import Watch
from feeders.measure.survey import no_answer
from feeders.measure.watched import watched
from feeders.messages import message_of
from feeders.results.record import FAILED, HUNG

from .lines import Lines, sampled_pass
from .request import AdviseRequest

# No loader that anybody waits for takes longer.
DEADLINE_SECONDS = 120.0

# Of the memory that is free: as an audit allows.
MEMORY_SHARE = 0.5


@dataclass(frozen=True)
class Look:
    """What can be told of a loader by looking at it.

    Attributes:
        kind: how ``fit()`` pulls it.
        title: what it is, in words.
        offers: `INDEX`, `ITERATOR` and `OPS`, as far as it has them.
        workers: that it asks for itself; 1 where it asks for none.
        processes: whether they are processes.
        steps: batches of an epoch; None where it does not tell and nobody else did.
        open_end: it neither tells them nor shows them by an end or a repetition: ``steps`` stand for them.
        sized: whether it tells them itself; a sequence by ``len()``, which whatever is around it asks.
        endless: it is a tf.data pipeline that repeats without end.
        cut: whether it tells more than were asked for: ``steps`` are the ``steps_per_epoch`` of the person's own call.
        hooks: what it does between epochs: the names of those methods.
        expression: Python that makes it, or names it.
        seconds: that it took to be made.
        unpicklable: what of it can't be sent to a process that is started anew; None if it can.
        ignores_workers: it does not call ``super().__init__()``.
        batch_method: it has a method ``batch``, which the pools call in place of ``__getitem__``.
        tuples: whether its batches are tuples of arrays.
        plain: whether tf.data takes its batches as they are: no list, which it takes for one array, and no None.
        alike: whether the shape of a sample is the same in the first batch and in the last.
        serial_map: a map of its tf.data pipeline prepares one element at a time.
        repeats: each epoch has the same content, as far as two passes tell.
        lines: where its preparation spends the time.
        generation: of Keras, 2 or 3.
        distributed: several GPUs train under a strategy of ``tf.distribute``.
    """

    kind: str
    title: str
    offers: tuple[str, ...]
    workers: int = 1
    processes: bool = False
    steps: int | None = None
    open_end: bool = False
    sized: bool = True
    endless: bool = False
    cut: bool = False
    hooks: tuple[str, ...] = ()
    expression: str = "Train()"
    seconds: float = 0.0
    unpicklable: str | None = None
    ignores_workers: bool = False
    batch_method: bool = False
    tuples: bool = True
    plain: bool = True
    alike: bool = True
    serial_map: bool = False
    repeats: bool = False
    lines: Lines = field(default_factory=Lines)
    generation: int = 3
    distributed: bool = False

    @property
    def batch_seconds(self) -> float:
        """Of a batch, prepared alone; 0 where none was."""
        return self.lines.seconds / self.lines.batches if self.lines.batches else 0.0

    def preparation(self) -> Preparation:
        """Return what preparing a batch takes, as far as a look tells: all that computes may hold the GIL."""
        share = self.lines.cpu_share
        return Preparation(self.batch_seconds, share * self.batch_seconds, share)

    @property
    def feeder(self) -> str:
        """The feeder that stands for how it is fed now."""
        return feeder_as_used(self.kind, self.processes)

    @classmethod
    def from_json(cls, values: Any) -> Look:
        """Return what ``dataclasses.asdict`` made JSON of."""
        tuples = {name: tuple(values[name]) for name in ("offers", "hooks")}
        return cls(**{**values, **tuples, "lines": Lines.from_json(values["lines"])})


def look_at(request: AdviseRequest, seconds: float, deadline: float = DEADLINE_SECONDS) -> Look:
    """Open the loader in a process of its own, and read batches there.

    Args:
        request: whose loader.
        seconds: of the pass that is sampled.
        deadline: seconds after which a loader that is not made and gives no batch is not looked at any further.

    Raises:
        FeedersError: it can't be opened, or breaks at once.
    """
    memory = int(MEMORY_SHARE * free_memory())
    watch = Watch(deadline, memory=False, memory_limit=memory)
    ended = watched(lambda finish: finish(_look(request, seconds)), watch)
    if ended.answer is None and ended.outcome == HUNG and deadline < DEADLINE_SECONDS:
        raise FeedersError(
            f"{no_answer(request.source(), ended)}. If it is slow and has not hung, try: "
            f"--seconds {request.seconds + DEADLINE_SECONDS:.0f}"
        )
    if ended.answer is None:
        raise no_answer(request.source(), ended)
    if "error" in ended.answer:
        raise FeedersError(ended.answer["error"])
    return Look.from_json(ended.answer)


def _look(request: AdviseRequest, seconds: float) -> dict[str, Any]:
    try:
        return dataclasses.asdict(_opened(request, seconds))
    except FeedersError as error:
        return {"error": str(error)}
    except Exception as error:
        return {"error": f"{request.loader}: {FAILED} while it was read by one thread: {message_of(error)}"}


def _opened(request: AdviseRequest, seconds: float) -> Look:
    source = request.source()
    start = time.perf_counter()
    opened = open_own(source)
    took = time.perf_counter() - start
    length = opened.length()
    served = own.serve(opened, request.loader, request.steps or length or 1)
    batch = _structure(served)
    fault = pickling_fault(opened.x) if opened.kind == SEQUENCE else None
    return Look(
        kind=opened.kind,
        title=opened.title,
        offers=tuple(sorted(served.offers)),
        workers=opened.workers if opened.sets_workers else 1,
        processes=opened.processes and opened.sets_workers,
        steps=request.steps or length,
        sized=bool(length) and (opened.kind != SEQUENCE or hasattr(opened.x, "__len__")),
        endless=opened.kind == DATASET and is_endless(opened.x),
        cut=bool(request.steps and length and request.steps < length),
        hooks=tuple(hook for hook in own.HOOKS if served.hooks and _is_defined(hook, type(opened.x))),
        expression=expression_of(request, opened),
        seconds=took,
        unpicklable=f"{fault.attribute} is a {fault.type}" if fault else None,
        ignores_workers=opened.ignores_workers,
        batch_method=opened.kind == SEQUENCE and callable(getattr(opened.x, "batch", None)),
        tuples=isinstance(batch, tuple) and all(isinstance(part, Leaf) for part in batch),
        plain=_is_plain(batch),
        alike=all(None not in leaf.shape[1:] for leaf in flatten(batch) if leaf),
        serial_map=opened.kind == DATASET and _has_serial_map(opened.x),
        lines=_sampled(request, opened, seconds),
        generation=generation(),
        distributed=device.current() == device.GPUS and backend() == TENSORFLOW,
    )


def _structure(served: own.OwnLoader) -> Any:
    """Return what a batch holds, once an epoch has begun; nothing where the loader raises, which the audit tells of."""
    try:
        if generation() == 3:
            served.on_epoch_begin()
        return served.signature
    except Exception:
        return ()


def _is_plain(batch: Any) -> bool:
    """Whether a batch is made of tuples and dicts of arrays alone."""
    if isinstance(batch, (dict, tuple)):
        return all(map(_is_plain, batch.values() if isinstance(batch, dict) else batch))
    return isinstance(batch, Leaf)


def _is_defined(hook: str, kind: type) -> bool:
    """Whether a loader's class has a hook of its own, and not that of Keras, which does nothing."""
    return getattr(kind, hook, None) not in (None, getattr(sequence_base(), hook, None))


def _has_serial_map(dataset: Any) -> bool:
    """Whether a map is without num_parallel_calls; TensorFlow tells by the names of its classes alone."""
    if type(dataset).__name__.strip("_") == "MapDataset":
        return True
    return any(map(_has_serial_map, getattr(dataset, "_inputs", list)()))


def _sampled(request: AdviseRequest, opened: Opened, seconds: float) -> Lines:
    """Lines, by paths as seen from here; none where it raises: the audit tells of that."""
    try:
        found = sampled_pass(opened, own_files(request.source()), seconds)
    except Exception:
        return Lines()
    here = f"{Path.cwd()}/"
    lines = tuple(dataclasses.replace(line, file=line.file.replace(here, "")) for line in found.lines)
    return dataclasses.replace(found, lines=lines)


def expression_of(request: AdviseRequest, opened: Opened) -> str:
    """Return the Python that stands for the loader in the person's own call of ``fit()``."""
    source = request.source()
    if source.call:
        return source.call
    stem = Path(source.place).stem
    for name in (f"audited_{stem}", stem, source.place):
        thing: Any = sys.modules.get(name)
        for part in source.name.split("."):
            thing = getattr(thing, part, None)
        if thing is not None:
            made = opened.x if opened.y is None else None
            return source.name if thing is made or isinstance(thing, tuple) else f"{source.name}()"
    return f"{source.name}()"
