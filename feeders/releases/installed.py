"""Which release the running interpreter holds, told by package metadata, without importing TensorFlow."""

from __future__ import annotations

import datetime
import os
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import NoReturn

from .catalogue import Release, identify

# Every one of them provides the package `tensorflow`; on some systems two do, of the same version.
TENSORFLOW = (
    "tensorflow",
    "tensorflow-cpu",
    "tensorflow-gpu",
    "tensorflow-intel",
    "tensorflow-macos",
    "tensorflow-rocm",
    "tensorflow-cpu-aws",
    "tf-nightly",
    "tf-nightly-cpu",
)
KERAS = ("keras", "keras-nightly")
TF_KERAS = ("tf-keras", "tf-keras-nightly")

# As TensorFlow itself reads TF_USE_LEGACY_KERAS: tensorflow/__init__.py, 2.15 to 2.21.
TRUE = ("true", "True", "1")

# These bring their own `tf.keras`, whatever else is installed.
WITH_BUILT_IN_KERAS = ("2.4.", "2.5.")


def installed() -> Release | None:
    """Return the release that this interpreter holds; None if it has no TensorFlow."""
    tensorflow = _version(TENSORFLOW)
    if not tensorflow:
        return None
    legacy = os.environ.get("TF_USE_LEGACY_KERAS") in TRUE
    keras = _version(TF_KERAS if legacy else KERAS)
    if tensorflow.startswith(WITH_BUILT_IN_KERAS) and not legacy:
        keras = ""
    release = identify(tensorflow, keras, legacy)
    return release if release.date else replace(release, date=_installation_day())


def require_installed() -> Release:
    """Return the release that this interpreter holds, or end the command with a message."""
    release = installed()
    if not release:
        stop(
            "feeders: this interpreter has no TensorFlow; a release to measure was expected. "
            "Try: pip install -e '.[cpu]' (or, with an NVIDIA GPU: pip install -e '.[gpu]'), "
            "or name releases that have a stack: asv run 2.21.0"
        )
    return release


def stop(message: str) -> NoReturn:
    """End the command, asv's or ours, with a message and status 2, the status of a call or a host that is wrong."""
    console = sys.modules.get("asv.console")
    if console is not None:
        console.log.flush()  # of its line of progress
        console.log.error(message)
    else:
        print(message, file=sys.stderr)
    raise SystemExit(2)


def _version(names: tuple[str, ...]) -> str:
    found = {name: _version_of(name) for name in names}
    versions = sorted(set(found.values()) - {""})
    if len(versions) > 1:
        seen = ", ".join(f"{name} {version}" for name, version in found.items() if version)
        stop(
            f"feeders: {seen} are installed over each other; expected one of them. "
            "Try: uninstall them all, then install the one to measure"
        )
    return versions[0] if versions else ""


def _version_of(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _installation_day() -> str:
    """The day TensorFlow was installed: no better date of a build that no table lists."""
    for name in TENSORFLOW:
        if _version_of(name):
            files = metadata.files(name) or []
            times = [Path(file.locate()).stat().st_mtime for file in files if file.name == "METADATA"]
            if times:
                return datetime.date.fromtimestamp(times[0]).isoformat()
    return datetime.date.today().isoformat()
