"""Which release the running interpreter holds, told by package metadata, without importing TensorFlow."""

from __future__ import annotations

import datetime
import os
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from feeders.errors import FeedersError
from feeders.keras_api import BACKENDS, TENSORFLOW, asked_backend

from .catalogue import Release, identify

# Every one of them provides the package `tensorflow`; on some systems two do, of the same version.
TENSORFLOW_PACKAGES = (
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
KERAS_PACKAGES = ("keras", "keras-nightly")
TF_KERAS_PACKAGES = ("tf-keras", "tf-keras-nightly")

# As TensorFlow itself reads TF_USE_LEGACY_KERAS: tensorflow/__init__.py, 2.15 to 2.21.
TRUE = ("true", "True", "1")

# These bring their own `tf.keras`, whatever else is installed.
WITH_BUILT_IN_KERAS = ("2.4.", "2.5.")

NONE_INSTALLED = "no TensorFlow is installed here, and no Keras 3 for the backend that KERAS_BACKEND names"


def installed() -> Release | None:
    """Return the release that this interpreter holds; None if it has neither TensorFlow nor what may do without.

    That is Keras 3, where KERAS_BACKEND names JAX or torch.

    Raises:
        FeedersError: several distributions of a package are installed over each other.
    """
    if _version(TENSORFLOW_PACKAGES):
        return _dated(_with_tensorflow(), TENSORFLOW_PACKAGES)
    keras = _version(KERAS_PACKAGES)
    if keras.startswith("3.") and asked_backend() in BACKENDS and asked_backend() != TENSORFLOW:
        return _dated(identify("", keras), KERAS_PACKAGES)
    return None


def _with_tensorflow() -> Release:
    tensorflow = _version(TENSORFLOW_PACKAGES)
    legacy = os.environ.get("TF_USE_LEGACY_KERAS") in TRUE
    keras = _version(TF_KERAS_PACKAGES if legacy else KERAS_PACKAGES)
    if tensorflow.startswith(WITH_BUILT_IN_KERAS) and not legacy:
        keras = ""
    return identify(tensorflow, keras, legacy)


def _dated(release: Release, packages: tuple[str, ...]) -> Release:
    return release if release.date else replace(release, date=_installation_day(packages))


def require_installed() -> Release:
    """Return the release that this interpreter holds.

    Raises:
        FeedersError: it holds none.
    """
    release = installed()
    if not release:
        raise FeedersError(
            f"{NONE_INSTALLED}; a release to measure was expected. "
            "Try: pip install -e '.[cpu]' (or, with an NVIDIA GPU: pip install -e '.[gpu]'), "
            "or name releases that have a stack: asv run 2.21.0"
        )
    return release


def _version(names: tuple[str, ...]) -> str:
    versions = {name: version for name in names if (version := _version_of(name))}
    if len(set(versions.values())) > 1:
        seen = ", ".join(f"{name} {version}" for name, version in versions.items())
        raise FeedersError(
            f"{seen} are installed over each other; expected one of them. "
            "Try: uninstall them all, then install the one to measure"
        )
    return next(iter(versions.values()), "")


def _version_of(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _installation_day(packages: tuple[str, ...]) -> str:
    """The day one of them was installed: no better date of a build that no table lists."""
    for name in packages:
        if _version_of(name):
            files = metadata.files(name) or []
            times = [Path(file.locate()).stat().st_mtime for file in files if file.name == "METADATA"]
            if times:
                return datetime.date.fromtimestamp(times[0]).isoformat()
    return datetime.date.today().isoformat()
