"""How long does training wait for its batches?"""

from __future__ import annotations

from ._suite import Question, series


class Batch(Question):
    """The wait for each batch of the steady epochs."""

    @series("wait_mean")
    def track_mean(self):
        """Mean seconds a step is blocked for its batch; batches come in bursts, a median misleads. Lower is better."""

    @series("wait_p50")
    def track_p50(self):
        """Median seconds a step is blocked for its batch. Lower is better."""

    @series("wait_p95")
    def track_p95(self):
        """Seconds that 95 % of the steps wait at most for their batch. Lower is better."""

    @series("wait_p99")
    def track_p99(self):
        """Seconds that 99 % of the steps wait at most for their batch. Lower is better."""

    @series("wait_max")
    def track_max(self):
        """Longest wait for a batch, in seconds. Lower is better."""


class Step(Question):
    """Whole training steps of the steady epochs, the wait included."""

    @series("step_p50")
    def track_p50(self):
        """Median seconds of a training step, wait included. Lower is better."""

    @series("step_p99")
    def track_p99(self):
        """Seconds that 99 % of the training steps take at most, wait included. Lower is better."""

    @series("step_work")
    def track_work(self):
        """Seconds of a batch in long epochs without the wait for it: training beside the feeder. Lower is better."""
