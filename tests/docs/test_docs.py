"""README and CONTRIBUTING say what is so: their commands run, their tables are what the commands print."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "RESULTS.md", "METHODOLOGY.md", "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md")

# Pages of the site link to files of the repository, so that whoever reads them there can follow.
LINKING = (*PAGES, *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")))

# Everything between "<!-- COMMAND -->" and "<!-- end -->" is what the command prints.
MARKED = re.compile(r"<!-- (feeders [^\n]*?) -->\n(.*?)\n<!-- end -->", re.DOTALL)

# What takes minutes is run by .ci/run, what installs is how the tests came to run, and there may be no GPU here.
ELSEWHERE = re.compile(
    r"cd |pip install|git clone|python -m venv|source |pytest|ruff |mypy|pre-commit|overhead|soak|asv |feeders compare "
    r"|regressions|--device gpu|mkdocs "
)


def commands(page):
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [part.split("  #")[0].strip() for line in lines for part in line.split("&&")]


def run(command):
    words = shlex.split(command)
    if words[1] == "advise":  # it takes three minutes if it is not told otherwise, and half of that is enough
        words += ["--seconds", "90"]
    assert words[0] in ("python", "feeders"), f"{command}: not known to this test"
    return subprocess.run(
        [sys.executable, *(["-m", "feeders"] if words[0] == "feeders" else []), *words[1:]],
        cwd=ROOT,
        # Tables are those of the results that are committed, whatever this host has measured itself.
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "FEEDERS_MACHINE": "epyc-2core"},
        capture_output=True,
        text=True,
        timeout=600,  # on a machine that may be busy
    )


def marked():
    return [
        pytest.param(page, command, text, id=f"{page}: {command}")
        for page in PAGES
        for command, text in MARKED.findall((ROOT / page).read_text(encoding="utf-8"))
    ]


def shown():
    found = [command for page in ("README.md", "CONTRIBUTING.md") for command in commands(page)]
    return sorted({command for command in found if not ELSEWHERE.search(command)})


@pytest.mark.parametrize(("page", "command", "text"), marked())
def test_what_stands_between_markers_is_what_the_command_prints(page, command, text):
    answer = run(command)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == text.strip(), f"{page}: put the output of `{command}` between the markers"


def answers():
    """Commands that are shown with the first line of their answer."""
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "CONTRIBUTING.md")]
    return dict(
        pair for page in pages for pair in re.findall(r"^\$ (feeders .+)\n(?!\$ |```)(.+)$", page, re.MULTILINE)
    )


# They measure or audit for seconds, or draw the whole report.
LONG = re.compile(r"feeders (advise|measure|audit|report$)")


@pytest.mark.timeout(700)
@pytest.mark.parametrize(
    "command", [pytest.param(each, marks=pytest.mark.slow if LONG.match(each) else ()) for each in shown()]
)
def test_a_command_that_is_shown_runs(command):
    answer = run(command)
    if command in answers():
        assert answer.stdout.splitlines()[0] == answers()[command]
    # An audit ends with 1 where the loader is not safe: that is an answer.
    assert answer.returncode in ((0, 1) if " audit " in command else (0,)), answer.stderr


def test_there_are_tables_and_commands_to_check():
    assert len(marked()) >= 2
    assert shown()


def columns(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_of_the_readme_is_a_part_of_the_one_that_is_printed():
    """It is a selection of rows and columns, which are to be those of the results as they are."""
    readme, results = ((ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "RESULTS.md"))
    printed = results[results.index("<!-- feeders report --summary -->") :]
    (heads, _, *rows), (all_heads, _, *all_rows) = (
        [
            columns(line)
            for line in re.search(r"^\| feeder \| .*?\n\n", page, re.DOTALL | re.MULTILINE)[0].split("\n")[:-2]
        ]
        for page in (readme, printed)
    )
    stack = re.search(r"\(TensorFlow ([\d.]+), Keras ([\d.]+), two cores\):\n", readme)
    assert re.search(
        r"\*\*TensorFlow {}\.\d+, Keras {}, .*\*\*, 2 cores".format(*map(re.escape, stack.groups())), printed
    )
    known = {row[0]: dict(zip(all_heads, row)) for row in all_rows}
    assert len(rows) > 1
    assert rows == [[known[row[0]][head] for head in heads] for row in rows]


@pytest.mark.parametrize("page", LINKING)
def test_headings_that_a_page_links_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    missing = []
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text):
        linked = (ROOT / page).parent / target if target else ROOT / page
        # The site makes pages of some folders, which have no headings in the repository.
        if linked.suffix == ".md" and anchor not in anchors(linked.read_text(encoding="utf-8")):
            missing.append(f"{target}#{anchor}")
    assert not missing


def anchors(text):
    """What GitHub makes of the headings of a page; the second of the same name has a number."""
    seen = Counter()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        yield f"{name}-{seen[name]}" if seen[name] else name
        seen[name] += 1


@pytest.mark.parametrize("page", LINKING)
def test_files_that_a_page_links_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)[#)]", text) if "://" not in target]
    missing = [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()]
    assert not missing


def test_everything_of_the_package_has_its_place_in_the_table_of_rooms():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = text[text.index("## Where things are") :].split("\n## ")[0]
    there = [path for path in (ROOT / "feeders").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]
    names = {f"{path.name}/" if path.is_dir() else path.name for path in there} - {"__init__.py"}
    assert sorted(name for name in names if f"`{name}`" not in rooms) == []


def test_all_packages_that_an_installation_adds_are_named():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.DOTALL | re.MULTILINE)[1]
    packages = re.findall(r'^    "([\w-]+)', listed, re.MULTILINE)
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    (said,) = re.findall(r"^it adds (.+), and changes nothing else\.$", readme, re.MULTILINE)
    assert sorted(re.split(r", | and ", said)) == sorted(packages)


def test_the_releases_of_keras_that_have_a_stack_are_counted():
    text = (ROOT / "docs/how-to/suite.md").read_text(encoding="utf-8")
    assert len(list((ROOT / "feeders/releases/stacks").glob("k*.txt"))) == 8
    assert "and eight releases of Keras 3 are revisions to asv." in text
