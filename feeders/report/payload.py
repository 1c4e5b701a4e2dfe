"""Everything that the report's page shows, as JSON: tables in columns, and the pages that show them."""

from __future__ import annotations

import dataclasses
import math
from html import escape
from pathlib import Path
from typing import Any, Iterable, Sequence

import numpy as np
import pandas as pd
from asv import util

from feeders.audit.show import to_text
from feeders.compare.show import what_changed
from feeders.errors import FeedersError
from feeders.loaders import WORKLOADS
from feeders.measure import BROKEN, MEASURED, METRICS
from feeders.measure.metrics import Metric
from feeders.measure.timed import WAIT_QUANTILES
from feeders.releases.catalogue import age, oldest_first
from feeders.results.audits import audits_file, read_audits
from feeders.results.changes import SUFFIX, read
from feeders.results.machines import name_of_host
from feeders.results.record import UNSUPPORTED
from feeders.results.takes import Takes, read_takes

from .answer import ROWS, Answer, alternatives, answers, costs, records, speed
from .cells import CEILINGS, SAFE, SUBJECT, UNSAFE, WAITS, WORD, device, table
from .pages import PAGES

SCHEMA = 1

CHOICES = (
    ("machine", "Machine"),
    ("release", "Release"),
    ("device", "Device"),
    ("workload", "Workload"),
    ("metric", "Metric"),
)

# The one that ranks is what one sees first.
FIRST = "effective_throughput"

# A number and its interval, as columns are named.
ENDS = ("", "_low", "_high")

# Counts of a verified epoch: they are on the page of the delivery, and no choice of what to plot. The inverse of
# what ranks is asv's.
NOT_PLOTTED = ("missing", "duplicated", "disordered", "corrupt", "stale", "effective")

# Share of a feeder's best that its knee reaches.
KNEE = 0.95

KINDS = {
    "": "one thread",
    "threads": "threads",
    "lock": "one at a time, behind a lock",
    "processes": "processes",
    "ops": "TensorFlow ops",
}
REASONS = {
    "lock": "one lock: workers take turns, and each hand-over costs",
    "processes": "processes share no GIL; each batch is copied to the one that trains, and they start anew for each "
    "epoch",
    "ops": "TensorFlow's threads without Python: no GIL, no wider than its thread pool",
}
THREADS = {
    "held": "threads share the GIL, and preparing a batch holds it: they take turns",
    "released": "threads share the GIL; preparing a batch releases it, so they run side by side",
    "short": "threads share the GIL; preparing a batch is so short that handing it over costs as much",
}


def payload(results: Path) -> dict[str, Any]:
    """Return what the page needs, from the results alone.

    Args:
        results: the results folder.

    Returns:
        Choices, subjects (this host first, then newest releases), metrics, workloads, tables in columns, and pages.

    Raises:
        FeedersError: nothing has been measured yet, or a file is damaged; the text names the file and the line.
    """
    parts = sorted(oldest_first(read_takes(results)), key=lambda part: age(part.release), reverse=True)
    parts.sort(key=lambda part: part.machine != name_of_host())
    cells = table(results, parts)
    known = [row for row in METRICS if not row.gpu or cells[row.name].notna().any()]
    cells = cells.drop(columns=[f"{row.name}{end}" for row in METRICS if row not in known for end in ENDS])
    metrics = [row for row in known if row.name not in NOT_PLOTTED]
    metrics.sort(key=lambda row: row.name != FIRST)
    changes = _changes(results, parts)
    return {
        "schema": SCHEMA,
        "title": "Feeding Keras fit()",
        "subtitle": "Ways to feed Keras <code>fit()</code>, measured: fast, safe, with how many workers, and what "
        "upgrades changed.",
        "choices": [{"name": key, "title": title} for key, title in CHOICES],
        "subjects": _subjects(cells),
        "metrics": [_metric(row) for row in metrics],
        "workloads": [{"name": row.name, "meaning": row.summary} for row in WORKLOADS],
        "tables": {
            key: _columns(frame)
            for key, frame in {
                "cells": _shown(cells, parts, changes),
                "answers": _answers(cells),
                "avoid": _avoid(cells),
                "knees": _knees(cells),
                "audits": _audits(results, parts),
                "deliveries": _deliveries(cells),
                "changes": changes,
                "upgrades": _upgrades(changes),
                "hosts": _hosts(results, parts),
                "stacks": _stacks(parts),
                "metrics": _meanings(known),
            }.items()
        },
        "pages": [dataclasses.asdict(page) for page in PAGES],
    }


