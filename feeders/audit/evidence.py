"""What the probes of an audit brought back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .counts import Epoch, Reference

# The fit() or the reading came to its end.
ENDED = "ended"


@dataclass
class FitRun:
    """One ``fit()``.

    Attributes:
        provoked: thread switches were forced and hooks held back.
        outcome: `ENDED`, refused, failed, hung or crashed.
        message: for outcomes other than ended.
        answer: what the process answered; empty if it did not.
        events: its journal.
        printed: by the process, the stacks of its threads included where it hung or crashed.
        epochs: counts, one per epoch that began.
    """

    provoked: bool
    outcome: str
    message: str
    answer: dict[str, Any]
    events: list[dict[str, Any]]
    printed: str = ""
    epochs: list[Epoch] = field(default_factory=list)

    @property
    def batches(self) -> int:
        """That reached the training step."""
        return sum(event["event"] == "batch" for event in self.events)

    @property
    def said(self) -> list[str]:
        """Warnings and log messages, each once."""
        return list(dict.fromkeys(event["text"] for event in self.events if event["event"] == "said"))


@dataclass
class PullRun:
    """One process in which workers of ours pulled at once.

    Attributes:
        outcome: `ENDED`, failed, hung or crashed.
        message: for outcomes other than ended.
        calls: made beside others.
        trials: in which they were made.
        places: lines and operations at which a thread was held.
        findings: see `pulls`.
        lines: of the audited code that run, (file, line).
    """

    outcome: str
    message: str
    calls: int
    trials: int
    places: int
    findings: list[dict[str, Any]]
    lines: list[tuple[str, int]]


@dataclass
class Evidence:
    """All of it.

    Attributes:
        first, second: the serial passes; empty where one did not come to an answer.
        broken: outcome and message of a serial pass that did not.
        reference: what an epoch should deliver; None without a serial pass.
        fits, pulls: in the order in which they were made.
        draws, growth, beyond: answers of those probes; empty where they were not made.
        control: the same ``fit()`` with a loader known to be safe, where that was of interest.
        memory_limit: bytes.
    """

    first: dict[str, Any] = field(default_factory=dict)
    second: dict[str, Any] = field(default_factory=dict)
    broken: tuple[str, str] | None = None
    reference: Reference | None = None
    fits: list[FitRun] = field(default_factory=list)
    pulls: list[PullRun] = field(default_factory=list)
    draws: list[dict[str, Any]] = field(default_factory=list)
    growth: dict[str, Any] = field(default_factory=dict)
    beyond: dict[str, Any] = field(default_factory=dict)
    control: FitRun | None = None
    memory_limit: int = 0
