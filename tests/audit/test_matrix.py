"""Every feeder on every workload: which cells there are, and the table of their verdicts."""

from __future__ import annotations

import json
from importlib import import_module

import pytest

from feeders.audit.matrix import audit_all, matrix, to_lines
from feeders.errors import Unsupported
from feeders.strategies import FEEDERS
from feeders.workloads import WORKLOADS

module = import_module("feeders.audit.matrix")

NAMES = [row.name for row in WORKLOADS]


def found(loader, workload, verdict="exactly-once", content="whole", workers=4, processes=False, kind="sequence"):
    use = {"workers": workers, "processes": processes}
    return {"loader": loader, "workload": workload, "verdict": verdict, "content": content, "use": use, "kind": kind}


def row(loader, **values):
    return [found(loader, name, **values) for name in NAMES]


def unsupported(loader, workload):
    return {"schema": 1, "loader": loader, "workload": workload, "verdict": "unsupported", "message": "it has no files"}


def cells(audits):
    """The table, a list of cells per line."""
    return [[cell for cell in line.split("  ") if cell.strip()] for line in matrix(audits).splitlines()]


def test_a_row_per_feeder_and_a_column_per_workload():
    table = [[cell.strip() for cell in line] for line in cells(row("sequence") + row("generator", workers=1))]
    assert table == [
        ["feeder", "fed by", *NAMES],
        ["sequence", "4 threads", *["exactly-once"] * len(NAMES)],
        ["generator", "1 thread", *["exactly-once"] * len(NAMES)],
    ]


def test_columns_are_in_line():
    lines = matrix(row("sequence", verdict="none") + row("a-feeder-with-a-long-name")).splitlines()
    assert lines[1].index("none") == lines[2].index("exactly-once") == lines[0].index(NAMES[0])
    assert lines[1].rindex("none") == lines[2].rindex("exactly-once") == lines[0].index(NAMES[-1])
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize(
    ("values", "fed_by"),
    [
        ({"workers": 1, "processes": True}, "1 process"),
        ({"workers": 2, "processes": True}, "2 processes"),
        ({"kind": "dataset", "workers": 1}, "TensorFlow"),
        ({"workers": None}, "-"),
    ],
)
def test_who_feeds_it_is_named(values, fed_by):
    assert cells(row("planted", **values))[1][1].strip() == fed_by


def test_what_can_not_be_fed_is_said_and_who_feeds_the_rest_is_still_known():
    audits = [unsupported("planted", NAMES[0]), *row("planted")[1:]]
    assert cells(audits)[1][1].strip() == "4 threads"
    assert cells(audits)[1][2].strip() == "unsupported"
    assert cells([unsupported("planted", name) for name in NAMES])[1][1].strip() == "-"


def test_corrupt_content_is_beside_the_word():
    audits = row("planted", content="corrupt")
    audits[0] = found("planted", NAMES[0], verdict="hung", content="not compared")
    assert [cell.strip() for cell in cells(audits)[1][2:4]] == ["hung", "exactly-once, corrupt"]


def test_one_audit_to_the_line():
    audits = [unsupported("planted", NAMES[0]), *row("planted")[1:]]
    lines = to_lines(audits).splitlines()
    assert [json.loads(line) for line in lines] == audits
    assert to_lines(audits).endswith("\n")
    assert to_lines([]) == ""


def test_all_feeders_that_deliver_are_audited_on_all_workloads(monkeypatch):
    asked, said, told = [], [], []

    def audit(request, progress):
        asked.append((request.loader, request.workload, request.seconds, request.workers))
        progress("reading")
        if request.workload == NAMES[-1]:
            raise Unsupported("it has no files")
        return request

    def to_json(request):
        return {key: value for key, value in found(request.loader, None).items() if key != "workload"}

    monkeypatch.setattr(module, "audit", audit)
    monkeypatch.setattr(module, "to_json", to_json)
    audits = audit_all(7.0, 2, said.append, told.append)
    delivering = [feeder.name for feeder in FEEDERS if not feeder.ceiling]
    assert asked == [(name, workload, 7.0, 2) for name in delivering for workload in NAMES]
    assert len(said) == len(told) == len(audits) == len(asked)
    assert told[0] == f"1 of {len(asked)}: {delivering[0]} on {NAMES[0]}: exactly-once"
    assert said[0] == f"1 of {len(asked)}: {delivering[0]} on {NAMES[0]}: reading"
    assert audits[len(NAMES) - 1] == unsupported(delivering[0], NAMES[-1])
    assert len(matrix(audits).splitlines()) == 1 + len(delivering)
