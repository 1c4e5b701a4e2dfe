"""torch: Keras pulls batches in Python, before it calls the training step."""

from __future__ import annotations

from typing import Any, Callable

import torch

from feeders.keras_api import map_structure, trainer_module

from ..taps import PulledWaitTap


def visible_gpus() -> list[str]:
    """See `Backend`."""
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def copier(batch: tuple[Any, ...]) -> Callable[[], Any]:
    """See `Backend`."""
    place = "cuda" if torch.cuda.is_available() else "cpu"

    def bring() -> None:
        for part in batch:
            torch.as_tensor(part).to(place)
        if place == "cuda":
            torch.cuda.synchronize()

    return bring


def wait_tap() -> PulledWaitTap:
    """See `Backend`."""
    return PulledWaitTap(trainer_module().TorchEpochIterator)


def train_step(take_down: Callable[[Any], None] | None, pause: Callable[[], None] | None) -> Callable[..., Any]:
    """See `Backend`."""

    def train_step(self: Any, data: Any) -> dict[str, Any]:
        if take_down:
            take_down(map_structure(lambda leaf: leaf.detach().cpu().numpy(), data))
        if pause:
            pause()
        return {"batches": 0.0}

    return train_step


def predict_step(train_step: Callable[..., Any]) -> Callable[..., Any]:
    """See `Backend`."""

    def predict_step(self: Any, data: Any) -> Any:
        train_step(self, data)
        return torch.zeros(1)

    return predict_step


def compile_options() -> dict[str, bool]:
    """See `Backend`."""
    return {"run_eagerly": True}
