"""`report` writes a whole page or none, and says in one line what stops it."""

from __future__ import annotations

import pytest

from feeders import cli
from feeders.results.changes import write_changes
from tests.results.made import a_finding

from .conftest import broken, made_up, some_takes, write_takes


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def said(capsys):
    return capsys.readouterr().err.strip().splitlines()


def test_the_page_is_written_where_it_was_asked_for(results, capsys):
    write_takes(results, some_takes())
    assert cli.main(["report", "-o", "page.html"]) == 0
    assert capsys.readouterr().out == "written: page.html\n"
    text = (results.parent / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")


def test_a_message_with_the_name_of_a_file_that_is_no_utf_8_is_shown_too(results):
    write_takes(results, [made_up(), broken("failed", "ValueError: caf\udce9.jpg", feeder="generator")])
    assert cli.main(["report"]) == 0
    assert "ValueError: caf\\udce9.jpg" in (results.parent / "report.html").read_text(encoding="utf-8")


def damaged(name, content):
    def damage(results):
        path = write_takes(results, [made_up()])
        (path if name is None else path.with_name(name)).write_bytes(content.encode("utf-8", "surrogateescape"))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda results: None, "holds no takes (*/*-takes.jsonl). Try: asv run"),
        (damaged(None, ""), "2.16.2-stack-takes.jsonl: holds no takes. Try: delete it"),
        (damaged(None, '{"schema"'), "2.16.2-stack-takes.jsonl, line 1: take record: damaged line"),
        (damaged(None, "\udcff"), "2.16.2-stack-takes.jsonl, line 1: damaged ('utf-8' codec can't decode"),
        (damaged(None, '{"schema": 0}'), "schema 0, expected 1: written by another version of this suite"),
        (damaged("machine.json", "{"), "machine.json: damaged"),
        (damaged("2.16.2-audits.jsonl", "[]"), "2.16.2-audits.jsonl, line 1: damaged"),
        (damaged("stack-changes.jsonl", "{}"), "stack-changes.jsonl, line 1: damaged"),
    ],
)
def test_what_can_not_be_read_is_named_in_one_line_and_nothing_is_written(results, capsys, damage, message):
    damage(results)
    assert cli.main(["report"]) == 2
    (line,) = said(capsys)
    assert line.startswith("feeders: ")
    assert message in line
    assert [path.name for path in results.parent.iterdir()] == ["results"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "none/page.html"], "-o none/page.html: no such folder"),
        (["-o", "results"], "-o results: a folder; expected the path of a file. Try: results/report.html"),
        (["--release", "2.16.2"], "--release belongs to --summary"),
        (["--summary", "--release", "2.9.3"], "2.9.3 has not been measured; results/ holds 2.16.2"),
    ],
)
def test_a_call_that_can_not_be_right_is_refused(results, capsys, options, message):
    write_takes(results, [made_up()])
    assert cli.main(["report", *options]) == 2
    (line,) = said(capsys)
    assert message in line


def test_the_summary_ends_with_what_releases_changed(results, capsys):
    path = write_takes(results, some_takes())
    write_changes(path.with_name("stack-changes.jsonl"), [a_finding()])
    assert cli.main(["report", "--summary"]) == 0
    text = capsys.readouterr().out
    places = [text.index(part) for part in ("| workload | use |", "Effective samples/s", "**Changes by releases**")]
    assert places == sorted(places)
