"""Two rules of plain English, for Markdown: sentences are short, and none opens with a relative clause."""

from __future__ import annotations

import re
from typing import Iterator

MOST_WORDS = 25

# As in "What it found outweighs every speed": the reader waits for the subject. Questions may begin so.
OPENINGS = re.compile(r"(What|Which|Who|Whoever|Whose|Whatever)\b")

# Code, what a command has printed, and comments are not read as sentences.
BLOCKS = re.compile(r"^```.*?^```|<!-- feeders .*?<!-- end -->|<!--.*?-->", re.DOTALL | re.MULTILINE)
NO_PROSE = re.compile(r"^\s*(\||#|:::|!!!|<)")

ITEM = re.compile(r"^\s*([-*+]|\d+\.)\s+")
END = re.compile(r"(?<=[.!?])[*_)\"']*\s+(?=[\"'(*_`\[]*[A-Z0-9`])")


def faults(text: str) -> Iterator[str]:
    """Yield what is wrong with each sentence of a page of Markdown."""
    for sentence in sentences(text):
        words = len(re.findall(r"[^\s]*\w[^\s]*", sentence))
        if words > MOST_WORDS:
            yield f"{words} words, expected {MOST_WORDS} at most: {sentence}"
        found = OPENINGS.match(sentence.lstrip("*_\"'("))
        if found and not sentence.rstrip("*_\"')").endswith("?"):
            yield f"opens with {found[1]!r}, expected the subject: {sentence}"


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a page; code and the address of a link count as one word, or none."""
    text = re.sub(r"\]\([^)]*\)", "]", BLOCKS.sub("\n", text))
    text = re.sub(r"`[^`]*`", "`code`", text)
    for paragraph in _paragraphs(text):
        yield from (part.strip() for part in END.split(paragraph) if part.strip())


def _paragraphs(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        if not line.strip() or NO_PROSE.match(line) or ITEM.match(line):
            yield " ".join(lines)
            lines = []
        if line.strip() and not NO_PROSE.match(line):
            lines.append(ITEM.sub("", line).strip())
