"""Which of tf.data's knobs change how fast an epoch is? Each against the pipeline that people write first.

python studies/tfdata_knobs.py --state knobs.jsonl                    all knobs on text, jpeg and remote, five rounds
python studies/tfdata_knobs.py --state knobs.jsonl --workloads text --rounds 2 --epoch 200

The pipeline is ``range(n).map(numpy_function).prefetch(AUTOTUNE)``, that of `tfdata-map`, and the same in TensorFlow
ops where the workload has them. A measurement is an epoch of plain ``fit()`` after one that is not counted, in a new
interpreter. Rounds take turns. Each is a line of the state file: the same command goes on. The table has the ratio of
times to the first pipeline, the median over rounds with the smallest and the largest; a knob changes the answer where
all of its rounds are to one side of 1 by more than 5 %.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from feeders.loaders import OPS, STATIC_EPOCH, Repeated, workload  # noqa: E402

# Smaller differences are the machine's on most days.
MARGIN = 0.05

FIRST = "AUTOTUNE"
KNOBS = {
    FIRST: "num_parallel_calls=AUTOTUNE, prefetch(AUTOTUNE): what people write first",
    "fixed": "num_parallel_calls=4, prefetch(4)",
    "fixed, no autotuner": "the same, options.autotune.enabled = False",
    "private pool": "AUTOTUNE, options.threading.private_threadpool_size = 8",
    "not deterministic": "AUTOTUNE, options.deterministic = False",
    "one thread an op": "AUTOTUNE, options.threading.max_intra_op_parallelism = 1",
}


def pipeline(loader: Any, knob: str, native: bool) -> Any:
    """Return the dataset with one knob turned."""
    import tensorflow as tf

    auto = tf.data.AUTOTUNE
    calls, ahead = (4, 4) if knob.startswith("fixed") else (auto, auto)
    if native:
        dataset = loader.native(calls, tf.constant(STATIC_EPOCH, tf.int64))
    else:
        specs = [tf.TensorSpec(leaf.shape, leaf.dtype) for leaf in loader.signature]

        def prepare(index: Any) -> Any:
            parts = tf.numpy_function(lambda i: loader.batch(i, 0), [index], [spec.dtype for spec in specs])
            return tuple(tf.ensure_shape(part, spec.shape) for part, spec in zip(parts, specs))

        dataset = tf.data.Dataset.range(len(loader)).map(prepare, num_parallel_calls=calls)
    options = tf.data.Options()
    if knob == "fixed, no autotuner":
        options.autotune.enabled = False
    elif knob == "private pool":
        options.threading.private_threadpool_size = 8
    elif knob == "not deterministic":
        options.deterministic = False
    elif knob == "one thread an op":
        options.threading.max_intra_op_parallelism = 1
    return dataset.with_options(options).prefetch(ahead)


def seconds_of_epoch(load: str, knob: str, native: bool, batches: int) -> float:
    """Train two epochs and return the seconds of the second, from end to end; call it in a new interpreter."""
    import tensorflow as tf

    from feeders.measure.settings import Settings
    from feeders.measure.timed import make_model

    ends: list[float] = []

    class Clock(tf.keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            ends.append(time.perf_counter())

    loader = workload(load).open()
    model = make_model(loader.x_shape, loader.classes, Settings())
    dataset = pipeline(Repeated(loader, -(-batches // len(loader))), knob, native)
    model.fit(dataset, epochs=2, verbose=0, callbacks=[Clock()])
    return ends[1] - ends[0]


def cells(workloads: list[str]) -> list[tuple[str, str]]:
    """Return workload and form of each pipeline; a workload without TensorFlow ops has one form."""
    found = []
    for name in workloads:
        found.append((name, "python"))
        if OPS in workload(name).open().offers:
            found.append((name, "ops"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--workloads", default="text,jpeg,remote")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epoch", type=int, default=1000, help="batches")
    parser.add_argument("--one", nargs=3, metavar=("WORKLOAD", "FORM", "KNOB"), help="measure one, in this process")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.one:
        load, form, knob = arguments.one
        print(seconds_of_epoch(load, knob, form == "ops", arguments.epoch))
        return
    asked = cells(arguments.workloads.split(","))
    seen = read(arguments.state)
    for number in range(arguments.rounds):
        for load, form in asked:
            for knob in KNOBS:
                key = (load, form, knob, number, arguments.epoch)
                if key not in seen:
                    seen[key] = measured(load, form, knob, arguments.epoch)
                    with open(arguments.state, "a", encoding="utf-8") as state:
                        state.write(json.dumps([*key, seen[key]]) + "\n")
    print(table(seen, asked, arguments.rounds, arguments.epoch))


def read(state: Path) -> dict[tuple[Any, ...], float]:
    lines = [json.loads(line) for line in state.read_text().splitlines()] if state.exists() else []
    return {tuple(line[:-1]): line[-1] for line in lines}


def measured(load: str, form: str, knob: str, batches: int) -> float:
    """Measure one in a new interpreter."""
    command = [sys.executable, __file__, "--state", os.devnull, "--epoch", str(batches), "--one", load, form, knob]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{load}, {form}, {knob}: {done.stderr.strip()[-500:]}")
    return float(done.stdout.split()[-1])


def table(seen: dict[tuple[Any, ...], float], asked: list[tuple[str, str]], rounds: int, batches: int) -> str:
    """Return a line for each knob: its ratio to the first pipeline, round by round."""
    lines = ["| knob | " + " | ".join(f"{load}, {form}" for load, form in asked) + " |", "|---|" + "--:|" * len(asked)]
    for knob in list(KNOBS)[1:]:
        texts = []
        for load, form in asked:
            pairs = [[seen[load, form, each, number, batches] for each in (knob, FIRST)] for number in range(rounds)]
            ratios = [mine / first for mine, first in pairs]
            changes = min(ratios) > 1 + MARGIN or max(ratios) < 1 - MARGIN
            text = f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
            texts.append(f"**{text}**" if changes else text)
        lines.append(f"| {knob}: {KNOBS[knob]} | {' | '.join(texts)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
