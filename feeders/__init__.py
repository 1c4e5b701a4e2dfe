"""Measure, audit and compare the ways to feed Keras ``fit()``.

``feeders.advise(...)``, ``feeders.audit(...)``, ``feeders.measure(...)`` and ``feeders.compare(...)`` are the commands
of these names as functions: see `feeders.library`. ``feeders.testing`` is for a person's own tests.
``LookaheadThreads``, ``LookaheadProcesses``, ``PrefetchThread`` and ``QueueThreads`` carry a person's loader into
``fit()``; ``pool_dataset`` makes a ``tf.data.Dataset`` of one.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feeders.library import advise, audit, compare, measure
    from feeders.strategies.lookahead_processes import LookaheadProcesses
    from feeders.strategies.lookahead_threads import LookaheadThreads
    from feeders.strategies.pool_dataset import pool_dataset
    from feeders.strategies.prefetch_thread import PrefetchThread
    from feeders.strategies.queue_threads import QueueThreads

    __version__: str

__all__ = [
    "LookaheadProcesses",
    "LookaheadThreads",
    "PrefetchThread",
    "QueueThreads",
    "__version__",
    "advise",
    "audit",
    "compare",
    "measure",
    "pool_dataset",
]

# Each is in a file of that name, which can be lifted out.
_POOLS = {
    "LookaheadProcesses": "lookahead_processes",
    "LookaheadThreads": "lookahead_threads",
    "PrefetchThread": "prefetch_thread",
    "pool_dataset": "pool_dataset",
    "QueueThreads": "queue_threads",
}

# Each is a function of `feeders.library`, and a folder with what it is made of.
_FUNCTIONS = ("advise", "audit", "compare", "measure")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("keras-feeders")
    if name in _POOLS:
        return getattr(importlib.import_module(f"{__name__}.strategies.{_POOLS[name]}"), name)
    if name in _FUNCTIONS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _function(module: ModuleType) -> Any:
    from feeders import library

    return getattr(library, module.__name__.rpartition(".")[2])


class _Folder(ModuleType):
    """A folder that can be called: its name is also that of the function which it is there for."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return _function(self)(*args, **options)

    @property
    def __signature__(self) -> Any:
        import inspect

        return inspect.signature(_function(self))


class _Package(ModuleType):
    """This package: Python sets each folder as its attribute once it is imported, by whatever module."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FUNCTIONS and type(value) is ModuleType:
            value.__class__ = _Folder
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
