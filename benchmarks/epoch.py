"""How long does an epoch take, and how much of it is waiting for data?"""

from __future__ import annotations

from ._suite import Question, series


class Fit(Question):
    """fit() over several epochs."""

    @series("first_epoch")
    def track_first(self):
        """Seconds from the call of fit() to the end of epoch 1: tracing, workers, one pass. Lower is better."""

    @series("epoch")
    def track_steady(self):
        """Seconds of a steady epoch, from the last step of one to the last step of the next. Lower is better."""

    @series("gap")
    def track_gap(self):
        """Seconds from an epoch's last step to the next one's first batch, unseen per batch. Lower is better."""

    @series("seconds_per_batch")
    def track_batch(self):
        """Seconds of a batch within long epochs, what was read ahead used up. Lower is better."""

    @series("unsteady")
    def track_unsteady(self):
        """Batch shapes first trained on in the steady part, which a backend may compile. 0 is right."""

    @series("effective")
    def track_effective(self):
        """Seconds for 1,000 unique, whole samples: what ranks feeders. Lower is better."""

    @series("beyond_limit")
    def track_beyond_limit(self):
        """Seconds for 1,000 samples beyond what the host's limit takes, in epochs of 1,000 batches. Lower is better."""

    @series("stall")
    def track_stall(self):
        """Percent of a steady epoch beyond `resident`'s: <5 fed, 5-20 partly starved, >20 starved. 0 is best."""
