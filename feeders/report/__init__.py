"""Reads what was measured and shows it; measures nothing itself."""

from __future__ import annotations

from pathlib import Path

from .audits import delivery_table
from .summary import summarise

__all__ = [
    "delivery_table",
    "html_report",
    "summarise",
]


def html_report(results: Path) -> str:
    """Return the report as one HTML file that needs nothing else.

    Args:
        results: the results folder.

    Raises:
        FeedersError: nothing has been measured yet, or a file is damaged; the text names the file and the line.
    """
    # Charts and templates take a second to import, and only this needs them.
    from .html import render
    from .payload import payload

    return render(payload(results))
