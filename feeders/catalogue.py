"""Catalogues: what there is to choose from, in the order of every table, plot and asv parameter."""

from __future__ import annotations

import difflib
from typing import Iterable, Sequence, TypeVar, overload

from feeders.errors import FeedersError

# Names that are offered for one that is not there.
MOST_NEAREST = 3

# Of `difflib`: a name that is less like what was typed than this is not what was meant.
LIKENESS = 0.5

Row = TypeVar("Row")


class Catalogue(Sequence[Row]):
    """Rows with a ``name`` each, in an order that is kept: names can be looked up, and a wrong one is answered.

    Args:
        kind: what a row is, with its article: "a feeder".
        rows: in their order; their names differ.
        hint: what to try after a wrong name.
    """

    def __init__(self, kind: str, rows: Iterable[Row], hint: str = "") -> None:
        self.kind, self.hint = kind, hint
        self._rows = tuple(rows)
        self._by_name = {str(getattr(row, "name")): row for row in self._rows}  # noqa: B009  (rows are of any class)
        assert len(self._by_name) == len(self._rows), f"{kind}: two rows have one name"

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(self._by_name)

    def named(self, name: str) -> Row:
        """Return the row of that name.

        Raises:
            FeedersError: there is none; the nearest names are given, or all where none is near.
        """
        if name in self._by_name:
            return self._by_name[name]
        known = nearest(name, self.names) or f" Known: {', '.join(self.names)}."
        raise FeedersError(f"{name}: not {self.kind}.{known}{self.hint and f' Try: {self.hint}'}")

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Row, ...]: ...

    def __getitem__(self, place: int | slice) -> Row | tuple[Row, ...]:
        return self._rows[place]

    def __len__(self) -> int:
        return len(self._rows)


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a sentence with the names that are most like one, or nothing where none is."""
    near = difflib.get_close_matches(name, list(names), MOST_NEAREST, LIKENESS)
    return f" Nearest: {', '.join(near)}." if near else ""
