"""A ``fit()`` that trains in turns, when the process on the other end tells it.

``python -m feeders.measure.fit_in_turns COMMANDS ANSWERS`` serves such takes on two descriptors.
"""

from __future__ import annotations

import sys
from typing import Any

from feeders.strategies import Feed

from . import batch_size, device
from .cells import Cell
from .lockstep_worker import run_worker
from .settings import Settings
from .stack import describe_stack, preload
from .taps import after_each_step, epoch_clock, wait_for
from .timed import MANY_EPOCHS
from .trains import model_for
from .turns import Turns


def fit_in_turns(command: Any, turns: Turns) -> None:
    """Train as the timed fit of a take does, in turns and without taps.

    Args:
        command: "cell" and "settings", the fields of `Cell` and `Settings`.
        turns: told of every step and epoch.
    """
    cell, settings = Cell(**command["cell"]), Settings(**command["settings"])
    row, _ = cell.rows()
    # Whoever compares has imported no backend, and does not know of a GPU; this process does.
    loader = cell.load(settings.call, settings.steps, settings.batch or batch_size.asked()).open()
    model = device.on_device(lambda: model_for(loader, settings))
    turns.begin(len(loader))
    with device.scope_of(model):
        feed = row.build(loader, cell.workers)
    _fit(feed, model, turns)


def _fit(feed: Feed, model: Any, turns: Turns) -> None:
    def ended(result: Any) -> None:
        if turns.times_this_step():
            wait_for(result)  # an accelerator would go on while this process is stopped
        turns.step_ended()

    after_each_step(model, ended)

    def on_end(epoch: int) -> bool:
        turns.epoch_ended()
        return False

    model.fit(feed.x, feed.y, epochs=MANY_EPOCHS, shuffle=False, verbose=0, callbacks=[epoch_clock(on_end)], **feed.fit)


def stack_of_takes() -> dict[str, str]:
    """Import what takes need, and describe it."""
    preload()
    return describe_stack()


if __name__ == "__main__":
    sys.exit(run_worker(fit_in_turns, stack_of_takes, *map(int, sys.argv[1:3])))
