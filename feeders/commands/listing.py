"""``feeders list``."""

from __future__ import annotations

import argparse
from typing import Any

from feeders.terminal import table


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "list",
        help="list the feeders, workloads and metrics, and what each is",
        description="List all feeders, workloads and metrics by name, and say what each is.",
    )
    parser.set_defaults(command=_list)


def _list(options: argparse.Namespace) -> int:
    from feeders.loaders import WORKLOADS
    from feeders.measure import METRICS
    from feeders.strategies import FEEDERS

    tables = {
        "Feeders": [(row.name, f"{row.summary}; {row.belief}") for row in FEEDERS],
        "Workloads": [(row.name, f"{row.summary}; GIL {row.gil}") for row in WORKLOADS],
        "Metrics": [(row.name, f"{row.meaning} [{row.unit}]") for row in METRICS],
    }
    for title, rows in tables.items():
        print("\n".join([title, *table(rows, indent=2)]))
    return 0
