"""Hooks of a loader between epochs: which are its own, and calling them as Keras does."""

from __future__ import annotations

from typing import Any

from feeders.keras_api import generation, is_of_keras

ON_EPOCH_BEGIN, ON_EPOCH_END = HOOKS = ("on_epoch_begin", "on_epoch_end")


def overrides(x: Any, hook: str) -> bool:
    """Whether a loader has such a hook of its own."""
    method = getattr(type(x), hook, None)
    return method is not None and not is_of_keras(getattr(method, "__module__", ""))


def call_hook(x: Any, hook: str) -> None:
    """Call a hook of the loader's own, if it has it."""
    if overrides(x, hook):
        getattr(x, hook)()


def begin_epoch(x: Any) -> None:
    """Call the hook of a loader's own that Keras 3 calls before its first epoch."""
    if generation() == 3:
        call_hook(x, ON_EPOCH_BEGIN)
