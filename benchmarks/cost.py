"""What does feeding cost beside time?"""

from __future__ import annotations

from ._suite import Question, series


class Process(Question):
    """The process that trains, with all its children."""

    @series("cpu")
    def track_cpu(self):
        """CPU seconds of the process tree for 1,000 samples of the steady epochs. Lower is better."""

    @series("memory")
    def track_memory(self):
        """Peak bytes of the process tree during fit(), shared pages counted once. Lower is better."""

    @series("growth")
    def track_growth(self):
        """Bytes that the process tree grows by per steady epoch. About 0 is right; more is a leak."""

    @series("reads")
    def track_reads(self):
        """Batches prepared over batches trained on. 1 is right; more is look-ahead and probing thrown away."""

    @series("left")
    def track_left(self):
        """Threads and child processes alive after fit() returned. 0 is right."""
