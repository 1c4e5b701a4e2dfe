"""Global random numbers that are the same for each call with the same index, whichever thread or process makes it."""

from __future__ import annotations

import functools
import itertools
import numbers
import random
import threading
from typing import Any, Callable

import numpy as np

from feeders.keras_api import seed_everything

from .hooks import HOOKS, overrides

# Any number will do: it keeps index 0 from the seeds that people write.
SALT = 20_011

# Functions of NumPy that are no methods of its global generator, by the method that each is.
ALIASES = {"sample": "random_sample", "ranf": "random_sample"}


class _Generators(threading.local):
    """The global generators, as each thread sees them."""

    def __init__(self) -> None:
        self.numpy, self.python = np.random.RandomState(), random.Random()


_generators = _Generators()

_default_rng = np.random.default_rng


def give_each_thread_its_own() -> None:
    """Let the functions of ``random`` and ``numpy.random`` draw from seeded generators of the calling thread.

    Call it before a person's file is imported, which may take the functions by name. Generators of TensorFlow and torch
    stay as they are: theirs can't be had by thread. All begin alike in each process, for what is drawn when the loader
    is made: sklearn splits by NumPy's global generator itself.
    """
    seed_everything(SALT)
    for name in np.random.__all__:
        method = ALIASES.get(name, name)
        if name.islower() and hasattr(np.random.RandomState, method):
            setattr(np.random, name, _of_thread("numpy", method))
    for name in random.__all__:
        if name.islower() and hasattr(random.Random, name):
            setattr(random, name, _of_thread("python", name))
    np.random.default_rng = _seeded_rng
    _seed(SALT)


def _of_thread(owner: str, method: str) -> Callable[..., Any]:
    def draw(*args: Any, **options: Any) -> Any:
        return getattr(getattr(_generators, owner), method)(*args, **options)

    return draw


def _seeded_rng(seed: Any = None) -> np.random.Generator:
    return _default_rng(_generators.numpy.randint(2**31) if seed is None else seed)


def fix_calls(x: Any) -> None:
    """Seed the generators of the calling thread before each ``x[index]``, and before each hook between epochs.

    An order that a hook draws is the same then in each process, epoch by epoch. The class is changed in place: a loader
    of another class would pickle as something else.
    """
    cls: Any = type(x)
    cls.__getitem__ = _seeded(cls.__getitem__, _batch_number)
    for hook in HOOKS:
        if overrides(x, hook):
            calls = itertools.count()
            setattr(cls, hook, _seeded(getattr(cls, hook), lambda *_, calls=calls: next(calls)))


def _batch_number(index: Any = None, *more: Any) -> int | None:
    """Return None for what is no batch: a loader may ask itself for a column, or for a slice."""
    return int(index) if isinstance(index, numbers.Integral) else None


def _seeded(method: Callable[..., Any], number: Callable[..., int | None]) -> Callable[..., Any]:
    @functools.wraps(method)
    def seeded(self: Any, *args: Any, **options: Any) -> Any:
        seed = number(*args)
        if seed is not None:
            _seed(seed)
        return method(self, *args, **options)

    return seeded


def _seed(number: int) -> None:
    _generators.numpy.seed([SALT, number % 2**32])  # an index may be counted from the end
    _generators.python.seed(SALT + number)
