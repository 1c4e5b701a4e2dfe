"""Our changes to the site that ``asv publish`` makes: it works without a network, and our report is its first tab.

asv wipes the site and copies its own files anew before publishers run, so each finds them as asv 0.6.6 has them.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from asv.console import log
from asv.publishing import OutputPublisher

from feeders.errors import FeedersError
from feeders.results.machines import name_of_host

# As in asv 0.6.6, www/graphdisplay.js: the ids of a range that a link highlights. Ours have dots.
PLAIN, DOTTED = "/^([a-z0-9]+)-([a-z0-9]+)$/", "/^([a-z0-9.]+)-([a-z0-9.]+)$/"

# As there: what shows a series, with the choices of its link; a link without any names the series alone.
SHOW = "function display_benchmark(bm_name, state_selection, highlight_revisions) {"

# It goes on to the same series with choices: after that a person's own stand in the address, and are kept.
OPEN = """
        if (Object.keys(state_selection || {}).join() === "benchmark" && !highlight_revisions && opening[bm_name]) {
            window.location.replace($.asv.format_hash_string({location: [bm_name], params: opening[bm_name]}));
            return;
        }"""

# Lines that a plot begins with, as asv's.
MOST_LINES = 8

VENDOR = Path(__file__).with_name("vendor")

# Name of a file on a content delivery network, as asv's index.html gives it, to ours.
VENDORED = {
    "jquery-3.3.1.min.js": "jquery.min.js",
    "jquery.flot.min.js": "jquery.flot.js",
    "jquery.flot.time.min.js": "jquery.flot.time.js",
    "jquery.flot.selection.min.js": "jquery.flot.selection.js",
    "jquery.flot.categories.min.js": "jquery.flot.categories.js",
    "jquery.flot.orderBars.js": "jquery.flot.orderBars.js",
    "stupidtable.min.js": "stupidtable.min.js",
    "md5.min.js": "md5.min.js",
    "bootstrap.min.js": "bootstrap.min.js",
    "bootstrap.min.css": "bootstrap.min.css",
}

# A script or a style sheet from elsewhere, with the attributes behind its address.
REMOTE = re.compile(r'(<(?:script|link)\b[^>]*?(?:src|href)=")(https://[^"]+/([^"/]+))"[^>]*?(/?>)')

# asv's first tab; ours goes before it.
GRID = '<li id="nav-li-" class="active">'
TAB = (
    '<li id="nav-li-report"><a href="report.html" style="display:inline-block">Report</a>'
    '<a href="report.html" download title="one file that opens by double click" '
    'style="display:inline-block;padding-left:0" aria-label="Download the report">&#8681;</a></li>'
)


class DottedRanges(OutputPublisher):  # type: ignore[misc]
    """Lets a link highlight a range of releases."""

    name = "ranges"
    button_label = "Ranges of releases"
    description = "Highlight ranges of releases in graphs"

    @classmethod
    def publish(cls, conf: Any, *_: Any) -> None:
        """Put our expression into the published script in the place of asv's."""
        script = Path(conf.html_dir) / "graphdisplay.js"
        script.write_text(script.read_text(encoding="utf-8").replace(PLAIN, DOTTED), encoding="utf-8")


class Opening(OutputPublisher):  # type: ignore[misc]
    """Shows what was measured; asv opens a series on the first workload, and all machines and backends."""

    name = "opening"
    button_label = "Opening"
    description = "Show series, and open graphs on cells, that were measured"

    @classmethod
    def publish(cls, conf: Any, _: Any, benchmarks: Any, graphs: Any, *__: Any) -> None:
        """Put the choices of each series into the published script, and what follows them.

        A series that no run had is taken out: asv lists it, writes no graph of it, and its grid asks for that in vain.
        So are cells without a number from asv's list, of which nine in ten are: a browser needs half a minute for all.
        """
        for listed in (Path(conf.html_dir) / "graphs").rglob("summary.json"):
            rows = [row for row in json.loads(listed.read_text(encoding="utf-8")) if row["last_value"] is not None]
            listed.write_text(json.dumps(rows), encoding="utf-8")
        choices = {}
        for name, benchmark in list(benchmarks.items()):
            run = graphs.get_graph_group(name)
            group = [graph for graph in run if any(_releases(graph))]
            if not run:
                del benchmarks[name]
            if group:
                choices[name] = _choices(max(group, key=_worth), group, benchmark)
        script = Path(conf.html_dir) / "graphdisplay.js"
        shown = f"var opening = {json.dumps(choices, sort_keys=True)};\n    {SHOW}{OPEN}"
        script.write_text(script.read_text(encoding="utf-8").replace(SHOW, shown, 1), encoding="utf-8")


