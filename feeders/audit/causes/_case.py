"""All that is known of a loader, as the causes ask for it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Callable, Iterable

from feeders.audit.evidence import ENDED, Evidence, FitRun
from feeders.audit.exceptions import Frame
from feeders.audit.findings import ChangedBatch, Finding
from feeders.audit.loader import audited_files
from feeders.audit.readings import Description
from feeders.audit.request import AuditRequest
from feeders.keras_api import TORCH, asked_backend
from feeders.loaders.opening import DATASET, SEQUENCE
from feeders.results.record import CRASHED, HUNG

from ._cause import CORRUPT, DUPLICATED, MISSING, OBSERVATIONS
from ._race import Race, find_race, observations

# How a line of a stack dump begins that stands in the audit itself.
AUDIT = f'File "{Path(__file__).resolve().parents[1]}{os.sep}'

# Lines of a stack dump that are named.
MOST_LINES = 4


@dataclass(frozen=True)
class Ending:
    """How ``fit()`` ended, where it did not end well, twice.

    Attributes:
        outcome: refused, failed, hung or crashed.
        message: what was seen.
        run: in which it was; None if it was seen elsewhere.
        observations: independent ones.
    """

    outcome: str
    message: str
    run: FitRun | None
    observations: int

    @property
    def delivered(self) -> str:
        """What came before it hung, in words."""
        return f"{self.run.batches if self.run else 0} batches delivered, then nothing"


@dataclass(frozen=True)
class Case:
    """A request with its evidence, and what follows from it.

    Attributes:
        request: what was asked for.
        evidence: what was seen.
    """

    request: AuditRequest
    evidence: Evidence

    @property
    def description(self) -> Description:
        """What the loader was found to be."""
        return self.evidence.description

    # How it ended.

    @cached_property
    def bad_fits(self) -> tuple[FitRun, ...]:
        """Those that did not come to their end."""
        return tuple(run for run in self.evidence.fits if run.outcome != ENDED)

    @cached_property
    def stuck(self) -> list[tuple[str, str]]:
        """Outcome and message of each process in which workers of our own hung or crashed."""
        bad = [run for run in self.evidence.stress if run.outcome in (HUNG, CRASHED)]
        return [(run.outcome, run.message) for run in bad] if self.is_pulled_as_by_keras else []

    @property
    def bad_endings(self) -> int:
        """How often it did not end well."""
        return len(self.bad_fits) + bool(self.evidence.broken) + len(self.stuck)

    @cached_property
    def ending(self) -> Ending | None:
        """How it ended; None where it ended well, or otherwise once only."""
        if self.bad_endings < OBSERVATIONS:
            return None
        if self.bad_fits:
            run = self.bad_fits[0]
            return Ending(run.outcome, run.message, run, self.bad_endings)
        broken = self.evidence.broken
        outcome, message = (broken.outcome, broken.message) if broken else self.stuck[0]
        return Ending(outcome, message, None, self.bad_endings)

    # What arrived.

    @property
    def can_be_counted(self) -> bool:
        """Whether ``fit()`` ended, and what it should have delivered is known."""
        return self.ending is None and self.evidence.reference is not None

    def fits_with(self, name: str) -> tuple[FitRun, ...]:
        """Return each ``fit()`` that counts such samples in an epoch."""
        return tuple(run for run in self.evidence.fits if any(getattr(epoch, name) for epoch in run.epochs))

    @cached_property
    def miscounted(self) -> frozenset[str]:
        """What was counted often enough, or shows in the serial pass: `MISSING`, `DUPLICATED`, `CORRUPT`."""
        if not self.can_be_counted:
            return frozenset()
        seen = {name: len(self.fits_with(name)) for name in (MISSING, DUPLICATED, CORRUPT)}
        names = [name for name, times in seen.items() if times >= OBSERVATIONS]
        if not names and len(self.fits_with("faults")) >= OBSERVATIONS:  # one race shows now so, now so
            names = [name for name, times in seen.items() if times]
        return frozenset([*names, *([DUPLICATED] if self.is_wrapped else [])])

    @property
    def is_wrapped(self) -> bool:
        """Whether the last batches of an epoch are the first ones once more, and no more than a pass was asked for."""
        forward = self.evidence.forward
        return forward is not None and forward.wrapped and not forward.repeats

    def worst_epoch(self) -> str:
        """Return the counts of the epoch with most faults, in words."""
        epochs = [epoch for run in self.evidence.fits for epoch in run.epochs]
        if not epochs:
            return "no epoch came to its end"
        worst = max(epochs, key=lambda epoch: epoch.faults)
        counts = {MISSING: worst.missing, DUPLICATED: worst.duplicated, CORRUPT: worst.corrupt}
        named = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        return f"of {worst.delivered} samples in an epoch: {named}"

    @property
    def batches(self) -> int:
        """In an epoch; 0 if unknown."""
        return self.evidence.reference.batches if self.evidence.reference else 0

    # What workers of our own saw.

    @property
    def is_pulled_as_by_keras(self) -> bool:
        """Whether workers of our own pull it in a way in which this Keras does too."""
        known = self.description
        if known.own_workers:
            return known.has_several_workers
        if known.iterates:
            return known.has_several_workers and not known.processes
        return known.kind == DATASET or (known.kind == SEQUENCE and known.has_several_workers)

    @cached_property
    def findings(self) -> tuple[tuple[int, Finding], ...]:
        """All of them, each with the number of its process."""
        runs = enumerate(self.evidence.stress)
        return tuple((number, finding) for number, run in runs for finding in run.findings)

    @property
    def changed(self) -> tuple[tuple[int, Finding], ...]:
        """Findings of batches that changed after they were returned."""
        return tuple(item for item in self.findings if isinstance(item[1].seen, ChangedBatch))

    @cached_property
    def is_buffer_reused(self) -> bool:
        """Whether a batch is overwritten when another one is made, seen often enough."""
        # Ahead of one thread batches wait too; torch alone takes each before the next is made.
        waits = self.description.iterates or self.description.kind == SEQUENCE
        if not self.is_pulled_as_by_keras and not (waits and asked_backend() != TORCH):
            return False
        forward, backward = self.evidence.forward, self.evidence.backward
        alone = forward is not None and forward.reused is not None
        again = backward is not None and backward.reused is not None
        return (alone and (again or bool(self.changed))) or observations(self.changed) >= OBSERVATIONS

    @cached_property
    def race(self) -> Race | None:
        """What changes content when workers meet, if it was seen often enough."""
        return find_race(self)

    # Whose lines.

    @cached_property
    def is_own(self) -> Callable[[str], bool]:
        """Tells whether a file is under audit."""
        return audited_files(self.request)

    def own_frames(self, frames: Iterable[Frame]) -> tuple[str, ...]:
        """Return the innermost line of the person's code."""
        return tuple(f"{one.file}:{one.line}: in {one.name}" for one in frames if self.is_own(one.file))[-1:]

    def own_lines(self, text: str) -> tuple[str, ...]:
        """Return lines of the person's code that a traceback or a stack dump names."""
        found = re.findall(r'File "([^"]+)", line (\d+),? in (\S+)', text)
        return tuple(dict.fromkeys(f"{file}:{line}: in {name}" for file, line, name in found if self.is_own(file)))

    @staticmethod
    def stacks(ending: Ending) -> tuple[str, ...]:
        """Return the stack of each thread at the end, the innermost call first, out to where the audit called.

        Beyond that stands who called the audit, which may be the person's own test.
        """
        text = ending.run.printed if ending.run else ending.message
        return tuple(stack.partition(AUDIT)[0] for stack in re.split(r"(?:Current t|T)hread 0x", text))

    def stack_lines(self, ending: Ending) -> tuple[str, ...]:
        """Return lines of the person's code where its threads stood at the end."""
        lines = (line for stack in self.stacks(ending) for line in self.own_lines(stack))
        return tuple(dict.fromkeys(lines))[:MOST_LINES]

    def raised_lines(self, ending: Ending) -> tuple[str, ...]:
        """Return the innermost line of the person's code in the exception that ended it."""
        exception = ending.run.answer.exception if ending.run and ending.run.answer else None
        own = self.own_frames(exception.frames) if exception else ()
        if own:
            return own
        lines = self.own_lines((exception.text if exception else "") or ending.message)
        return lines[-1:] if ending.run else lines[:MOST_LINES]
