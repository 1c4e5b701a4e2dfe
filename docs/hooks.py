"""Makes the pages that say what the code says: commands, feeders, metrics, causes, JSON; and takes in METHODOLOGY.md.

MkDocs calls `on_config`, `on_files` and `on_page_markdown`.
"""

from __future__ import annotations

import argparse
import os
import posixpath
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

# Pages of the root, and where they are on the site.
OF_ROOT = {
    "RESULTS.md": "explanation/results.md",
    "METHODOLOGY.md": "explanation/methodology.md",
    "CHANGELOG.md": "explanation/changelog.md",
}

# What a page links to in the repository, where it can be read too, and the page that is made of it.
MADE_OF = {
    **OF_ROOT,
    "feeders/commands": "reference/commands.md",
    "feeders/strategies": "reference/feeders.md",
    "feeders/measure/metrics.py": "reference/metrics.md",
    "feeders/audit/causes": "reference/causes.md",
}

# Sections of METHODOLOGY.md that are pages of their own: their title, and the headings.
CUT_OUT = {
    "explanation/calibration.md": ("Calibration", ("How often an audit is right", "How often a comparison is right")),
    "explanation/limits.md": ("Limits", ("Choices that are not neutral", "Known limits")),
    "explanation/decisions.md": ("Decisions", ("Decisions",)),
}

# A heading of METHODOLOGY.md that a page of the reference is made of.
JSON = {"METHODOLOGY.md#--json": "reference/json.md"}

LINK = re.compile(r"\[([^\]\n]*)\]\((?=[^)])([^)\s#:]*)(#[^)\s]*)?\)")

# As in super().__init__, os._exit, steps_per_epoch or fit().
CODE = re.compile(r"(?:\w[\w.]*\(\)\.)?[\w.]*_[\w.]*\w|\w[\w.]*\(\)")


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


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Lead links to files of the repository to the pages that are made of them."""
    place = page.file.src_uri
    origin = {site: file for file, site in OF_ROOT.items()}.get(place, f"docs/{place}")
    if place in CUT_OUT:
        origin = "METHODOLOGY.md"
    return LINK.sub(lambda link: _link(*link.groups(default=""), origin, place), markdown)


def _link(text: str, target: str, anchor: str, origin: str, place: str) -> str:
    """Return a link as the site has it.

    Args:
        text: what is read.
        target: a file, from the folder of the origin; empty for the origin itself.
        anchor: of a heading, with its sign.
        origin: the file of the repository that holds the link.
        place: the page of the site that shows it.
    """
    file = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target)) if target else origin
    made = MADE_OF.get(file) or file.removeprefix("docs/")
    if made == file:
        return text  # no page has it
    page = _sections().get(f"{file}{anchor}", f"{made}{anchor}")
    return f"[{text}]({posixpath.relpath(page, posixpath.dirname(place) or '.')})"


def _sections() -> dict[str, str]:
    """Sections of METHODOLOGY.md that stand on another page, and where."""
    cut = [(slug(head), page) for page, (_, heads) in CUT_OUT.items() for head in heads]
    return {**{f"METHODOLOGY.md#{name}": f"{page}#{name}" for name, page in cut}, **JSON}


def slug(heading: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


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
    rows = [
        (f"`{row.name}`", _with_code(row.summary), SHARED_BY[row.shared_by], row.needs, _with_code(row.belief))
        for row in FEEDERS
    ]
    loads = [(f"`{row.name}`", _with_code(row.summary), row.gil, row.source) for row in WORKLOADS]
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
    rows = [
        (f"`{row.name}`", _with_code(row.meaning), row.unit, "lower" if row.lower_is_better else "higher")
        for row in METRICS
    ]
    return "\n\n".join(
        [
            "# Metrics",
            "Every number of a take. [Methodology](../../METHODOLOGY.md#numbers) says what they don't see.",
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
    """Return what makes a page of a file at the root."""
    # Markers of generated tables are no text, and a table must not follow one.
    return lambda: re.sub(r"<!-- .*? -->\n", "", (ROOT / name).read_text(encoding="utf-8"))


def methodology() -> str:
    """Return METHODOLOGY.md without the sections that are pages of their own."""
    text = page_of("METHODOLOGY.md")()
    for _, heads in CUT_OUT.values():
        for head in heads:
            text = text.replace(_section(text, head), "")
    links = ", ".join(f"[{title}](#{slug(heads[0])})" for title, heads in CUT_OUT.values())
    return f"{text.rstrip()}\n\n## More\n\nPages of their own: {links}.\n"


def cut_out(title: str, heads: Sequence[str]) -> Callable[[], str]:
    """Return what makes a page of sections of METHODOLOGY.md."""

    def make() -> str:
        text = page_of("METHODOLOGY.md")()
        bodies = [(head, _section(text, head).partition("\n")[2].strip()) for head in heads]
        return "\n\n".join(
            [f"# {title}", *(body if head == title else f"## {head}\n\n{body}" for head, body in bodies)]
        )

    return make


def _section(text: str, head: str) -> str:
    """A heading with all below it, up to the next of its rank or above."""
    found = re.search(rf"^(##+) {re.escape(head)}\n", text, re.MULTILINE)
    if not found:
        raise ValueError(f"METHODOLOGY.md: no heading {head!r}, which docs/hooks.py makes a page of")
    end = re.compile(rf"^#{{2,{len(found[1])}}} ", re.MULTILINE).search(text, found.end())
    return text[found.start() : end.start() if end else len(text)]


PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands,
    "reference/feeders.md": feeders,
    "reference/metrics.md": metrics,
    "reference/causes.md": causes,
    "reference/json.md": json_formats,
    "explanation/results.md": page_of("RESULTS.md"),
    "explanation/methodology.md": methodology,
    **{page: cut_out(*section) for page, section in CUT_OUT.items()},
    "explanation/changelog.md": page_of("CHANGELOG.md"),
}


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _sentence(text: str) -> str:
    text = _with_code(text)
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith(('.', ':', '?')) else '.'}"


def _with_code(text: str) -> str:
    """Mark what is code by its looks, fit() or __init__, which Markdown would make bold; what is marked stays."""
    parts = text.split("`")
    parts[::2] = [CODE.sub(r"`\g<0>`", part) for part in parts[::2]]
    return "`".join(parts)
