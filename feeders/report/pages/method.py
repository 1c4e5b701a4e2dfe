"""How it was measured, on what, and what it can't see."""

from __future__ import annotations

from ._page import Page, page_table, text

PAGE = Page(
    "method",
    "Method",
    "How was this measured?",
    (
        text(
            "<p>A take measures one cell (feeder, workload, workers) in two fresh processes: one counts what one "
            "epoch delivers, the other times "
            "<code>fit()</code>: a first epoch, then whole epochs. Takes of all cells are interleaved in rounds. A "
            "number is the median over takes; its "
            "interval is the narrowest pair of takes between which the median lies with 95 % confidence, below six "
            "takes their whole "
            "range (94 % at five, 75 % at three).</p>"
            "<p>It does not see: copies to an accelerator, races rarer than one epoch shows (an audit provokes "
            "those), and what a longer epoch "
            "would hide: epochs here are short, so the gap between two weighs more than in training for hours. "
            "METHODOLOGY.md, beside the "
            "suite's source, has the whole of it.</p>",
        ),
        page_table(
            "hosts",
            ("machine",),
            (("machine", "machine", "code"), ("what", "what", "text"), ("value", "value", "text")),
            "The host",
            "Nothing is known of this machine.",
        ),
        page_table(
            "stacks",
            ("machine",),
            (
                ("release", "release", "code"),
                ("device", "device", "text"),
                ("stack", "stack", "text"),
                ("takes", "takes", "number"),
                ("cells", "cells", "number"),
                ("broken", "failed, hung or crashed", "number"),
                ("settings", "settings", "text"),
                ("load", "load average (median)", "number"),
                ("overhead", "a take's cost on top (s, median)", "number"),
                ("first", "from", "text"),
                ("last", "to", "text"),
            ),
            "Stacks, settings and counts",
            "Nothing was measured on this machine.",
            note="The cost on top is what a take needs beside what it measures. What the instrument adds to each "
            "step is measured by "
            "<code>feeders overhead</code>; on the machine of the suite's own results it was at most 46 µs.",
        ),
        page_table(
            "metrics",
            (),
            (("metric", "metric", "code"), ("unit", "unit", "text"), ("meaning", "meaning", "text")),
            "What each number means",
            "",
        ),
    ),
)
