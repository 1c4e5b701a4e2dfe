"""The JSON of an audit as text: what is printed is what is written."""

from __future__ import annotations

import math
import re
import textwrap
from typing import Any, Iterator

from feeders.keras_api import TENSORFLOW
from feeders.results.record import CRASHED, FAILED, HUNG, REFUSED

from .sayings import meaning_of

WIDTH = 110

# Of the table, so that it does not fill the screen.
MOST_ROWS = 12

COUNTS = ("delivered", "missing", "duplicated", "disordered", "corrupt", "stale", "reads")


def to_text(found: dict[str, Any]) -> str:
    """Return what is printed, the verdict first."""
    return "\n".join(_lines(found))


def headline(found: dict[str, Any]) -> str:
    """Return the verdict in one line."""
    content = f", content {found['content']}" if found["content"] != "not compared" else ", content not compared"
    if found["verdict"] == "not-counted" and not found["faults"]:
        return f"{found['loader']}: not counted, so not proven safe with {_use(found)}: {found['message']}"
    outcome = found["verdict"] in (REFUSED, FAILED, HUNG, CRASHED)
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
    yield f"  {found['title']}; {_stack(found['stack'])}"
    if found["message"] and found["verdict"] != "not-counted":
        yield ""
        yield from _wrapped(_shorter(found["message"].strip(), found["verdict"]), "  ")
        yield from _meaning(meaning_of(found["message"]))
    for fault in found["faults"]:
        yield ""
        yield from _fault(fault)
    yield from _table(found)
    for said in found["said"]:
        yield ""
        yield from _wrapped(f"said: {said['text']}", "  ")
        yield from _meaning(said["meaning"])
    for note in found["notes"]:
        yield ""
        yield from _wrapped(f"note: {note}", "  ")
    yield ""
    yield from _wrapped(_power(found), "")


def _stack(stack: dict[str, str]) -> str:
    """Versions; TensorFlow is not everywhere."""
    backend = stack["backend"]
    computes = "" if backend == TENSORFLOW else f" on {' '.join(filter(None, (backend, stack.get(backend))))}"
    tensorflow = f", TensorFlow {stack[TENSORFLOW]}" if TENSORFLOW in stack else ""
    return f"Keras {stack['keras']}{computes}{tensorflow}, Python {stack['python']}"


def _meaning(text: str) -> Iterator[str]:
    if text:
        yield from _wrapped(f"that is: {text}", "  ")


def _fault(fault: dict[str, Any]) -> Iterator[str]:
    yield f"{fault['cause']} (seen {fault['observations']} times)"
    yield from _wrapped(fault["meaning"], "  ")
    yield from _wrapped(f"seen: {fault['seen']}", "  ")
    for place in fault["where"]:
        yield from _wrapped(f"where: {place}", "  ")
    for advice in fault["advice"]:
        yield from _wrapped(f"do: {advice}", "  ")


def _table(found: dict[str, Any]) -> Iterator[str]:
    epochs = [(run, epoch) for run in found["fits"] for epoch in run["epochs"]]
    if not epochs:
        return
    names = [name for name in COUNTS if any(epoch[name] is not None for _, epoch in epochs)]
    yield ""
    yield f"  {'fit()':27}{''.join(f'{name:>12}' for name in names)}"
    shown: dict[tuple[str, ...], int] = {}
    for run, epoch in epochs:
        counts = tuple("-" if epoch[name] is None else f"{epoch[name]:,}" for name in names)
        key = ("switches forced" if run["provoked"] else "as it is", *counts)
        shown[key] = shown.get(key, 0) + 1
    for (kind, *texts), times in list(shown.items())[:MOST_ROWS]:
        label = f"{kind}, {times} epoch{'s' if times > 1 else ''}"
        yield f"  {label:27}{''.join(f'{text:>12}' for text in texts)}"
    if len(shown) > MOST_ROWS:
        yield f"  ... and {len(shown) - MOST_ROWS} others; --json has them all"
    yield from _samples(found, [epoch for _, epoch in epochs])


def _samples(found: dict[str, Any], epochs: list[dict[str, Any]]) -> Iterator[str]:
    """The first few of each kind."""
    samples = {name: values for epoch in epochs for name, values in epoch["samples"].items()}
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
    if not power.get("compared", True):  # written by an older audit
        return (
            f"{power['deliveries']:,} batches were made while others were, and what they held was not compared: "
            f"nothing is known of races that change it. Took {took}."
        )
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


def _shorter(text: str, verdict: str) -> str:
    """A traceback without its middle; of a stack dump nothing: the faults name its lines."""
    lines = re.split(r"(?:Fatal Python error|Current thread|Thread 0x)", text)[0].splitlines()
    if verdict in (HUNG, CRASHED):
        return "\n".join(lines[:2])
    return text if len(lines) <= 12 else "\n".join([*lines[:6], "...", *lines[-5:]])
