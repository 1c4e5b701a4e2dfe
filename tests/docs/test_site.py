"""The documentation site: it builds without a broken link, loads nothing from elsewhere, and its commands are so."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from feeders.audit.causes import CAUSES
from feeders.cli import command_line
from feeders.commands import COMMANDS
from feeders.loaders import WORKLOADS
from feeders.measure import METRICS
from feeders.releases.installed import installed
from feeders.strategies import FEEDERS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

COMMAND_NAMES = [command.__name__.rpartition(".")[2] for command in COMMANDS]

CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


def commands():
    """Every command of ours that a page shows."""
    for page in sorted(DOCS.rglob("*.md")):
        for block in CONSOLE.findall(page.read_text(encoding="utf-8")):
            for line in block.splitlines():
                if re.match(r"\$ (\w+=\S+ )*feeders ", line):
                    yield pytest.param(line.partition("feeders ")[2], id=f"{page.relative_to(DOCS)}: {line[2:]}")


@pytest.mark.parametrize("command", list(commands()))
def test_a_command_that_a_page_shows_can_be_called(command, capsys):
    options = command_line().parse_args(shlex.split(command))
    assert options.command


def test_the_style_of_the_site_is_where_its_settings_look_for_it():
    (sheet,) = re.findall(r"^extra_css: \[(.+)\]$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert (DOCS / sheet).is_file()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    answer = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        # A note about its own future.
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert (answer.stdout + answer.stderr).strip() == ""
    return folder


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 10
    loaded = re.compile(r"""<(?:script|img|iframe)[^>]+src="(?:https?:)?//|<link[^>]+(?<!canonical") href="https?://""")
    for page in pages:
        assert not loaded.search(page.read_text(encoding="utf-8")), page
    assert not [sheet for sheet in site.rglob("*.css") if "url(http" in sheet.read_text(encoding="utf-8")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("commands", [f"feeders {name.replace('listing', 'list')}" for name in COMMAND_NAMES]),
        ("feeders", [row.name for row in (*FEEDERS, *WORKLOADS)]),
        ("metrics", [row.name for row in METRICS]),
        ("causes", [*(cause.name for cause in CAUSES), "<code>__init__</code>", "<code>fit()</code>"]),
        ("json", ["schema", "verdict"]),
        ("python", ["assert_safe", "LookaheadProcesses", "batches"]),
    ],
)
def test_the_reference_has_all_that_the_code_has(site, page, names):
    text = (site / "reference" / page / "index.html").read_text(encoding="utf-8")
    missing = [name for name in names if name not in text]
    assert missing == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "links"),
    [
        ("tutorial", ["../reference/causes/#shared-handle", "../how-to/audit-in-ci/"]),
        ("how-to/audit-in-ci", ["../../reference/json/"]),
        ("explanation/results", ["../limits/#known-limits", "../methodology/"]),
        ("explanation/methodology", ["../limits/#known-limits", "../decisions/#decisions"]),
        ("reference/metrics", ["../../explanation/methodology/#numbers"]),
    ],
)
def test_a_link_to_a_file_of_the_repository_leads_to_the_page_that_is_made_of_it(site, page, links):
    text = (site / page / "index.html").read_text(encoding="utf-8")
    article = text[text.index("<article") :]
    assert [link for link in links if f'href="{link}"' not in article] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "heading"),
    [
        ("calibration", "How often an audit is right"),
        ("calibration", "How often a comparison is right"),
        ("limits", "Known limits"),
        ("decisions", "Decisions"),
    ],
)
def test_a_section_with_a_page_of_its_own_is_there_and_nowhere_else(site, page, heading):
    held = [
        path
        for path in site.glob("explanation/*/index.html")
        if re.search(f"<h[1-3][^>]*>{heading}<", path.read_text())
    ]
    assert [path.parent.name for path in held] == [page]


@pytest.mark.slow
@pytest.mark.timeout(900)  # two audits, on a machine that may be busy
@pytest.mark.skipif(installed() is None, reason="needs TensorFlow")
def test_the_tutorial_is_so(tmp_path):
    """Its files and commands, in their order, with the first line that each command prints."""
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    blocks = re.findall(r'```(python) title="(\S+)"\n(.*?)```|```(console)\n(.*?)```', text, re.DOTALL)
    ran = []
    for _, name, content, is_console, lines in blocks:
        if not is_console:
            (tmp_path / name).write_text(content, encoding="utf-8")
            continue
        command, *shown = lines.strip().splitlines()
        words = shlex.split(command[2:])
        module = ["-m", "feeders"] if words[0] == "feeders" else []
        answer = subprocess.run([sys.executable, *module, *words[1:]], cwd=tmp_path, capture_output=True, text=True)
        assert answer.stdout.splitlines()[:1] == shown, answer.stdout + answer.stderr
        ran.append(answer.returncode)
    assert ran == [0, 1, 0]
