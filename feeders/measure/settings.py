"""How a take is made: lengths, limits, and which model trains."""

from __future__ import annotations

import os
from dataclasses import dataclass

from feeders import variables

from . import batch_size, device
from .models import MODELS

# A training step that trains nothing: what is measured then is the feeder. Nobody would choose it for a series.
NO_MODEL = "none"

# The driver of a GPU notes how busy it was a few times a second.
GPU_STEADY_SECONDS = 2.0


def is_own_model(model: str) -> bool:
    """Whether a model is a person's, named by its address."""
    return ":" in model


@dataclass(frozen=True)
class Settings:
    """Settings of a take.

    Attributes:
        steady_seconds: the steady part of the timed fit ends with the first epoch that reaches this length.
        deadline_seconds: a fit, verified or timed, that has not ended by then has hung.
        model: one of `MODELS`, or `NO_MODEL`, or a person's: FILE.py:NAME or package.module:NAME, a compiled model or a
            function that returns one. A person's loader is trained on by none of `MODELS`: they stand for `NO_MODEL`.
        taps: whether the wait and step taps are in; False only to measure what they cost.
        step_ms: a step of `NO_MODEL` takes so long without using a core, and stands in for an accelerator.
        call: Python that makes a person's loader, evaluated in its module; None calls it without arguments.
        steps: batches of an epoch of a person's loader; None takes its own length, or what a look at it finds.
        batch: samples of a batch of a workload, one of `BATCH_SIZES`; None is the workload's own.
    """

    # One epoch of the slow cells, several of the fast ones: the spread between processes outweighs that within one, so
    # time goes into more takes rather than longer ones.
    steady_seconds: float = 0.5
    # The slowest honest cell takes a fifth of this on two busy cores.
    deadline_seconds: float = 60.0
    model: str = "light"
    taps: bool = True
    step_ms: float | None = None
    call: str | None = None
    steps: int | None = None
    batch: int | None = None

    @classmethod
    def from_environment(cls) -> Settings:
        """Return the defaults for the device that trains, with what FEEDERS_MODEL and FEEDERS_BATCH say.

        Raises:
            FeedersError: no such model, or no such size.
        """
        model = os.environ.get(variables.MODEL) or "light"
        MODELS.named(model)
        steady = cls.steady_seconds if device.current() == device.CPU else GPU_STEADY_SECONDS
        return cls(steady_seconds=steady, model=model, batch=batch_size.asked())
