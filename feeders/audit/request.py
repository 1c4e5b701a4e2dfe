"""What is asked for: whose loader, and how it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from feeders.catalogue import nearest
from feeders.errors import FeedersError
from feeders.loaders import workload
from feeders.loaders.opening import Source
from feeders.strategies import FEEDERS

from .uses import OTHER_USES

# A second epoch shows what the end of the first leaves behind.
EPOCHS = 2

START_METHODS = ("fork", "spawn", "forkserver")


class AuditOptions(TypedDict, total=False):
    """Further fields of an `AuditRequest`, where each is described."""

    workload: str
    call: str | None
    key: str | None
    workers: int | None
    processes: bool | None
    start_method: str | None
    epochs: int
    steps: int | None
    seconds: float
    also: tuple[str, ...]


# Seeds of the global random numbers in the two serial passes.
FORWARD, BACKWARD = 1, 2


@dataclass(frozen=True)
class AuditRequest:
    """An audit to make.

    Attributes:
        loader: name of a feeder of the catalogue, FILE.py:NAME or package.module:NAME.
        workload: what a feeder of the catalogue feeds.
        call: Python that makes the loader, evaluated in its module; None calls it without arguments.
        key: expression that names a sample, or "labels"; None compares content.
        workers: None takes what the loader sets itself, or `WORKERS`.
        processes: whether workers are processes; None is what the loader sets itself, or threads.
        start_method: how processes start; None is what Python does here.
        epochs: of each ``fit()``.
        steps: batches per epoch; None is the loader's length, or what its repeating content shows.
        seconds: budget for all of it.
        also: uses beside ``fit()``: evaluate, predict, validation_data.
        fixed_random: Python's and NumPy's global random numbers are seeded by its index before each call, which the
            audit finds out to be of use.
        one_seed: each process begins with the same global random numbers, likewise.
        cut: batches of a longer epoch that are looked at, found out by the audit.
    """

    loader: str
    workload: str = "window"
    call: str | None = None
    key: str | None = None
    workers: int | None = None
    processes: bool | None = None
    start_method: str | None = None
    epochs: int = EPOCHS
    steps: int | None = None
    seconds: float = 60.0
    also: tuple[str, ...] = ()
    fixed_random: bool = False
    one_seed: bool = False
    cut: int | None = None

    @property
    def is_feeder(self) -> bool:
        """Whether it is one of the catalogue, with samples that carry ids."""
        return ":" not in self.loader

    def seeded(self, seed: int) -> int:
        """The seed of the global random numbers in a process that would begin with this one."""
        return FORWARD if self.one_seed else seed

    def source(self) -> Source:
        """Where a person's loader comes from, and how it is used."""
        return Source(self.loader, self.call, self.workers, self.processes)

    def checked(self) -> AuditRequest:
        """Return the request.

        Raises:
            FeedersError: it can't be met, whatever the loader does: no such feeder, file or workload.
        """
        if self.start_method and not self.processes:
            raise FeedersError(f"--start-method {self.start_method} is about processes. Try: add --processes")
        unknown = [name for name in self.also if name not in OTHER_USES]
        if unknown:
            raise FeedersError(
                f"--also {unknown[0]}: no use of a loader; expected some of {', '.join(OTHER_USES)}."
                f"{nearest(unknown[0], OTHER_USES)} Try: --also evaluate,predict"
            )
        if self.is_feeder:
            self._check_feeder()
        else:
            self.source().checked()
        return self

    def _check_feeder(self) -> None:
        row = next((row for row in FEEDERS if row.name == self.loader), None)
        if row is None:
            if self.loader.endswith(".py"):
                raise FeedersError(
                    f"{self.loader}: which loader in it? Expected FILE.py:NAME, as {self.loader}:MyLoader"
                )
            raise FeedersError(
                f"{self.loader}: neither a feeder nor FILE.py:NAME or package.module:NAME."
                f"{nearest(self.loader, [row.name for row in FEEDERS])} Try: feeders list"
            )
        workload(self.workload)
        if row.ceiling:
            raise FeedersError(f"{row.name} repeats one batch by design: there is no delivery to audit. Try: sequence")
        how = "--processes" if self.processes else "--threads"
        for name, value in ((how, self.processes), ("--call", self.call), ("--steps", self.steps)):
            if value is not None:
                raise FeedersError(f"{name} is for a loader of your own; {row.name} knows how it is used")
