"""What the probes of an audit bring back. Nothing of it is changed afterwards: an audit makes new evidence."""

from __future__ import annotations

from dataclasses import dataclass

from feeders.loaders.opening import SEQUENCE
from feeders.measure.counts import Epoch, Reference

from .events import BatchRead, BatchTrained, EpochEnded, Event, HookEnded, Logged
from .exceptions import Frame, RaisedException
from .findings import Finding
from .readings import BrokenReading, Description, Reading
from .uses import FIT

# The fit() or the reading came to its end.
ENDED = "ended"


@dataclass(frozen=True)
class Left:
    """What ``fit()`` left behind.

    Attributes:
        threads: that are alive.
        processes: likewise.
    """

    threads: int
    processes: int


@dataclass(frozen=True)
class FitAnswer:
    """What a process that trained answers.

    Attributes:
        exception: that ``fit()`` raised.
        left: what it left behind.
    """

    exception: RaisedException | None
    left: Left


@dataclass(frozen=True)
class FitRun:
    """One ``fit()``, or another use.

    Attributes:
        provoked: thread switches were forced and hooks held back.
        outcome: `ENDED`, refused, failed, hung or crashed.
        message: for outcomes other than ended.
        answer: what the process answered; None if it did not.
        events: its journal.
        printed: by the process, the stacks of its threads included where it hung or crashed.
        epochs: counts, one per epoch that can be judged.
        use: see `uses`.
    """

    provoked: bool
    outcome: str
    message: str = ""
    answer: FitAnswer | None = None
    events: tuple[Event, ...] = ()
    printed: str = ""
    epochs: tuple[Epoch, ...] = ()
    use: str = FIT

    @property
    def batches(self) -> int:
        """Count the batches that reached the training step."""
        return sum(isinstance(event, BatchTrained) for event in self.events)

    @property
    def logged(self) -> tuple[str, ...]:
        """Warnings and log messages, each once."""
        return tuple(dict.fromkeys(event.text for event in self.events if isinstance(event, Logged)))

    @property
    def read_before_hook(self) -> int:
        """Count the most batches of an epoch that were read before its hook had ended."""
        most = reads = 0
        for event in self.events:
            if isinstance(event, EpochEnded):
                reads = 0
            elif isinstance(event, BatchRead):
                reads += 1
            elif event == HookEnded("on_epoch_begin"):
                most, reads = max(most, reads), 0
        return most

    @property
    def read_of_last_epoch(self) -> int:
        """Count the different batches that were made since an epoch ended last."""
        ends = [place for place, event in enumerate(self.events) if isinstance(event, EpochEnded)]
        since = self.events[ends[-1] :] if ends else self.events
        return len({event.index for event in since if isinstance(event, BatchRead)})


@dataclass(frozen=True)
class StressAnswer:
    """What a process in which workers of ours pulled at once answers.

    Attributes:
        calls: made beside others.
        trials: in which they were made.
        places: lines and operations at which a thread was held.
        alone: lines, (file, line), that ran when nobody else was there, and not beside others.
    """

    calls: int = 0
    trials: int = 0
    places: int = 0
    alone: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class StressRun:
    """One process in which workers of ours pulled at once.

    Attributes:
        outcome: `ENDED`, failed, hung or crashed.
        message: for outcomes other than ended.
        answer: how much was done.
        findings: what was wrong.
        lines: of the audited code that run, (file, line).
    """

    outcome: str
    message: str = ""
    answer: StressAnswer = StressAnswer()
    findings: tuple[Finding, ...] = ()
    lines: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Draws:
    """What several worker processes gave for the same first calls.

    Attributes:
        processes: contents of the calls of each.
        alone: contents of the same calls, twice, in one process.
    """

    processes: tuple[tuple[tuple[int, ...], ...], ...]
    alone: tuple[tuple[tuple[int, ...], ...], ...]

    @property
    def are_equal(self) -> bool:
        """Whether processes gave the same for calls which give something else each time."""
        same = all(given == self.processes[0] for given in self.processes)
        return same and all(first != second for first, second in zip(*self.alone))


@dataclass(frozen=True)
class Held:
    """What a process holds after an epoch.

    Attributes:
        bytes: of Python objects.
        threads: alive.
        processes: below it, and itself.
        files: that are open; None where the system does not tell.
    """

    bytes: int
    threads: int
    processes: int
    files: int | None


@dataclass(frozen=True)
class HeavyLine:
    """A line whose objects take more memory than before.

    Attributes:
        file: path of the source.
        line: its number.
        bytes: that are more.
    """

    file: str
    line: int
    bytes: int


@dataclass(frozen=True)
class Growth:
    """What a process holds after each of some epochs.

    Attributes:
        epochs: what it held after each.
        lines: that hold more memory at the end.
        targets: where the functions are that its threads run.
        cut: the time was up before there were enough epochs to judge.
        broken: how its process ended, where it gave no answer.
        read: epochs that it had read by then.
    """

    epochs: tuple[Held, ...] = ()
    lines: tuple[HeavyLine, ...] = ()
    targets: tuple[Frame, ...] = ()
    cut: bool = False
    broken: BrokenReading | None = None
    read: int = 0


@dataclass(frozen=True)
class Bounds:
    """What a sequence gives beyond its length.

    Attributes:
        contents: of the batches from there to the first empty or refused one, or their keys where content is random;
            None if it answers far beyond, so that its length is a choice and no end of its data.
        first: the same of its first batch, by which its order is known again.
    """

    contents: tuple[tuple[int, ...], ...] | None
    first: tuple[int, ...]


@dataclass(frozen=True)
class Key:
    """An expression for ``--key``.

    Attributes:
        expression: that is new for each sample of an epoch and the same in each epoch; empty if none was found.
    """

    expression: str = ""


@dataclass(frozen=True)
class Evidence:
    """All of it.

    Attributes:
        forward: the first serial pass.
        backward: the second one, of a sequence from its last batch to its first.
        broken: a serial pass that gave no answer.
        reference: what an epoch should deliver; None without two serial passes.
        fits: in the order in which they were made.
        others: uses beside ``fit()``, likewise.
        stress: likewise.
        draws: of worker processes.
        growth: over the epochs.
        bounds: of a sequence.
        control: the same ``fit()`` with a loader known to be safe, where that was of interest.
        other_controls: likewise, of uses beside it.
        memory_limit: bytes.
        random: content is new in each pass unless global random numbers are fixed.
        key: an expression for ``--key`` that would tell samples apart, where nothing did.
    """

    forward: Reading | None = None
    backward: Reading | None = None
    broken: BrokenReading | None = None
    reference: Reference | None = None
    fits: tuple[FitRun, ...] = ()
    others: tuple[FitRun, ...] = ()
    stress: tuple[StressRun, ...] = ()
    draws: tuple[Draws, ...] = ()
    growth: Growth = Growth()
    bounds: Bounds | None = None
    control: FitRun | None = None
    other_controls: tuple[FitRun, ...] = ()
    memory_limit: int = 0
    random: bool = False
    key: str = ""

    @property
    def indices(self) -> int:
        """How many batches can be asked for: those of an epoch, or of a sequence that is shorter than its epochs."""
        due = self.reference.batches if self.reference else 0
        length = self.description.length if self.description.kind == SEQUENCE else None
        return min(due, length or due)

    @property
    def description(self) -> Description:
        """What the loader was found to be."""
        if self.forward:
            return self.forward.description
        return self.broken.description if self.broken else Description()
