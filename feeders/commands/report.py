"""``feeders report``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from feeders.errors import FeedersError
from feeders.terminal import write_atomically

from .arguments import count, writable
from .needs import require, results_folder


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "report",
        help="show all results, as a page or as Markdown",
        description="Write all results of `asv run` as one HTML page, which opens without a network. Nothing is "
        "measured, so this takes seconds.",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("report.html"), metavar="FILE", help="the page; default: %(default)s"
    )
    parser.add_argument(
        "--summary",
        action="store_true",
        help="print the answer, all speeds and what releases changed, as Markdown; no page",
    )
    parser.add_argument("--release", metavar="ID", help="with --summary: of this release; default: the newest")
    parser.add_argument(
        "--device",
        metavar="NAME",
        help="with --summary: on this device alone, as CPU or GPU; default: the GPU, else the CPU",
    )
    parser.add_argument(
        "--epoch", type=count, metavar="N", help="with --summary: speeds for epochs of N batches; default: 1000"
    )
    parser.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    require("report", "pandas", "asv", "altair", "jinja2", "vl_convert")
    from feeders.measure.epochs import EPOCH_BATCHES
    from feeders.report import html_report, summarise

    for option in ("release", "device", "epoch"):
        if getattr(options, option) and not options.summary:
            raise FeedersError(f"report: --{option} belongs to --summary; the page holds all. Try: report --summary")
    results = results_folder("report")
    if options.summary:
        print(summarise(results, options.release, options.device, options.epoch or EPOCH_BATCHES))
        return 0
    writable(options.output, "-o", "report.html")
    write_atomically(options.output, html_report(results))
    print(f"written: {options.output}")
    return 0
