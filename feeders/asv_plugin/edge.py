"""The edge to asv: an error that is meant for a person ends the command with its text and status 2."""

from __future__ import annotations

import functools
from typing import Any, Callable

from asv.console import log

from feeders.errors import FeedersError

# Of a call or a host that is wrong; asv's own is 1.
STATUS = 2


def ends_with_message(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command of asv that ends with one message, where asv would print a traceback.

    Args:
        command: the function of a `run_from_conf_args`.
    """

    @functools.wraps(command)
    def run_from_conf_args(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except FeedersError as error:
            log.flush()
            log.error(f"feeders: {error}")
            raise SystemExit(STATUS) from None

    return run_from_conf_args
