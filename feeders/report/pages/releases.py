"""What TensorFlow and Keras releases changed."""

from __future__ import annotations

import altair as alt

from ._page import Page, chart, page_table

_EMPTY = "This cell was measured on no release here."
_BY_MACHINE = ("machine", "device", "workload")
_BY_CELL = (*_BY_MACHINE, "feeder", "workers")

_order = alt.EncodingSortField("age", op="min")
_rows = alt.Chart(alt.NamedData("rows"))
_release = alt.X("release:N", title="release, oldest first", sort=_order)
_points = _rows.transform_filter("isValid(datum.value)").encode(
    x=_release,
    y=alt.Y("value:Q", title="@metric", scale=alt.Scale(zero=True)),
    color=alt.Color("subject:N", title=None),
    tooltip=[
        alt.Tooltip("release:N"),
        alt.Tooltip("stack:N"),
        alt.Tooltip("value:Q", title="@metric", format=",.4~g"),
        alt.Tooltip("low:Q", title="from", format=",.4~g"),
        alt.Tooltip("high:Q", title="to", format=",.4~g"),
        alt.Tooltip("measured:Q", title="takes"),
        alt.Tooltip("step:N", title="confirmed"),
    ],
)
_steps = _rows.transform_filter("datum.step").encode(x=_release, tooltip=[alt.Tooltip("step:N", title="confirmed")])
_history = alt.layer(
    _steps.mark_rule(strokeDash=[5, 3], strokeWidth=2, color="#d55e00"),
    _points.mark_line(opacity=0.5),
    _points.mark_rule().encode(y=alt.Y("low:Q", title="@metric"), y2="high:Q"),
    _points.mark_point(filled=True, size=60, opacity=1),
    _steps.mark_text(align="left", baseline="top", dx=4, color="#d55e00").encode(y=alt.value(0), text="step_label:N"),
    _rows.transform_filter("datum.state === 'no-number'")
    .mark_text(angle=270, align="left", dx=4)
    .encode(x=_release, y=alt.value("height"), text="word:N"),
).properties(width="container", height=320)

_relative = (
    _rows.transform_filter("isValid(datum.value) && datum.value > 0")
    .transform_window(
        before="lag(value)", since="lag(release)", sort=[alt.SortField("age")], groupby=["cell", "subject"]
    )
    .transform_filter("isValid(datum.before) && datum.before > 0")
    .transform_calculate(times="datum.value / datum.before", doublings="log(datum.value / datum.before) / log(2)")
    .mark_rect()
    .encode(
        x=_release,
        y=alt.Y("cell:N", title=None, sort=None),
        color=alt.Color(
            "doublings:Q",
            title="× release before",
            scale=alt.Scale(domain=[-1, 0, 1], range=["#0072b2", "#e8e8e8", "#d55e00"], clamp=True),
            legend=alt.Legend(labelExpr="'× ' + format(pow(2, datum.value), '.2~f')", orient="bottom"),
        ),
        tooltip=[
            alt.Tooltip("cell:N", title="feeder"),
            alt.Tooltip("release:N"),
            alt.Tooltip("since:N", title="after"),
            alt.Tooltip("times:Q", title="times the one before", format=".3f"),
            alt.Tooltip("value:Q", title="@metric", format=",.4~g"),
        ],
    )
    .properties(width="container", height=alt.Step(18))
)

PAGE = Page(
    "releases",
    "Releases",
    "What did upgrades change?",
    (
        page_table(
            "changes",
            ("machine",),
            (
                ("release", "release", "code"),
                ("before", "after", "code"),
                ("cell", "cell", "code"),
                ("device", "device", "text"),
                ("of", "of", "text"),
                ("times", "time (×)", "interval"),
                ("pairs", "pairs", "number"),
            ),
            "Confirmed changes",
            "No change is confirmed on this machine. To look for them: feeders regressions",
            note="Each was confirmed by lockstep pairs of the two releases: more than 3 %, at 99 % over all suspects "
            "of this machine.",
        ),
        page_table(
            "upgrades",
            ("machine",),
            (("release", "release", "code"), ("before", "after", "code"), ("pins", "packages", "text")),
            "What these upgrades changed in the stack",
            "No change is confirmed on this machine.",
        ),
        chart(
            _history,
            "cells",
            _BY_CELL,
            "@metric of @feeder ×@workers on @workload, by release",
            "The cell's median over releases with its interval; confirmed steps as dashed lines.",
            _EMPTY,
            metric=True,
            note="A point is the median of takes, with its interval. A dashed line is a confirmed step of the time of "
            "an epoch, or of the time inside it. A step without a dashed line may be the machine.",
        ),
        page_table(
            "cells",
            _BY_CELL,
            (
                ("release", "release", "code"),
                ("stack", "stack", "text"),
                ("value", "@metric", "interval"),
                ("measured", "takes", "number"),
                ("step", "confirmed", "text"),
            ),
            "The numbers",
            _EMPTY,
            metric=True,
        ),
        chart(
            _relative,
            "cells",
            _BY_MACHINE,
            "@metric of every cell, against the release before",
            "A square for each cell and release, coloured by the ratio to the release before it.",
            "No cell was measured on two releases here.",
            metric=True,
            needs=("value",),
            several="release",
            note="Blue is less than on the release before, orange is more. These are recorded medians, not verdicts: "
            "noise of the machine shows too.",
        ),
    ),
    picks=(
        {"name": "feeder", "title": "Feeder", "table": "cells"},
        {"name": "workers", "title": "Workers", "table": "cells"},
    ),
)
