"""Pages that people read are in plain English, by the two rules of `prose.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.prose import faults, sentences

ROOT = Path(__file__).resolve().parents[2]

PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_in_plain_english(page):
    found = list(faults((ROOT / page).read_text(encoding="utf-8")))
    assert not found, f"{page}:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What it found outweighs every speed.", "opens with 'What'"),
        ("**Which nobody notices** until then.", "opens with 'Which'"),
        (f"{25 * 'word '}more.", "26 words"),
        ("It is\non two lines. Who reads this stops.", "opens with 'Who'"),
        (f"- an item\n- {26 * 'word '}", "26 words"),
    ],
)
def test_a_fault_is_found(text, words):
    (found,) = faults(text)
    assert found.startswith(words)


@pytest.mark.parametrize(
    "text",
    [
        "What does *starved* mean?",
        f"{25 * 'word '}`and some code that is one word` [at](https://a.b/c).".replace("word word ", "", 1),
        "```text\nWhat is code is no sentence.\n```",
        "| What stands in a table | is read otherwise |",
        "# What a heading says",
        "<!-- What stands here is not seen. -->",
        "<!-- feeders list -->\nWhat a command prints is its own matter.\n<!-- end -->",
    ],
)
def test_what_is_no_fault(text):
    assert list(faults(text)) == []


def test_sentences_are_told_apart():
    text = "One is e.g. short, about 3.5 ms. **Two.** Is `it`? Yes!\nAnd\nso on.\n\n1. A step\n2. Another one."
    assert list(sentences(text)) == [
        *("One is e.g. short, about 3.5 ms.", "**Two.", "Is `code`?", "Yes!", "And so on.", "A step", "Another one.")
    ]
