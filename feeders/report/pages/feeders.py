"""Effective throughput, or another metric, of every feeder against the ceiling."""

from __future__ import annotations

import altair as alt

from ._page import HERE, Page, chart, page_table

_EMPTY = "No feeder was measured on this workload here."
_BY = (*HERE, "workload")

_all = alt.Chart(alt.NamedData("rows"))
_rows = _all.transform_filter("!datum.ceiling")
_feeder = alt.Y("cell:N", title=None, sort=alt.EncodingSortField("order", op="min", order="ascending"))
_offset = alt.YOffset("subject:N")
_tooltip = [
    alt.Tooltip("cell:N", title="feeder"),
    alt.Tooltip("subject:N", title="of"),
    alt.Tooltip("value:Q", title="@metric", format=",.4~g"),
    alt.Tooltip("low:Q", title="from", format=",.4~g"),
    alt.Tooltip("high:Q", title="to", format=",.4~g"),
    alt.Tooltip("measured:Q", title="takes"),
    alt.Tooltip("state:N", title="delivery"),
    alt.Tooltip("why:N", title="because"),
]
# A feeder that delivers something wrong is pale and outlined, whatever its length.
_bars = _rows.mark_bar(height={"band": 0.8}).encode(
    x=alt.X("value:Q", title="@metric", scale=alt.Scale(zero=True)),
    y=_feeder,
    yOffset=_offset,
    color=alt.Color("subject:N", title=None),
    fillOpacity=alt.condition("datum.state === 'unsafe'", alt.value(0.15), alt.value(0.85)),
    stroke=alt.condition("datum.state === 'unsafe'", alt.value("#d55e00"), alt.value(None)),
    strokeDash=alt.condition("datum.state === 'unsafe'", alt.value([4, 3]), alt.value([0])),
    tooltip=_tooltip,
)
_intervals = (
    _rows.transform_filter("isValid(datum.low)")
    .mark_rule(strokeWidth=1.5)
    .encode(x=alt.X("low:Q", title="@metric"), x2="high:Q", y=_feeder, yOffset=_offset, tooltip=_tooltip)
)
_words = (
    _rows.transform_filter("datum.state !== 'safe'")
    .mark_text(align="left", dx=4, fontSize=11)
    .encode(
        x=alt.X("start:Q", title="@metric"),
        y=_feeder,
        yOffset=_offset,
        text="label:N",
        tooltip=alt.Tooltip("reason:N", title=""),
    )
    .transform_calculate(
        start="datum.state === 'no-number' ? 0 : max(datum.high, datum.value)",
        label="datum.state === 'no-number' ? datum.word : '✗ wrong delivery'",
        reason="datum.state === 'no-number' ? datum.message || datum.word : datum.why",
    )
)
_ceilings = _all.transform_filter("datum.ceiling && isValid(datum.value)").encode(
    x=alt.X("value:Q", title="@metric"), tooltip=[alt.Tooltip("value:Q", title="ceiling", format=",.4~g")]
)
_ceiling = alt.layer(
    _ceilings.mark_rule(strokeDash=[6, 4], strokeWidth=2).encode(color=alt.Color("subject:N", title=None)),
    _ceilings.mark_text(align="right", baseline="bottom", dx=4, dy=-2, text="ceiling").encode(y=alt.value(0)),
)

PAGE = Page(
    "feeders",
    "Feeders",
    "Which feeder is fast here, and does it deliver?",
    (
        chart(
            (_bars + _ceiling + _intervals + _words).properties(width="container", height=alt.Step(20)),
            "cells",
            _BY,
            "@metric on @workload",
            "Bars of each feeder and number of workers, with the interval of the median; the ceiling as a dashed line.",
            _EMPTY,
            metric=True,
            note="A bar is the median of takes, its thin line the interval. The dashed line is the ceiling: one batch "
            "kept in memory. Pale and dashed with ✗: some samples were lost, repeated or corrupt. A word stands where "
            "there is no number.",
        ),
        page_table(
            "cells",
            _BY,
            (
                ("feeder", "feeder", "code"),
                ("workers", "workers", "number"),
                ("subject", "of", "text"),
                ("value", "@metric", "interval"),
                ("stall", "stall (%)", "number"),
                ("wait_p99", "p99 wait (ms)", "number"),
                ("cpu", "CPU (s/1,000 samples)", "number"),
                ("memory", "memory (MB)", "number"),
                ("measured", "takes", "number"),
                ("why", "what is wrong", "text"),
            ),
            "The numbers",
            _EMPTY,
            metric=True,
        ),
    ),
)
