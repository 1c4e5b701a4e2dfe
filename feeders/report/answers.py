"""The recommendations, as tables of the page."""

from __future__ import annotations

import re
from html import escape

import pandas as pd

from .cells import SUBJECT
from .devices import short_device
from .recommendation import FEEDERS_BY_NAME, CellRow, Recommendation, alternatives, costs, recommendations, speed

# Around a number that the page puts for the length of an epoch that is chosen, behind its cell: no text has these.
BEGIN, BETWEEN, END = "\ue000\ue001\ue002"
MARKED = re.compile(f"{BEGIN}([^{BETWEEN}]*){BETWEEN}([^{END}]*){END}")


def answers_table(cells: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each subject and workload: the recommendation, as HTML.

    Args:
        cells: as `cells_table` returns it.
    """
    rows = [(*each.subject, each.workload, _html(each)) for each in recommendations(cells)]
    return pd.DataFrame(rows, columns=[*SUBJECT, "workload", "html"])


def avoid_table(cells: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each feeder that must not be used, or gains nothing, and the reason.

    Args:
        cells: as `cells_table` returns it.
    """
    rows = [(*each.subject, each.workload, *avoided) for each in recommendations(cells) for avoided in each.avoid]
    return pd.DataFrame(rows, columns=[*SUBJECT, "workload", "feeder", "reason"])


def _html(each: Recommendation) -> str:
    best = each.best
    where = f"{each.subject[0]}, {each.subject[1]}, {short_device(each.subject[2])}"
    texts = filter(None, (each.uncounted, *alternatives(each, _marked), each.neighbour))
    others = "".join(f"<li>{_spans(_code(text))}</li>" for text in texts)
    if best is None:
        answer = f"On <b>{escape(each.workload)}</b> ({escape(where)}) {each.none_safe}."
        return f'<p class="answer">{answer}</p><ul>{others}</ul>'
    terms = [
        ("effective samples/s", f"{_marked(best)}, {best['measured']} take{'' if best['measured'] == 1 else 's'}"),
        *costs(best),
    ]
    items = "".join(f"<dt>{escape(title)}</dt><dd>{_spans(escape(value))}</dd>" for title, value in terms)
    return (
        f'<p class="answer">On <b>{escape(each.workload)}</b> use <code>{escape(best["feeder"])}</code> with '
        f"{best['workers']} worker{'' if best['workers'] == 1 else 's'} <small>({escape(where)})</small>: "
        f"{escape(FEEDERS_BY_NAME[best['feeder']].summary)}.</p><dl>{items}</dl><ul>{others}</ul>"
    )


def _marked(cell: CellRow) -> str:
    """The speed of a cell, told apart from the text around it."""
    return f"{BEGIN}{cell['feeder']} {cell['workers']}{BETWEEN}{speed(cell)}{END}"


def _spans(html: str) -> str:
    """Speeds as elements that name their cell."""
    return MARKED.sub(r'<span data-speed="\1">\2</span>', html)


def _code(text: str) -> str:
    """A text with names between backticks, as HTML."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
