"""How it was measured, on what, and what it can't see."""

from __future__ import annotations

from ._page import Page, page_table, text

PAGE = Page(
    "method",
    "Method",
    "How was this measured?",
    (
        text(
            "<p>A take measures one cell (feeder, workload, workers) in two fresh processes. One counts the samples "
            "that arrive in an epoch. The other times <code>fit()</code>: a first epoch, then whole epochs. Takes of "
            "all cells are interleaved in rounds, so a slow minute of the host hits all of them.</p>"
            "<p>A number is the median over takes. Its interval holds the median with 95 % confidence. With fewer "
            "than six takes it is their whole range: 94 % at five, 75 % at three.</p>"
            "<p>A take does not see copies to an accelerator, nor races that are rarer than one epoch shows. An "
            "audit provokes those. METHODOLOGY.md, beside the suite's source, says more.</p>",
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
            note="A take needs this time beside the time that it measures. <code>feeders overhead</code> measures "
            "what the instrument adds to each step. On the machine of the suite's own results it was at most 46 µs.",
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
