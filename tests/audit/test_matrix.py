"""Every feeder on every workload: which cells there are, the file that keeps them, and the table of their verdicts."""

from __future__ import annotations

import json
from importlib import import_module

import pytest

from feeders.audit import audit_all
from feeders.errors import FeedersError, Unsupported
from feeders.loaders import WORKLOADS
from feeders.report.audits import delivery_table, summarise_audits
from feeders.results.audits import audits_file, merged_audits, read_audits
from feeders.strategies import FEEDERS

NAMES = [row.name for row in WORKLOADS]


def found(loader, workload, verdict="exactly-once", content="whole", workers=4, processes=False, kind="sequence"):
    use = {"workers": workers, "processes": processes}
    known = {"schema": 1, "loader": loader, "workload": workload, "verdict": verdict, "content": content}
    return {**known, "use": use, "kind": kind, "budget": 10.0}


class Finished:
    """Stands for an `Audit`."""

    def __init__(self, request):
        self.loader = request.loader

    def to_json(self):
        return {key: value for key, value in found(self.loader, None).items() if key != "workload"}


def row(loader, **values):
    return [found(loader, name, **values) for name in NAMES]


def unsupported(loader, workload):
    return {"schema": 1, "loader": loader, "workload": workload, "verdict": "unsupported", "message": "it has no files"}


def cells(audits):
    """The table, a list of cells per line, without the line below its head."""
    head, rule, *rows = delivery_table(audits).splitlines()
    assert set(rule) == {"|", "-"}
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, *rows)]


# Which are audited.


def test_all_feeders_that_deliver_are_audited_on_all_workloads(monkeypatch):
    asked, said = [], []

    def audit(request, progress):
        asked.append((request.loader, request.workload, request.seconds, request.workers))
        progress("reading")
        if request.workload == NAMES[-1]:
            raise Unsupported("it has no files")
        return Finished(request)

    monkeypatch.setattr(import_module("feeders.audit.matrix"), "audit", audit)
    audits = list(audit_all(7.0, 2, lambda text, share: said.append((text, share))))
    delivering = [feeder.name for feeder in FEEDERS if not feeder.ceiling]
    assert asked == [(name, workload, 7.0, 2) for name in delivering for workload in NAMES]
    assert len(said) == len(audits) == len(asked)
    assert said[0] == (f"1 of {len(asked)}: {delivering[0]} on {NAMES[0]}: reading", 0)
    assert [share for _, share in said] == [made / len(asked) for made in range(len(asked))]
    assert [(one["loader"], one["workload"]) for one in audits] == [part[:2] for part in asked]
    assert audits[len(NAMES) - 1] == unsupported(delivering[0], NAMES[-1])
    assert len(cells(audits)) == 1 + len(delivering)


def test_audits_come_one_by_one_so_that_ctrl_c_keeps_what_is_finished(monkeypatch):
    monkeypatch.setattr(import_module("feeders.audit.matrix"), "audit", lambda request, progress: Finished(request))
    first = next(audit_all(7.0, None, lambda text, share: None))
    assert first["workload"] == NAMES[0]


# The table.


def test_a_row_per_feeder_and_a_column_per_workload_in_the_order_of_the_catalogues():
    assert cells([*row("sequence"), *row("generator", workers=1)[::-1]]) == [
        ["feeder", "fed by", *NAMES],
        ["`generator`", "1 thread", *["exactly-once"] * len(NAMES)],
        ["`sequence`", "4 threads", *["exactly-once"] * len(NAMES)],
    ]


@pytest.mark.parametrize(
    ("values", "fed_by"),
    [
        ({"workers": 1, "processes": True}, "1 process"),
        ({"workers": 2, "processes": True}, "2 processes"),
        ({"kind": "dataset", "workers": 1}, "TensorFlow"),
        ({"workers": None}, ""),
    ],
)
def test_who_feeds_it_is_named(values, fed_by):
    assert cells(row("sequence", **values))[1][1] == fed_by


def test_what_can_not_be_fed_is_said_and_who_feeds_the_rest_is_still_known():
    audits = [unsupported("sequence", NAMES[0]), *row("sequence")[1:]]
    assert cells(audits)[1][1:4] == ["4 threads", "unsupported", "exactly-once"]
    assert cells([unsupported("sequence", name) for name in NAMES])[1][1:3] == ["", "unsupported"]


def test_a_cell_that_was_not_audited_is_empty():
    assert cells([*row("sequence"), found("generator", NAMES[0])])[1][2:4] == ["exactly-once", ""]
    assert cells([found("sequence", NAMES[1])])[0] == ["feeder", "fed by", NAMES[1]]


def test_corrupt_content_is_beside_the_word():
    audits = row("sequence", content="corrupt")
    audits[0] = found("sequence", NAMES[0], verdict="hung", content="not compared")
    assert cells(audits)[1][2:4] == ["hung", "exactly-once, **corrupt**"]


# The file.


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "a-audits.jsonl"
    assert read_audits(path) == []
    audits = [unsupported("sequence", NAMES[0]), *row("sequence")[1:]]
    path.write_text(merged_audits(path, audits))
    assert read_audits(path) == audits


def test_a_new_audit_takes_the_place_of_the_older_one_of_its_cell(tmp_path):
    path = tmp_path / "a-audits.jsonl"
    path.write_text(merged_audits(path, row("sequence")))
    new = [found("sequence", NAMES[1], verdict="hung"), found("generator", NAMES[0])]
    lines = [json.loads(line) for line in merged_audits(path, new).splitlines()]
    assert lines == [new[1], found("sequence", NAMES[0]), new[0], *row("sequence")[2:]]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('{"schema": 1', r"line 2: damaged \(.+\)\. Try: delete that line"),
        ("[]", r"line 2: damaged \(.+\)\. Try: delete that line"),
        ("{}", r"line 2: damaged \('schema'\)\. Try: delete that line"),
        ('{"schema": 0}', r"line 2: schema 0, expected 1\. Try: audit --all again"),
    ],
)
def test_a_line_that_is_no_audit_is_named(tmp_path, line, text):
    path = tmp_path / "a-audits.jsonl"
    path.write_text(f"{json.dumps(found('sequence', NAMES[0]))}\n{line}\n")
    with pytest.raises(FeedersError, match=text):
        read_audits(path)


def test_the_report_has_a_section_per_machine_and_release_that_was_audited(tmp_path):
    (tmp_path / "host").mkdir()
    path = tmp_path / "host" / "new-audits.jsonl"
    path.write_text(merged_audits(path, row("sequence")))
    (section,) = summarise_audits(
        tmp_path, [("host", "new", "tensorflow"), ("host", "old", "tensorflow"), ("other", "new", "tensorflow")]
    )
    assert section.startswith("Delivery (machine `host`, audits of 10 s, races provoked):\n\n| feeder | fed by | ")


def test_audits_on_another_backend_are_kept_apart(tmp_path):
    assert audits_file(tmp_path, "2.16.2", "tensorflow").name == "2.16.2-audits.jsonl"
    path = audits_file(tmp_path / "host", "2.16.2", "jax")
    assert path.name == "2.16.2-jax-audits.jsonl"
    path.parent.mkdir()
    path.write_text(merged_audits(path, row("sequence")))
    assert len(summarise_audits(tmp_path, [("host", "2.16.2", "tensorflow"), ("host", "2.16.2", "jax")])) == 1
