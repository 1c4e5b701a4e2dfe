"""An audit as JSON, and that JSON as text: what is printed is what is written."""

from __future__ import annotations

import dataclasses
import math
import re
import textwrap
from pathlib import Path
from typing import Any, Iterator

from feeders.loaders.opening import PACKAGE
from feeders.results.audits import SCHEMA
from feeders.results.record import CRASHED, HUNG

from .audit import Audit
from .causes import cause, meaning_of
from .judge import CONFIDENCE

WIDTH = 110

COUNTS = ("delivered", "missing", "duplicated", "disordered", "corrupt", "stale", "reads")


def to_json(audit: Audit) -> dict[str, Any]:
    """Return the whole evidence.

    Returns:
        The object that ``--json`` writes; its keys are described in METHODOLOGY.md.
    """
    verdict, evidence, first = audit.verdict, audit.evidence, audit.evidence.first
    said = dict.fromkeys(text for run in evidence.fits for text in run.said)
    found = {
        "schema": SCHEMA,
        "loader": audit.request.loader,
        "title": first.get("title", ""),
        "kind": first.get("kind", ""),
        "use": {
            "workers": first.get("workers"),
            "processes": first.get("processes"),
            **{name: getattr(audit.request, name) for name in ("start_method", "epochs", "steps", "key", "call")},
            "workload": audit.request.workload if audit.request.is_feeder else None,
        },
        "verdict": verdict.word,
        "content": verdict.content,
        "safe": verdict.safe,
        "message": verdict.message,
        "faults": [
            {
                **dataclasses.asdict(fault),
                "meaning": cause(fault.cause).meaning,
                "advice": [part for part in (fault.advice, cause(fault.cause).advice) if part],
            }
            for fault in verdict.faults
        ],
        "notes": list(verdict.notes),
        "said": [{"text": text, "meaning": meaning_of(text)} for text in said],
        "fits": [
            {
                "provoked": run.provoked,
                "outcome": run.outcome,
                "message": run.message,
                "batches": run.batches,
                "left": run.answer.get("left"),
                "epochs": [dataclasses.asdict(epoch) for epoch in run.epochs],
            }
            for run in evidence.fits
        ],
        "pulls": [
            {
                **{name: getattr(run, name) for name in ("outcome", "message", "calls", "trials", "places")},
                "findings": run.findings[:20],
                "found": len(run.findings),
            }
            for run in evidence.pulls
        ],
        "power": {
            "deliveries": verdict.deliveries,
            "confidence": CONFIDENCE,
            "unseen_rate": verdict.unseen_rate,
            "places": sum(run.places for run in evidence.pulls),
        },
        "memory_limit": evidence.memory_limit,
        "budget": audit.request.seconds,
        "seconds": round(audit.seconds, 1),
        "stack": audit.stack,
        "host": audit.host,
    }
    return {name: _relative(value) for name, value in found.items()}


def to_text(found: dict[str, Any]) -> str:
    """Return what is printed, the verdict first."""
    return "\n".join(_lines(found))


def headline(found: dict[str, Any]) -> str:
    """Return the verdict in one line."""
    content = f", content {found['content']}" if found["content"] != "not compared" else ", content not compared"
    outcome = found["verdict"] in ("refused", "failed", "hung", "crashed")
    names = f": {', '.join(fault['cause'] for fault in found['faults'])}" if found["faults"] else ""
    safe = "safe" if found["safe"] else "NOT SAFE"
    return f"{found['loader']}: {found['verdict']}{'' if outcome else content}; {safe} with {_use(found)}{names}"


