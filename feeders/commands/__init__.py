"""The commands, one file each: arguments, and what is printed. What is heavy they import when they run."""

from __future__ import annotations

from . import advise, audit, compare, listing, measure, overhead, regressions, releases, report

# In the order of the help: of one's own loader first, then of the suite.
COMMANDS = (audit, advise, measure, compare, report, regressions, releases, listing, overhead)
