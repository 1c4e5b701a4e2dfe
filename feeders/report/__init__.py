"""Reads what was measured and shows it; measures nothing itself."""

from __future__ import annotations

from pathlib import Path

from .audits import audits_file, delivery_table, merged_audits
from .summary import summarise
from .takes import Takes, read_takes

__all__ = [
    "Takes",
    "audits_file",
    "delivery_table",
    "html_report",
    "merged_audits",
    "read_takes",
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
