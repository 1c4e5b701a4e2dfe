"""The command line: ``feeders``, or ``python -m feeders``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Callable, Sequence

import shtab

from feeders import __version__
from feeders.commands import COMMANDS
from feeders.errors import FeedersError
from feeders.terminal import discard_output, is_output_closed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        Exit status: 0 as hoped, 1 the verdict is bad, 2 the call or the host is wrong.
    """
    try:
        options = command_line().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = options.command
        status = command(options)
        sys.stdout.flush()
        return status
    except FeedersError as error:
        print(f"feeders: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("feeders: interrupted; nothing is left running", file=sys.stderr)
        return 130
    except BrokenPipeError:
        if not is_output_closed():
            raise
        return discard_output()


def command_line() -> argparse.ArgumentParser:
    """Return the parser of all commands; the documentation is made from it too."""
    parser = argparse.ArgumentParser(
        prog="feeders",
        description="Find the fastest safe way to feed Keras fit(), and check your own loader for races.",
        epilog="Begin with: feeders audit my_data.py:Train. `feeders COMMAND --help` tells the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"keras-feeders {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    shtab.add_argument_to(parser, "--print-completion", help="print the script that completes commands in this shell")
    for each in (parser, *commands.choices.values()):
        _complete_files(each)
    return parser


def _complete_files(parser: argparse.ArgumentParser) -> None:
    """Let a shell complete names of files where one is taken: `shtab` looks for this attribute."""
    for action in parser._actions:
        if action.type is Path or action.metavar == "LOADER":
            action.complete = shtab.FILE  # type: ignore[attr-defined]