def _metric(row: Metric) -> dict[str, Any]:
    title = row.name.replace("_", " ")
    return {
        "name": row.name,
        "title": title,
        "unit": row.in_column()[0],
        "meaning": row.meaning,
        "lower_is_better": row.lower_is_better,
    }


def _subjects(cells: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {**dict(zip(SUBJECT, key)), "workloads": list(dict.fromkeys(group["workload"]))}
        for key, group in cells.groupby(list(SUBJECT), sort=False)
    ]


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    """A table as lists; what is not known is null, and numbers have four digits."""
    return {"columns": {str(key): [_plain(value) for value in frame[key].tolist()] for key in frame.columns}}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value


def _shown(cells: pd.DataFrame, parts: Sequence[Takes], changes: pd.DataFrame) -> pd.DataFrame:
    """The cells in the units of the page, with what its charts need beside the numbers."""
    shown = cells.drop(columns=[WAITS, *(f"effective{end}" for end in ENDS)])
    for row in METRICS:
        factor = row.in_column()[1]
        for key in (f"{row.name}{end}" for end in ENDS):
            if factor != 1.0 and key in shown:
                shown[key] = shown[key] * factor
    titles = {(part.machine, part.release, device(part)): part.stack for part in parts}
    order = {release: index for index, release in enumerate(sorted(set(cells["release"]), key=age))}
    steps = _steps(changes)
    where = list(zip(*(cells[key] for key in (*SUBJECT, "feeder", "workload", "workers"))))
    knees = {(*key, cell["knee"]) for key, cell in _knee_rows(cells)}
    extra = pd.DataFrame(
        {
            "cell": [f"{feeder} ×{workers}" for feeder, workers in zip(cells["feeder"], cells["workers"])],
            "ceiling": [feeder in CEILINGS for feeder in cells["feeder"]],
            "kind": [KINDS[ROWS[feeder].shared_by] if feeder in ROWS else "" for feeder in cells["feeder"]],
            "parallel": [feeder in ROWS and ROWS[feeder].parallel for feeder in cells["feeder"]],
            "knee": [key in knees for key in zip(*(cells[key] for key in (*SUBJECT, "workload", "feeder", "workers")))],
            "age": [order[release] for release in cells["release"]],
            "stack": [titles.get(key, "") for key in zip(*(cells[key] for key in SUBJECT))],
            "step": [steps.get(key, ("", ""))[0] for key in where],
            "step_label": [steps.get(key, ("", ""))[1] for key in where],
            **{f"q{round(100 * q)}": _quantile(cells[WAITS], q) for q in (0.05, 0.25, 0.5, 0.75, 0.95)},
        },
        index=cells.index,
    )
    return pd.concat([shown, extra], axis=1)


def _quantile(waits: Iterable[Any], quantile: float) -> list[float]:
    place = WAIT_QUANTILES.index(quantile)
    return [1e3 * each[place] if isinstance(each, list) else np.nan for each in waits]


def _steps(changes: pd.DataFrame) -> dict[tuple[Any, ...], tuple[str, str]]:
    found = {}
    for change in records(changes):
        feeder, workload, workers = change["cell"].split("/")
        label = f"× {change['times']:#.3g}"
        told = f"{change['of']}: {label} of the time on {change['before']}"
        found[(*(change[key] for key in SUBJECT), feeder, workload, int(workers))] = (told, label)
    return found


def _subject_of(answer: Answer) -> dict[str, str]:
    return {**dict(zip(SUBJECT, answer.subject)), "workload": answer.workload}


