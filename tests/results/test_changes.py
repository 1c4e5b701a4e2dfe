"""The file of findings: written whole, read as it was written, and its damaged lines named."""

from __future__ import annotations

from pathlib import Path

import pytest

from feeders.errors import FeedersError
from feeders.results.changes import (
    MachineFindings,
    ReleaseFinding,
    changes_file,
    merged,
    read_all_changes,
    read_changes,
    write_changes,
)
from tests.results.made import a_finding

RESULTS = Path(__file__).resolve().parents[2] / "results"

COMMITTED = sorted(RESULTS.glob("*/*-changes.jsonl"))


@pytest.fixture
def path(tmp_path):
    return changes_file(tmp_path, "stack")


def test_findings_are_read_as_they_were_written(path):
    assert read_changes(path) == []
    findings = [a_finding(), a_finding(verdict=None, pairs=(), confirmed=False), a_finding(confirmed=None)]
    write_changes(path, findings)
    assert read_changes(path) == findings
    assert len(path.read_text().splitlines()) == 3
    assert [each.name for each in path.parent.iterdir()] == ["stack-changes.jsonl"]


@pytest.mark.parametrize("committed", COMMITTED, ids=str)
def test_the_committed_findings_are_written_back_as_they_are(path, committed):
    write_changes(path, read_changes(committed))
    assert path.read_bytes() == committed.read_bytes()


def test_there_are_committed_findings():
    assert COMMITTED


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("{", "Expecting property name enclosed in double quotes"),
        ("", "Expecting value"),
        ("[1]", "'str' object cannot be interpreted as an integer"),
        ('{"cell": "sequence/text/1"}', "'schema'"),
        ('{"schema": 1}', "schema 1, expected 3"),
        ('{"schema": 3, "cell": "sequence/text/1", "before": "2.15.1"}', "'verdict'"),
        (a_finding().to_json().replace('"by"', '"why"'), ""),
        (a_finding().to_json().replace('"log_ratio"', '"ratio"', 1), ""),
    ],
)
def test_a_damaged_line_is_named(path, line, text):
    write_changes(path, [a_finding()])
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(FeedersError) as error:
        read_changes(path)
    assert str(error.value).startswith(f"{path}, line 2: damaged ({text}")
    assert str(error.value).endswith("). Try: delete that line")


def test_fresh_findings_take_the_place_of_known_ones_of_the_same_releases_and_cell():
    known = [a_finding("1", "2", "a"), a_finding("1", "2", "b")]
    fresh = [a_finding("1", "2", "a", ratio=2.0), a_finding("2", "3", "a")]
    assert merged(known, fresh) == [fresh[0], known[1], fresh[1]]


def test_findings_are_known_by_machine_and_environment(tmp_path):
    for machine, environment in (("lab", "stack-FEEDERS_MODELreal"), ("lab", "stack"), ("desk", "stack")):
        (tmp_path / machine).mkdir(exist_ok=True)
        write_changes(changes_file(tmp_path / machine, environment), [a_finding()])
    lab = [MachineFindings("lab", name, (a_finding(),)) for name in ("stack", "stack-FEEDERS_MODELreal")]
    by_environment = {each.environment: each for each in read_all_changes(tmp_path, "lab")}
    assert list(by_environment.values()) == sorted(lab, key=lambda each: f"{each.environment}-changes.jsonl")
    assert {(each.machine, each.environment) for each in read_all_changes(tmp_path)} == {
        ("desk", "stack"),
        ("lab", "stack"),
        ("lab", "stack-FEEDERS_MODELreal"),
    }


def test_a_number_that_is_none_is_not_written():
    """JSON has no word for it that other readers take."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        a_finding(step=float("nan")).to_json()
    assert isinstance(ReleaseFinding.from_json(a_finding().to_json()), ReleaseFinding)
