"""Does every sample arrive once, whole, in its epoch?"""

from __future__ import annotations

from ._suite import Question, series


class Epoch(Question):
    """One verified epoch, counted where it reaches the training step."""

    @series("missing")
    def track_missing(self):
        """Samples that never reached the training step. 0 is right."""

    @series("duplicated")
    def track_duplicated(self):
        """Deliveries of a sample after its first. 0 is right."""

    @series("disordered")
    def track_disordered(self):
        """Samples that arrived after one of a higher index. 0 where order is promised."""

    @series("corrupt")
    def track_corrupt(self):
        """Samples whose content was not what their id promises: torn, or another's. 0 is right."""

    @series("stale")
    def track_stale(self):
        """Samples that carry the stamp of another epoch. 0 is right."""

    @series("broken", "takes broken")
    def track_broken(self):
        """1 for a take that failed, hung or crashed, else 0. 0 is right."""
