"""Reads what was measured and shows it; measures nothing itself."""

from __future__ import annotations

from .summary import summarise
from .takes import Takes, read_takes

__all__ = ["Takes", "read_takes", "summarise"]
