"""Measure every way of feeding loaders at length, and tell how often `feeders advise` said the same in its budget.

python studies/advise.py                         all loaders: four hours on two cores; goes on where it was interrupted
python studies/advise.py --only Waits HoldsTheGil --rounds 3 --seconds 120
python studies/advise.py --table                 what is known so far
python studies/advise.py --patches               of each loader: is an epoch by the printed lines what was promised?

The advice whose lines `--patches` trains by is one more run of the command, and stands in the table too.
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

from feeders.advise.look import Look  # noqa: E402
from feeders.advise.patches import patch  # noqa: E402
from feeders.measure import Cell  # noqa: E402
from studies.plain_fit import held_against  # noqa: E402
from tests.advise.known_answers import FILE, KNOWN  # noqa: E402

# Advice is right if its feeder is within so much of the best of the study.
NEAR = 0.05

# Takes of each way, one after the other in turn, so that a neighbour hits all alike.
ROUNDS = 7
STEADY_SECONDS = 2.0

# A way whose best take gives less than this share of the best one's is measured in the first round alone.
HOPELESS = 0.6

# More than the budget that advice may take.
OVER = 1.2

# The ratio of epochs by the printed lines, or today's epoch where there are none, is so near to what was promised.
AGREES = 0.1


def main(options):
    """Study and advise each loader, then print the table."""
    options.out.mkdir(parents=True, exist_ok=True)
    if options.patches:
        for known in (known for known in KNOWN if not options.only or known.name in options.only):
            print(patched(known, options), flush=True)
        return
    chosen = [known for known in KNOWN if not options.only or known.name in options.only]
    for known in () if options.table else chosen:
        path = options.out / f"{known.name}.json"
        if path.exists():
            continue
        found = {
            "study": study(known, options.rounds, options.most_cells),
            "advice": [advised(known, options.seconds)[0] for _ in range(options.runs)],
        }
        path.write_text(json.dumps(found, indent=1))
        print(line(known, found), flush=True)
    for known in chosen if options.table else ():
        path, of_patch = options.out / f"{known.name}.json", _patch_path(options, known)
        patch_found = json.loads(of_patch.read_text()) if of_patch.exists() else None
        if path.exists():
            found = json.loads(path.read_text())
            print(line(known, {**found, "advice": found["advice"] + ([patch_found["run"]] if patch_found else [])}))
        if patch_found:
            print(patch_line(known, patch_found))


def patched(known, options):
    """Advise a loader, train by the lines that are printed, and tell in a line how the epochs agree."""
    path = _patch_path(options, known)
    if not path.exists():
        run, advice = advised(known, options.seconds)
        if not advice:
            return f"{known.name:26} WRONG: status {run['status']}, {run['error'][-200:]}"
        look = Look.from_json(advice["look"])
        today = Cell(advice["today"]["feeder"], advice["today"]["workload"], advice["today"]["workers"])
        found = held_against(
            advice["answer"], advice["tried"], patch(today, look), FILE, step_ms(known), options.patch_rounds
        )
        path.write_text(json.dumps({"run": run, **found}, indent=1))
    return patch_line(known, json.loads(path.read_text()))


def _patch_path(options, known):
    return options.out / f"{known.name}-patch.json"


def patch_line(known, found):
    """What the answer promised of an epoch, and what plain Keras took."""
    epochs = [
        f"{name} {found['measured'][name]:.3f} s (promised {found['promised'][name]:.3f})" for name in found["measured"]
    ]
    answer, wrong = found["run"]["answer"], ""
    if "advised" in found["measured"] and found["ratio"]:
        ratio = found["measured"]["today"] / found["measured"]["advised"]
        epochs.append(f"ratio {ratio:.2f} (promised {found['ratio']:.2f})")
        wrong = "" if abs(ratio / found["ratio"] - 1) <= AGREES else "WRONG"
    else:
        wrong = "" if abs(found["measured"]["today"] / found["promised"]["today"] - 1) <= AGREES else "WRONG"
    return f"{known.name:26} {answer['kind']} {answer['feeder']} {answer['workers']}: {'; '.join(epochs)} {wrong}"


def study(known, rounds, most_cells):
    """Return the effective samples/s of each way that delivers exactly once, and which is today's."""
    from feeders.advise.candidates import candidates, today
    from feeders.advise.look import look_at
    from feeders.advise.request import AdviseRequest
    from feeders.measure import Settings, preload, take
    from feeders.measure.host import usable_cores
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
    cells = [now, *(cell for cell in cells if cell != now)][:most_cells]
    speeds = {}
    for _ in range(rounds):
        for cell in cells:
            record = take(cell, seen.settled(settings), seen)
            right = record.guarantee in ("exactly-once", "") and record.outcome == "measured"
            speeds.setdefault(_key(cell), []).append(record.metrics["effective_throughput"] if right else None)
        best = {key: max(values) for key, values in speeds.items() if None not in values}
        least = HOPELESS * max(best.values(), default=0.0)
        cells = [cell for cell in cells if cell == now or best.get(_key(cell), 0.0) >= least]
    return {"today": _key(now), "speeds": speeds}


def _key(cell):
    """A way's name in the study."""
    return f"{cell.feeder} {cell.workers}"


def step_ms(known):
    """The milliseconds of its step, where the command gets some."""
    return float(known.options[1]) if known.options[:1] == ("--step-ms",) else None


def advised(known, seconds):
    """Run the command as a person would.

    Returns:
        The answer, exit status and wall seconds, and all that its JSON holds, empty where it wrote none.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "advice.json")
        command = [sys.executable, "-m", "feeders", "advise", f"{FILE}:{known.name}", *known.options]
        ended = subprocess.run(
            [*command, "--seconds", f"{seconds:g}", "--json", str(path)], capture_output=True, text=True, cwd=ROOT
        )
        advice = json.loads(path.read_text()) if path.exists() else {}
    run = {
        "status": ended.returncode,
        "seconds": time.monotonic() - start,
        "budget": seconds,
        "answer": advice.get("answer", {}),
        "error": ended.stderr,
    }
    return run, advice


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
    parser.add_argument("--patches", action="store_true", help="train by the printed lines, in plain Keras")
    parser.add_argument("--patch-rounds", type=int, default=3, help="of both ways; default: %(default)s")
    parser.add_argument("--table", action="store_true", help="measure nothing; print what is known")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main(_parse())
