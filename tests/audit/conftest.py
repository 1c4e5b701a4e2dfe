"""Audits that are run for their answers, several at a time."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import tempfile
from pathlib import Path

import pytest

from feeders import cli

# Cores of the smallest machine that runs the tests.
AT_ONCE = 2


def _audited(arguments):
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as printed:
        answer = Path(folder) / "answer.json"
        status = cli.main(["audit", *arguments, "--json", str(answer)])
        return [status, printed.getvalue(), json.loads(answer.read_text())]


@pytest.fixture(scope="session")
def audited_at_once(in_children):
    """Call `feeders audit` with the arguments that are given by key, each in a forked process.

    Return the status, what was printed and what was found, by key. It is for those in which no race has to be seen:
    beside another one, an audit provokes less.
    """

    def audited_at_once(calls):
        audits = {key: functools.partial(_audited, arguments) for key, arguments in calls.items()}
        return in_children(audits, at_once=AT_ONCE)

    return audited_at_once
