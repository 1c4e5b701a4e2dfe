"""A process that has imported the backend and forks takes for others, which stay small.

Forking a process that holds TensorFlow takes 12-15 ms where one without takes 3, and asv forks once for every series of
every cell: this server is asked once a take instead.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from feeders.errors import FeedersError
from feeders.results.record import Record

from .alone import measure_limit
from .cells import Cell
from .limit import Limit
from .stack import preload
from .supervise import die_with_parent
from .takes import take

# Path of the server's socket; children of the process that started it inherit it.
ADDRESS_VARIABLE = "FEEDERS_SERVER"

# How soon the server notices that its parent has died, where the system does not tell it.
LOOK_UP_SECONDS = 1.0


def start(folder: Path) -> None:
    """Fork the server from this process and return when it is ready; it ends with this process.

    Args:
        folder: where its socket goes; whoever owns the folder removes it.

    Raises:
        FeedersError: the backend can't be imported.
    """
    address = str(folder / "takes")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen()
    read_end, write_end = os.pipe()
    parent = os.getpid()
    if os.fork() == 0:
        os.close(read_end)
        _serve(listening, parent, write_end)
    os.close(write_end)
    listening.close()
    with open(read_end, encoding="utf-8") as problems:
        problem = problems.read()
    if problem:
        raise FeedersError(problem)
    os.environ[ADDRESS_VARIABLE] = address


def take_by_server(cell: Cell) -> Record:
    """Measure a cell as `take` does, in a process forked from the server where there is one.

    Raises:
        FeedersError: as `take`, or the server has died.
    """
    if ADDRESS_VARIABLE not in os.environ:
        return take(cell)
    return Record.from_json(_ask({"cell": dataclasses.asdict(cell)}, str(cell)))


def limit_by_server(workload: str) -> Limit | None:
    """Measure the limit of a workload as `measure_limit` does, in processes forked from the server where there is one.

    Raises:
        FeedersError: as `measure_limit`, or the server has died.
    """
    if ADDRESS_VARIABLE not in os.environ:
        return measure_limit(workload)
    answer = json.loads(_ask({"limit": workload}, f"the limit of {workload}"))
    return None if answer is None else Limit.from_json(answer)


def _ask(request: dict[str, Any], what: str) -> str:
    answer = ""
    # Who died before refuses, who dies now may break the connection.
    with contextlib.suppress(ConnectionError, FileNotFoundError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ[ADDRESS_VARIABLE])
        connection.sendall(json.dumps(request).encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile(encoding="utf-8") as stream:
            answer = stream.read()
    if not answer:
        raise FeedersError(f"{what}: the process that forks takes has died. Try: asv run --show-stderr")
    kind, text = json.loads(answer)
    if kind == "error":
        raise FeedersError(text)
    return str(text)


def _serve(listening: socket.socket, parent: int, ready: int) -> None:
    """Answer requests until the parent dies; never returns."""
    status = 70
    try:
        die_with_parent()
        try:
            preload()
        except FeedersError as error:
            os.write(ready, str(error).encode())
            os._exit(2)
        os.close(ready)
        listening.settimeout(LOOK_UP_SECONDS)
        while os.getppid() == parent:
            try:
                connection, _ = listening.accept()
            except socket.timeout:
                continue
            with connection:
                connection.settimeout(None)
                _answer(connection)
        status = 0
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _answer(connection: socket.socket) -> None:
    with connection.makefile(encoding="utf-8") as stream:
        text = stream.read()
    if not text:  # whoever connected has been ended before it could ask
        return
    request = json.loads(text)
    try:
        answer = ("result", _result(request))
    except FeedersError as error:
        answer = ("error", str(error))
    try:
        connection.sendall(json.dumps(answer).encode())
    except OSError:  # whoever asked has been ended, by a deadline of its own
        return


def _result(request: dict[str, Any]) -> str:
    if "limit" in request:
        found = measure_limit(request["limit"])
        return json.dumps(found and dataclasses.asdict(found))
    return take(Cell(**request["cell"])).to_json()
