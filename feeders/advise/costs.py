"""What the parts of advice take, as far as a look at the loader and a step of the model tell."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from feeders.audit.forecast import Forecast
from feeders.audit.reference import FEWEST_PARTS, FEWEST_STEPS, SHARE_OF_BUDGET
from feeders.audit.request import AuditRequest
from feeders.measure.alone import MOST_BATCHES
from feeders.measure.survey import FEWEST_STEPS as FEWEST_SURVEYED
from feeders.measure.survey import LONGEST_SECONDS, STATES
from feeders.measure.within import READ_AHEAD

# Epochs of a take that are trained on, and batches of its long one before it is timed.
EPOCHS_OF_A_TAKE, WARM_UP = 4, READ_AHEAD + 1

# An audit of whole epochs may take so many times its seconds.
PATIENCE = 2

# Batches that the parts of a limit prepare in one thread.
BATCHES_OF_A_LIMIT = 15


@dataclass(frozen=True)
class Costs:
    """Seconds of the parts of advice.

    Attributes:
        made: seconds that the loader takes to be made, in every process.
        batch: of a batch, prepared alone.
        step: of a training step; 0 where it takes next to nothing.
        steps: batches of an epoch, as it is measured.
        length: of the loader's own epoch, where that is known.
        hooks: whether the loader does something between epochs.
        indexed: whether its batches have an index.
        ordered: whether each pass gives the same in the same order, so that a part of it can be audited.
        imported: until an interpreter that starts anew has imported Keras, if it has a core.
        cores: that this process may use.
    """

    made: float
    batch: float
    step: float
    steps: int
    length: int | None = None
    hooks: bool = False
    indexed: bool = True
    ordered: bool = False
    imported: float = 0.0
    cores: int = 1

    @property
    def survey(self) -> float:
        """To read it twice, and train a step or two."""
        states = STATES if self.hooks else 1
        one_pass = min(self.steps, max(FEWEST_SURVEYED, LONGEST_SECONDS / max(self.batch, 1e-6))) * self.batch
        return 2 * (self.made + states * one_pass) + 2 * self.step

    @property
    def take(self) -> float:
        """To verify and to time the simplest way of feeding."""
        trained = (EPOCHS_OF_A_TAKE * self.steps + WARM_UP) * max(self.batch, self.step)
        return 2 * self.made + self.steps * self.batch + trained

    @property
    def least(self) -> float:
        """To read it, and to take it with epochs of the fewest batches: no answer comes with less."""
        return self.survey + dataclasses.replace(self, steps=min(self.steps, FEWEST_SURVEYED)).take

    @property
    def limit(self) -> float:
        """To measure what bounds every feeder."""
        return 2 * self.made + BATCHES_OF_A_LIMIT * self.batch + 2 * (WARM_UP + MOST_BATCHES) * self.step

    def starts(self, workers: int) -> float:
        """Until so many processes have started anew and made the loader: they share the cores to import Keras."""
        return self.made + self.imported * max(1.0, workers / self.cores)

    def shortened(self, request: AuditRequest) -> AuditRequest:
        """Return an audit of shorter epochs, where those of a generator take too long.

        An audit cuts the epochs of what has an index itself, and reads all others to their end. A part of a pass in
        an order that is drawn anew can't be counted.
        """
        if self.indexed or request.steps or not self.ordered or self.audit(request) <= PATIENCE * request.seconds:
            return request
        affordable = int(request.seconds * SHARE_OF_BUDGET / FEWEST_PARTS / max(self.batch, 1e-6))
        return dataclasses.replace(request, steps=max(FEWEST_SURVEYED, min(self.steps, affordable)))

    def audit(self, request: AuditRequest) -> float:
        """To audit it, which goes beyond its seconds where the loader is slow."""
        batches = FEWEST_PARTS * request.steps if request.steps else self.length or self.steps
        if self.indexed and not request.steps:
            batches = min(batches, max(FEWEST_STEPS, int(request.seconds * SHARE_OF_BUDGET / max(self.batch, 1e-6))))
        passes = STATES if self.hooks and self.indexed else 1
        told = Forecast(request, self.made, self.batch, self.batch, batches, passes, self.indexed)
        return max(request.seconds + told.uncounted, told.read + told.after_reading)