def _answers(cells: pd.DataFrame) -> pd.DataFrame:
    rows = [{**_subject_of(each), "html": _answer(each)} for each in answers(cells)]
    return pd.DataFrame(rows, columns=[*SUBJECT, "workload", "html"])


def _answer(each: Answer) -> str:
    best = each.best
    where = f"{each.subject[0]}, {each.subject[1]}, {each.subject[2]}"
    if best is None:
        return f'<p class="answer">On <b>{escape(each.workload)}</b> ({escape(where)}) nothing measured is safe.</p>'
    terms = [
        ("effective samples/s", f"{speed(best)}, {best['measured']} take{'' if best['measured'] == 1 else 's'}"),
        *costs(best),
    ]
    items = "".join(f"<dt>{escape(title)}</dt><dd>{escape(value)}</dd>" for title, value in terms)
    others = "".join(f"<li>{_code(text)}</li>" for text in alternatives(each))
    return (
        f'<p class="answer">On <b>{escape(each.workload)}</b> use <code>{escape(best["feeder"])}</code> with '
        f"{best['workers']} worker{'' if best['workers'] == 1 else 's'} <small>({escape(where)})</small>: "
        f"{escape(ROWS[best['feeder']].summary)}.</p><dl>{items}</dl><ul>{others}</ul>"
    )


