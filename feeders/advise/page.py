"""Advice as a page: the answer, and the charts of the report over what was tried. Offline, in one file."""

from __future__ import annotations

import dataclasses
from html import escape
from typing import Any, Sequence

import altair as alt

from feeders.measure import METRICS, Record
from feeders.report.html import render
from feeders.report.pages import feeders as feeders_page
from feeders.report.pages._page import HERE, Page, chart, page_table, prose
from feeders.report.payload import CHOICES, KINDS, NOT_PLOTTED
from feeders.results.machines import name_of_host
from feeders.strategies import FEEDERS

from .answer import Answer
from .evidence import UNAUDITED, UNCOUNTED, Evidence, Tried
from .show import time_texts

# Of the layout that the page's script reads.
SCHEMA = 1

_BY = (*HERE, "workload")

_lines = (
    alt.Chart(alt.NamedData("rows"))
    .mark_bar(height={"band": 0.8})
    .encode(
        x=alt.X("share:Q", title="share of the preparation (%)", scale=alt.Scale(zero=True)),
        y=alt.Y("place:N", title=None, sort="-x", axis=alt.Axis(labelLimit=400)),
        color=alt.Color("does:N", title=None),
        tooltip=[alt.Tooltip("place:N"), alt.Tooltip("text:N"), alt.Tooltip("share:Q", format=".0f")],
    )
    .properties(width="container", height=alt.Step(22))
)

_ANSWER = Page(
    "advice",
    "Answer",
    "How should this loader be fed to fit() here?",
    (
        prose("advice", _BY, "Nothing was found."),
        chart(
            _lines,
            "lines",
            _BY,
            "Where the preparation spends its time",
            "Bars of the lines of your code, with the share of the time that each takes.",
            "No line of your own code was seen at work.",
            note="What a library does counts for the line of yours that called it.",
        ),
        page_table(
            "lines",
            _BY,
            (
                ("place", "line", "code"),
                ("share", "share (%)", "number"),
                ("does", "it", "text"),
                ("text", "text", "code"),
            ),
            "The lines",
            "No line of your own code was seen at work.",
        ),
        page_table(
            "unsafe",
            _BY,
            (("what", "way of feeding", "code"), ("why", "why", "text")),
            "What must not be used, and why",
            "Nothing that was tried is unsafe or broken.",
        ),
        page_table(
            "left",
            _BY,
            (("feeder", "feeder", "code"), ("workers", "workers", "text"), ("reason", "why", "text")),
            "What was left out",
            "Nothing was left out.",
        ),
    ),
)

_PAGES = (_ANSWER, feeders_page.PAGE)


def html(evidence: Evidence, answer: Answer) -> str:
    """Return the page.

    Args:
        evidence: all that was seen.
        answer: what follows from it.
    """
    return render(payload(evidence, answer))


def payload(evidence: Evidence, answer: Answer) -> dict[str, Any]:
    """Return what the page shows, as the report's script reads it."""
    where = _where(evidence)
    subject = {name: where[name] for name in HERE}
    metrics = [row for row in METRICS if row.name not in NOT_PLOTTED and _is_known(row.name, evidence.tried)]
    metrics.sort(key=lambda row: row.name != "effective_throughput")
    tables = {
        "cells": [_cell(each, evidence) for each in evidence.tried],
        "advice": [{"html": _html(evidence, answer)}],
        "lines": [_line(line) for line in answer.lines],
        "unsafe": [dataclasses.asdict(reason) for reason in answer.unsafe],
        "left": [
            *(
                {**dataclasses.asdict(each), "workers": "any" if each.workers is None else str(each.workers)}
                for each in evidence.dropped
            ),
            *(
                {"feeder": each.cell.feeder, "workers": str(each.cell.workers), "reason": f"not proven: {why}"}
                for each in evidence.tried
                if (why := evidence.unsafe(each)).startswith((UNAUDITED, UNCOUNTED))
            ),
        ],
    }
    if evidence.limit:
        tables["cells"].append(_ceiling(evidence))
    return {
        "schema": SCHEMA,
        "title": f"Advice for {evidence.request.loader}",
        "subtitle": f"{escape(evidence.request.trains())}; {escape(_stack(evidence))}.",
        "as_text": f"feeders advise {evidence.request.in_a_command()}",
        "choices": [{"name": key, "title": title} for key, title in CHOICES],
        "subjects": [{**subject, "workloads": [where["workload"]]}],
        "lengths": [str(evidence.request.epoch or evidence.look.steps or 1)],
        "metrics": [
            {
                "name": row.name,
                "title": row.name.replace("_", " "),
                "unit": row.in_column()[0],
                "meaning": row.meaning,
                "lower_is_better": row.lower_is_better,
            }
            for row in metrics
        ],
        "workloads": [{"name": where["workload"], "meaning": evidence.look.title}],
        "tables": {name: _columns([{**where, **row} for row in rows]) for name, rows in tables.items()},
        "pages": [dataclasses.asdict(page) for page in _PAGES],
    }


