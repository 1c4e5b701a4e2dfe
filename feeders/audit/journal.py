"""An append-only file of events that several processes write, and that outlives whoever wrote it."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from typing import Iterator

from . import wire
from .events import Event, Heartbeat

# To import a person's file and to make the loader may take so long; a big table is read in minutes.
MAKING_SECONDS, BEAT_SECONDS = 300.0, 1.0


class Journal:
    """Events, one JSON object to the line.

    Appending is atomic, across threads and forked processes, and takes no lock in the code under audit. Its growth is
    the heartbeat by which a watching process tells slow from hung.
    """

    def __init__(self) -> None:
        # It has no name, so there is nothing to clean up, whoever dies.
        with tempfile.NamedTemporaryFile() as file:
            self.descriptor = os.open(file.name, os.O_RDWR | os.O_APPEND)

    def write(self, event: Event) -> None:
        """Append an event."""
        os.write(self.descriptor, wire.to_json(event).encode() + b"\n")

    @contextlib.contextmanager
    def kept_alive(self) -> Iterator[None]:
        """Beat while the loader is made, which may take long and is no hang; for `MAKING_SECONDS` at most."""
        done = threading.Event()

        def beat() -> None:
            end = time.perf_counter() + MAKING_SECONDS
            while not done.wait(BEAT_SECONDS) and time.perf_counter() < end:
                self.write(Heartbeat())

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def events(self) -> tuple[Event, ...]:
        """Return all events so far; a line that a dying process left unfinished is no event."""
        size = os.fstat(self.descriptor).st_size
        lines = os.pread(self.descriptor, size, 0).split(b"\n")
        return tuple(wire.from_json(line, Event) for line in lines[:-1])

    def close(self) -> None:
        """Forget the events."""
        os.close(self.descriptor)
