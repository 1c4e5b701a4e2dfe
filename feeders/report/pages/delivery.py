"""What arrives: the guarantee of every feeder, and the evidence."""

from __future__ import annotations

from ._page import HERE, Block, Page, page_table


def _matrix(name: str, title: str, empty: str, note: str) -> Block:
    parts = {"rows": "feeder", "columns": "workload", "word": "verdict", "tone": "tone", "evidence": "evidence"}
    return {"kind": "matrix", "table": name, "by": list(HERE), "title": title, "empty": empty, "note": note, **parts}


PAGE = Page(
    "delivery",
    "Delivery",
    "Does every sample arrive once, whole, in its epoch?",
    (
        _matrix(
            "audits",
            "Audited, races provoked",
            "This release has not been audited here. To do so: feeders audit --all",
            "Open a cell to see its evidence.",
        ),
        _matrix(
            "deliveries",
            "Counted in the takes, as it is",
            "Nothing was measured here.",
            "Each cell is one epoch of each take, with the most workers that were measured. A race that hits one "
            "batch in a thousand may not show here. An audit provokes it. ! stands where one did so, or where some "
            "takes broke.",
        ),
        page_table(
            "cells",
            (*HERE, "workload"),
            (
                ("feeder", "feeder", "code"),
                ("workers", "workers", "number"),
                ("subject", "of", "text"),
                ("missing", "missing", "interval"),
                ("duplicated", "duplicated", "interval"),
                ("disordered", "out of order", "interval"),
                ("corrupt", "corrupt", "interval"),
                ("stale", "stale", "interval"),
                ("reads", "read/delivered", "interval"),
                ("left", "threads + processes left", "interval"),
            ),
            "Samples of an epoch, on @workload",
            "Nothing was measured here.",
        ),
    ),
)
