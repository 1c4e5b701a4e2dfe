"""What arrives, as tables of the page: the audits, and what the takes counted."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable

import pandas as pd

from feeders.audit.show import to_text
from feeders.measure import BROKEN
from feeders.results.record import EXACTLY_ONCE, UNSUPPORTED
from feeders.results.takes import Takes

from .cells import CEILINGS, NO_NUMBER, PROVOKED, SUBJECT, UNSAFE, audits_of, rows_of, subject_of
from .recommendation import CellRow

WHOLE = "every sample once and whole in the epoch that each take verified"

DELIVERY_COLUMNS = [*SUBJECT, "feeder", "workload", "verdict", "tone", "evidence"]


def audits_table(results: Path, parts: Iterable[Takes]) -> pd.DataFrame:
    """Return a row for each audit of what was measured: its verdict, its tone and its whole evidence.

    Raises:
        FeedersError: a file is damaged; the text names it and the line.
    """
    rows = []
    for part in parts:
        for audit in audits_of(results, part):
            supported = audit["verdict"] != UNSUPPORTED
            corrupt = supported and audit["content"] == "corrupt"
            tone = "none" if not supported else "good" if audit["safe"] else "bad"
            verdict = f"{audit['verdict']}{', corrupt' if corrupt else ''}"
            evidence = to_text(audit) if supported else audit["message"]
            rows.append((*subject_of(part), audit["loader"], audit["workload"], verdict, tone, evidence))
    return pd.DataFrame(rows, columns=DELIVERY_COLUMNS)


def deliveries_table(cells: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each feeder on each workload: what its takes with the most workers delivered.

    Args:
        cells: as `cells_table` returns it.
    """
    rows = []
    judged = rows_of(cells[~cells["feeder"].isin(CEILINGS)])
    most = {tuple(cell[key] for key in (*SUBJECT, "feeder", "workload")): cell for cell in judged}  # workers ascend
    for key, cell in most.items():
        word, tone, reason = _counted(cell)
        counts = f"numbers of {cell['measured']} of {cell['takes']} takes"
        evidence = f"{cell['feeder']} on {cell['workload']}, workers {cell['workers']}: {counts}\n\n{reason}"
        rows.append((*key, f"{word} ×{cell['workers']}", tone, evidence))
    return pd.DataFrame(rows, columns=DELIVERY_COLUMNS)


def _counted(cell: CellRow) -> tuple[str, str, str]:
    """Word, tone and reason of what its takes counted: races that an audit provokes are none of it."""
    word, why = cell["word"], cell["why"]
    if cell["state"] == NO_NUMBER:
        return word, "bad" if word in BROKEN else "none", cell["message"] or word
    if cell["state"] == UNSAFE and not why.endswith(PROVOKED):
        return "wrong", "bad", why
    more = f"; {why}" if why else ""
    if cell["message"]:
        return "not counted", "none", f"{cell['message']}{more}"
    return EXACTLY_ONCE, "warn" if why else "good", f"{WHOLE}{more}"