def _use(found: dict[str, Any]) -> str:
    use = found["use"]
    if not use["workers"]:
        return "fit()"
    what = "process" if use["processes"] else "thread"
    if found["kind"] == "dataset":
        return "TensorFlow's threads"
    plural = "" if use["workers"] == 1 else "es" if use["processes"] else "s"
    start = f" ({use['start_method']})" if use["start_method"] else ""
    return f"{use['workers']} {what}{plural}{start}"


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield headline(found)
    stack = found["stack"]
    backend = "" if stack["backend"] == "tensorflow" else f" on {stack['backend']}"
    keras = f"Keras {stack['keras']}{backend}"
    yield f"  {found['title']}; {keras}, TensorFlow {stack['tensorflow']}, Python {stack['python']}"
    if found["message"]:
        yield ""
        yield from _wrapped(_shorter(found["message"].strip(), found["verdict"]), "  ")
        if meaning_of(found["message"]):
            yield from _wrapped(f"that is: {meaning_of(found['message'])}", "  ")
    for fault in found["faults"]:
        yield ""
        yield f"{fault['cause']} (seen {fault['observations']} times)"
        yield from _wrapped(fault["meaning"], "  ")
        yield from _wrapped(f"seen: {fault['seen']}", "  ")
        for place in fault["where"]:
            yield from _wrapped(f"where: {place}", "  ")
        for advice in fault["advice"]:
            yield from _wrapped(f"do: {advice}", "  ")
    yield from _table(found)
    for said in found["said"]:
        yield ""
        yield from _wrapped(f"said: {said['text']}", "  ")
        if said["meaning"]:
            yield from _wrapped(f"that is: {said['meaning']}", "  ")
    for note in found["notes"]:
        yield ""
        yield from _wrapped(f"note: {note}", "  ")
    yield ""
    yield from _wrapped(_power(found), "")


def _table(found: dict[str, Any]) -> Iterator[str]:
    epochs = [(number, run, epoch) for number, run in enumerate(found["fits"], 1) for epoch in run["epochs"]]
    if not epochs:
        return
    names = [name for name in COUNTS if any(epoch[name] is not None for _, _, epoch in epochs)]
    yield ""
    yield f"  {'fit()':27}{''.join(f'{name:>12}' for name in names)}"
    shown: dict[tuple[Any, ...], int] = {}
    for _, run, epoch in epochs:
        counts = tuple("-" if epoch[name] is None else f"{epoch[name]:,}" for name in names)
        key = ("switches forced" if run["provoked"] else "as it is", *counts)
        shown[key] = shown.get(key, 0) + 1
    for (kind, *texts), times in list(shown.items())[:12]:
        label = f"{kind}, {times} epoch{'s' if times > 1 else ''}"
        yield f"  {label:27}{''.join(f'{text:>12}' for text in texts)}"
    if len(shown) > 12:
        yield f"  ... and {len(shown) - 12} others; --json has them all"
    samples = {name: values for _, _, epoch in epochs for name, values in epoch["samples"].items()}
    named = "id" if found["use"]["workload"] else "key" if found["use"]["key"] else "hash of their content"
    for name, values in samples.items():
        yield f"  {name}, by {named}: {', '.join(map(str, values))}, ..."


def _power(found: dict[str, Any]) -> str:
    power = found["power"]
    took = f"{found['seconds']:.0f} s"
    if not power["deliveries"]:
        return f"Nothing was delivered beside others, so nothing is known of races. Took {took}."
    if not found["use"]["workers"] or (found["use"]["workers"] == 1 and found["kind"] != "dataset"):
        return f"One thread feeds it: no race is possible in this use. {power['deliveries']:,} batches in {took}."
    places = f", a thread held at {power['places']} places in turn" if power["places"] else ""
    rate = f"1 in {math.floor(1 / power['unseen_rate']):,}"
    seen = "No other fault" if found["faults"] else "No fault"
    more = "" if found["faults"] or found["budget"] >= 30 else " More time shows rarer ones: --seconds 60."
    return (
        f"{seen} in {power['deliveries']:,} batches made while others were{places}: one that hits {rate} batches would "
        f"have been seen with {power['confidence']:.0%} probability. Took {took}.{more}"
    )


def _wrapped(text: str, indent: str) -> Iterator[str]:
    for line in text.splitlines():
        yield from textwrap.wrap(line, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ") or [""]


def _relative(value: Any) -> Any:
    """Paths as seen from here, and those of this suite as seen from its root, wherever they stand."""
    if isinstance(value, str):
        return value.replace(f"{Path.cwd()}/", "").replace(f"{PACKAGE.parent}/", "")
    if isinstance(value, dict):
        return {name: _relative(part) for name, part in value.items()}
    return [_relative(part) for part in value] if isinstance(value, (list, tuple)) else value


def _shorter(text: str, verdict: str) -> str:
    """A traceback without its middle; of a stack dump nothing: the faults name its lines."""
    lines = re.split(r"(?:Fatal Python error|Current thread|Thread 0x)", text)[0].splitlines()
    if verdict in (HUNG, CRASHED):
        return "\n".join(lines[:2])
    return text if len(lines) <= 12 else "\n".join([*lines[:6], "...", *lines[-5:]])
