"""What trains on the batches of a take: a model of this suite, a person's, or a step that stands in for one."""

from __future__ import annotations

from typing import Any, Callable

from feeders.errors import FeedersError
from feeders.keras_api import keras
from feeders.loaders import Loader, Stamped
from feeders.loaders.opening import Source, find_maker

from .recording import idle_model
from .settings import Settings, is_own_model
from .timed import make_model


def in_words(settings: Settings) -> str:
    """Return what trains on a person's batches."""
    if is_own_model(settings.model):
        return settings.model
    if settings.step_ms:
        return f"a step that takes {settings.step_ms:g} ms without using a core"
    return "a model that takes any batch and does next to nothing"


def model_for(loader: Loader, settings: Settings, with_loss: Callable[[Any, Any], Any] | None = None) -> Any:
    """Return the compiled model that trains on a loader's batches.

    Args:
        loader: whose batches.
        settings: name the model.
        with_loss: in the place of the loss of this suite's models.

    Raises:
        FeedersError: as `open_model`.
    """
    if is_own_model(settings.model):
        return open_model(settings.model)
    if isinstance(loader, Stamped) and not settings.step_ms:
        return make_model(loader.x_shape, loader.classes, settings, with_loss)
    return idle_model((settings.step_ms or 0.0) / 1000)


def open_model(address: str) -> Any:
    """Return a person's model; call this in a process of its own, since its code may do anything.

    Args:
        address: FILE.py:NAME or package.module:NAME.

    Raises:
        FeedersError: it can't be made, is none, or is not compiled; or its file trains while it is imported.
    """
    source = Source(address)
    model = find_maker(source.place, source.name, None, _is_model, "model")()
    if not _is_model(model):
        raise FeedersError(
            f"--model {address}: gives {_kind(model)}; expected a compiled keras.Model, or a function that returns one"
        )
    # Keras 2 tells it by another name.
    if not getattr(model, "compiled", getattr(model, "_is_compiled", False)):
        raise FeedersError(f"--model {address}: it is not compiled. Try: call model.compile(...) before it is returned")
    step_by_step(model)
    return model


def step_by_step(model: Any) -> None:
    """Make a compiled model train one step in a call of its training function, for each is timed."""
    if hasattr(model, "steps_per_execution"):
        if model.steps_per_execution != 1:
            model.steps_per_execution = 1
    elif getattr(model, "_steps_per_execution", None) is not None:  # before Keras 2.13 it has no other name
        model._steps_per_execution.assign(1)


def _is_model(thing: Any) -> bool:
    return isinstance(thing, keras().Model)


def _kind(thing: Any) -> str:
    name = type(thing).__qualname__
    return "None" if thing is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
