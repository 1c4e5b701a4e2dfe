"""What the source tells of waits: who starts threads, what a line waits for, what to write there."""

from __future__ import annotations

import ast
import linecache
import re
from pathlib import Path
from typing import Iterator

from .source import text_of

THREADS = {"ThreadPoolExecutor", "ThreadPool", "Thread", "Timer"}


def thread_makers(file: str) -> list[tuple[int, str]]:
    """Return where a file starts threads that outlive a call, at its top or in ``__init__``: line and name."""
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return []
    inits = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    found: dict[int, str] = {}
    for node in (node for top in (*tree.body, *inits) for node in _statements(top)):
        for call in (part for part in ast.walk(node) if isinstance(part, ast.Call)):
            maker = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if maker in THREADS:
                names = [text_of(target) for target in getattr(node, "targets", ())]
                found.setdefault(call.lineno, names[0] if names else f"{maker}()")
    return sorted(found.items())


def _statements(top: ast.AST) -> Iterator[ast.stmt]:
    """Statements of a method, or the one itself where it is no definition."""
    if isinstance(top, ast.FunctionDef) and top.name == "__init__":
        yield from top.body
    elif isinstance(top, ast.stmt) and not isinstance(top, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield top


# What a line of source waits for, by a part of it, and what to write there.
WAITS = (
    (
        r"\.acquire\(|^with .*lock",
        "Whoever holds this lock never gives it back: take it in a with statement, and no other lock while it is held. "
        "A thread that takes it a second time needs threading.RLock().",
    ),
    (
        r"\.get\(",
        "Nobody puts into this queue any more: let its producer put a sentinel at its end, also when it fails, "
        "and write get(timeout=60).",
    ),
    (
        r"\.put\(",
        "Nobody takes from this queue any more, and it is full: write put(item, timeout=60), and end the producer when "
        "that raises.",
    ),
    (
        r"\.result\(|\.map\(|\.submit\(|\.apply\(",
        "The pool behind this line does no work: make it at its first use, in the process that uses it, and give the "
        "wait a timeout.",
    ),
    (
        r"\.join\(|\.wait\(",
        "Nothing ends this wait: end what it waits for with an event or a sentinel, and give the wait a timeout.",
    ),
    (r"\.recv\(|\.accept\(|urlopen\(|requests\.", "The other side does not answer: give the connection a timeout."),
)


def waits_for(file: str, line: int) -> str:
    """Return what to write in a line that waits for ever; nothing where the line tells too little."""
    text = linecache.getline(file, line).strip()
    return next((advice for pattern, advice in WAITS if re.search(pattern, text)), "")
