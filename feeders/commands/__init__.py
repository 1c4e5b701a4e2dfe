"""The commands, one file each: arguments, and what is printed. What is heavy they import when they run."""

from __future__ import annotations

from . import audit, compare, listing, measure, overhead, regressions, releases, report

# In the order of the help.
COMMANDS = (listing, measure, audit, compare, regressions, releases, report, overhead)
