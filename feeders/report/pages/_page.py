"""A row of the report's pages, and the parts that pages are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Sequence

# What a part is filtered by. Without the release it shows all of them.
HERE = ("machine", "release", "device")

Block = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """One page of the report.

    Attributes:
        name: in the URL.
        title: in the navigation.
        question: what it answers; its heading.
        blocks: its parts, in order, made by the functions of this module.
        picks: choices of this page alone: name, title and the table that has them as a column.
    """

    name: str
    title: str
    question: str
    blocks: Sequence[Block]
    picks: Sequence[dict[str, str]] = field(default=())


def text(html: str, title: str = "") -> Block:
    """Return a part that is the same whatever is chosen."""
    return {"kind": "text", "title": title, "html": html}


def prose(table: str, by: Sequence[str], empty: str, title: str = "") -> Block:
    """Return a part that shows the column ``html`` of the rows that are chosen."""
    return {"kind": "prose", "table": table, "by": list(by), "column": "html", "empty": empty, "title": title}


def chart(
    made: Any,
    table: str,
    by: Sequence[str],
    title: str,
    description: str,
    empty: str,
    metric: bool = False,
    note: str = "",
    needs: Sequence[str] = (),
    several: str = "",
) -> Block:
    """Return a chart; what is read aloud of it is its description.

    Args:
        made: an Altair chart of the data named "rows"; "@metric" and "@workload" in its texts are filled in.
        table: name of the table that it draws.
        by: the choices that filter it.
        title: its heading.
        description: what it draws, for who can't see it.
        empty: what is said where nothing is left to draw.
        metric: whether rows get ``value``, ``low`` and ``high`` of the metric that is chosen, and an ``order``.
        note: HTML below it.
        needs: columns without which a row can't be drawn; where none has them it is empty.
        several: a column of which one value alone makes no chart.
    """
    spec = made.to_dict(validate=True)
    for name in ("config", "$schema"):  # the page sets colours and fonts, light or dark
        spec.pop(name, None)
    block = {"kind": "chart", "table": table, "by": list(by), "title": title, "description": description}
    return {
        **block,
        "empty": empty,
        "metric": metric,
        "note": note,
        "needs": list(needs),
        "several": several,
        "spec": spec,
    }


def page_table(
    name: str,
    by: Sequence[str],
    columns: Sequence[tuple[str, str, str]],
    title: str,
    empty: str,
    metric: bool = False,
    note: str = "",
) -> Block:
    """Return a table that sorts, filters and is copied.

    Args:
        name: of the table.
        by: the choices that filter it.
        columns: key, heading and kind ("text", "code", "number", "interval" or "html") of each.
        title: its heading.
        empty: what is said where it has no row.
        metric: as for `chart`.
        note: HTML below it.
    """
    shown = [{"key": key, "title": head, "kind": kind} for key, head, kind in columns]
    # The word of a cell without numbers stands once in its row.
    next((column for column in shown if column["kind"] == "interval"), {})["word"] = "word"
    block = {"kind": "table", "table": name, "by": list(by), "title": title, "columns": shown}
    return {**block, "empty": empty, "metric": metric, "note": note}
