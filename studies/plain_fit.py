"""Train a loader by the lines that `feeders advise` prints, in plain Keras: a new interpreter, and a clock of epochs.

Of this suite there is the model that does next to nothing, as the advice had it. Where a file is printed beside the
lines, it is lifted out as the page says.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Epochs that are timed after the first one: for so long, and so many at least.
TIMED_SECONDS, FEWEST_EPOCHS = 4.0, 4

# What begins the part of a feeder's file that stays here.
STAYS = "# In this project"

SCRIPT = """
import functools, json, sys, time
sys.path[:0] = {folders!r}
from {module} import *

if __name__ == "__main__":
    import keras
    from feeders.measure.recording import idle_model

    ends = []
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    model = idle_model({step_seconds})
    model.fit = functools.partial(model.fit, epochs={epochs}, verbose=0, callbacks=[clock])

{code}

if __name__ == "__main__":
    with open({answer!r}, "w") as file:
        json.dump(ends, file)
"""


def epoch_seconds(file, code, lifted, step_ms, expected):
    """Return the mean seconds of an epoch after the first, gap included.

    Args:
        file: of the loader.
        code: calls ``model.fit()``.
        lifted: the feeder's file that the code gets its class from; None takes the package.
        step_ms: of a step; None for next to nothing.
        expected: seconds of an epoch, for how many there are to be.

    Raises:
        RuntimeError: the code broke; the text is what it said.
    """
    epochs = 1 + max(FEWEST_EPOCHS, round(TIMED_SECONDS / expected))
    with tempfile.TemporaryDirectory() as folder:
        script, answer = Path(folder, "script.py"), Path(folder, "ends.json")
        if lifted:
            code = lift(Path(lifted), Path(folder), code)
        script.write_text(
            SCRIPT.format(
                folders=[folder, str(file.parent), str(ROOT)],
                module=file.stem,
                step_seconds=(step_ms or 0.0) / 1000,
                epochs=epochs,
                code=code,
                answer=str(answer),
            )
        )
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
        ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment)
        if ended.returncode:
            raise RuntimeError(ended.stderr[-2000:])
        ends = json.loads(answer.read_text())
    return (ends[-1] - ends[0]) / (len(ends) - 1)


def lift(source, folder, code):
    """Copy a feeder's file without what belongs to this project, and return code that imports it from there."""
    (folder / source.name).write_text(source.read_text(encoding="utf-8").partition(STAYS)[0])
    return re.sub(r"^from feeders import", f"from {source.stem} import", code, flags=re.MULTILINE)


def held_against(answer, tried, today_code, file, step_ms, rounds):
    """Train today's way and the advised one in turns, and return what is promised and what was measured.

    Args:
        answer: of the advice, as its JSON has it.
        tried: its ways of feeding, as its JSON has them.
        today_code: calls ``model.fit()`` as it is done today.
        file: of the loader.
        step_ms: of a step.
        rounds: of both.
    """
    ways = {"today": (today_code, None, promised(tried[0]))}
    if answer["code"]:
        best = next(
            each for each in tried if (each["feeder"], each["workers"]) == (answer["feeder"], answer["workers"])
        )
        ways["advised"] = (answer["code"], answer["file"], promised(best))
    measured = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (code, lifted, expected) in ways.items():
            measured[name].append(epoch_seconds(file, code, lifted, step_ms, expected))
    return {
        "promised": {name: seconds for name, (_, _, seconds) in ways.items()},
        "measured": {name: statistics.median(seconds) for name, seconds in measured.items()},
        "ratio": answer["ratio"],
        "interval": answer["ratio_interval"],
        "all": measured,
    }


def promised(tried):
    """The seconds of an epoch that the takes of a way of feeding tell."""
    return statistics.median(take["metrics"]["epoch"] for take in tried["takes"] if "epoch" in take["metrics"])
