"""``feeders advise``."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
from pathlib import Path
from typing import Any

from feeders.terminal import UNBOUNDED, Progress, interrupted_by, write_atomically

from .arguments import JSON, KEY, LOADER, add_own, count, given_of_own, seconds, writable
from .needs import require


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "advise",
        help="is your loader safe and fast here, and what should you change?",
        description="Check your loader for races. Feed it in every safe way, and measure each. Then say which way is "
        "best on this host, with the lines to copy. This takes 3 minutes, or what --seconds sets.",
        epilog="Exit status: 0 nothing was found wrong with your loader as you use it; 1 it is unsafe or breaks; 2 the "
        "call is wrong.",
    )
    parser.add_argument("loader", metavar="LOADER", help=LOADER)
    add_own(parser)
    parser.add_argument("--key", metavar="labels|EXPR", help=KEY)
    parser.add_argument(
        "--epoch", type=count, metavar="N", help="answer for epochs of N batches; default: all that the loader has"
    )
    parser.add_argument(
        "--workers", type=count, metavar="MAX", help="the most workers to try; default: twice the cores, 4 at least"
    )
    parser.add_argument(
        "--seconds", type=seconds, default=180.0, metavar="S", help="time to spend, in seconds; default: 180"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help=JSON)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.html", help="write a page with charts")
    parser.set_defaults(command=_advise)


def _advise(options: argparse.Namespace) -> int:
    from feeders.advise import AdviseRequest, advise

    named = {name: getattr(options, name) for name in ("loader", "epoch", "workers", "seconds", "key")}
    request = AdviseRequest(**named, **given_of_own(options)).checked()
    if options.json:
        writable(options.json)
    if options.output:
        require("advise -o", "pandas", "altair", "jinja2")
        writable(options.output, "-o", "advice.html")
    with interrupted_by(signal.SIGTERM, signal.SIGHUP), Progress() as progress:
        found = advise(request, progress.update)
    # The files come first: of a terminal that was closed nobody reads.
    if options.json:
        write_atomically(options.json, json.dumps(found.to_json(), indent=1) + "\n")
    if options.output:
        write_atomically(options.output, found.to_html())
    print(found.to_text(shutil.get_terminal_size((UNBOUNDED, 24)).columns))
    if options.output:
        print(f"page: {options.output}")
    return 0 if found.safe else 1
