"""How long the training loop waits for a batch, and how long it takes to begin."""

from __future__ import annotations

import altair as alt

from ._page import HERE, Page, chart, page_table

_EMPTY = "No wait was measured on this workload here."
_BY = (*HERE, "workload")

_feeder = alt.Y("cell:N", title=None, sort=None)
_offset = alt.YOffset("subject:N")
_axis = alt.Scale(type="log")
_tooltip = [
    alt.Tooltip("cell:N", title="feeder"),
    alt.Tooltip("subject:N", title="of"),
    *(
        alt.Tooltip(f"{key}:Q", title=f"{title} (ms)", format=",.4~g")
        for key, title in (("wait_p50", "p50"), ("wait_p95", "p95"), ("wait_p99", "p99"), ("wait_max", "longest"))
    ),
]
_rows = (
    alt.Chart(alt.NamedData("rows"))
    .transform_filter("isValid(datum.q50)")
    .encode(y=_feeder, yOffset=_offset, tooltip=_tooltip)
)
_title = "wait for a batch (ms, log scale)"
_color = alt.Color("subject:N", title=None)
_whisker = _rows.mark_rule().encode(x=alt.X("q5:Q", title=_title, scale=_axis), x2="q95:Q", color=_color)
_box = _rows.mark_bar(height={"band": 0.6}, opacity=0.7).encode(
    x=alt.X("q25:Q", title=_title, scale=_axis), x2="q75:Q", color=_color
)
_middle = _rows.mark_tick(thickness=2).encode(x=alt.X("q50:Q", title=_title, scale=_axis))
_tail = _rows.mark_point(shape="diamond", size=45, filled=True).encode(
    x=alt.X("wait_p99:Q", title=_title, scale=_axis), color=_color
)

PAGE = Page(
    "latency",
    "Latency",
    "How long does a step wait for its batch?",
    (
        chart(
            (_whisker + _box + _middle + _tail).properties(width="container", height=alt.Step(20)),
            "cells",
            _BY,
            "Wait per batch, on @workload",
            "Boxes of the wait for each batch on a logarithmic scale: quartiles, 5th to 95th percentile, and the 99th.",
            _EMPTY,
            metric=True,
            needs=("q50",),
            note="The box holds the middle half of the batches, the line 5 to 95 of 100. The tick is the median, the "
            "diamond is 99 of 100. Batches of several workers come in bursts, so the median alone misleads.",
        ),
        page_table(
            "cells",
            _BY,
            (
                ("feeder", "feeder", "code"),
                ("workers", "workers", "number"),
                ("subject", "of", "text"),
                ("wait_p50", "p50 (ms)", "interval"),
                ("wait_p95", "p95 (ms)", "interval"),
                ("wait_p99", "p99 (ms)", "interval"),
                ("wait_max", "longest (ms)", "interval"),
                ("first_batch", "first batch (s)", "interval"),
                ("first_epoch", "first epoch (s)", "interval"),
                ("gap", "gap between epochs (s)", "interval"),
            ),
            "The numbers",
            _EMPTY,
        ),
    ),
)
