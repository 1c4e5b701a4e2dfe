"""``feeders audit``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

from feeders.errors import FeedersError
from feeders.keras_api import asked_backend
from feeders.terminal import UNBOUNDED, Progress, table, write_atomically

from .arguments import CALL, JSON, KEY, LOADER, STEPS, count, seconds, writable
from .needs import require, results_folder

# Of each audit of --all.
SECONDS_OF_ALL = 10.0


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "audit",
        help="is a loader safe: does every sample arrive once, whole, in its epoch?",
        description="Feed a loader through fit(), and provoke races meanwhile. Say which samples were lost, repeated "
        "or changed, which lines did it, and how to repair them.",
        epilog="Exit status: 0 safe as it is used; 1 not safe, or not proven; 2 the call is wrong.",
    )
    parser.add_argument("loader", nargs="?", metavar="LOADER", help=f"{LOADER}; or a feeder of `feeders list`")
    parser.add_argument(
        "--all", action="store_true", help="audit every feeder on every workload, 10 s each, into results/"
    )
    parser.add_argument(
        "--known", action="store_true", help="tell which known faults of Keras are fixed, still there, or new"
    )
    parser.add_argument("--workload", metavar="W", help="what a feeder carries, of `feeders list`; default: window")
    parser.add_argument("--call", metavar="'NAME(args)'", help=CALL)
    parser.add_argument(
        "--workers",
        type=count,
        metavar="N",
        help="threads or processes that prepare batches; default: what the loader sets itself, else 4",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--processes",
        action="store_true",
        default=None,
        help="workers are processes; default: what the loader sets itself, else threads",
    )
    kind.add_argument("--threads", action="store_false", dest="processes", default=None, help="workers are threads")
    parser.add_argument(
        "--start-method",
        choices=("fork", "spawn", "forkserver"),
        help="how processes start; default: as Python does on this host",
    )
    parser.add_argument("--epochs", type=count, metavar="N", help="epochs of each fit(); default: 2")
    parser.add_argument("--steps", type=count, metavar="N", help=STEPS)
    parser.add_argument(
        "--also",
        type=_names,
        metavar="USE,...",
        help="audit other uses too: evaluate, predict (order counts), validation_data",
    )
    parser.add_argument("--key", metavar="labels|EXPR", help=KEY)
    parser.add_argument("--seconds", type=seconds, metavar="S", help="time to spend, in seconds; default: 60")
    parser.add_argument("--json", type=Path, metavar="FILE", help=JSON)
    parser.add_argument(
        "--repro", type=Path, metavar="FILE.py", help="write a script of plain Keras that shows the fault"
    )
    parser.set_defaults(command=_audit)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, text.split(","))))


def _audit(options: argparse.Namespace) -> int:
    from feeders.audit import AuditRequest, audit
    from feeders.audit.repro import write_repro

    names = {field.name for field in dataclasses.fields(AuditRequest)}
    given = {name: value for name, value in vars(options).items() if name in names and value is not None}
    if options.known:
        return _try_known(options, given)
    if options.all:
        return _audit_all(options, given)
    if options.json:
        writable(options.json)
    if options.repro:
        writable(options.repro, "--repro", "fault.py")
    if options.loader is None:
        raise FeedersError("audit: which loader? Expected a feeder, FILE.py:NAME or package.module:NAME; or --all")
    with Progress() as progress:
        found = audit(AuditRequest(**given), progress=progress.update, announce=progress.print)
    # The file comes first: of an output that was closed nobody reads.
    if options.json:
        write_atomically(options.json, json.dumps(found.to_json(), indent=1) + "\n")
    print(found.to_text(shutil.get_terminal_size((UNBOUNDED, 24)).columns))
    if options.repro:
        print(write_repro(found, options.repro))
    return 0 if found.safe else 1


def _try_known(options: argparse.Namespace, given: dict[str, Any]) -> int:
    if given or options.all or options.json or options.repro:
        raise FeedersError("audit --known: takes no loader and no option; it tries what is known of Keras itself")
    from feeders.audit.known_faults import AS_OF, NEW, try_known
    from feeders.audit.show import stack_text
    from feeders.measure.stack import describe_stack

    with Progress() as progress:
        tried = list(try_known(progress.update))
    print(f"{stack_text(describe_stack())}; known as of Keras {AS_OF}\n")
    rows = [(one.fault.name, one.word, one.seen) for one in tried]
    print("\n".join(table(rows, ("loaders that are right", "here", "seen"))))
    return int(any(one.word == NEW for one in tried))


def _audit_all(options: argparse.Namespace, given: dict[str, Any]) -> int:
    foreign = [name for name in given if name not in ("seconds", "workers")]
    if foreign or options.loader or options.json or options.repro:
        raise FeedersError("audit --all: takes --seconds and --workers; it audits every feeder and writes to results/")
    require("audit --all", "asv", "pandas")
    from feeders.asv_plugin.machine import describe
    from feeders.audit import audit_all
    from feeders.releases.installed import require_installed
    from feeders.report import delivery_table
    from feeders.results.audits import add_audits, audits_file, read_audits
    from feeders.results.machines import writable_folder

    results = results_folder("audit --all")
    folder = writable_folder(results, describe(None, results)["machine"])
    path = audits_file(folder, require_installed().id, asked_backend())
    read_audits(path)  # one damaged line would refuse all that was found, at the end
    audits: list[dict[str, Any]] = []
    try:
        with Progress() as progress:
            for found in audit_all(given.get("seconds", SECONDS_OF_ALL), given.get("workers"), progress.update):
                audits.append(found)
                progress.print(f"{found['loader']} on {found['workload']}: {found['verdict']}")
        print(delivery_table(audits))
    finally:  # also what was audited before Ctrl-C
        if audits:
            add_audits(path, audits)
            print(f"written: {path}")
    return 0
