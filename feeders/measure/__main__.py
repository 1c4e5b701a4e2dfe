"""One take or limit in a new interpreter: reads the request from the command line, prints the result as JSON."""

from __future__ import annotations

import dataclasses
import json
import sys

from feeders.errors import FeedersError

from .alone import measure_limit
from .asked import take_own
from .cells import Cell
from .settings import Settings
from .stack import preload
from .supervise import die_with_parent
from .takes import take


def _main(request: str) -> int:
    die_with_parent()
    subject, settings = json.loads(request)
    try:
        preload()
        if isinstance(subject, str):  # a workload
            found = measure_limit(subject, Settings(**settings))
            answer = json.dumps(found and dataclasses.asdict(found))
        elif "loader" in subject:
            answer = take_own(subject["loader"], subject["by"], subject["workers"], Settings(**settings)).to_json()
        else:
            answer = take(Cell(**subject), Settings(**settings)).to_json()
    except FeedersError as error:
        print(error)
        return 2
    except KeyboardInterrupt:  # also of whoever asked, who tells of it
        return 130
    print(answer)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
