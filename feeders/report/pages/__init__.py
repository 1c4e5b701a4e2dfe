"""The pages of the report, in the order of its navigation."""

from __future__ import annotations

from . import answer, delivery, feeders, latency, method, releases, workers
from ._page import Page

PAGES: tuple[Page, ...] = tuple(
    module.PAGE for module in (answer, feeders, workers, latency, delivery, releases, method)
)

__all__ = ["PAGES", "Page"]
