"""What more workers bring, and what they cost."""

from __future__ import annotations

from typing import Any

import altair as alt

from ._page import HERE, Page, chart, page_table

_EMPTY = "Nothing was measured on this workload here."
_BY = (*HERE, "workload", "batches")

_rows = alt.Chart(alt.NamedData("rows"))


def _curves(key: str, title: str, bounds: tuple[Any, ...] = ()) -> Any:
    own = alt.selection_point(fields=["kind"], bind="legend", name=f"only_{key}")
    base = _rows.transform_filter(f"isValid(datum.{key}) && datum.parallel && datum.state !== 'no-number'").encode(
        x=alt.X("workers:O", title="workers", axis=alt.Axis(labelAngle=0)),
        y=alt.Y(f"{key}:Q", title=title, scale=alt.Scale(zero=True)),
        color=alt.Color("kind:N", title="workers are"),
        opacity=alt.condition(own, alt.value(1), alt.value(0.12)),
        tooltip=[
            alt.Tooltip("feeder:N"),
            alt.Tooltip("subject:N", title="of"),
            alt.Tooltip("workers:O"),
            alt.Tooltip(f"{key}:Q", title=title, format=",.4~g"),
            alt.Tooltip("state:N", title="delivery"),
        ],
    )
    lines = base.mark_line().encode(strokeDash=alt.StrokeDash("subject:N", title=None), detail="feeder:N")
    points = base.mark_point(size=60).encode(
        shape=alt.Shape(
            "state:N", scale=alt.Scale(domain=["safe", "unsafe"], range=["circle", "cross"]), title="delivery"
        ),
        fill=alt.condition("datum.knee", alt.Fill("kind:N", legend=None), alt.value("transparent")),
    )
    return alt.layer(lines, points.add_params(own), *bounds).properties(width="container", height=320)


def _limit() -> tuple[Any, Any]:
    """A line at what the host allows a loader, where what is drawn has such a bound, and its name."""
    base = (
        _rows.transform_filter("isValid(datum.bound) && isValid(datum.gil_share)")
        .transform_aggregate(bound="median(bound)", groupby=["subject"])
        .encode(y=alt.Y("bound:Q", title="@metric"), tooltip=[alt.Tooltip("bound:Q", title="limit", format=",.4~g")])
    )
    # Where the axis begins: lines end on the other side.
    name = base.mark_text(align="left", baseline="bottom", dx=4, dy=-3).encode(x=alt.value(0), text=alt.value("limit"))
    return base.mark_rule(strokeWidth=2, strokeDash=[6, 4]), name


PAGE = Page(
    "workers",
    "Workers",
    "How many workers, threads or processes?",
    (
        chart(
            _curves("value", "@metric", _limit()),
            "cells",
            _BY,
            "@metric by workers, on @workload",
            "A line for each feeder over the number of workers, its knee a filled point; a dashed line for the limit.",
            _EMPTY,
            metric=True,
            needs=("value",),
            note="A filled point is the knee: the fewest workers that reach 95 % of the feeder's best effective "
            "throughput, in epochs of this length. The dashed line is the limit of this host for what prepares batches "
            "in Python; effective throughput and share of limit have one. Crosses: wrong delivery. A click in the "
            "legend shows one kind alone; the names are told on hover and in the table.",
        ),
        page_table(
            "cells",
            _BY,
            (
                ("feeder", "feeder", "code"),
                ("workers", "workers", "number"),
                ("kind", "workers are", "text"),
                ("subject", "of", "text"),
                ("value", "@metric", "interval"),
                ("share_of_limit", "of the limit (%)", "interval"),
                ("cpu", "CPU (s/1,000 samples)", "interval"),
                ("memory", "memory (MB)", "interval"),
            ),
            "The numbers",
            _EMPTY,
            metric=True,
        ),
        page_table(
            "knees",
            (*HERE, "workload"),
            (
                ("feeder", "feeder", "code"),
                ("subject", "of", "text"),
                ("knee", "knee (workers)", "number"),
                ("gain", "knee against one worker (×)", "number"),
                ("most", "most workers measured", "number"),
                ("reason", "why", "text"),
            ),
            "Where more stop to help, and why",
            "No feeder was measured with several numbers of workers here.",
        ),
        chart(
            _curves("cpu", "CPU (s/1,000 samples)"),
            "cells",
            _BY,
            "What it costs: CPU",
            "CPU time for 1,000 samples, for each feeder over the number of workers.",
            _EMPTY,
            metric=True,
            needs=("value",),
        ),
        chart(
            _curves("memory", "memory (MB)"),
            "cells",
            _BY,
            "What it costs: memory",
            "Peak memory of the process tree, for each feeder over the number of workers.",
            _EMPTY,
            metric=True,
            needs=("value",),
        ),
    ),
)
