"""Makes the pages that say what the code says: commands, feeders, metrics, causes, JSON; and takes in METHODOLOGY.md.

MkDocs calls `on_config` and `on_files`.
"""

from __future__ import annotations

import argparse
import os
import re
from importlib import metadata
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

from mkdocs.structure.files import File

from feeders.audit.causes import FAMILIES
from feeders.cli import command_line
from feeders.loaders import WORKLOADS
from feeders.measure import METRICS
from feeders.strategies import FEEDERS

ROOT = Path(__file__).resolve().parents[1]

# What more workers of a feeder are, as the catalogue names it.
SHARED_BY = {
    "": "one thread",
    "threads": "threads",
    "processes": "processes",
    "lock": "one at a time, behind a lock",
    "ops": "TensorFlow ops",
}


def on_config(config: Any) -> Any:
    """Take the address of the repository from where the package has it."""
    said = metadata.metadata("keras-feeders").get_all("Project-URL") or []
    urls = dict(each.split(", ", 1) for each in said)
    config.repo_url = urls.get("Repository") or None
    config.site_url = urls.get("Documentation") or None
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made."""
    for path, make in PAGES.items():
        files.append(File.generated(config, path, content=make()))
    return files


def commands() -> str:
    """Return the help of every command."""
    os.environ["COLUMNS"] = "100"
    parts = ["# Commands", "The help of each command, as `--help` prints it."]
    for parser in _parsers(command_line()):
        parts.append(f"## {parser.prog}\n\n```text\n{parser.format_help().strip()}\n```")
    return "\n\n".join(parts)


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in dict.fromkeys(action.choices.values()):
                yield from _parsers(each)


def feeders() -> str:
    """Return the catalogues of feeders and workloads."""
    rows = [(f"`{row.name}`", row.summary, SHARED_BY[row.shared_by], row.needs, row.belief) for row in FEEDERS]
    loads = [(f"`{row.name}`", row.summary, row.gil, row.source) for row in WORKLOADS]
    return "\n\n".join(
        [
            "# Feeders and workloads",
            "A feeder carries batches into `fit()`. Every table has them in this order.",
            _table(("feeder", "it is", "workers are", "needs", "what is believed, and shown"), rows),
            "## Workloads",
            "A workload is a loader that comes with the suite. Feeders differ by the cost of a batch and by the GIL.",
            _table(("workload", "a batch is", "GIL", "material"), loads),
        ]
    )


def metrics() -> str:
    """Return the catalogue of metrics."""
    rows = [(f"`{row.name}`", row.meaning, row.unit, "lower" if row.lower_is_better else "higher") for row in METRICS]
    return "\n\n".join(
        [
            "# Metrics",
            "Every number of a take. [Methodology](../explanation/methodology.md#numbers) says what they don't see.",
            _table(("metric", "meaning", "unit", "better is"), rows),
        ]
    )


def causes() -> str:
    """Return what an audit can name, with what to do about it."""
    parts = [
        "# Causes that an audit names",
        "`feeders audit` names the causes of a fault. Each stands here with what to do about it.",
    ]
    for cause in (cause for family in FAMILIES for cause in family.causes):
        effect = "Samples are lost, repeated or spoilt." if cause.loses else "Every sample arrives all the same."
        when = " It is a race: a plain run may not show it." if cause.race else ""
        parts.append(
            f"## {cause.name}\n\n{_sentence(cause.meaning)} {effect}{when}\n\n**To do.** {_sentence(cause.advice)}"
        )
    return "\n\n".join(parts)


def json_formats() -> str:
    """Return the tables of METHODOLOGY.md that describe what `--json` writes."""
    text = (ROOT / "METHODOLOGY.md").read_text(encoding="utf-8")
    found = re.findall(r"^### (`--json`[^\n]*)\n(.*?)(?=^##)", text, re.DOTALL | re.MULTILINE)
    parts = ["# JSON", "`--json` writes these keys. `schema` grows when the meaning of one changes."]
    return "\n\n".join([*parts, *(f"## {head}\n{body.strip()}" for head, body in found)])


def page_of(name: str) -> Callable[[], str]:
    """Return what makes a page of a file at the root; its links to other such files go to their pages, beside it."""

    def make() -> str:
        # Markers of generated tables are no text, and a table must not follow one.
        text = re.sub(r"<!-- .*? -->\n", "", (ROOT / name).read_text(encoding="utf-8"))
        return re.sub(r"\]\(([A-Z]+)\.md", lambda found: f"]({found[1].lower()}.md", text)

    return make


PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands,
    "reference/feeders.md": feeders,
    "reference/metrics.md": metrics,
    "reference/causes.md": causes,
    "reference/json.md": json_formats,
    "explanation/results.md": page_of("RESULTS.md"),
    "explanation/methodology.md": page_of("METHODOLOGY.md"),
    "explanation/changelog.md": page_of("CHANGELOG.md"),
}


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith(('.', ':', '?')) else '.'}"
