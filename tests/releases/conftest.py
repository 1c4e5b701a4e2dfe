"""A shelf of stacks, a cache folder and a uv of the test's own: no test here builds an environment or asks an index."""

from __future__ import annotations

import json
import os
import shutil
from types import SimpleNamespace

import pytest

from feeders.errors import FeedersError
from feeders.measure import Record
from feeders.releases import dates, listing, resolve
from feeders.releases import stacks as stacks_module
from feeders.releases.stacks import Stack, stacks

# What a Python that ran the trial prints.
TRIAL = Record(
    feeder="sequence",
    workload="remote",
    workers=1,
    outcome="measured",
    guarantee="exactly-once",
    metrics={"throughput": 1234.0},
    stack={"tensorflow": "2.16.2", "keras": "3.4.1", "python": "3.11.9"},
)

# A uv that notes its calls and makes what the real one would: `venv` a folder with a Python, `pip` what it is given.
UV = """#!/bin/sh
here={here}
echo "$@" >> "$here/calls"
case "$1 $2" in
"venv "*)
    for path; do test "${{path#/}}" = "$path" || break; done
    mkdir -p "$path/bin"
    cp "$here/python" "$path/bin/python" ;;
"pip install")
    path=$(dirname "$(dirname "$4")")
    test ! -e "$path/whole" || echo "marked too early" >> "$here/calls"
    cat > "$path/installed" ;;
esac
{then}
"""


@pytest.fixture
def stack():
    """A stack of few pins."""
    pins = (("keras", "3.4.1"), ("numpy", "1.26.4"), ("tensorflow-cpu", "2.16.2"))
    return Stack("2.16.2", "3.11", "2024-06-28", pins)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """An empty folder in place of that of the stacks; `put` writes stacks there."""
    folder = tmp_path / "shelf"
    folder.mkdir()

    def put(*rows):
        for row in rows:
            (folder / f"{row.release}.txt").write_text(row.requirements())
        stacks.cache_clear()

    for module in (stacks_module, listing):
        monkeypatch.setattr(module, "FOLDER", folder)
    stacks.cache_clear()
    yield SimpleNamespace(folder=folder, put=put)
    stacks.cache_clear()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder; the path of its environments."""
    monkeypatch.setenv("FEEDERS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "stacks"


@pytest.fixture
def planted_uv(tmp_path, monkeypatch):
    """Put a script in the place of uv, which ends with the lines it is given; `calls` are those it got."""
    here = tmp_path / "planted uv"
    here.mkdir()
    (here / "python").write_text(f"#!/bin/sh\necho '{TRIAL.to_json()}'\n")
    (here / "python").chmod(0o755)

    def ends_with(then):
        (here / "uv").write_text(UV.format(here=f"'{here}'", then=then))
        (here / "uv").chmod(0o755)

    def calls():
        return (here / "calls").read_text().splitlines() if (here / "calls").exists() else []

    ends_with("")
    monkeypatch.setattr("uv.find_uv_bin", lambda: os.fspath(here / "uv"))
    return SimpleNamespace(path=here / "uv", python=here / "python", ends_with=ends_with, calls=calls)


class Index:
    """Stands for the package index as uv sees it.

    Args:
        days: version to day, of each package.
        pythons: those that all packages have wheels for.
    """

    def __init__(self, days, pythons):
        self.days, self.pythons, self.tried = days, pythons, []

    def __call__(self, asked, *options):
        given = dict(zip(options, options[1:]))
        package, _, version = asked[0].partition("==")
        if "pylock.toml" in options:
            return self._published(package, version)
        if "--no-deps" in options:
            day = given["--exclude-newer"]
            releases = "--prerelease=allow" not in options
            days = {version: at for version, at in self.days[package].items() if not (releases and "rc" in version)}
            known = [version for version, published in days.items() if published <= day]
            return [f"{package}=={max(known, key=resolve.release_key)}"]
        self.tried.append((given["--python-version"], given["--exclude-newer"], list(asked)))
        if given["--python-version"] not in self.pythons:
            raise FeedersError(f"uv can't resolve: {asked[0]} has no wheels for {given['--python-version']}")
        return [name if "==" in name else f"{name}==1.0" for name in asked]

    def _published(self, package, version):
        if version not in self.days[package]:
            raise FeedersError(f"uv can't resolve: there is no version of {package}=={version}")
        day = self.days[package][version]
        return [f"upload-time = {day}T12:00:00Z, size = 1 }}", f"upload-time = {day}T11:00:00Z, size = 2 }}"]


@pytest.fixture
def index(tmp_path, monkeypatch):
    """An index with two releases that dates.csv lacks, TensorFlow 2.30.0 and Keras 3.30.0; a copy of dates.csv."""
    file = tmp_path / "dates.csv"
    shutil.copy(dates.FILE, file)
    monkeypatch.setattr(dates, "FILE", file)
    # The tables are changed in place, where the catalogue sees it.
    listed = {name: dict(getattr(dates, name)) for name in ("TENSORFLOW_DATES", "KERAS_DATES")}
    planted = Index(
        {
            "tensorflow-cpu": {**dates.TENSORFLOW_DATES, "2.30.0": "2030-05-02"},
            "keras": {**dates.KERAS_DATES, "3.30.0": "2030-05-01"},
            "keras-nightly": {"3.31.0.dev2026102704": "2026-10-27"},
        },
        pythons=("3.11",),
    )
    monkeypatch.setattr(resolve, "_compile", planted)
    yield planted
    for name, rows in listed.items():
        getattr(dates, name).clear()
        getattr(dates, name).update(rows)


@pytest.fixture
def trial_outcome(planted_uv):
    """Let the trial end with another outcome."""

    def trial_outcome(outcome):
        values = {
            **json.loads(TRIAL.to_json()),
            "outcome": outcome,
            "message": "what was seen",
            "metrics": {},
            "stack": {},
        }
        planted_uv.python.write_text(f"#!/bin/sh\necho '{json.dumps(values)}'\n")

    return trial_outcome
