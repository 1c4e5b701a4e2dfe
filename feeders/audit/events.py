"""What a watched process writes to its journal while it is at work."""

from __future__ import annotations

from dataclasses import dataclass

from feeders.measure.identity import Columns

from .findings import Finding
from .readings import Description


@dataclass(frozen=True)
class Event:
    """Something that happened."""


@dataclass(frozen=True)
class Heartbeat(Event):
    """The work goes on."""


@dataclass(frozen=True)
class LoaderOpened(Event):
    """The loader was made.

    Attributes:
        description: what it was found to be.
    """

    description: Description


@dataclass(frozen=True)
class Foreseen(Event):
    """Two batches have come: what a pass will take can be told.

    Attributes:
        making: seconds until the loader was made.
        first: seconds of the first batch.
        batch: seconds of the second one.
        batches: of a pass; None if that is not known before its end.
        passes: that will be read.
        indexed: it is a sequence.
    """

    making: float
    first: float
    batch: float
    batches: int | None
    passes: int
    indexed: bool


@dataclass(frozen=True)
class EpochBegan(Event):
    """An epoch of ``fit()`` began."""


@dataclass(frozen=True)
class EpochEnded(Event):
    """An epoch of ``fit()`` ended."""


@dataclass(frozen=True)
class BatchRead(Event):
    """A batch was made, in whichever thread or process.

    Attributes:
        index: that was asked for.
    """

    index: int


@dataclass(frozen=True)
class BatchTrained(Event):
    """A batch reached the training step.

    Attributes:
        keys: see `Columns`.
        contents: see `Columns`; None where keys are contents.
        stamps: see `Columns`.
    """

    keys: tuple[int, ...]
    contents: tuple[int, ...] | None = None
    stamps: tuple[int, ...] | None = None

    @property
    def columns(self) -> Columns:
        """The samples of the batch."""
        return Columns(self.keys, self.keys if self.contents is None else self.contents, self.stamps)


@dataclass(frozen=True)
class HookEnded(Event):
    """A hook between epochs came to its end.

    Attributes:
        name: of the method.
    """

    name: str


@dataclass(frozen=True)
class Logged(Event):
    """Keras, TensorFlow or Python warned.

    Attributes:
        text: of the warning.
    """

    text: str


@dataclass(frozen=True)
class TrialBegan(Event):
    """Workers of ours are about to pull at once."""


@dataclass(frozen=True)
class LinesRan(Event):
    """Lines of the code under audit that run.

    Attributes:
        lines: file and number of each.
    """

    lines: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Found(Event):
    """A trial showed something wrong.

    Attributes:
        finding: what it is.
    """

    finding: Finding
