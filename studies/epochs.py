"""Epochs as they are predicted against epochs that were really trained.

python studies/epochs.py --estimate                      how long a whole run takes, and nothing else
python studies/epochs.py --state FILE                    every feeder on text, jpeg and remote, workers 1 and 4
python studies/epochs.py --state FILE --cells sequence/text/1 --epoch 1000 --rounds 1

Each cell is taken as ``feeders measure`` does, and trained in epochs of 1,000 batches by plain ``fit()``, without taps,
in a fresh process; three cells also in epochs of 100 and 10,000. Three rounds; the median of each cell's counts. Then a
Markdown table is printed, and what is outside of 5 % and of 10 %. Each measurement is a line of FILE when it is over:
Ctrl-C ends the run, and the same command goes on with it. Delete FILE to begin again.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from feeders.loaders import OPS, Repeated, workload  # noqa: E402
from feeders.measure import MEASURED, Cell, Record, Settings, preload, take  # noqa: E402
from feeders.measure.epochs import EPOCH_BATCHES, batch_seconds, epoch_seconds  # noqa: E402
from feeders.measure.supervise import Watch  # noqa: E402
from feeders.measure.watched import watched  # noqa: E402
from feeders.strategies import FEEDERS, feeder  # noqa: E402
from feeders.terminal import Progress  # noqa: E402

WORKLOADS = ("text", "jpeg", "remote")
WORKERS = (1, 4)
ROUNDS = 3

# Trained in epochs of other lengths too: a thread behind the GIL, threads that wait, processes. Of `jpeg` none: 10,000
# batches take it more than three minutes.
OTHER_LENGTHS = (100, 10_000)
OF_OTHER_LENGTHS = (Cell("sequence", "text", 1), Cell("sequence", "remote", 4), Cell("lookahead-processes", "text", 1))

# Epochs of a fit: the first is not counted, the time from its end to the end of the second is.
EPOCHS = 2

# For the estimate: seconds of a batch on two cores, mostly, and of all else that a fit and a take need.
BATCH_SECONDS = {"text": 0.005, "jpeg": 0.02, "remote": 0.0045}
FIT_SECONDS, TAKE_SECONDS = 2.5, 3.0

# A fit of 10,000 batches has to end before it.
DEADLINE_SECONDS = 1800.0

# What a ratio of real to predicted may be off, for every row but the few that are explained.
GOOD, POOR = 0.05, 0.10


def cells():
    """Return every row that can be told something of on the three workloads, with one worker and four.

    Keras 3 has no workers for generators, and what has no body in TensorFlow ops is unsupported: neither is asked for.
    """
    return [
        Cell(row.name, load, count)
        for row in FEEDERS
        for load in WORKLOADS
        for count in (WORKERS if row.parallel else (1,))
        if not row.mistake and not row.ceiling and not row.whole
        if not (row.name in ("generator", "generator-locked") and count > 1)
        if not (row.pulls == OPS and load == "remote")
    ]


def lengths_of(cell, lengths):
    """Return the lengths of epochs that a cell is trained in."""
    return [*lengths, *(OTHER_LENGTHS if lengths == [EPOCH_BATCHES] and cell in OF_OTHER_LENGTHS else ())]


def estimate(plan, lengths):
    """Return the seconds that takes and fits of these cells need, about."""
    return sum(
        TAKE_SECONDS + sum(FIT_SECONDS + EPOCHS * length * BATCH_SECONDS[cell.workload] for length in each)
        for cell in plan
        for each in [lengths_of(cell, lengths)]
    )


def really(cell, batches, settings):
    """Return the seconds of an epoch of so many batches, from the end of one to the end of the next.

    Call it in a process of its own.
    """
    from feeders.keras_api import keras
    from feeders.measure.timed import make_model

    ends = []

    class Clock(keras().callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            ends.append(time.perf_counter())

    loader = workload(cell.workload).of_batch(settings.batch).open()
    model = make_model(loader.x_shape, loader.classes, settings)
    passes = -(-batches // len(loader))
    feed = feeder(cell.feeder).build(Cut(Repeated(loader, passes), batches), cell.workers)
    model.fit(feed.x, feed.y, epochs=EPOCHS, shuffle=False, verbose=0, callbacks=[Clock()], **feed.fit)
    return ends[-1] - ends[-2]


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


def in_fresh_process(cell, batches, settings):
    """Return what `really` does in a process that is forked from this one, as those of takes; None if it broke."""
    return watched(lambda finish: finish(really(cell, batches, settings)), Watch(DEADLINE_SECONDS, memory=False)).answer


def measure(cell, lengths, settings):
    """Return one line of the state: a take, then the real epochs of each length."""
    record = take(cell, settings)
    line = {"cell": dataclasses.asdict(cell), "record": json.loads(record.to_json()), "real": {}}
    if record.outcome == MEASURED:
        line["real"] = {str(length): in_fresh_process(cell, length, settings) for length in lengths_of(cell, lengths)}
    return {**line, "machine_load": os.getloadavg()[0], "date": datetime.date.today().isoformat()}


def read(path):
    """Return the lines of an earlier run."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(lines):
    """Yield the rows of a Markdown table, and what is outside of `GOOD` and of `POOR`."""
    yield "| cell | batches | batch (ms) | gap (ms) | predicted (s) | real (s) | real / predicted | takes |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    by_row = {}
    for line in lines:
        for length, seconds in line["real"].items():
            if seconds:
                record = Record.from_json(json.dumps(line["record"]))
                by_row.setdefault((int(length), Cell(**line["cell"])), []).append((record, seconds))
    ratios = {}
    for (length, cell), known in sorted(by_row.items(), key=lambda each: each[0][0] != EPOCH_BATCHES):
        ratios[f"{cell}, {length:,} batches"] = ratio = median_ratio(length, known)
        yield row(cell, length, known, ratio)
    yield ""
    for bound in (GOOD, POOR):
        outside = [f"{name} ({ratio:.3f})" for name, ratio in ratios.items() if abs(ratio - 1) > bound]
        yield f"Outside of {100 * bound:.0f} %: {len(outside)} of {len(ratios)}. {'; '.join(outside)}".rstrip()
    yield from noise(by_row)


