"""How feeders are tried: those of one row share a process, since starting TensorFlow costs more than a short fit()."""

from __future__ import annotations

import functools

import pytest

from feeders.keras_api import generation
from feeders.strategies import feeder


def process_of(key):
    """A feeder has one process. One that forks has one for each key, in which TensorFlow is as new as it can be.

    With Keras 2 each has: it sits idle after an epoch, and many can do that at the same time.
    """
    name = key[0]
    return key if generation() == 2 or feeder(name).shared_by == "processes" else name


@pytest.fixture(scope="session")
def by_feeder(in_children):
    """Call functions as `in_children` does, given by keys that begin with the name of a feeder."""
    return functools.partial(in_children, process_of=process_of)
