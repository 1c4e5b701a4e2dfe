"""Which feeder, how many workers, why, and what it costs."""

from __future__ import annotations

from feeders.report.recommendation import RULE

from ._page import HERE, Page, page_table, prose, text

PAGE = Page(
    "answer",
    "Answer",
    "How should I feed fit() here?",
    (
        prose("answers", (*HERE, "workload", "batches"), "No feeder was measured on this workload here."),
        page_table(
            "avoid",
            (*HERE, "workload", "batches"),
            (("feeder", "feeder", "code"), ("reason", "why", "text")),
            "What to avoid, and why",
            "Nothing to avoid. No feeder broke here or was seen to deliver wrongly, and more workers cost none a fifth "
            "of its speed.",
        ),
        text(f"<p>{RULE}</p>", "The rule"),
    ),
)