def _releases(graph: Any) -> list[int]:
    """At how many releases each cell of a series was measured."""
    values = [value if isinstance(value, list) else [value] for _, value, _ in graph.get_data()]
    return [sum(number is not None for number in cell) for cell in zip(*values)]


def _worth(graph: Any) -> tuple[bool, int, int]:
    """What the graph that opens has most of: this machine, variables that are not set, numbers."""
    own = graph.params.get("machine") == name_of_host()
    return own, list(graph.params.values()).count(None), sum(_releases(graph))


def _choices(graph: Any, group: list[Any], benchmark: Any) -> dict[str, list[Any]]:
    """Return what the address of a graph holds: its machine and variables, and cells of it that make long lines."""
    differing = {name for each in group for name in each.params if each.params[name] != graph.params.get(name)}
    chosen = {name: [graph.params.get(name)] for name in differing}
    numbers = dict(zip(itertools.product(*benchmark["params"]), _releases(graph)))
    # Each value of the first parameter makes a line; the others have one value, that with the most numbers.
    for place, name in reversed(list(enumerate(benchmark["param_names"]))):
        of_value: Counter[Any] = Counter()
        for cell, count in numbers.items():
            of_value[cell[place]] += count
        most = [value for value, count in of_value.most_common(1 if place else MOST_LINES) if count]
        chosen[f"p-{name}"] = [value for value in benchmark["params"][place] if value in most]
        numbers = {cell: count for cell, count in numbers.items() if cell[place] in most}
    return chosen


class Offline(OutputPublisher):  # type: ignore[misc]
    """Lets the site do without a network: what asv loads from content delivery networks stands beside it."""

    name = "offline"
    button_label = "Offline"
    description = "Serve the scripts that asv's pages need"

    @classmethod
    def publish(cls, conf: Any, *_: Any) -> None:
        """Copy our files and name them in the published page; what we have no copy of is left, with a warning."""
        site = Path(conf.html_dir)
        (site / "vendor").mkdir(exist_ok=True)
        page = site / "index.html"
        page.write_text(REMOTE.sub(lambda link: _local(link, site), page.read_text(encoding="utf-8")), encoding="utf-8")


def _local(link: re.Match[str], site: Path) -> str:
    start, address, name, end = link.groups()
    if name not in VENDORED:
        log.warning(f"feeders: {address} has no copy here; the site needs a network for it")
        return link[0]
    shutil.copyfile(VENDOR / VENDORED[name], site / "vendor" / VENDORED[name])
    return f'{start}vendor/{VENDORED[name]}"{end}'


class Report(OutputPublisher):  # type: ignore[misc]
    """Our report, as the first tab of the site and as a file to download."""

    name = "report"
    button_label = "Report"
    description = "Which feeder is fast, which is safe, and what releases changed"

    @classmethod
    def publish(cls, conf: Any, *_: Any) -> None:
        """Write report.html into the site and link it; the site is made without it where results can't be read."""
        from feeders.report import html_report

        site = Path(conf.html_dir)
        try:
            text = html_report(Path(conf.results_dir))
        except FeedersError as error:
            log.warning(f"feeders: no report: {error}")
            return
        (site / "report.html").write_text(text, encoding="utf-8")
        page = site / "index.html"
        index = page.read_text(encoding="utf-8")
        page.write_text(index.replace(GRID, f"{TAB}\n        {GRID}", 1), encoding="utf-8")
