"""What a measurement does differently by the backend of Keras: a file each, and each imports no other backend."""

from __future__ import annotations

import importlib
from typing import Any, Callable, ContextManager, Protocol, cast

from feeders.keras_api import backend


class WaitTap(Protocol):
    """Time that ``fit()`` is blocked for each batch. Use one per ``fit()``."""

    def installed(self) -> ContextManager[None]:
        """Put the tap in for a ``fit()`` inside the context."""

    def begin(self) -> None:
        """Training begins: what was fetched before was for other ends."""

    def read(self) -> list[tuple[float, float]]:
        """Return (asked, arrived) of the batches in order, in seconds of ``time.perf_counter()``; empty if unknown."""


class Backend(Protocol):
    """What a file of this folder defines."""

    def visible_gpus(self) -> list[str]:
        """Return the names of the GPUs that it can use, which touches them."""

    def copier(self, batch: tuple[Any, ...]) -> Callable[[], Any] | None:
        """Return what brings NumPy arrays to where it computes, and waits for that; None if it can't wait."""

    def wait_tap(self) -> WaitTap:
        """Return a new tap."""

    def train_step(
        self, take_down: Callable[[Any], None] | None, pause: Callable[[], None] | None
    ) -> Callable[..., Any]:
        """Return a training step that trains nothing.

        Args:
            take_down: called with each batch, in the structure it was fed in, its tensors as NumPy arrays; None brings
                batches nowhere that Keras does not bring them.
            pause: called once the batch is there, in a step that takes nothing down; it stands in for training.
        """

    def predict_step(self, train_step: Callable[..., Any]) -> Callable[..., Any]:
        """Return a step of ``predict()`` that predicts nothing, and takes batches down as a training step does."""

    def compile_options(self) -> dict[str, bool]:
        """Return the arguments of ``compile()`` for a model with such a step."""


def of(name: str) -> Backend:
    """Return the file of the backend that is called so."""
    return cast(Backend, importlib.import_module(f"{__name__}.{name}"))


def current() -> Backend:
    """Return that of the backend that Keras computes with."""
    return of(backend())
