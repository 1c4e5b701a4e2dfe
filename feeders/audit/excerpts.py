"""Lines of source as a compiler shows them: with numbers, a marker below, and what each does."""

from __future__ import annotations

import linecache
import re
from typing import Any, Iterable, Iterator, Sequence

from .source import Mark, function_at

# Of a file, so that a fault fits on a screen.
MOST_MARKS = 5

# Lines shown before and after a marked one.
AROUND = 1

PLACE = re.compile(r"(?s)(.+?):(\d+): (.+)")


def marks_of(places: Iterable[str]) -> tuple[Mark, ...]:
    """Return the marks of texts like ``file:line: what happens there``; other texts have none."""
    found = (PLACE.fullmatch(place) for place in places)
    return tuple(Mark(match[1], int(match[2]), match[3]) for match in found if match)


def excerpts(marks: Sequence[Mark]) -> list[dict[str, Any]]:
    """Return the source around marks as ``--json`` has it: one excerpt a file; none of files that can't be read."""
    files = dict.fromkeys(mark.file for mark in marks if linecache.getline(mark.file, mark.line).strip())
    return [_excerpt(file, [mark for mark in marks if mark.file == file][:MOST_MARKS]) for file in files]


def _excerpt(file: str, marks: Sequence[Mark]) -> dict[str, Any]:
    says: dict[int, Mark] = {}
    for mark in marks:
        says.setdefault(mark.line, mark)
    return {
        "file": file,
        "line": marks[0].line,
        "lines": [_line(file, number, says.get(number)) for number in _numbers(file, sorted(says))],
    }


def _numbers(file: str, marked: Sequence[int]) -> Iterator[int]:
    """Yield marked lines, the ones around them, and the first line of each function that they are in."""
    wanted: set[int] = set()
    for line in marked:
        function = function_at(file, line)
        first, last = (function.lineno, function.end_lineno) if function else (1, 1 << 30)  # type: ignore[attr-defined]
        wanted |= {first} if function else set()
        wanted |= set(range(max(first, line - AROUND), min(last, line + AROUND) + 1))
    for line in sorted(wanted):
        if line in marked or linecache.getline(file, line).strip():
            yield line


def _line(file: str, number: int, mark: Mark | None) -> dict[str, Any]:
    text = linecache.getline(file, number).rstrip().expandtabs(4)
    return {"line": number, "text": text, "name": mark.name if mark else "", "says": mark.says if mark else ""}


def excerpt_lines(excerpt: dict[str, Any], width: int) -> Iterator[str]:
    """Yield what is printed of an excerpt, no line wider than asked for."""
    yield f"  --> {excerpt['file']}:{excerpt['line']}"
    digits = len(str(max(line["line"] for line in excerpt["lines"])))
    indent = min(
        (len(line["text"]) - len(line["text"].lstrip()) for line in excerpt["lines"] if line["text"]), default=0
    )
    before = None
    for line in excerpt["lines"]:
        if before is not None and line["line"] > before + 1:
            yield f"  {'...':>{digits + 1}}"
        before = line["line"]
        text = line["text"][indent:]
        head, blank = f"  {line['line']:>{digits}} | ", f"  {'':>{digits}} | "
        yield _cut(head + text, width)
        if line["says"]:
            yield from _marker(text, line["name"], line["says"], blank, width)


def _marker(text: str, name: str, says: str, blank: str, width: int) -> Iterator[str]:
    """Underline a name, or all that stands in the line, and say what it does."""
    found = re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) if name else None
    start, end = found.span() if found else (len(text) - len(text.lstrip()), len(text.split("#")[0].rstrip()))
    marker = f"{blank}{' ' * start}{'^' * max(1, min(end - start, width - len(blank) - start - 1))}"
    if len(marker) + 1 + len(says) <= width:
        yield f"{marker} {says}"
        return
    yield _cut(marker, width)
    room = max(20, width - len(blank) - start)
    words, line = says.split(), ""
    for word in words:
        if line and len(line) + 1 + len(word) > room:
            yield f"{blank}{' ' * (width - len(blank) - room)}{line}"
            line = ""
        line = f"{line} {word}" if line else word
    yield f"{blank}{' ' * (width - len(blank) - room)}{line}"


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 3]}..."
