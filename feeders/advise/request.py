"""What is asked for: whose loader, what trains on it, and how long advice may take."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Mapping

from feeders.errors import FeedersError
from feeders.loaders.opening import Source
from feeders.measure import METRICS

# Importing TensorFlow, looking at the loader and one take of each of two ways need so long.
LEAST_SECONDS = 20.0


@dataclass(frozen=True)
class AdviseRequest:
    """Advice to give.

    Attributes:
        loader: FILE.py:NAME or package.module:NAME.
        model: FILE.py:NAME of a compiled ``keras.Model`` or of a function that returns one; None trains next to
            nothing on any batch.
        step_ms: milliseconds of a training step that stands in for an accelerator; None takes the model as it is.
        epoch: batches of an epoch that the answer is for; None is the loader's own epoch.
        workers: most of them that are tried; None is twice the cores, and 4 on any host.
        seconds: budget for all of it.
        steps: batches of an epoch, of a loader that does not tell.
        call: Python that makes the loader, evaluated in its module; None calls it without arguments.
        key: expression over x, y and w of a batch that names its samples, or "labels"; None compares content.
    """

    loader: str
    model: str | None = None
    step_ms: float | None = None
    epoch: int | None = None
    workers: int | None = None
    seconds: float = 180.0
    steps: int | None = None
    call: str | None = None
    key: str | None = None

    def source(self) -> Source:
        """Where the loader comes from."""
        return Source(self.loader, self.call)

    def in_a_command(self) -> str:
        """Return the loader, and what makes it, as words of a command line."""
        call = ["--call", self.call] if self.call else []
        return shlex.join([self.loader, *call, *(["--steps", str(self.steps)] if self.steps else [])])

    def checked(self) -> AdviseRequest:
        """Return the request.

        Raises:
            FeedersError: it can't be met, whatever the loader does.
        """
        if self.loader.endswith(".py"):
            raise FeedersError(
                f"advise {self.loader}: which loader in it? Expected FILE.py:NAME, as {self.loader}:MyLoader"
            )
        if ":" not in self.loader:
            raise FeedersError(
                f"advise {self.loader}: expected a loader of your own, FILE.py:NAME or package.module:NAME. "
                f"Try: feeders measure {self.loader}, if it is a feeder of `feeders list`"
            )
        self.source().checked()
        if self.seconds < LEAST_SECONDS:
            raise FeedersError(
                f"advise: {self.seconds:g} s are too few; expected {LEAST_SECONDS:g} or more. Try: --seconds 180"
            )
        if self.model is not None and ":" not in self.model:
            raise FeedersError(
                f"advise: --model {self.model}: expected a model of your own, FILE.py:NAME or package.module:NAME"
            )
        if self.model is not None and self.step_ms is not None:
            raise FeedersError("advise: --step-ms stands in for a model; expected one of --model and --step-ms")
        return self

    def too_few(self, imported: float, slow: Mapping[str, float], enough: float) -> FeedersError:
        """Return the error of a budget that no answer fits in.

        Args:
            imported: seconds that the import of Keras took.
            slow: what the loader or the model takes long for, and the seconds of that.
            enough: seconds that would do.
        """
        speak = METRICS.named("epoch").format
        takes = ", ".join(f"{speak(seconds)} to {what}" for what, seconds in slow.items())
        reasons = [*([f"it takes {takes}"] if takes else []), f"the import of Keras took {speak(imported)}"]
        return FeedersError(
            f"advise {self.loader}: {self.seconds:g} s are too few for it; {', and '.join(reasons)}. "
            f"Try: --seconds {round(enough, -2) + 100:.0f}"
        )

    def trains(self) -> str:
        """What trains on the batches, in words."""
        if self.model is not None:
            return f"your model {self.model} trains"
        if self.step_ms is not None:
            return f"a step takes {self.step_ms:g} ms and uses no core, in place of an accelerator"
        return "the model takes any batch and does next to nothing"
