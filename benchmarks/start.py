"""How soon does training start?"""

from __future__ import annotations

from ._suite import Question, series


class Fit(Question):
    """The start of fit()."""

    @series("first_batch")
    def track_first_batch(self):
        """Seconds from the call of fit() to the first batch in the training step. Lower is better."""
