"""What an audit has found out so far, and what it goes on with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from feeders.results.record import HUNG

from .budget import Budget
from .evidence import ENDED, Evidence, FitRun
from .forecast import Forecast
from .judge import AuditVerdict, judge
from .probes import Probes
from .request import AuditRequest

# A busy machine makes all processes slower; what is slower by more has another reason, as spawned workers.
SLOWEST = 3.0


@dataclass
class Inquiry:
    """The state of an audit, which its parts share.

    Attributes:
        request: with what was found out about key and steps.
        budget: its time.
        progress: told what is going on.
        probes: start the processes.
        evidence: so far.
        forecast: what the loader's processes take; None before its first batches.
        longest: seconds of the longest process of each kind.
        slowness: so many times as long as was told by the first batches processes have taken.
    """

    request: AuditRequest
    budget: Budget
    progress: Callable[[str], None]
    probes: Probes = field(init=False)
    evidence: Evidence = field(init=False)
    forecast: Forecast | None = None
    longest: dict[str, float] = field(default_factory=dict)
    slowness: float = 1.0

    def __post_init__(self) -> None:
        self.probes = Probes(self.request)
        self.evidence = Evidence(memory_limit=self.probes.memory)

    def judge(self) -> AuditVerdict:
        """Judge the evidence as it stands."""
        return judge(self.request, self.evidence)

    def restart(self, request: AuditRequest) -> None:
        """Go on with another request."""
        self.request = self.probes.request = request

    def expected(self, kind: str) -> float:
        """Return the seconds that a process will take: what the first batches tell, or more if one took more."""
        return max(self._told(kind) * self.slowness, self.longest.get(kind, 0.0))

    def _told(self, kind: str) -> float:
        return float(getattr(self.forecast, kind)) if self.forecast else 0.0

    def timed(self, kind: str, work: Callable[[], Any]) -> Any:
        """Do the work of a process, and remember how long it took.

        Args:
            kind: of the process, as `Forecast` calls it.
            work: starts it and waits for its end.
        """
        start = self.budget.passed()
        result = work()
        took = self.budget.passed() - start
        self.longest[kind] = max(self.longest.get(kind, 0.0), took)
        if self._told(kind) and getattr(result, "outcome", ENDED) == ENDED:
            self.slowness = min(SLOWEST, max(self.slowness, took / self._told(kind)))
        return result

    def fit(self, probes: Probes, steps: int | None, seed: int, provoked: bool, use: str) -> FitRun:
        """Use the loader in a process of its own, within what was announced.

        Args:
            probes: start it.
            steps: see `fits.fit`.
            seed: likewise.
            provoked: likewise.
            use: likewise.
        """
        self.budget.allow(self.expected("fit"), f"{use} takes {self.expected('fit'):.0f} s")
        run: FitRun = self.timed("fit", lambda: probes.fit(steps, seed, provoked, use))
        if run.outcome == HUNG:
            self.budget.allow(self.expected("fit"), f"no batch for {self.probes.patience:.0f} s, so it is tried again")
        return run
