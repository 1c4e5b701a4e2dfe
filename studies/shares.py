"""How near does each feeder come to the limit of its host? From what `asv run` has recorded.

python studies/shares.py                              of all machines, this host first
python studies/shares.py --machine lab --epoch 200

It prints a Markdown table of shares in per cent, in epochs of so many batches: feeders by workload and workers. The
limit is measured in each round of `asv run` beside the takes; takes that are older than it have none.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from feeders.loaders import WORKLOADS  # noqa: E402
from feeders.measure.cells import OWN_WORKLOAD  # noqa: E402
from feeders.measure.epochs import EPOCH_BATCHES  # noqa: E402
from feeders.report.cells import cells_table, of_other_length, subject_of  # noqa: E402
from feeders.results.takes import read_takes  # noqa: E402
from feeders.strategies import FEEDERS  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    parser.add_argument("--machine", help="default: all")
    parser.add_argument("--epoch", type=int, default=EPOCH_BATCHES, help="batches; default: %(default)s")
    arguments = parser.parse_args()
    parts = [part for part in read_takes(arguments.results) if arguments.machine in (None, part.machine)]
    for part in parts:
        cells = of_other_length(cells_table(arguments.results, [part]), arguments.epoch)
        cells = cells[cells["share_of_limit"].notna()]
        if len(cells):
            print(f"{', '.join(subject_of(part))}, epochs of {arguments.epoch:,} batches\n\n{table(cells)}\n")


def table(cells) -> str:
    """Return the shares of one machine, release and device."""
    order = [*(row.name for row in WORKLOADS), OWN_WORKLOAD]
    columns = sorted({*zip(cells["workload"], cells["workers"])}, key=lambda each: (order.index(each[0]), each[1]))
    shares = {tuple(key): share for *key, share in cells[["feeder", "workload", "workers", "share_of_limit"]].values}
    lines = [
        f"| feeder | {' | '.join(f'{load} ×{count}' for load, count in columns)} |",
        f"|---|{'--:|' * len(columns)}",
    ]
    for row in FEEDERS:
        of_row = [shares.get((row.name, *column)) for column in columns]
        if any(of_row):
            lines.append(f"| `{row.name}` | {' | '.join('' if each is None else f'{each:.0f}' for each in of_row)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
