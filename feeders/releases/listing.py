"""What ``feeders releases`` prints, adds and removes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Callable

from feeders.errors import FeedersError
from feeders.measure.stack import PINS_VARIABLE
from feeders.results.record import MEASURED, Record
from feeders.results.takes import count_takes
from feeders.terminal import table as drawn

from . import environments, resolve
from .catalogue import age
from .interpreters import FOREIGN
from .stacks import FOLDER, KERAS_PACKAGE, TENSORFLOW_PACKAGE, Stack, stacks

Log = Callable[[str], None]

# What a new release has to do before it is believed: a feeder with Keras' own machinery, a short steady part.
TRIAL = ({"feeder": "sequence", "workload": "remote", "workers": 1}, {"steady_seconds": 0.1})


def releases_table(results: Path) -> str:
    """Return all releases that have a stack, oldest first, with what is here of each.

    Args:
        results: the results folder; it need not exist.
    """
    by_age = sorted(stacks().values(), key=lambda stack: age(stack.release))
    heads = ("release", "date", "TensorFlow", "Keras", "Python", "built", "measured")
    rows = [_row(stack, results) for stack in by_age]
    return "\n".join([*drawn(rows, heads), "", _kept(), _newest()])


def add_release(name: str, log: Log) -> tuple[Path, Record]:
    """Resolve, build and try a release, and write its stack if the trial was measured.

    Args:
        name: ``2.16.2``, ``2.22.0rc0``, ``k3.6.0`` for a Keras, or ``nightly``.
        log: takes a line about what goes on.

    Returns:
        The file of its pins, and the take that was tried.

    Raises:
        FeedersError: there is no such release, or no Python has wheels for it, or it can't be installed. Nothing is
            written then.
    """
    pair = resolve.wanted(name)
    stack = stacks().get(pair.release.id)
    if stack:
        log(f"{name}: has a stack already")
    else:
        log(f"{name}: resolving TensorFlow {pair.tensorflow}, Keras {pair.keras or 'its own'} as of {pair.date}")
        stack = resolve.resolve(pair)
    start = time.monotonic()
    environments.build_environment(stack, log)
    passed = time.monotonic() - start
    log(f"{stack.release}: Python {stack.python}, {len(stack.pins)} packages; there after {passed:.0f} s")
    record = _trial(stack)
    path = FOLDER / f"{stack.release}.txt"
    if record.outcome == MEASURED and not path.exists():
        resolve.remember(pair)
        path.write_text(stack.requirements(), encoding="utf-8")
    return path, record


def clean(log: Log) -> None:
    """Remove all environments; what is needed again is made again."""
    for path in environments.environments():
        environments.remove(path)
        log(f"removed {path}")
    log("uv keeps what it has downloaded. Remove that too: uv cache clean")


def _row(stack: Stack, results: Path) -> tuple[str, ...]:
    counts = count_takes(results, stack.release)
    measured = ", ".join(f"{count} takes on {machine}" for machine, count in counts.items())
    keras = stack.keras or "built in"
    built = "yes" if environments.is_built(stack) else "no"
    return stack.release, stack.date, stack.version(TENSORFLOW_PACKAGE), keras, stack.python, built, measured or "no"


def _kept() -> str:
    count = len(environments.environments())
    return f"{count} environments in {environments.environments_folder()}. Remove them: feeders releases clean"


def _newest() -> str:
    if importlib.util.find_spec("uv") is None:
        return "newest on the package index: not known without uv. Try: pip install 'keras-feeders[suite]'"
    try:
        newest = {"": resolve.newest_version(TENSORFLOW_PACKAGE), "k": resolve.newest_version(KERAS_PACKAGE)}
    except FeedersError:
        return "newest on the package index: not known, it can't be reached"
    here = [(stack.version(TENSORFLOW_PACKAGE), stack.version(KERAS_PACKAGE)) for stack in stacks().values()]
    known = {"": {pair[0] for pair in here}, "k": {pair[1] for pair in here}}
    missing = [f"{prefix}{version}" for prefix, version in newest.items() if version not in known[prefix]]
    hint = f". Add: feeders releases add {missing[0]}" if missing else ": here"
    return f"newest on the package index: TensorFlow {newest['']}, Keras {newest['k']}{hint}"


def _trial(stack: Stack) -> Record:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [environments.python_of(stack), "-m", "feeders.measure", json.dumps(TRIAL)],
        capture_output=True,
        text=True,
        env={**os.environ, **dict.fromkeys(FOREIGN, ""), "PYTHONPATH": str(root), PINS_VARIABLE: stack.digest},
    )
    if done.returncode:
        raise FeedersError(f"{stack.release}: does not run: {(done.stdout + done.stderr).strip()[-1500:]}")
    return Record.from_json(done.stdout.splitlines()[-1])


def trial_text(path: Path, record: Record) -> str:
    """Return what `add_release` did, in words."""
    cell = f"{record.feeder} on {record.workload}"
    if record.outcome != MEASURED:
        return f"{path.stem}: {cell}: {record.outcome}, expected {MEASURED}; no pins are written. {record.message}"
    return (
        f"{path.stem}: TensorFlow {record.stack['tensorflow']}, Keras {record.stack['keras']}, Python "
        f"{record.stack['python']}; {cell}: {record.outcome} {record.guarantee}, "
        f"{record.metrics['throughput']:,.0f} samples/s\npins: {os.path.relpath(path)}"
    )