def _code(text: str) -> str:
    """A text with names between backticks, as HTML."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def _avoid(cells: pd.DataFrame) -> pd.DataFrame:
    found = [(_subject_of(each), *told) for each in answers(cells) for told in each.avoid]
    rows = [{**subject, "feeder": label, "reason": reason} for subject, label, reason in found]
    return pd.DataFrame(rows, columns=[*SUBJECT, "workload", "feeder", "reason"])


def _knee_rows(cells: pd.DataFrame) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """For each feeder measured with several numbers of workers: where more stop to help."""
    found = []
    usable = cells[cells["state"] != WORD]
    for key, group in usable.groupby([*SUBJECT, "workload", "feeder"], sort=False):
        speeds = dict(zip(group["workers"], group[FIRST]))
        row = ROWS.get(str(key[-1]))
        if len(speeds) < 2 or row is None or not row.parallel:
            continue
        best = max(speeds.values())
        knee = min(workers for workers, value in speeds.items() if value >= KNEE * best)
        gain = speeds[knee] / speeds[1] if speeds.get(1) else np.nan
        gil = next((load.gil for load in WORKLOADS if load.name == key[-2]), "")
        reason = REASONS.get(row.shared_by) or THREADS.get(gil, "")
        found.append((key, {"knee": knee, "gain": gain, "most": max(speeds), "reason": reason}))
    return found


def _knees(cells: pd.DataFrame) -> pd.DataFrame:
    keys = [*SUBJECT, "workload", "feeder"]
    rows = [{**dict(zip(keys, key)), **told} for key, told in _knee_rows(cells)]
    return pd.DataFrame(rows, columns=[*keys, "knee", "gain", "most", "reason"])


def _audits(results: Path, parts: Iterable[Takes]) -> pd.DataFrame:
    rows = []
    for part in parts:
        for found in read_audits(audits_file(results / part.machine, part.release, part.backend)):
            supported = found["verdict"] != UNSUPPORTED
            corrupt = supported and found["content"] == "corrupt"
            tone = "none" if not supported else "good" if found["safe"] else "bad"
            rows.append(
                {
                    **dict(zip(SUBJECT, (part.machine, part.release, device(part)))),
                    "feeder": found["loader"],
                    "workload": found["workload"],
                    "verdict": f"{found['verdict']}{', corrupt' if corrupt else ''}",
                    "tone": tone,
                    "evidence": to_text(found) if supported else found["message"],
                }
            )
    return pd.DataFrame(rows, columns=[*SUBJECT, "feeder", "workload", "verdict", "tone", "evidence"])


def _deliveries(cells: pd.DataFrame) -> pd.DataFrame:
    rows = []
    judged = records(cells[~cells["feeder"].isin(CEILINGS)])
    most = {tuple(cell[key] for key in (*SUBJECT, "feeder", "workload")): cell for cell in judged}  # workers ascend
    for key, cell in most.items():
        word = cell["word"] or ("exactly-once" if cell["state"] == SAFE else "wrong")
        tone = {SAFE: "good", UNSAFE: "bad"}.get(cell["state"], "bad" if cell["word"] in BROKEN else "none")
        told = cell["why"] or cell["message"] or "every sample once and whole in the epoch that each take verified"
        counts = f"{cell['measured']} of {cell['takes']} takes measured"
        evidence = f"{cell['feeder']} on {cell['workload']}, workers {cell['workers']}: {counts}\n\n{told}"
        rows.append((*key, f"{word} ×{cell['workers']}", tone, evidence))
    return pd.DataFrame(rows, columns=[*SUBJECT, "feeder", "workload", "verdict", "tone", "evidence"])


def _changes(results: Path, parts: Iterable[Takes]) -> pd.DataFrame:
    devices = {(part.machine, part.environment): device(part) for part in parts}
    rows = []
    for path in sorted(results.glob(f"*/*{SUFFIX}")):
        environment = path.name[: -len(SUFFIX)]
        for found in read(path):
            verdict = found["verdict"]
            if found["confirmed"]:
                rows.append(
                    {
                        "machine": path.parent.name,
                        "release": found["after"],
                        "device": devices.get((path.parent.name, environment), environment),
                        "before": found["before"],
                        "cell": found["cell"],
                        "of": found["quantity"],
                        **{"times": verdict["ratio"], "times_low": verdict["low"], "times_high": verdict["high"]},
                        "pairs": verdict["pairs"],
                    }
                )
    rows.sort(key=lambda row: (row["machine"], age(row["release"])))
    columns = [*SUBJECT, "before", "cell", "of", "times", "times_low", "times_high", "pairs"]
    return pd.DataFrame(rows, columns=columns)


def _upgrades(changes: pd.DataFrame) -> pd.DataFrame:
    """Return what changed in the stack of each release that changed a cell, once for all of its cells."""
    pairs = changes[["machine", "release", "before"]].drop_duplicates()
    return pairs.assign(pins=list(map(what_changed, pairs["before"], pairs["release"])))


def _hosts(results: Path, parts: Iterable[Takes]) -> pd.DataFrame:
    rows = []
    for machine in dict.fromkeys(part.machine for part in parts):
        path = results / machine / "machine.json"
        try:
            told = util.load_json(str(path)) if path.exists() else {}
        except util.UserError as error:
            raise FeedersError(f"{path}: damaged ({error}). Try: git checkout {path}, or delete it") from None
        kept = {key: value for key, value in told.items() if key not in ("machine", "version")}
        rows += [{"machine": machine, "what": key, "value": str(value)} for key, value in kept.items()]
    return pd.DataFrame(rows, columns=["machine", "what", "value"])


def _stacks(parts: Iterable[Takes]) -> pd.DataFrame:
    rows = []
    for part in parts:
        records = part.records
        settings = {f"{key} {value}" for take in records for key, value in take.settings.items()}
        measured = [take.overhead for take in records if take.outcome == MEASURED and take.overhead is not None]
        rows.append(
            {
                **dict(zip(SUBJECT, (part.machine, part.release, device(part)))),
                "stack": part.stack,
                "takes": len(records),
                "cells": len({(take.feeder, take.workload, take.workers) for take in records}),
                "broken": sum(take.outcome in BROKEN for take in records),
                "settings": ", ".join(sorted(settings)),
                "load": float(np.median([take.host.get("load", np.nan) for take in records])),
                "overhead": float(np.median(measured)) if measured else np.nan,
                "first": min(take.started for take in records)[:16],
                "last": max(take.started for take in records)[:16],
            }
        )
    return pd.DataFrame(rows)


def _meanings(metrics: Iterable[Metric]) -> pd.DataFrame:
    return pd.DataFrame([{"metric": row.name, "unit": row.in_column()[0], "meaning": row.meaning} for row in metrics])
