"""The ways in which Keras reads a loader: ``fit()``, and those that are audited beside it where that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from feeders.keras_api import keras

from .events import EpochBegan, EpochEnded

if TYPE_CHECKING:
    from .journal import Journal
    from .loader import AuditedLoader

FIT, EVALUATE, PREDICT, VALIDATION = "fit", "evaluate", "predict", "validation_data"

# Beside fit(): that is audited always.
OTHER_USES = (EVALUATE, PREDICT, VALIDATION)

# The callbacks between which a pass over the loader lies.
PASSES = {FIT: "epoch", EVALUATE: "test", PREDICT: "predict", VALIDATION: "test"}


@dataclass(frozen=True)
class Using:
    """One use of a loader.

    Attributes:
        use: `FIT` or one of `OTHER_USES`.
        loader: that is read.
        epochs: of ``fit()``.
        steps: batches of a pass; None where the loader knows its end.
    """

    use: str
    loader: AuditedLoader
    epochs: int
    steps: int | None

    def run(self, model: Any, callback: Any) -> None:
        """Call Keras.

        Args:
            model: is trained, evaluated or predicts.
            callback: is told where passes begin and end.
        """
        workers = {name: value for name, value in self.loader.fit.items() if name != "steps_per_epoch"}
        steps = self.loader.fit.get("steps_per_epoch", self.steps)
        call: dict[str, Callable[[], Any]] = {
            FIT: lambda: self._fit(model, callback, steps),
            EVALUATE: lambda: model.evaluate(self.loader.x, steps=steps, verbose=0, callbacks=[callback], **workers),
            PREDICT: lambda: model.predict(self.loader.x, steps=steps, verbose=0, callbacks=[callback], **workers),
            VALIDATION: lambda: self._validate(model, callback, steps, workers),
        }
        call[self.use]()

    def _fit(self, model: Any, callback: Any, steps: int | None) -> None:
        arguments = {"epochs": self.epochs, **self.loader.fit, **({"steps_per_epoch": steps} if steps else {})}
        model.fit(self.loader.x, self.loader.y, verbose=0, shuffle=False, callbacks=[callback], **arguments)

    def _validate(self, model: Any, callback: Any, steps: int | None, workers: dict[str, Any]) -> None:
        """Train on next to nothing, and validate with the loader after each epoch."""
        one = np.zeros((1, 1), np.float32)
        model.fit(
            one,
            one,
            epochs=self.epochs,
            validation_data=self.loader.x,
            validation_steps=steps,
            verbose=0,
            callbacks=[callback],
            **workers,
        )


class Passes:
    """Tells where the passes of a use begin and end.

    Args:
        use: `FIT` or one of `OTHER_USES`.
        journal: gets the begin and the end of each.

    Attributes:
        callback: to be given to Keras.
        open: what reaches the model is the loader's, and not what it is trained on before it is validated.
    """

    def __init__(self, use: str, journal: Journal) -> None:
        self.open = use != VALIDATION

        def begin(*arguments: Any, **options: Any) -> None:
            self.open = True
            journal.write(EpochBegan())

        def end(*arguments: Any, **options: Any) -> None:
            self.open = use != VALIDATION
            journal.write(EpochEnded())

        self.callback = keras().callbacks.Callback()
        setattr(self.callback, f"on_{PASSES[use]}_begin", begin)
        setattr(self.callback, f"on_{PASSES[use]}_end", end)
