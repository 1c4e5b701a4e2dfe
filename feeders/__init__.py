"""Measure, audit and compare the ways to feed Keras ``fit()``.

``feeders.audit(...)``, ``feeders.measure(...)`` and ``feeders.compare(...)`` are the commands of these names as
functions: see `feeders.library`. ``feeders.testing`` is for a person's own tests.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feeders.library import audit, compare, measure

    __version__: str

__all__ = ["__version__", "audit", "compare", "measure"]

# Each is a function of `feeders.library`, and a folder with what it is made of.
_FUNCTIONS = ("audit", "compare", "measure")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("keras-feeders")
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
