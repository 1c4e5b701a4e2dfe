"""Is the limit one? What is measured against it, from above and from below.

python studies/limit.py --state FILE                     text, jpeg and remote, three rounds
python studies/limit.py --state FILE --rounds 1 --workloads text --feeders lookahead-processes,sequence

A round measures for each workload its limit, a stand-in that does nothing but prepare on all cores, and every safe
feeder of the profile `core` against that limit. The limit is one if no feeder is above 103 % of it, and if the stand-in
reaches 97 % of what preparing alone allows, cores / CPU seconds of a sample. On a machine that others use too, the
stand-in gets less than all cores: its speed for the CPU time it was given stands beside its speed by the clock.

Each measurement is a line of FILE when it is over: Ctrl-C ends the run, and the same command goes on with it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from feeders.loaders import STATIC_EPOCH, workload  # noqa: E402
from feeders.measure import MEASURED, preload, take  # noqa: E402
from feeders.measure.alone import measure_limit  # noqa: E402
from feeders.measure.cells import core_cells  # noqa: E402
from feeders.measure.host import usable_cores  # noqa: E402
from feeders.measure.limit import Limit, with_limit  # noqa: E402
from feeders.results.record import EXACTLY_ONCE  # noqa: E402
from feeders.strategies import FEEDERS, feeder  # noqa: E402
from feeders.terminal import Progress  # noqa: E402

WORKLOADS = ("text", "jpeg", "remote")
ROUNDS = 3

# Of the stand-in: some hundred batches of the slowest workload on each core.
STANDIN_SECONDS = 3.0

# What decides whether the limit is one, in percent of it.
MOST, LEAST = 103.0, 97.0


def standin(name):
    """Return samples per second of preparing on all cores: by the clock, and for the CPU time that was given."""
    counts = []
    for place in range(usable_cores()):
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.write(writing, json.dumps(prepared(name, place)).encode())
            os._exit(0)
        os.close(writing)
        counts.append(os.fdopen(reading))
    each = [json.loads(file.read()) for file in counts]
    for _ in each:
        os.wait()
    return {
        "clock": sum(samples / seconds for samples, seconds, _ in each),
        "given": usable_cores() * sum(samples for samples, _, _ in each) / sum(cpu for _, _, cpu in each),
    }


def prepared(name, place):
    """Prepare one whole batch after the other; return samples, seconds and CPU seconds."""
    loader = workload(name).open()
    start, cpu, samples = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() < start + STANDIN_SECONDS:
        loader.batch(place % (len(loader) - 1), STATIC_EPOCH)
        place, samples = place + 1, samples + loader.batch_size
    return samples, time.perf_counter() - start, time.process_time() - cpu


def steps(options):
    """Yield what is to be measured, each as (round, workload, kind), in the order of a round."""
    for number in range(options.rounds):
        for name in options.workloads:
            yield number, name, "limit"
            yield number, name, "standin"
            for cell in core_cells(usable_cores()):
                row = feeder(cell.feeder)
                if cell.workload == name and cell.feeder in options.feeders and not row.mistake and not row.ceiling:
                    yield number, name, f"{cell.feeder}/{cell.workers}"


def measured(step, cells, limits):
    """Return what a step tells, as JSON can hold it."""
    number, name, kind = step
    if kind == "limit":
        limit = measure_limit(name)
        return dataclasses.asdict(limit) if limit else None
    if kind == "standin":
        return standin(name)
    cell = cells[name, kind]
    record = with_limit(take(cell), feeder(cell.feeder), Limit(**limits[number, name]))
    share = record.metrics.get("share_of_limit")
    return {"share": share if record.outcome == MEASURED and record.guarantee == EXACTLY_ONCE else None}


def run(options):
    """Measure what the state does not hold yet."""
    known = read(options.state)
    limits = {(number, name): seen for (number, name, kind), seen in known.items() if kind == "limit"}
    cells = {(cell.workload, f"{cell.feeder}/{cell.workers}"): cell for cell in core_cells(usable_cores())}
    plan = [step for step in steps(options) if step not in known]
    with Progress() as progress, options.state.open("a") as file:
        for place, step in enumerate(plan):
            progress.update(" ".join(map(str, step[1:])), place / len(plan))
            if step[2] not in ("limit", "standin") and not limits.get(step[:2]):
                continue
            seen = measured(step, cells, limits)
            if step[2] == "limit":
                limits[step[:2]] = seen
            file.write(json.dumps({"step": step, "seen": seen, "machine_load": os.getloadavg()[0]}) + "\n")
            file.flush()


def read(path):
    """Return what an earlier run measured, by step."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {tuple(line["step"]): line["seen"] for line in lines}


def report(known, names):
    """Yield a Markdown table, a row for each workload, and the two answers."""
    yield "| workload | limit (samples/s) | range | GIL's share | stand-in | for its CPU time | nearest feeder |"
    yield "|---|--:|--:|--:|--:|--:|---|"
    every, shares = [], {}
    for name in names:
        rounds = {
            number: Limit(**seen)
            for (number, of, kind), seen in known.items()
            if of == name and kind == "limit" and seen
        }
        limits = list(rounds.values())
        if not limits:
            continue
        best = [limit.samples for limit in limits]
        reached = [
            {key: 100 * seen[key] * rounds[number].prepare_cpu / rounds[number].cores for key in seen}
            for (number, of, kind), seen in known.items()
            if of == name and kind == "standin" and number in rounds
        ]
        clock, cpu = (statistics.median(each[key] for each in reached) for key in ("clock", "given"))
        if limits[0].prepare_cpu > limits[0].prepare_seconds / 2:  # one that waits has no limit by its CPU time
            every.append((name, cpu))
        own = {}
        for (_, of, kind), seen in known.items():
            if of == name and seen and seen.get("share"):
                own.setdefault(kind, []).append(seen["share"])
        own = {f"{kind} on {name}": statistics.median(values) for kind, values in own.items()}
        shares.update(own)
        nearest = max(own, key=own.get, default="")
        yield (
            f"| {name} | {statistics.median(best):,.0f} | {min(best):,.0f} to {max(best):,.0f} "
            f"| {100 * statistics.median(limit.gil_share for limit in limits):.0f} % | {clock:.0f} % | {cpu:.0f} % "
            f"| {nearest}{f', {own[nearest]:.0f} %' if nearest else ''} |"
        )
    above = [f"{cell}, {share:.0f} %" for cell, share in shares.items() if share > MOST]
    below = [f"{name}, {share:.0f} %" for name, share in every if share < LEAST]
    yield ""
    yield f"Feeders above {MOST:.0f} % of the limit: {'; '.join(above) or f'none of {len(shares)}'}."
    yield f"Stand-ins below {LEAST:.0f} % of what preparing allows: {'; '.join(below) or f'none of {len(every)}'}."


def main():
    """Parse, measure what is missing, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, help="file of JSON lines")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--workloads", type=lambda text: text.split(","), default=list(WORKLOADS))
    parser.add_argument("--feeders", type=lambda text: text.split(","), default=[row.name for row in FEEDERS])
    options = parser.parse_args()
    preload()
    run(options)
    print("\n".join(report(read(options.state), options.workloads)))


if __name__ == "__main__":
    main()
