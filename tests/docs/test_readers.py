"""A newcomer's questions: CONTRIBUTING names the answer of each, and two clicks from the README lead there."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import pytest

from feeders.audit.judge import NOT_COUNTED
from feeders.measure.metrics import stall_word
from feeders.results import record
from tests.docs.test_docs import anchors

ROOT = Path(__file__).resolve().parents[2]

# The README itself is none.
CLICKS = 2

LINK = re.compile(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)")


def questions():
    """Question, file and heading, as the table has them."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("### A reader's test") :].split("\n## ")[0]
    return re.findall(r"^\| (.+[?.]) \| \[[^\]]+\]\(([^)#]+)#([^)]+)\) \|$", table, re.MULTILINE)


def linked(page):
    """Pages of the repository that a page links to."""
    targets = (target for target, _ in LINK.findall((ROOT / page).read_text(encoding="utf-8")))
    paths = {posixpath.normpath(posixpath.join(posixpath.dirname(page), target)) for target in targets if target}
    return {path for path in paths if path.endswith(".md") and (ROOT / path).is_file()}


def reached():
    """Pages within two clicks of the README."""
    seen = {"README.md"}
    for _ in range(CLICKS):
        seen |= {target for page in seen for target in linked(page)}
    return seen


def test_there_are_ten_questions():
    assert len(questions()) >= 10
    assert len({question for question, *_ in questions()}) == len(questions())


@pytest.mark.parametrize(("question", "page", "heading"), questions())
def test_the_answer_is_two_clicks_from_the_readme(question, page, heading):
    assert page in reached(), f"{page} answers {question!r}; link it in the README, or in a page that README links"
    assert heading in anchors((ROOT / page).read_text(encoding="utf-8"))


def test_links_are_told_from_what_is_no_link(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.md").write_text("[b](../b.md#x), [site](https://c.d/e.md), [code](../f.py), [gone](g.md)")
    (tmp_path / "b.md").touch()
    (tmp_path / "f.py").touch()
    monkeypatch.setattr("tests.docs.test_readers.ROOT", tmp_path)
    assert linked("docs/a.md") == {"b.md"}


def test_words_of_verdicts_and_outcomes_are_explained():
    text = (ROOT / "docs/reference/words.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    known = {word.strip(" `") for cell in explained for word in cell.split(",")}
    guarantees = (record.EXACTLY_ONCE, record.AT_LEAST_ONCE, record.AT_MOST_ONCE, record.NONE, NOT_COUNTED)
    outcomes = (record.UNSUPPORTED, record.REFUSED, record.FAILED, record.HUNG, record.CRASHED)
    stalls = [stall_word(stall) for stall in (0.0, 10.0, 50.0)]
    assert {*guarantees, *outcomes, *stalls} - known == set()
