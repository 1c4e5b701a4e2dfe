"""The commands, one file each: arguments, and what is printed. What is heavy they import when they run."""

from __future__ import annotations

from . import advise, audit, compare, listing, measure, overhead, regressions, releases, report

# In the order of the help.
COMMANDS = (advise, listing, measure, audit, compare, regressions, releases, report, overhead)
