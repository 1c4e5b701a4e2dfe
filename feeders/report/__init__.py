"""Reads what was measured and shows it; measures nothing itself."""

from __future__ import annotations

from .audits import AUDITS_SUFFIX, delivery_table, merged_audits, summarise_audits
from .changes import summarise_changes
from .summary import summarise
from .takes import Takes, read_takes

__all__ = [
    "AUDITS_SUFFIX",
    "Takes",
    "delivery_table",
    "merged_audits",
    "read_takes",
    "summarise",
    "summarise_audits",
    "summarise_changes",
]
