"""Results that are made up, and what holds them."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from feeders.measure import Record
from feeders.results.changes import changes_file, write_changes
from tests.results.made import a_finding

STACK = {"tensorflow": "2.16.2", "keras": "3.4.1", "python": "3.11.7", "backend": "tensorflow"}
QUANTILES = (0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 9.0)


def made_up(feeder="sequence", workload="text", workers=1, speed=100.0, **values):
    """A take that was measured, all of its numbers following from the speed."""
    epoch = 3000 / speed
    waits = tuple(quantile / speed for quantile in QUANTILES)
    metrics = {
        **{"first_batch": 0.2 + 1 / speed, "first_epoch": 1.5 * epoch, "epoch": epoch, "gap": 0.01 * epoch},
        # So that epochs of 1,000 batches have that speed too.
        "seconds_per_batch": epoch / 97 - 0.01 * epoch / 1000,
        **{"throughput": speed, "effective_throughput": speed, "effective": 1000 / speed},
        **{"wait_mean": 1 / speed, "wait_p50": waits[5], "wait_p95": waits[8], "wait_p99": waits[9]},
        **{"wait_max": waits[10], "step_p50": 1.1 * waits[5], "step_p99": 1.1 * waits[9]},
        **{"cpu": 20 / speed, "memory": 1e8 + 1e7 * workers, "growth": 1000.0, "reads": 1.0, "left": 0},
        **dict.fromkeys(("missing", "duplicated", "disordered", "corrupt", "stale"), 0),
    }
    take = Record(
        feeder,
        workload,
        workers,
        "measured",
        metrics={**metrics, **values.pop("metrics", {})},
        guarantee="exactly-once",
        delivered=3000,
        epochs=(1.5 * epoch, epoch, epoch),
        waits=waits,
        batches=97,
        overhead=0.4,
        started="2026-01-01T00:00:00+00:00",
        stack=STACK,
        host={"cores": 2, "load": 0.5},
        settings={"model": "light"},
    )
    return dataclasses.replace(take, **values)


def broken(outcome, message, **values):
    """A take without numbers."""
    return dataclasses.replace(made_up(**values), outcome=outcome, message=message, metrics={}, guarantee="", waits=())


def write_takes(results, takes, release="2.16.2", machine="lab", environment="stack"):
    folder = results / machine
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{release}-{environment}-takes.jsonl"
    path.write_text("".join(f"{take.to_json()}\n" for take in takes))
    described = {"machine": machine, "cpu": "made up", "num_cpu": "2", "version": 1}
    (folder / "machine.json").write_text(json.dumps(described))
    return path


def some_takes(factor=1.0, seed=1):
    """Five takes of a handful of cells: fast, slow, wrong, refused and hung ones, with 1, 2 and 4 workers."""
    random = np.random.Generator(np.random.PCG64(seed))
    speeds = {"resident": 9000, "generator": 1000, "sequence": 1100, "sequence-lock": 900, "tfdata-map": 1200}
    takes = []
    for workload, slow in (("text", 1.0), ("remote", 0.5)):
        for feeder, speed in speeds.items():
            for workers in (1,) if feeder in ("resident", "generator") else (1, 2, 4):
                gain = 1 if feeder == "sequence-lock" or workload == "text" else workers**0.5
                values = factor * slow * gain * speed * (1 + 0.02 * random.standard_normal(5))
                takes += [made_up(feeder, workload, workers, value) for value in values.tolist()]
        takes += [
            made_up("sequence-call-lock", workload, 4, factor * 5000.0, metrics={"corrupt": count})
            for count in (3, 9, 7)
        ]
        takes.append(
            broken("refused", "TypeError: <b>no</b> workers", feeder="generator", workload=workload, workers=4)
        )
        takes.append(broken("hung", "no end", feeder="sequence-processes", workload=workload, workers=4))
    return takes


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """Results of two machines, of three releases, and of a CPU and a GPU run of one of them."""
    results = tmp_path_factory.mktemp("made-up") / "results"
    for release, factor in (("2.15.1", 1.2), ("2.16.2", 1.0), ("2.17.1", 0.9)):
        write_takes(results, some_takes(factor), release)
    on_gpu = {"gpu_busy": 40.0, "copy": 0.0005}
    gpu = [
        dataclasses.replace(take, stack={**STACK, "device": "gpu"}, metrics={**take.metrics, **on_gpu})
        for take in some_takes(3.0)
    ]
    write_takes(results, gpu, "2.16.2", environment="stack-FEEDERS_MODELreal")
    write_takes(results, some_takes(2.0), "2.16.2", machine="box")
    write_changes(changes_file(results / "lab", "stack"), [a_finding(cell="sequence/text/4")])
    return results
