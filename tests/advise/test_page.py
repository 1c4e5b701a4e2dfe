"""The page: it opens without a request and without an error, and shows the answer, the lines and what was tried."""

from __future__ import annotations

import dataclasses

import pytest

from feeders.advise.advice import Advice
from feeders.advise.answer import answer
from feeders.advise.candidates import PROCESSES
from feeders.advise.page import payload
from tests.advise.made import SAFE, Bench, cell, evidence, limit, record, search

SEQUENCE, PROCESSES_2, THREADS_4 = cell("sequence"), cell("lookahead-processes", 2), cell("lookahead-threads", 4)


@pytest.fixture(scope="module")
def advice():
    failed = {THREADS_4: record(THREADS_4, 0, outcome="failed")}
    found = search(Bench({SEQUENCE: 10_000, PROCESSES_2: 18_000}, records=failed), known=limit(gil=0.2))
    found.begin()
    found.screen([PROCESSES_2, THREADS_4], 0.65)
    found.compare()
    seen = dataclasses.replace(evidence(found, SAFE))
    return Advice(seen, answer(seen))


def test_the_payload_has_what_the_script_of_the_report_reads(advice):
    given = payload(advice.evidence, advice.answer)
    assert [page["name"] for page in given["pages"]] == ["advice", "feeders"]
    tables = given["tables"]
    for page in given["pages"]:
        for block in page["blocks"]:
            assert block["kind"] == "text" or block["table"] in tables
    cells = tables["cells"]["columns"]
    assert cells["state"] == ["safe", "no-number", "safe", "safe"] or set(cells["state"]) == {"safe", "no-number"}
    assert cells["ceiling"].count(True) == 1
    assert given["metrics"][0]["name"] == "effective_throughput"


def test_a_way_that_is_not_proven_is_said_to_be_left_out(advice):
    """Its bar is drawn as that of any other: nothing is known against it."""
    audits = {use: made for use, made in SAFE.items() if use != PROCESSES}
    seen = dataclasses.replace(advice.evidence, audits=audits)
    left = payload(seen, answer(seen))["tables"]["left"]["columns"]
    assert ("lookahead-processes", "not proven: not audited with processes") in zip(left["feeder"], left["reason"])


def test_it_opens_and_shows_the_answer(advice, tmp_path, open_page):
    path = tmp_path / "advice.html"
    path.write_text(advice.to_html(), encoding="utf-8")
    page = open_page()
    page.goto(path.as_uri())
    page.wait_for_selector("p.answer")
    text = page.inner_text("main")
    assert "Carry it by lookahead-processes with 2 workers" in text
    assert "from feeders import LookaheadProcesses" in text
    assert "mine.py:10 in __getitem__" in text
    assert page.locator('input[name="batches"]').is_disabled()  # its speeds are of one length
    page.wait_for_selector(".chart svg, .chart canvas")
    page.click("nav a >> nth=1")
    page.wait_for_selector(".chart svg, .chart canvas")
    assert "lookahead-processes" in page.inner_text("main")


def test_nothing_is_cut_off_on_a_phone(advice, tmp_path, open_page):
    """The lines to copy are wider than it: they scroll by themselves."""
    path = tmp_path / "advice.html"
    path.write_text(advice.to_html(), encoding="utf-8")
    page = open_page(viewport={"width": 360, "height": 740})
    page.goto(path.as_uri())
    page.wait_for_selector("main pre")
    assert page.evaluate("document.querySelector('main pre').scrollWidth") > 360
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