def noise(by_row):
    """Yield what the machine allows: how far apart the takes of one cell are, and its real epochs."""
    each = [
        seconds / epoch_seconds(record, length) for (length, _), known in by_row.items() for record, seconds in known
    ]
    low, middle, high = statistics.quantiles(each, n=4)
    yield f"Real / predicted of {len(each)} takes: {middle:.3f} in the middle, half of them {low:.3f} to {high:.3f}"
    several = [(length, known) for (length, _), known in by_row.items() if len(known) > 1]
    if several:
        takes = statistics.median(
            apart([epoch_seconds(record, length) for record, _ in known]) for length, known in several
        )
        real = statistics.median(apart([seconds for _, seconds in known]) for _, known in several)
        yield (
            f"Of one cell the longest real epoch takes {100 * real:.0f} % longer than the shortest, and the longest "
            f"predicted one {100 * takes:.0f} % (medians of {len(several)} cells)"
        )


def apart(seconds):
    """Return how much longer the longest takes than the shortest."""
    return max(seconds) / min(seconds) - 1


def median_ratio(length, known):
    """Return the median of the ratios of the real epoch to what the take beside it predicts."""
    return statistics.median(seconds / epoch_seconds(record, length) for record, seconds in known)


def row(cell, length, known, ratio):
    """Return one row: medians over takes, and the ratio."""
    predicted = [epoch_seconds(record, length) for record, _ in known]
    real = [seconds for _, seconds in known]
    each = [1e3 * batch_seconds(record) for record, _ in known]
    gap = [1e3 * record.metrics.get("gap", 0.0) for record, _ in known]
    numbers = (f"{length:,}", *(f"{statistics.median(part):.2f}" for part in (each, gap, predicted, real)))
    return f"| {cell} | {' | '.join(numbers)} | {ratio:.3f} | {len(known)} |"


def cell_of(text):
    """Read FEEDER/WORKLOAD/WORKERS."""
    name, load, workers = text.split("/")
    return Cell(name, load, int(workers)).checked()


def main():
    """Parse, measure what is missing, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, help="file of JSON lines")
    parser.add_argument("--cells", type=lambda text: [cell_of(part) for part in text.split(",")], default=cells())
    parser.add_argument(
        "--epoch", type=lambda text: [int(part) for part in text.split(",")], default=[EPOCH_BATCHES], metavar="N,..."
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--estimate", action="store_true", help="print how long what is missing takes, and end")
    options = parser.parse_args()
    plan = missing(options)
    print(f"{len(plan)} takes: about {estimate(plan, options.epoch) / 60:.0f} min", file=sys.stderr)
    if options.estimate:
        return
    if not options.state:
        parser.error("--state FILE is needed")
    preload()
    run(plan, options)
    print("\n".join(table(read(options.state))))


def missing(options):
    """Return the cells that the state does not hold often enough, round by round."""
    done = [Cell(**line["cell"]) for line in (read(options.state) if options.state else [])]
    return [cell for number in range(options.rounds) for cell in options.cells if done.count(cell) <= number]


def run(plan, options):
    """Measure, and write each line when it is over."""
    settings = Settings.from_environment()
    seconds = [estimate([cell], options.epoch) for cell in plan]
    with Progress() as progress, options.state.open("a") as file:
        for place, cell in enumerate(plan):
            progress.update(str(cell), sum(seconds[:place]) / sum(seconds))
            file.write(json.dumps(measure(cell, options.epoch, settings)) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
