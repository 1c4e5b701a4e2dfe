"""What the device that trains does while it is fed, and what feeding takes from it."""

from __future__ import annotations

import altair as alt

from ._page import HERE, Page, chart, page_table

_BY = (*HERE, "workload")
_EMPTY = "No feeder was measured on this workload here."

_rows = alt.Chart(alt.NamedData("rows"))
_feeder = alt.Y("cell:N", title=None, sort=alt.EncodingSortField("stall", op="min", order="ascending"))
_offset = alt.YOffset("subject:N")
_percent = alt.Scale(domain=[0, 100])
_tooltip = [
    alt.Tooltip("cell:N", title="feeder"),
    alt.Tooltip("subject:N", title="of"),
    alt.Tooltip("gpu_busy:Q", title="GPU busy (%)", format=".3~g"),
    alt.Tooltip("share_of_limit:Q", title="of the limit (%)", format=".3~g"),
    alt.Tooltip("stall:Q", title="stall (%)", format=".3~g"),
]
_busy = _rows.mark_bar(height={"band": 0.7}, opacity=0.7).encode(
    x=alt.X("gpu_busy:Q", title="GPU busy: bar; share of the limit: line (%)", scale=_percent),
    y=_feeder,
    yOffset=_offset,
    color=alt.Color("subject:N", title=None),
    tooltip=_tooltip,
)
_limit = (
    _rows.transform_filter("isValid(datum.share_of_limit)")
    .mark_tick(thickness=3)
    .encode(x=alt.X("share_of_limit:Q", scale=_percent), y=_feeder, yOffset=_offset, tooltip=_tooltip)
)

_PARTS = {"waits": "waits", "copies": "copies", "computes": "computes", "rest": "none of these, or not known"}
_split = (
    _rows.transform_fold(list(_PARTS), as_=["part", "share"])
    .transform_filter("isValid(datum.share)")
    .transform_calculate(
        title=" : ".join(f"datum.part === '{name}' ? '{title}'" for name, title in _PARTS.items()) + " : ''",
        order=f"indexof({list(_PARTS)}, datum.part)",
    )
    .mark_bar(height={"band": 0.7})
    .encode(
        x=alt.X("share:Q", title="share of an epoch (%); parts may overlap", stack="zero"),
        y=alt.Y("cell:N", title=None, sort=None),
        yOffset=_offset,
        color=alt.Color("title:N", title=None, sort=list(_PARTS.values())),
        order=alt.Order("order:Q"),
        tooltip=[
            alt.Tooltip("cell:N", title="feeder"),
            alt.Tooltip("subject:N", title="of"),
            alt.Tooltip("title:N", title="the device"),
            alt.Tooltip("share:Q", title="share (%)", format=".3~g"),
            alt.Tooltip("unknown:N", title="not known"),
        ],
    )
)

PAGE = Page(
    "device",
    "Device",
    "What does the device do while it is fed?",
    (
        chart(
            (_busy + _limit).properties(width="container", height=alt.Step(20)),
            "cells",
            _BY,
            "GPU busy beside the share of the limit, on @workload",
            "A bar for how busy the GPU was with each feeder, and a line for its share of the limit of this host.",
            "No GPU was measured on this workload here. To do so: FEEDERS_DEVICE=gpu asv run",
            needs=("gpu_busy",),
            note="Both should grow together. Feeders that prepare in Python have the limit of this host, others the "
            "ceiling. How busy the GPU was is of short epochs, gaps included; the share of the limit is of epochs of "
            "the length that is chosen.",
        ),
        page_table(
            "cells",
            _BY,
            (
                ("feeder", "feeder", "code"),
                ("workers", "workers", "number"),
                ("kind", "workers are", "text"),
                ("subject", "of", "text"),
                ("step_work", "step without its wait (ms)", "interval"),
                ("step_times", "× resident", "number"),
                ("gpu_busy", "GPU busy (%)", "interval"),
                ("kernel_times", "GPU time of an epoch, × resident", "number"),
                ("share_of_limit", "of the limit (%)", "interval"),
                ("stall", "stall (%)", "number"),
            ),
            "What feeding takes from a step",
            _EMPTY,
            note="Above 1 a step takes longer beside this feeder than beside <code>resident</code>, which uses no "
            "core. Below 1 the GPU went on while the next batch was waited for.",
        ),
        chart(
            _split.properties(width="container", height=alt.Step(20)),
            "splits",
            _BY,
            "Where an epoch goes, on @workload",
            "A bar for each feeder, split into waiting, copying, computing, and what is none of these or not known.",
            _EMPTY,
        ),
        page_table(
            "splits",
            _BY,
            (
                ("feeder", "feeder", "code"),
                ("workers", "workers", "number"),
                ("subject", "of", "text"),
                ("waits", "waits for the feeder (%)", "number"),
                ("copies", "copies to the GPU (%)", "number"),
                ("computes", "computes on the GPU (%)", "number"),
                ("rest", "none of these, at least (%)", "number"),
                ("unknown", "not known", "text"),
            ),
            "Shares of an epoch",
            _EMPTY,
            note="The gap between two epochs is in it. Copying is as long as it takes alone, and may overlap. What is "
            "not known is in the rest: on a CPU, copying and computing.",
        ),
        page_table(
            "cells",
            ("machine", "release", "workload"),
            (
                ("feeder", "feeder", "code"),
                ("workers", "workers", "number"),
                ("device", "device", "text"),
                ("effective_throughput", "effective samples/s", "interval"),
                ("share_of_limit", "of the limit (%)", "number"),
                ("stall", "stall (%)", "number"),
                ("gpu_busy", "GPU busy (%)", "number"),
                ("wait_p99", "p99 wait (ms)", "number"),
                ("cpu", "CPU (s/1,000 samples)", "number"),
            ),
            "All devices of this host, side by side",
            _EMPTY,
            note="Each device has its own limit and its own ceiling. Models and sizes of a batch differ where the name "
            "of the device says so.",
        ),
    ),
)
