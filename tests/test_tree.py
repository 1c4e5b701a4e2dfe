"""The tree says what the program does: no mechanism lies about unlisted."""

from __future__ import annotations

import importlib
from pathlib import Path

import feeders.strategies
from feeders.strategies import FEEDERS

STRATEGIES = Path(feeders.strategies.__file__).parent


def test_every_mechanism_with_rows_is_in_the_catalogue():
    listed = {row.name for row in FEEDERS}
    names = [path.stem for path in STRATEGIES.glob("*.py") if path.stem != "__init__"]
    modules = {f"{name}.py": importlib.import_module(f"feeders.strategies.{name}") for name in names}
    rows = {name: getattr(module, "ROWS", ()) for name, module in modules.items()}
    forgotten = [name for name, part in rows.items() if not {row.name for row in part} <= listed]
    assert not forgotten, f"{forgotten}: add its ROWS to FEEDERS in feeders/strategies/__init__.py, at the end"


def test_names_are_unique():
    names = [row.name for row in FEEDERS]
    assert len(names) == len(set(names))