def _where(evidence: Evidence) -> dict[str, str]:
    return {
        "machine": name_of_host(),
        "release": evidence.stack.get("tensorflow") or evidence.stack.get("keras", ""),
        "device": evidence.stack.get("device", "cpu").upper(),
        "workload": evidence.request.loader,
    }


def _stack(evidence: Evidence) -> str:
    names = ("keras", "tensorflow", "python")
    return ", ".join(f"{name} {evidence.stack[name]}" for name in names if name in evidence.stack)


def _is_known(name: str, tried: Sequence[Tried]) -> bool:
    return any(each.metric(name) is not None for each in tried)


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {"columns": {name: [_plain(row.get(name)) for row in rows] for name in names}}


def _plain(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _cell(each: Tried, evidence: Evidence) -> dict[str, Any]:
    row, why = FEEDERS.named(each.cell.feeder), evidence.unsafe(each)
    measured = [take for take in each.takes if take.outcome == "measured"]
    state = "no-number" if not measured else "unsafe" if why and not why.startswith((UNAUDITED, UNCOUNTED)) else "safe"
    return {
        "feeder": row.name,
        "workers": each.cell.workers,
        "cell": f"{row.name} ×{each.cell.workers}",
        "kind": KINDS[row.shared_by],
        "ceiling": False,
        "state": state,
        "word": "" if measured else each.takes[-1].outcome,
        "message": each.takes[-1].message,
        "why": why,
        "measured": len(measured),
        "stall": None,
        **_numbers(each, measured),
    }


def _numbers(each: Tried, measured: Sequence[Record]) -> dict[str, Any]:
    """The metrics in the units of the page; of more than one take also their range."""
    numbers: dict[str, Any] = {}
    for row in METRICS:
        factor = row.in_column()[1]
        values = [take.metrics[row.name] * factor for take in measured if take.metrics.get(row.name) is not None]
        middle = each.speed if row.name == "effective_throughput" else each.metric(row.name)
        numbers[row.name] = None if middle is None else middle * factor
        ends = (min(values), max(values)) if len(values) > 1 else (None, None)
        numbers[f"{row.name}_low"], numbers[f"{row.name}_high"] = ends
    # The script would put speeds for an epoch of another length; there is one length here.
    numbers["seconds_per_batch"] = None
    return numbers


def _ceiling(evidence: Evidence) -> dict[str, Any]:
    assert evidence.limit is not None
    known = {"feeder": "resident", "workers": 1, "cell": "resident ×1", "kind": "", "ceiling": True, "state": "safe"}
    return {**known, "word": "", "message": "", "why": "", "effective_throughput": evidence.limit.ceiling}


def _line(line: Any) -> dict[str, Any]:
    return {
        "place": f"{line.file}:{line.line} in {line.function}",
        "share": 100 * line.share,
        "does": "waits" if line.waits else "computes",
        "text": line.text,
    }


def _html(evidence: Evidence, answer: Answer) -> str:
    parts = [f'<p class="answer">{_code(answer.sentence)}</p>']
    parts += [f"<p>{_code(text)}</p>" for text in answer.repair]
    if answer.code:
        parts.append(f'<pre tabindex="0">{escape(answer.code)}</pre>')  # a phone scrolls it, by keys too
    if answer.file:
        end = "<code># In this project</code>"
        parts.append(f"<p>Without this package: copy <code>{escape(answer.file)}</code>, as far as {end}.</p>")
    today, then = answer.costs_today, answer.costs
    terms = [(title, " → ".join(dict.fromkeys(filter(None, (today.get(title), then.get(title)))))) for title in then]
    parts.append(f"<dl>{''.join(f'<dt>{escape(title)}</dt><dd>{escape(text)}</dd>' for title, text in terms)}</dl>")
    texts = [*time_texts(evidence), *([f"next best: {answer.runner_up}"] if answer.runner_up else []), *answer.notes]
    return "".join([*parts, "<ul>", *(f"<li>{_code(text)}</li>" for text in texts), "</ul>"])


def _code(text: str) -> str:
    """A text with names between backticks, as HTML."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
