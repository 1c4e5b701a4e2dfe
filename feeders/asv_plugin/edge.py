"""The edge to asv: how its commands end where asv would print a traceback."""

from __future__ import annotations

import functools
import sys
from typing import Any, Callable

from asv.console import log

from feeders.errors import FeedersError
from feeders.terminal import discard_output, is_output_closed

# Of a call or a host that is wrong; asv's own is 1, as of Ctrl-C.
STATUS, INTERRUPTED = 2, 1


def ends_with_message(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command of asv that ends with one message, or in silence where nobody reads what it prints.

    Args:
        command: the function of a `run_from_conf_args`.
    """

    @functools.wraps(command)
    def run_from_conf_args(*args: Any, **kwargs: Any) -> Any:
        try:
            status = command(*args, **kwargs)
            sys.stdout.flush()  # asv flushes where nothing catches what that raises
            return status
        except FeedersError as error:
            log.flush()
            log.error(f"feeders: {error}")
            raise SystemExit(STATUS) from None
        except KeyboardInterrupt:  # asv says the same, but catches it while a benchmark is launched alone
            log.flush()
            log.error("Interrupted.")
            raise SystemExit(INTERRUPTED) from None
        except BrokenPipeError:
            if not is_output_closed():
                raise
            raise SystemExit(discard_output()) from None

    return run_from_conf_args
