"""What the source around a race tells: which lock is new in each call, what is read from, which names are changed."""

from __future__ import annotations

import ast
import functools
import linecache
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

# What asks a database or a socket, and takes the answer; and what moves the position of a file.
ASKS = {"execute", "executemany", "fetchone", "fetchmany", "fetchall", "send", "sendall", "recv"}
READS = {"seek", "read", "readinto", "readline", "readlines", "tell", "extractfile", *ASKS}
LOCKS = {"Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition"}

Function = ast.FunctionDef


@dataclass(frozen=True)
class Mark:
    """A line of source, and what happens there.

    Attributes:
        file: path of the source.
        line: its number, from 1.
        says: what happens there, in a few words.
        name: the part of the line that does it; empty for all of it.
    """

    file: str
    line: int
    says: str
    name: str = ""

    def text(self) -> str:
        """Return the line itself."""
        return linecache.getline(self.file, self.line).strip()


@functools.lru_cache(maxsize=64)
def _functions(file: str) -> tuple[ast.AST, ...]:
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return ()
    return tuple(
        node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    )


def function_at(file: str, line: int) -> ast.AST | None:
    """Return the innermost function that a line is in."""
    around = [node for node in _functions(file) if node.lineno <= line <= (node.end_lineno or 0)]  # type: ignore[attr-defined]
    return max(around, key=lambda node: node.lineno, default=None)  # type: ignore[attr-defined]


def functions_in(file: str, name: str) -> list[ast.AST]:
    """Return the functions inside a class or function of that name, at the top of a file."""
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return []
    kinds = (ast.FunctionDef, ast.ClassDef)
    tops = [node for node in tree.body if isinstance(node, kinds) and node.name == name]
    return [node for top in tops for node in ast.walk(top) if isinstance(node, ast.FunctionDef) and node is not top]


def call_lock(function: ast.AST) -> int | None:
    """Return the line where a lock is made that guards a ``with`` of the same call, or None."""
    made = {
        target.id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and _makes_lock(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(function):
        for item in node.items if isinstance(node, ast.With) else ():
            guard = item.context_expr
            if _makes_lock(guard):
                return guard.lineno
            if isinstance(guard, ast.Name) and guard.id in made:
                return made[guard.id].lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "acquire":
            held = node.func.value
            if isinstance(held, ast.Name) and held.id in made:
                return made[held.id].lineno
    return None


def text_of(node: ast.AST) -> str:
    """Return a name with its attributes as it is written; what is between brackets is left out."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{text_of(node.value)}.{node.attr}"
    if isinstance(node, ast.Subscript):
        return f"{text_of(node.value)}[...]"
    return f"{text_of(node.func)}()" if isinstance(node, ast.Call) else "..."


def _makes_lock(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name in LOCKS


@dataclass(frozen=True)
class Reader:
    """What a function reads by position and did not open itself.

    Attributes:
        name: as it is written in the source.
        first: line of its first use.
        last: of its last one.
        asks: it is a database or a socket, not a file.
    """

    name: str
    first: int
    last: int
    asks: bool


def shared_reader(function: ast.AST) -> Reader | None:
    """Return what is read from by position and was not opened in the function."""
    local = set(_local_names(function))
    calls = [
        (text_of(node.func.value), node)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READS
    ]
    shared = [(name, node) for name, node in calls if name.split(".")[0].split("[")[0] not in local]
    if not shared:
        return None
    # What a call returns is read once; the name that it was called on is what others use too.
    name = min(shared, key=lambda call: "()" in call[0])[0]
    lines = [node.lineno for other, node in shared if other == name]
    moves = {str(getattr(node.func, "attr", "")) for other, node in shared if other == name}
    return Reader(name, min(lines), max(lines), bool(moves & ASKS))


def _local_names(function: ast.AST) -> Iterator[str]:
    """Names bound to what the function made itself: by a call, not taken from an attribute."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            parts = [part for target in node.targets for part in getattr(target, "elts", [target])]
            yield from (part.id for part in parts if isinstance(part, ast.Name))
        if isinstance(node, ast.With):
            yield from (item.optional_vars.id for item in node.items if isinstance(item.optional_vars, ast.Name))


def changed_names(function: ast.AST) -> dict[str, list[int]]:
    """Return what the function changes that outlives the call: attributes, globals and their entries, with lines."""
    local = {argument.arg for argument in getattr(function.args, "args", ())} if hasattr(function, "args") else set()
    shared = {
        name for node in ast.walk(function) if isinstance(node, (ast.Global, ast.Nonlocal)) for name in node.names
    }
    bound = {
        node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    } - shared
    found: dict[str, list[int]] = {}
    for target in (target for node in ast.walk(function) for target in _targets(node)):
        while isinstance(target, ast.Subscript):
            target = target.value
        name = _root(target)
        attribute = isinstance(target, ast.Attribute) and name not in bound
        free = isinstance(target, ast.Name) and name not in bound | local
        if attribute or free or name in shared:
            found.setdefault(text_of(target), []).append(target.lineno)
    return found


def changed_in_place(function: ast.AST) -> list[tuple[str, int]]:
    """Return the names of a function that ``/=`` and the like change in place, if they are arrays, with the line."""
    nodes = (node for node in ast.walk(function) if isinstance(node, ast.AugAssign) and not _counts(node))
    return [(text_of(node.target), node.lineno) for node in nodes]


def _counts(node: ast.AugAssign) -> bool:
    """Whether it adds a whole number, as counters do."""
    return isinstance(node.op, (ast.Add, ast.Sub)) and isinstance(getattr(node.value, "value", None), int)


def seeded_generator(function: ast.AST) -> tuple[str, int] | None:
    """Return the module whose generator of random numbers, one for all threads, a function seeds, and the line."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    modules = [(text_of(node.func.value), node.lineno) for node in calls if node.func.attr == "seed"]  # type: ignore[attr-defined]
    return next(((module, line) for module, line in modules if module.split(".")[-1] == "random"), None)


def name_reads(function: ast.AST, name: str) -> list[int]:
    """Return the lines of a function that read a name or attribute, the first one first."""
    nodes = (node for node in ast.walk(function) if isinstance(node, (ast.Attribute, ast.Name)))
    reads = {node.lineno for node in nodes if isinstance(node.ctx, ast.Load) and text_of(node) == name}
    return sorted(reads)


def guarded_lines(function: ast.AST) -> set[int]:
    """Return the lines of a function that stand below a ``with`` of something that is named after a lock."""
    guards = (
        node
        for node in ast.walk(function)
        if isinstance(node, ast.With) and any("lock" in text_of(item.context_expr).lower() for item in node.items)
    )
    return {line for node in guards for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def _targets(node: ast.AST) -> list[ast.expr]:
    """What a statement or call changes."""
    if isinstance(node, ast.Assign):
        return [part for target in node.targets for part in getattr(target, "elts", [target])]
    if isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        return [node.target]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGERS:
        return [node.func.value]
    return []


def _root(target: ast.expr) -> str:
    """The name that an attribute or entry belongs to."""
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
    return str(getattr(target, "id", ""))


CHANGERS = {"append", "pop", "popleft", "extend", "insert", "remove", "clear", "update", "setdefault", "add"}
