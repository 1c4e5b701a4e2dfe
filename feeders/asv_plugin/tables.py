"""What asv prints of results: the cells that have any, not every one there could be."""

from __future__ import annotations

import itertools
import sys
from typing import Any, Callable, Iterator

from asv import util

# Where no terminal says how wide it is: room for two workloads by two numbers of workers.
LOG_COLUMNS = 132

# What asv puts in front of each line of a table.
INDENT = 14

Result = list[tuple[Any, Any]]


def compact(original: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Return asv's table formatter, given only the parameter values that have results.

    A table of all cells is some 400 lines a series, and its results drown in n/a.

    Args:
        original: `asv.results._format_benchmark_result`.
    """

    def formatted(result: Result, benchmark: dict[str, Any], max_width: int | None = None) -> list[str]:
        cells = list(itertools.product(*benchmark["params"]))
        values = dict(zip(cells, result))
        known = [cell for cell in cells if not util.is_nan(values[cell][0])]
        if not known:
            return [f"n/a in all {len(cells)} cells"]
        params = [[value for value in axis if value in used] for axis, used in zip(benchmark["params"], zip(*known))]
        left = [values[cell] for cell in itertools.product(*params)]
        return original(left, {**benchmark, "params": params}, max_width or _columns())

    return formatted


def measured_only(original: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Return asv's walk through the cells that ``asv compare`` lists, without those skipped.

    Args:
        original: `asv.commands.compare.unroll_result`, which yields (name, value, ...).
    """

    def unrolled(*args: Any) -> Iterator[Any]:
        return (row for row in original(*args) if not util.is_nan(row[1]))

    return unrolled


def _columns() -> int:
    return int(util.terminal_width if sys.stdout.isatty() else LOG_COLUMNS) - INDENT
