"""Epochs as they are predicted against epochs that were really trained.

``python studies/epochs.py --state FILE [--cells sequence/text/1,...] [--epoch 1000,...]`` takes each cell as ``feeders
measure`` does, and trains epochs of so many batches by plain ``fit()``, without taps, each in a new interpreter; then
it prints a Markdown table. Each measurement is a line of FILE when it is over: Ctrl-C ends the run, and the same
command goes on with it. Delete FILE to begin again.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from feeders.loaders import Repeated, workload  # noqa: E402
from feeders.measure import MEASURED, Cell, Record, Settings, preload, take  # noqa: E402
from feeders.measure.epochs import EPOCH_BATCHES, batch_seconds, epoch_seconds  # noqa: E402
from feeders.strategies import FEEDERS, feeder  # noqa: E402
from feeders.terminal import Progress  # noqa: E402

WORKLOADS = ("text", "jpeg", "remote")
WORKERS = (1, 4)
ROUNDS = 3

# Really trained after the first epoch, which is long and not counted.
EPOCHS = 2


def cells():
    """Return every row that can be told something of on the three workloads, with one worker and four."""
    return [
        Cell(row.name, load, count)
        for row in FEEDERS
        for load in WORKLOADS
        for count in (WORKERS if row.parallel else (1,))
        if not row.mistake and not row.ceiling and not row.whole
    ]


def really(cell, batches, settings):
    """Return the mean seconds of `EPOCHS` epochs of so many batches, from the end of one to the end of the next.

    Call it in a process of its own.
    """
    from feeders.keras_api import keras
    from feeders.measure.timed import make_model

    ends = []

    class Clock(keras().callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            ends.append(time.perf_counter())

    loader = workload(cell.workload).open()
    model = make_model(loader.x_shape, loader.classes, settings)
    passes = -(-batches // len(loader))
    feed = feeder(cell.feeder).build(Cut(Repeated(loader, passes), batches), cell.workers)
    model.fit(feed.x, feed.y, epochs=1 + EPOCHS, shuffle=False, verbose=0, callbacks=[Clock()], **feed.fit)
    return (ends[-1] - ends[0]) / EPOCHS


class Cut(Repeated):
    """The first batches of a loader, as an epoch.

    Args:
        loader: has at least that many.
        length: how many.
    """

    def __init__(self, loader, length):
        super().__init__(loader, 1)
        self._length = length

    def __len__(self):
        return self._length

    def __reduce__(self):
        return Cut, (self._loader, self._length)

    def batch(self, index, epoch):
        """That of the loader."""
        return self._loader.batch(index, epoch)

    def batches(self, epoch):
        """The first of the loader."""
        for _, batch in zip(range(self._length), self._loader.batches(epoch)):
            yield batch

    def native(self, workers, epoch):
        """The first of the loader."""
        return self._loader.native(workers, epoch).take(self._length)


def in_new_interpreter(cell, batches, settings):
    """Return what `really` does there; None if it broke."""
    request = json.dumps([dataclasses.asdict(cell), batches, dataclasses.asdict(settings)])
    done = subprocess.run([sys.executable, __file__, "--really", request], stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1]) if done.returncode == 0 else None


def measure(cell, lengths, settings):
    """Return one line of the state: a take, then the real epochs of each length."""
    record = take(cell, settings)
    line = {"cell": dataclasses.asdict(cell), "record": json.loads(record.to_json()), "real": {}}
    if record.outcome == MEASURED:
        line["real"] = {str(length): in_new_interpreter(cell, length, settings) for length in lengths}
    return {**line, "machine_load": os.getloadavg()[0], "date": datetime.date.today().isoformat()}


def read(path):
    """Return the lines of an earlier run."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(lines, lengths):
    """Yield the rows of a Markdown table: predicted and real seconds, and the median of their ratios."""
    yield "| cell | batches | batch (ms) | gap (ms) | predicted (s) | real (s) | real / predicted | takes |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    by_cell = {}
    for line in lines:
        by_cell.setdefault(Cell(**line["cell"]), []).append(line)
    for cell, group in by_cell.items():
        for length in lengths:
            known = [
                (Record.from_json(json.dumps(line["record"])), line["real"][str(length)])
                for line in group
                if line["real"].get(str(length))
            ]
            if known:
                yield row(cell, length, known)


def row(cell, length, known):
    """Return one row: medians over takes, and the median of the ratios of each take to the epochs beside it."""
    predicted = [epoch_seconds(record, length) for record, _ in known]
    real = [seconds for _, seconds in known]
    each = [1e3 * batch_seconds(record) for record, _ in known]
    gap = [1e3 * record.metrics.get("gap", 0.0) for record, _ in known]
    ratio = statistics.median(b / a for a, b in zip(predicted, real))
    numbers = (f"{length:,}", *(f"{statistics.median(part):.2f}" for part in (each, gap, predicted, real)))
    return f"| {cell} | {' | '.join(numbers)} | {ratio:.3f} | {len(known)} |"


def cell_of(text):
    """Read FEEDER/WORKLOAD/WORKERS."""
    name, load, workers = text.split("/")
    return Cell(name, load, int(workers)).checked()


def main():
    """Parse, measure what is missing, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--state", type=Path, help="file of JSON lines")
    parser.add_argument("--cells", type=lambda text: [cell_of(part) for part in text.split(",")], default=cells())
    parser.add_argument(
        "--epoch", type=lambda text: [int(part) for part in text.split(",")], default=[EPOCH_BATCHES], metavar="N,..."
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--really", help=argparse.SUPPRESS)
    options = parser.parse_args()
    preload()
    if options.really:
        cell, batches, settings = json.loads(options.really)
        print(really(Cell(**cell), batches, Settings(**settings)))
        return
    if not options.state:
        parser.error("--state FILE is needed")
    run(options)
    print("\n".join(table(read(options.state), options.epoch)))


def run(options):
    """Measure what the state does not hold yet, round by round."""
    settings = Settings.from_environment()
    done = [Cell(**line["cell"]) for line in read(options.state)]
    plan = [cell for number in range(options.rounds) for cell in options.cells if done.count(cell) <= number]
    with Progress() as progress, options.state.open("a") as file:
        for number, cell in enumerate(plan):
            progress.update(str(cell), number / len(plan))
            file.write(json.dumps(measure(cell, options.epoch, settings)) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
