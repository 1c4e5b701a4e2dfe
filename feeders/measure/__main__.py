"""One take in a new interpreter: reads the request from the command line, prints the record as JSON."""

from __future__ import annotations

import json
import sys

from feeders.errors import FeedersError

from .cells import Cell
from .settings import Settings
from .stack import preload
from .supervise import die_with_parent
from .takes import take


def _main(request: str) -> int:
    die_with_parent()
    cell, settings = json.loads(request)
    try:
        preload()
        record = take(Cell(**cell), Settings(**settings))
    except FeedersError as error:
        print(error)
        return 2
    print(record.to_json())
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
