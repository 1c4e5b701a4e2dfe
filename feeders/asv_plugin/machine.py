"""What asv stores about a machine, without asking anybody and without a file outside the repository.

A machine is registered by its first run, in its folder under results/. Later runs keep that description, since
each value in it is a dimension of every graph: a new kernel must not start new series. Other hardware under the same
name would mix two machines in one series, so it is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Mapping

from asv import util
from asv.machine import Machine, MachineCollection

from feeders import variables
from feeders.errors import FeedersError
from feeders.measure.nvml import gpu_names
from feeders.results.machines import description_file, name_of_host

# What makes numbers another machine's. Not here: `os` and `ram`, which an update of the kernel changes.
HARDWARE = ("arch", "cpu", "num_cpu", "gpu")


def describe(name: str | None, results: Path) -> dict[str, str]:
    """Return asv's description of this machine.

    Args:
        name: what ``asv --machine`` gave; else FEEDERS_MACHINE, else the host name.
        results: asv's results directory.

    Returns:
        The entry of that name in ``~/.asv-machine.json``, else what the first run registered, else this host.

    Raises:
        FeedersError: the name is none of a folder, its description is damaged, or this host is another machine.
    """
    name = name or name_of_host()
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise FeedersError(
            f"machine name {name!r}; expected letters, digits, '.', '_' and '-'. Try: {variables.MACHINE}=my-machine"
        )
    written = _written_by_hand(name)
    if written:
        return written
    host = _host(name)
    registered = _registered(description_file(results, name))
    if registered:
        _require_same(registered, host)
    return registered or host


def _written_by_hand(name: str) -> dict[str, str]:
    """The entry of that name; asv takes the only one for the host too, whose results nothing here would look for."""
    try:
        entry = dict(MachineCollection.load(name))
    except util.UserError:
        return {}
    return entry if entry.get("machine") == name else {}


def _registered(path: Path) -> dict[str, str]:
    try:
        return dict(util.load_json(str(path), Machine.api_version))
    except FileNotFoundError:
        return {}
    except util.UserError as error:
        raise FeedersError(
            f"{error}. Expected: the description of a machine. Try: git checkout {path}, or delete it"
        ) from None


def _host(name: str) -> dict[str, str]:
    host = {key: str(value) for key, value in Machine.get_defaults().items()}
    gpu = _gpus()
    return {**host, "machine": name, **({"gpu": gpu} if gpu else {})}


def _gpus() -> str:
    """Names of the NVIDIA GPUs, never their driver's version; empty if there is none."""
    counts = Counter(gpu_names())
    return ", ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items())


def _require_same(registered: Mapping[str, str], host: Mapping[str, str]) -> None:
    differences = [
        f"{key} was {registered.get(key) or 'none'!r}, is {host.get(key) or 'none'!r}"
        for key in HARDWARE
        if registered.get(key, "") != host.get(key, "")
    ]
    if differences:
        raise FeedersError(
            f"results of a machine {host['machine']!r} are here already, and this host is another: "
            f"{'; '.join(differences)}. Expected: one name per machine. Try: {variables.MACHINE}=another-name asv run"
        )
