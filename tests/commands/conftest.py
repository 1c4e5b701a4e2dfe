"""What commands print is compared with a file for each; ``pytest tests/commands --renew`` writes the files anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feeders import cli
from feeders.compare import show
from feeders.results.series import SERIES_VARIABLES

GOLDEN = Path(__file__).with_name("golden")

ROOT = Path(__file__).resolve().parents[2]

MACHINE = "lab"


def pytest_addoption(parser):
    parser.addoption("--renew", action="store_true", help="write what commands print into tests/commands/golden")


@pytest.fixture
def here(monkeypatch, tmp_path):
    """A folder of its own, on a machine called lab, where nothing is set and nothing is installed."""
    for name, _ in SERIES_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")  # some runners set it, and texts fit the terminal
    monkeypatch.setenv("FEEDERS_MACHINE", MACHINE)
    monkeypatch.setattr(show, "installed", lambda: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(capsys, here):
    """Call a command; return what a person sees of it: the call, both streams, and the status where it is not 0."""

    def call(*arguments):
        try:
            status = cli.main(arguments)
        except SystemExit as ended:
            status = ended.code
        out, error = capsys.readouterr()
        shown = " ".join(f"'{part}'" if " " in part or "*" in part else part for part in arguments)
        return f"$ feeders {shown}\n{out}{error}" + (f"(status {status})\n" if status else "")

    return call


def masked(text, folder):
    """Leave out what is different on each machine and day."""
    for path, name in ((str(folder), "FOLDER"), (str(ROOT), "CLONE")):
        text = text.replace(path, name)
    return re.sub(r"^usage: .*\n(?: .*\n)*", "usage: ...\n", text, flags=re.MULTILINE)


@pytest.fixture
def golden(request, here):
    """Compare a text with the file of that name."""

    def golden(name, text):
        path, seen = GOLDEN / f"{name}.txt", masked(text, here)
        if request.config.getoption("--renew", default=False):
            path.write_text(seen, encoding="utf-8")
        assert path.exists(), f"{path}: no such file. Try: pytest tests/commands --renew"
        assert seen == path.read_text(encoding="utf-8"), "If it is meant so: pytest tests/commands --renew"

    return golden
