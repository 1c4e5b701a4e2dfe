"""The command line: ``python -m feeders``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any, Callable, Sequence

from feeders import variables
from feeders.commands import compare as comparing
from feeders.commands import releases as releases
from feeders.commands.arguments import count, counts, seconds, writable
from feeders.errors import FeedersError
from feeders.keras_api import asked_backend
from feeders.measure.device import DEVICES
from feeders.terminal import Progress, write_atomically


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        Exit status: 0 as hoped, 1 the verdict is bad, 2 the call or the host is wrong.
    """
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        status = command(options)
        sys.stdout.flush()
        return status
    except FeedersError as error:
        print(f"feeders: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("feeders: interrupted; nothing is left running", file=sys.stderr)
        return 130
    except BrokenPipeError:
        if not _is_output_closed():
            raise
        # Whoever reads has seen enough, as `head` has. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _is_output_closed() -> bool:
    """Whether it is the output that nobody reads any more, and not another pipe that has broken."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors are told whatever is asked for
    return bool(poll.poll(0))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m feeders", description="Ways to feed Keras fit(), measured.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="the feeders, workloads and metrics there are")
    listing.set_defaults(command=_list)
    measure = commands.add_parser("measure", help="measure one feeder on one workload, now")
    measure.add_argument("feeder", metavar="FEEDER")
    measure.add_argument("--workload", default="jpeg", help="default: %(default)s")
    measure.add_argument("--workers", type=counts, default=[1], metavar="N,N,...", help="default: 1")
    measure.add_argument("--device", choices=DEVICES, help="what trains; default: a GPU that the backend can use")
    measure.set_defaults(command=_measure)
    _add_audit(commands)
    comparing.add(commands)
    releases.add(commands)
    overhead = commands.add_parser("overhead", help="measure what measuring costs")
    overhead.add_argument("--pairs", type=count, default=20, metavar="N", help="default: %(default)s")
    overhead.set_defaults(command=_overhead)
    report = commands.add_parser("report", help="show what is under results/: a page, or Markdown")
    report.add_argument(
        "-o", "--output", type=Path, default=Path("report.html"), metavar="FILE", help="the page; default: %(default)s"
    )
    report.add_argument(
        "--summary", action="store_true", help="print the answer, all speeds and what releases changed, as Markdown"
    )
    report.add_argument("--release", metavar="ID", help="with --summary: that release alone; default: the newest")
    report.add_argument(
        "--device", metavar="NAME", help="with --summary: speeds on that alone, named as on the page: CPU, GPU, ..."
    )
    report.set_defaults(command=_report)
    return parser


def _add_audit(commands: Any) -> None:
    audit = commands.add_parser(
        "audit",
        help="is a loader safe: does every sample arrive once, whole, in its epoch",
        description="Feed a loader through fit(), provoke races, and say what is wrong. Exit status: 0 safe as used, "
        "1 not, 2 the call is wrong.",
    )
    audit.add_argument(
        "loader", nargs="?", metavar="LOADER", help="a feeder of `list`, FILE.py:NAME or package.module:NAME"
    )
    audit.add_argument("--all", action="store_true", help="every feeder on every workload, 10 s each, into results/")
    audit.add_argument("--workload", metavar="W", help="what a feeder of `list` feeds; default: window")
    audit.add_argument("--call", metavar="'NAME(args)'", help="makes the loader; default: NAME without arguments")
    audit.add_argument("--workers", type=count, metavar="N", help="default: what the loader sets itself, else 4")
    audit.add_argument("--processes", action="store_true", help="workers are processes, not threads")
    audit.add_argument("--start-method", choices=("fork", "spawn", "forkserver"), help="of the processes")
    audit.add_argument("--epochs", type=count, metavar="N", help="of each fit(); default: 2")
    audit.add_argument("--steps", type=count, metavar="N", help="batches per epoch of a loader without end")
    audit.add_argument("--key", metavar="labels|EXPR", help="names a sample, by x, y and w; default: its content")
    audit.add_argument("--seconds", type=seconds, metavar="S", help="budget; default: 60")
    audit.add_argument("--json", type=Path, metavar="FILE", help="write the whole evidence there")
    audit.set_defaults(command=_audit)


def _list(options: argparse.Namespace) -> int:
    from feeders.loaders import WORKLOADS
    from feeders.measure import METRICS
    from feeders.strategies import FEEDERS

    tables = {
        "Feeders": [(row.name, f"{row.summary}; {row.belief}") for row in FEEDERS],
        "Workloads": [(row.name, f"{row.summary}; GIL {row.gil}") for row in WORKLOADS],
        "Metrics": [(row.name, f"{row.meaning} [{row.unit}]") for row in METRICS],
    }
    width = max(len(name) for rows in tables.values() for name, _ in rows)
    for title, rows in tables.items():
        print(title)
        for name, text in rows:
            print(f"  {name:{width}}  {text}")
    return 0


def _measure(options: argparse.Namespace) -> int:
    from feeders.measure import BROKEN, MEASURED, METRICS, Cell, preload, take
    from feeders.measure.crossing import crossing

    if options.device:
        os.environ[variables.DEVICE] = options.device
    cells = [Cell(options.feeder, options.workload, workers).checked() for workers in options.workers]
    preload()
    records = []
    for cell in cells:
        record = take(cell)
        records.append(record)
        print(f"{cell}: {record.outcome} {record.guarantee or record.message}")
        if record.outcome == MEASURED:
            for metric in METRICS:
                if metric.name in record.metrics:
                    print(f"  {metric.name:20} {record.metrics[metric.name]:>14.6g} {metric.unit}")
    with Progress() as progress:
        progress.say("how often the device takes a batch, and how often the feeder delivers one")
        lines = list(crossing(records))
    for line in lines:
        print(line)
    return int(any(record.outcome in BROKEN for record in records))


def _audit(options: argparse.Namespace) -> int:
    from feeders.audit import Request, audit, to_json, to_text

    names = {field.name for field in dataclasses.fields(Request)}
    given = {name: value for name, value in vars(options).items() if name in names and value not in (None, False)}
    if options.all:
        return _audit_all(options, given)
    if options.json:
        writable(options.json)
    if options.loader is None:
        raise FeedersError("audit: which loader? Expected a feeder, FILE.py:NAME or package.module:NAME; or --all")
    with Progress() as progress:
        found = to_json(audit(Request(**given), progress.say))
    print(to_text(found))
    if options.json:
        write_atomically(options.json, json.dumps(found, indent=1) + "\n")
    return 0 if found["safe"] else 1


def _audit_all(options: argparse.Namespace, given: dict[str, Any]) -> int:
    from feeders.asv_plugin.machine import describe
    from feeders.audit import audit_all
    from feeders.releases.installed import require_installed
    from feeders.report import delivery_table
    from feeders.results.audits import add_audits, audits_file
    from feeders.results.machines import RESULTS, machine_folder

    foreign = [name for name in given if name not in ("seconds", "workers")]
    if foreign or options.loader or options.json:
        raise FeedersError("audit --all: takes --seconds and --workers; it audits every feeder and writes to results/")
    if not RESULTS.is_dir():
        raise FeedersError(f"audit --all: no folder results/ in {Path.cwd()}. Try: call it where asv.conf.json is")
    folder = machine_folder(RESULTS, describe(None, RESULTS)["machine"])
    path = audits_file(folder, require_installed().id, asked_backend())
    audits: list[dict[str, Any]] = []
    try:
        with Progress() as progress:
            for found in audit_all(given.get("seconds", 10.0), given.get("workers"), progress.say):
                audits.append(found)
                progress.print(f"{found['loader']} on {found['workload']}: {found['verdict']}")
        print(delivery_table(audits))
    finally:  # also what was audited before Ctrl-C
        if audits:
            add_audits(path, audits)
            print(f"written: {path}")
    return 0


def _overhead(options: argparse.Namespace) -> int:
    from feeders.measure.overhead import measure_overhead

    print(measure_overhead(options.pairs))
    return 0


def _report(options: argparse.Namespace) -> int:
    from feeders.report import html_report, summarise
    from feeders.results.machines import RESULTS

    if options.summary:
        print(summarise(RESULTS, options.release, options.device))
        return 0
    for option in ("release", "device"):
        if getattr(options, option):
            raise FeedersError(f"report: --{option} belongs to --summary; the page holds all. Try: report --summary")
    writable(options.output, "-o", "report.html")
    write_atomically(options.output, html_report(RESULTS))
    print(f"written: {options.output}")
    return 0
