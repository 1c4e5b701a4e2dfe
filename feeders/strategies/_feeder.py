"""A row of the feeder catalogue, and what a strategy hands to ``fit()``."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, field
from typing import Any, Callable

from feeders.errors import Unsupported
from feeders.loaders import INDEX, MISSING, Loader


@dataclass(frozen=True)
class Feed:
    """What ``fit()`` is called with.

    Attributes:
        x: first argument of ``fit()``: arrays, a generator, a ``Sequence``/``PyDataset`` or a ``tf.data.Dataset``.
        y: targets, for arrays only.
        fit: further keyword arguments of ``fit()`` that belong to the way of feeding.
    """

    x: Any
    y: Any = None
    fit: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Feeder:
    """One way to feed ``fit()``.

    Attributes:
        name: its name in every table, plot and asv parameter.
        make: makes the feed of a loader that has what it `pulls`, for a number of workers. Raises ``Unsupported`` where
            the combination has no meaning for another reason.
        summary: what it is, in one line.
        belief: what people expect of it and this suite shows, in one line.
        parallel: whether a number of workers means anything to it; if not, it is measured with one.
        ceiling: it repeats one batch: there is no delivery to judge, and no other can be faster.
        shared_by: what more workers are: "threads", "processes", "lock" (threads or processes, one at a time) or "ops"
            (TensorFlow's threads, without Python); empty where there is one thread, or none.
        needs: what it asks for that a loader which prepares batches in Python does not; empty for those.
        mistake: it is here to show what goes wrong; not to be recommended, however well a short run goes.
        pulls: how it gets at the batches of a loader: `INDEX`, `ITERATOR` or `OPS`.
        own_workers: it has workers of its own: to Keras it is a plain generator, pulled by one thread.
        tensorflow: it is made of ``tf.data``, whatever backend trains.
        whole: it holds a whole epoch in memory, so that an epoch of any length may be too much for it.
        library: package of another project that it is made of, and the extra that brings it; empty where there is none.
    """

    name: str
    make: Callable[[Loader, int], Feed]
    summary: str
    belief: str
    parallel: bool = True
    ceiling: bool = False
    shared_by: str = ""
    needs: str = ""
    mistake: bool = False
    pulls: str = INDEX
    own_workers: bool = False
    tensorflow: bool = False
    whole: bool = False
    library: str = ""

    @property
    def is_installed(self) -> bool:
        """Whether the library that it is made of is there; it is not imported."""
        return not self.library or importlib.util.find_spec(self.library) is not None

    def build(self, loader: Loader, workers: int) -> Feed:
        """Make the feed of a loader; called before anything is timed.

        Raises:
            Unsupported: the combination has no meaning here; the text says why.
        """
        if self.pulls not in loader.offers:
            raise Unsupported(f"{self.name} on {loader.name}: {MISSING[self.pulls]}")
        if not self.is_installed:
            raise Unsupported(f"{self.name}: {self.library} is not installed. Try: pip install '.[{self.library}]'")
        if self.tensorflow:
            self._import_tensorflow()
        return self.make(loader, workers)

    def _import_tensorflow(self) -> None:
        try:
            importlib.import_module("tensorflow")
        except ImportError as error:
            raise Unsupported(
                f"{self.name}: TensorFlow is not installed ({error}), and tf.data is part of it. "
                "Try: pip install tensorflow-cpu, or another feeder"
            ) from None
