"""The JSON of an audit as text: what is printed is what is written."""

from __future__ import annotations

import math
import re
import textwrap
from typing import Any, Iterator

from feeders.keras_api import TENSORFLOW
from feeders.results.record import CRASHED, FAILED, HUNG, REFUSED

from .excerpts import excerpt_lines
from .sayings import meaning_of
from .uses import OTHER_USES

# Lines that are longer are hard to read, whatever a terminal has.
WIDTH = 110

# Of the table, so that it does not fill the screen.
MOST_ROWS = 12

# Characters of its first column, and of each other one.
LABEL, COLUMN = 26, 11

COUNTS = ("delivered", "missing", "duplicated", "disordered", "corrupt", "stale", "reads")


def to_text(found: dict[str, Any], width: int = WIDTH) -> str:
    """Return what is printed, the verdict first.

    Args:
        found: what `Audit.to_json` returns.
        width: columns of the terminal.
    """
    return "\n".join(_lines(found, min(width, WIDTH)))


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


def _lines(found: dict[str, Any], width: int) -> Iterator[str]:
    yield headline(found)
    yield from _wrapped(f"{found['title']}; {stack_text(found['stack'])}", "  ", width)
    if found["message"] and found["verdict"] != "not-counted":
        yield ""
        yield from _wrapped(_shorter(found["message"].strip(), found["verdict"]), "  ", width)
        yield from _meaning(meaning_of(found["message"]), width)
    for fault in found["faults"]:
        yield ""
        yield from _fault(fault, width)
    yield from _table(found, width)
    for said in found["said"]:
        yield ""
        yield from _wrapped(f"said: {said['text']}", "  ", width)
        yield from _meaning(said["meaning"], width)
    for note in found["notes"]:
        yield ""
        yield from _wrapped(f"note: {note}", "  ", width)
    yield ""
    yield from _wrapped(_power(found), "", width)


def stack_text(stack: dict[str, str]) -> str:
    """Return the versions in words; TensorFlow is not everywhere."""
    backend = stack["backend"]
    computes = "" if backend == TENSORFLOW else f" on {' '.join(filter(None, (backend, stack.get(backend))))}"
    tensorflow = f", TensorFlow {stack[TENSORFLOW]}" if TENSORFLOW in stack else ""
    return f"Keras {stack['keras']}{computes}{tensorflow}, Python {stack['python']}"


def _meaning(text: str, width: int) -> Iterator[str]:
    if text:
        yield from _wrapped(f"that is: {text}", "  ", width)


def _fault(fault: dict[str, Any], width: int) -> Iterator[str]:
    """As a compiler tells of an error: what, where, and what helps. Audits of before have no source."""
    yield from _wrapped(f"{fault['cause']}: {fault.get('summary', fault['meaning'])}", "", width)
    source = fault.get("source", ())
    for excerpt in source:
        yield from excerpt_lines(excerpt, width)
    for place in () if source else fault["where"]:
        yield from _wrapped(f"where: {place}", "  ", width)
    yield from _wrapped(f"seen {_times(fault['observations'], 'time')}: {fault['seen']}", "  ", width)
    for advice in fault["advice"]:
        yield from _wrapped(f"help: {advice}", "  ", width)


def _table(found: dict[str, Any], width: int) -> Iterator[str]:
    runs = [*found["fits"], *found.get("others", ())]  # written by an older audit, it has no others
    epochs = [(run, epoch) for run in runs for epoch in run["epochs"]]
    if not epochs:
        return
    names = _columns([epoch for _, epoch in epochs], (width - 2 - LABEL) // COLUMN)
    yield ""
    yield f"  {'fit()':{LABEL}}{''.join(f'{name:>{COLUMN}}' for name in names)}"
    shown: dict[tuple[str, ...], int] = {}
    for run, epoch in epochs:
        counts = tuple("-" if epoch[name] is None else f"{epoch[name]:,}" for name in names)
        key = (run.get("use") or ("switches forced" if run["provoked"] else "as it is"), *counts)
        shown[key] = shown.get(key, 0) + 1
    for (kind, *texts), times in list(shown.items())[:MOST_ROWS]:
        label = f"{kind}, {_times(times, 'pass' if kind in OTHER_USES else 'epoch')}"
        yield f"  {label:{LABEL}}{''.join(f'{text:>{COLUMN}}' for text in texts)}"
    if len(shown) > MOST_ROWS:
        yield f"  ... and {len(shown) - MOST_ROWS} others; --json has them all"
    yield from _samples(found, [epoch for _, epoch in epochs], width)


def _times(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}{'es' if what.endswith('s') else 's'}"


def _columns(epochs: list[dict[str, Any]], most: int) -> list[str]:
    """The counts that are known; where there is no room for all, those that tell least are left out."""
    names = [name for name in COUNTS if any(epoch[name] is not None for epoch in epochs)]
    idle = [name for name in ("stale", "disordered") if not any(epoch[name] for epoch in epochs)]
    for name in (*idle, "reads", "disordered", "stale"):
        if len(names) > most and name in names:
            names.remove(name)
    return names


def _samples(found: dict[str, Any], epochs: list[dict[str, Any]], width: int) -> Iterator[str]:
    """The first few of each kind."""
    samples = {name: values for epoch in epochs for name, values in epoch["samples"].items()}
    named = "id" if found["use"]["workload"] else "key" if found["use"]["key"] else "hash of their content"
    for name, values in samples.items():
        yield from _wrapped(f"{name}, by {named}: {', '.join(map(str, values))}, ...", "  ", width)


def _power(found: dict[str, Any]) -> str:
    power = found["power"]
    took = f"{found['seconds']:.0f} s"
    if not power["deliveries"]:
        return f"Nothing was delivered beside others, so nothing is known of races. Took {took}."
    if not found["use"]["workers"] or (found["use"]["workers"] == 1 and found["kind"] != "dataset"):
        return f"One thread feeds it: no workers can race in this use. {power['deliveries']:,} batches in {took}."
    if not power.get("compared", True):  # written by an older audit
        return (
            f"{power['deliveries']:,} batches were made while others were, and what they held was not compared: "
            f"nothing is known of races that change it. Took {took}."
        )
    places = f", a thread held at {power['places']} places in turn" if power["places"] else ""
    rate = f"1 in {math.floor(1 / power['unseen_rate']):,}"
    compared = found["faults"] or found["content"] != "not compared"
    seen = "No other fault" if found["faults"] else "No fault" if compared else "No loss or repetition"
    held = "" if compared else " What they held was not compared."
    more = "" if found["faults"] or found["budget"] >= 30 else " More time shows rarer ones: --seconds 60."
    return (
        f"{seen} in {power['deliveries']:,} batches made while others were{places}: one that hits {rate} batches would "
        f"have been seen with {power['confidence']:.0%} probability.{held} Took {took}.{more}"
    )


def _wrapped(text: str, indent: str, width: int) -> Iterator[str]:
    wrapper = textwrap.TextWrapper(
        width, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False, break_on_hyphens=False
    )
    for line in text.splitlines():
        yield from wrapper.wrap(line) or [""]


def _shorter(text: str, verdict: str) -> str:
    """A traceback without its middle; of a stack dump nothing: the faults name its lines."""
    lines = re.split(r"(?:Fatal Python error|Current thread|Thread 0x)", text)[0].splitlines()
    if verdict in (HUNG, CRASHED):
        return "\n".join(lines[:2])
    return text if len(lines) <= 12 else "\n".join([*lines[:6], "...", *lines[-5:]])
