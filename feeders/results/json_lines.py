"""Files of JSON lines under results/: read whole, or refused with the line that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, TypeVar

from feeders.errors import FeedersError

Line = TypeVar("Line")


def read_lines(path: Path, parse: Callable[[str], Line]) -> list[Line]:
    """Return what each line of a file holds; nothing where there is no such file.

    Args:
        path: of the file.
        parse: makes something of a line. Raises ``FeedersError`` if it knows what is wrong, or what ``json.loads`` and
            looking into the result raise.

    Raises:
        FeedersError: a line is damaged; the text names the file and the line.
    """
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            rows.append(parse(line.decode("utf-8")))
        except FeedersError as error:
            raise FeedersError(f"{path}, line {number}: {error}") from None
        except (ValueError, TypeError, KeyError) as error:
            raise FeedersError(f"{path}, line {number}: damaged ({error}). Try: delete that line") from None
    return rows
