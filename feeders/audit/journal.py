"""An append-only file of events that several processes write, and that outlives whoever wrote it."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any


class Journal:
    """Events, one JSON object to the line.

    Appending is atomic, across threads and forked processes, and takes no lock in the code under audit. Its growth is
    the heartbeat by which a watching process tells slow from hung.
    """

    def __init__(self) -> None:
        # It has no name, so there is nothing to clean up, whoever dies.
        with tempfile.NamedTemporaryFile() as file:
            self.descriptor = os.open(file.name, os.O_RDWR | os.O_APPEND)

    def write(self, event: str, **values: Any) -> None:
        """Append an event."""
        os.write(self.descriptor, json.dumps({"event": event, **values}, separators=(",", ":")).encode() + b"\n")

    def events(self) -> list[dict[str, Any]]:
        """Return all events so far; a line that a dying process left unfinished is no event."""
        size = os.fstat(self.descriptor).st_size
        lines = os.pread(self.descriptor, size, 0).split(b"\n")
        return [json.loads(line) for line in lines[:-1]]

    def close(self) -> None:
        """Forget the events."""
        os.close(self.descriptor)
