"""Measure every way of feeding loaders at length, and tell how often `feeders advise` said the same in its budget.

python studies/advise.py                         all loaders: four hours on two cores; goes on where it was interrupted
python studies/advise.py --only Waits HoldsTheGil --rounds 3 --seconds 120
python studies/advise.py --table                 what is known so far
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.advise.known_answers import FILE, KNOWN  # noqa: E402

# Advice is right if its feeder is within so much of the best of the study.
NEAR = 0.05

# Takes of each way, one after the other in turn, so that a neighbour hits all alike.
ROUNDS = 7
STEADY_SECONDS = 2.0

# More than the budget that advice may take.
OVER = 1.2


def main(options):
    """Study and advise each loader, then print the table."""
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = [known for known in KNOWN if not options.only or known.name in options.only]
    for known in () if options.table else chosen:
        path = options.out / f"{known.name}.json"
        if path.exists():
            continue
        found = {
            "study": study(known, options.rounds, options.most_cells),
            "advice": [advised(known, options.seconds) for _ in range(options.runs)],
        }
        path.write_text(json.dumps(found, indent=1))
        print(line(known, found), flush=True)
    if options.table:
        for known in chosen:
            path = options.out / f"{known.name}.json"
            if path.exists():
                print(line(known, json.loads(path.read_text())))


def study(known, rounds, most_cells):
    """Return the effective samples/s of each way that delivers exactly once, and which is today's."""
    from feeders.advise.candidates import candidates, today
    from feeders.advise.look import look_at
    from feeders.advise.request import AdviseRequest
    from feeders.measure import Settings, preload, take
    from feeders.measure.cells import usable_cores
    from feeders.measure.survey import survey

    preload()
    request = AdviseRequest(f"{FILE}:{known.name}", step_ms=step_ms(known))
    look = look_at(request, 0.5)
    settings = dataclasses.replace(
        Settings.from_environment(), steady_seconds=STEADY_SECONDS, step_ms=request.step_ms, steps=look.steps
    )
    seen = survey(request.loader, settings)
    cells, _ = candidates(request, look, usable_cores())
    now = today(request, look)
    speeds = {}
    for _ in range(rounds):
        for cell in [now, *(cell for cell in cells if cell != now)][:most_cells]:
            record = take(cell, seen.settled(settings), seen)
            right = record.guarantee in ("exactly-once", "") and record.outcome == "measured"
            key = f"{cell.feeder} {cell.workers}"
            speeds.setdefault(key, []).append(record.metrics["effective_throughput"] if right else None)
    return {"today": f"{now.feeder} {now.workers}", "speeds": speeds}


def step_ms(known):
    """The milliseconds of its step, where the command gets some."""
    return float(known.options[1]) if known.options[:1] == ("--step-ms",) else None


def advised(known, seconds):
    """Run the command as a person would; return its JSON's answer, exit status and wall seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "advice.json")
        command = [sys.executable, "-m", "feeders", "advise", f"{FILE}:{known.name}", *known.options]
        start = time.monotonic()
        ended = subprocess.run(
            [*command, "--seconds", f"{seconds:g}", "--json", str(path)], capture_output=True, text=True, cwd=ROOT
        )
        wall = time.monotonic() - start
        answer = json.loads(path.read_text())["answer"] if path.exists() else {}
    return {"status": ended.returncode, "seconds": wall, "budget": seconds, "answer": answer, "error": ended.stderr}


def line(known, found):
    """What was right and what was not, of one loader."""
    speeds = {key: statistics.median(values) for key, values in found["study"]["speeds"].items() if None not in values}
    best = max(speeds, key=speeds.get, default=None)
    texts = [verdict(known, each, speeds, best, found["study"]["today"]) for each in found["advice"]]
    of_best = f"{best}, {speeds[best]:,.0f} samples/s" if best else "nothing"
    return f"{known.name:26} best: {of_best:40} advised: {'; '.join(texts)}"


def verdict(known, run, speeds, best, today):
    """One run of the command against the study."""
    answer = run["answer"]
    if not answer:
        return f"WRONG: status {run['status']}, {run['error'][-200:]}"
    key = f"{answer['feeder']} {answer['workers']}"
    wrong = []
    if answer["kind"] not in known.kinds:
        wrong.append(f"kind {answer['kind']}")
    if (answer["workers"] or 1) > 1 and answer["feeder"] in known.unsafe:
        wrong.append("UNSAFE")
    if answer["feeder"] and best and speeds.get(key, 0.0) < (1 - NEAR) * speeds[best]:
        wrong.append(f"{speeds.get(key, 0.0) / speeds[best]:.0%} of the best")
    interval = answer["ratio_interval"]
    if interval and today in speeds and key in speeds and not interval[0] <= speeds[key] / speeds[today] <= interval[1]:
        wrong.append(f"{speeds[key] / speeds[today]:.2f} is not in [{interval[0]:.2f}, {interval[1]:.2f}]")
    if run["seconds"] > OVER * run["budget"]:
        wrong.append(f"{run['seconds']:.0f} s of {run['budget']:.0f}")
    return f"{answer['kind']} {key} {'right' if not wrong else 'WRONG: ' + ', '.join(wrong)}"


def _parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of these loaders")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="takes of each way; default: %(default)s")
    parser.add_argument("--most-cells", type=int, metavar="N", help="ways of each loader; default: all")
    parser.add_argument("--runs", type=int, default=2, help="of the command; default: %(default)s")
    parser.add_argument("--seconds", type=float, default=180.0, help="of each run; default: %(default)s")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "advise", help="default: %(default)s")
    parser.add_argument("--table", action="store_true", help="measure nothing; print what is known")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(_parse())
