"""The pages of the report, in the order of its navigation."""

from __future__ import annotations

from . import answer, delivery, device, feeders, latency, method, releases, workers
from ._page import Page

PAGES: tuple[Page, ...] = tuple(
    module.PAGE for module in (answer, feeders, workers, latency, device, delivery, releases, method)
)

__all__ = ["PAGES", "Page"]
