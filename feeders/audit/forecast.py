"""How long the processes of an audit will take, told by its first batches."""

from __future__ import annotations

from dataclasses import dataclass

from feeders.loaders.opening import SEQUENCE

from .events import Foreseen
from .leaks import EPOCHS_AT_LEAST, EPOCHS_AT_MOST, PATIENCE
from .readings import Reading
from .reference import SHARE_OF_BUDGET
from .request import AuditRequest
from .stress_plan import SHORTEST_STRESS_SECONDS

# Part of the budget that reading epoch after epoch may take.
GROWTH_SHARE = 0.15

# To start and to end a process takes so long at least, and times that for one of fit(), which builds a model.
START_SECONDS, STARTS_OF_FIT = 0.5, 4

# Two batches are few, and what is held at its lines is slower: estimates are so many times what they say.
SPARE = 1.3

# Less than that is printed as 0 s.
WORTH_SAYING = 0.5

# Processes that make the loader before races are looked for: two that read it, two of ``fit()``, one that asks beyond
# its length, one that pulls it. They don't pay for that from the budget; later ones do.
ESSENTIAL_PROBES = 6

# Passes of a long epoch beside those of ``fit()`` and of reading it: one for growth, two of whoever pulls.
PASSES = 3


@dataclass(frozen=True)
class Forecast:
    """What a loader's processes will take, in seconds.

    Attributes:
        request: what is audited.
        making: to make the loader.
        first: of the first batch of a pass, and of a hook before it.
        batch: of another batch.
        batches: of a pass; as many as have been seen where that is not known.
        passes: of whoever reads it.
        indexed: it is a sequence, which is asked beyond its length too.
        start: until a process has begun.
    """

    request: AuditRequest
    making: float
    first: float
    batch: float
    batches: int
    passes: int
    indexed: bool
    start: float = START_SECONDS

    @classmethod
    def of_batches(cls, request: AuditRequest, seen: Foreseen, passed: float) -> Forecast:
        """Return what the first batches tell, so many seconds after the process was started."""
        start = max(START_SECONDS, passed - seen.making - seen.first - seen.batch)
        batches = seen.batches or 2
        return cls(request, seen.making, seen.first, seen.batch, batches, seen.passes, seen.indexed, start)

    @classmethod
    def of_reading(cls, request: AuditRequest, reading: Reading, start: float) -> Forecast:
        """Return what a whole pass tells."""
        batches = len(reading.epochs[0]) if reading.epochs else 1
        pulled = sum(map(len, reading.epochs))
        rest = max(1, pulled - len(reading.epochs))
        batch = max(0.0, reading.mean * pulled - reading.first * len(reading.epochs)) / rest
        indexed = reading.description.kind == SEQUENCE
        first = reading.first + reading.hook
        return cls(request, reading.making, first, batch, batches, len(reading.epochs), indexed, start)

    @property
    def one_pass(self) -> float:
        """A pass in one thread."""
        return self.first + self.batch * (self.batches - 1)

    @property
    def read(self) -> float:
        """To read it serially."""
        return self.start + self.making + SPARE * self.one_pass * self.passes

    @property
    def fit(self) -> float:
        """A ``fit()``, or another use; Keras looks at the first batches before."""
        looked = self.first + self.batch
        return STARTS_OF_FIT * self.start + self.making + SPARE * (self.one_pass * self.request.epochs + looked)

    @property
    def judges_growth(self) -> bool:
        """Whether reading epoch after epoch can come to enough of them."""
        return self.one_pass * EPOCHS_AT_LEAST <= self.request.seconds * GROWTH_SHARE * PATIENCE

    @property
    def growth(self) -> float:
        """To read epoch after epoch."""
        if not self.judges_growth:
            return 0.0
        longest = min(EPOCHS_AT_MOST * self.one_pass, self.request.seconds * GROWTH_SHARE)
        return self.start + self.making + SPARE * max(EPOCHS_AT_LEAST * self.one_pass, longest)

    @property
    def bounds(self) -> float:
        """To ask beyond its length."""
        return self.start + self.making + SPARE * (self.first + 2 * self.batch) if self.indexed else 0.0

    @property
    def stress(self) -> float:
        """To pull it from all sides for a moment: it is read alone before, and a trial of a pipeline is a pass."""
        return self.start + self.making + SPARE * 2 * self.one_pass + SHORTEST_STRESS_SECONDS

    @property
    def others(self) -> float:
        """Uses beside ``fit()``."""
        return 2 * self.fit * len(self.request.also)

    @property
    def after_reading(self) -> float:
        """What follows the first pass, at least."""
        return self.read + 2 * self.fit + self.growth + self.bounds + self.others + self.stress

    @property
    def uncounted(self) -> float:
        """Seconds that don't count against the budget: making it, first batches, epochs that can't be cut short."""
        made = (self.making + self.first) * ESSENTIAL_PROBES
        if self.one_pass <= SHARE_OF_BUDGET * self.request.seconds:
            return made
        passes = 2 * self.passes + PASSES + 2 * self.request.epochs
        return max(made, self.making * ESSENTIAL_PROBES + self.one_pass * passes)

    def text(self) -> str:
        """Say what it follows from."""
        if max(self.making, self.first, self.one_pass) < WORTH_SAYING:
            return "its processes take that long to start"
        return (
            f"made in {self.making:.0f} s, first batch after {self.first:.0f} s, a pass takes {self.one_pass:.0f} s, "
            "in each of several processes"
        )
