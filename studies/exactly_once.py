"""Does every sample arrive once with four workers, on a backend or under a strategy of two devices?

KERAS_BACKEND=jax python studies/exactly_once.py             each feeder with workers is audited, races provoked
KERAS_BACKEND=torch python studies/exactly_once.py --workloads window,remote
python studies/exactly_once.py --strategy                    TensorFlow's MirroredStrategy over two logical CPUs
python studies/exactly_once.py --feeders sequence,lookahead-threads --seconds 30

It prints a table, one line a feeder. Under the strategy samples are counted, in plain epochs. What was found stays in
--state, and the same command goes on.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from feeders.keras_api import asked_backend  # noqa: E402
from feeders.strategies import FEEDERS  # noqa: E402

WORKERS, EPOCHS = 4, 3

# Keras' own workers, and then what has workers of its own.
KERAS = ("sequence", "sequence-processes", "tfdata-map")
OWN = ("lookahead-threads", "lookahead-processes", "prefetch-thread", "queue-threads")
OTHERS = ("torch-dataloader", "grain", "spdl")


def audited(feeder: str, workload: str, seconds: float) -> str:
    """Return what an audit says in a few words."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        command = [sys.executable, "-m", "feeders", "audit", feeder, "--workload", workload, "--json", str(answer)]
        if next(row for row in FEEDERS if row.name == feeder).parallel:
            command += ["--workers", str(WORKERS)]
        done = subprocess.run([*command, "--seconds", f"{seconds:g}"], cwd=ROOT, capture_output=True, text=True)
        if not answer.exists():
            return (done.stderr.strip() or "no answer").splitlines()[-1]
        found = json.loads(answer.read_text())
    causes = ", ".join(f"`{fault['cause']}`" for fault in found["faults"])
    spoilt = ", **corrupt**" if found["content"] == "corrupt" else ""
    return f"{found['verdict']}{spoilt}{': ' if causes else ''}{causes}"


def counted(feeder: str, workload: str) -> str:
    """Train under the strategy in a new interpreter; return what arrived in each epoch."""
    command = [sys.executable, __file__, "--count", feeder, "--workloads", workload]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return (done.stdout.strip() or f"failed: {done.stderr.strip()}").splitlines()[-1]


def count_under_strategy(feeder: str, workload: str) -> None:
    """Feed some epochs to a model under the strategy, and print how many samples came twice and never in each."""
    import tensorflow as tf

    import feeders.loaders
    from feeders.measure.recording import recording_model

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    material = feeders.loaders.workload(workload).open()
    arrived: list[collections.Counter[int]] = [collections.Counter()]

    class Ends(tf.keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            arrived.append(collections.Counter())

    row = next(row for row in FEEDERS if row.name == feeder)
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        feed = row.build(material, WORKERS if row.parallel else 1)
        model = recording_model(lambda batch: arrived[-1].update(batch[1][:, 1].tolist()))
    model.fit(feed.x, epochs=EPOCHS, shuffle=False, verbose=0, callbacks=[Ends()], **feed.fit)
    twice = [sum(count - 1 for count in epoch.values()) for epoch in arrived[:EPOCHS]]
    never = [material.samples - len(epoch) for epoch in arrived[:EPOCHS]]
    if any(twice + never):
        print(f"**{', '.join(f'{a} twice, {b} never' for a, b in zip(twice, never))}** of {material.samples}")
    else:
        print("exactly-once")


def names(asked: list[str]) -> list[str]:
    """Return what is tried, in the order of the catalogue."""
    return [row.name for row in FEEDERS if row.name in asked and row.is_installed]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feeders", default=",".join((*KERAS, *OWN, *OTHERS)))
    parser.add_argument("--workloads", default="window")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--strategy", action="store_true")
    parser.add_argument("--count", metavar="FEEDER", help="count under the strategy, in this process")
    parser.add_argument("--state", type=Path, default=Path("exactly-once.jsonl"))
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    workloads = arguments.workloads.split(",")
    if arguments.count:
        count_under_strategy(arguments.count, workloads[0])
        return
    where = "tensorflow, two logical CPUs" if arguments.strategy else asked_backend()
    known = [json.loads(line) for line in arguments.state.read_text().splitlines()] if arguments.state.exists() else []
    seen = {(line["where"], line["feeder"], line["workload"]): line["found"] for line in known}
    print(f"| feeder, {WORKERS} workers, {where} | {' | '.join(workloads)} |\n|---|{'---|' * len(workloads)}")
    for feeder in names(arguments.feeders.split(",")):
        for workload in workloads:
            if (where, feeder, workload) not in seen:
                made = counted(feeder, workload) if arguments.strategy else None
                found = made or audited(feeder, workload, arguments.seconds)
                line = {"where": where, "feeder": feeder, "workload": workload, "found": found}
                with open(arguments.state, "a", encoding="utf-8") as state:
                    state.write(json.dumps(line) + "\n")
                seen[where, feeder, workload] = found
        print(f"| `{feeder}` | {' | '.join(seen[where, feeder, workload] for workload in workloads)} |", flush=True)


if __name__ == "__main__":
    main()
