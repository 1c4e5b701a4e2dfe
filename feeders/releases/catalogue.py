"""The releases there are, and the ids that asv knows them by.

TensorFlow and Keras are two axes, so a release is a pair of both. Its id says which pair:

=============  ==================================================================================================
``2.16.2``     that TensorFlow with the Keras of its day: the highest that was published by then; up to 2.15 the
               Keras 2 of the same minor version, which that TensorFlow requires
``k3.6.0``     that Keras with the TensorFlow of its day; or alone, on JAX or torch without TensorFlow
``t2.16.2``    that TensorFlow with ``tf_keras`` (``TF_USE_LEGACY_KERAS=1``)
``n261120``    both nightly builds of 2026-11-20
``162k091``    any other pair of releases, among them those too new for `dates`: TensorFlow 2.16.2, Keras 3.9.1
``21r1k140``   a release candidate: TensorFlow 2.21.0rc1 with Keras 3.14.0
``x1a2b3c4``   anything else (a vendor's build, say): digest of both versions
=============  ==================================================================================================

asv names result files by ``id[:8]``, splits them at ``-`` and looks results up by prefix, so an id has at most 8
characters, no ``-``, and is no prefix of another one.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Iterable

from feeders.results.takes import Takes

from .dates import KERAS_DATES, TENSORFLOW_DATES

# From here on ``tf.keras`` is Keras 3 and TensorFlow bounds its version from below only.
FIRST_WITH_KERAS_3 = "2.16.1"


@dataclass(frozen=True)
class Release:
    """A pair of a TensorFlow and a Keras.

    Attributes:
        id: asv's name of it.
        date: when the younger of the two was published, ISO 8601; empty where that is not known.
        title: what a person calls it.
    """

    id: str
    date: str
    title: str


def identify(tensorflow: str, keras: str, legacy: bool = False) -> Release:
    """Return the release that a pair of versions is.

    Args:
        tensorflow: version of TensorFlow; empty for a Keras 3 without it, on JAX or torch.
        keras: version of the Keras behind ``tf.keras``; empty where TensorFlow brings its own (2.4, 2.5).
        legacy: whether that Keras is ``tf_keras``.
    """
    if not tensorflow:
        return _keras_alone(keras)
    title = f"TensorFlow {tensorflow}, {'tf_keras' if legacy else 'Keras'} {keras or 'built in'}"
    name = _listed_id(tensorflow, keras, legacy) or (
        "" if legacy else _nightly(tensorflow, keras) or _pair(tensorflow, keras)
    )
    return Release(name or _digest(title), _date(tensorflow, keras, legacy), title)


def _keras_alone(keras: str) -> Release:
    title = f"Keras {keras}"
    name = f"k{keras}" if re.fullmatch(r"3\.\d\d?\.\d", keras) else _digest(title)
    return Release(name, KERAS_DATES.get(keras) or _build_day(keras), title)


def keras_of(tensorflow: str) -> str:
    """Return the Keras of a release's day: of Keras 2 the minor version, of Keras 3 the highest published by then."""
    return _highest(KERAS_DATES, TENSORFLOW_DATES[tensorflow]) if _has_keras_3(tensorflow) else _minor(tensorflow)


def tensorflow_of(keras: str) -> str:
    """Return the highest TensorFlow that was published by the day of a Keras 3 release."""
    return _highest(TENSORFLOW_DATES, KERAS_DATES[keras])


def _listed_id(tensorflow: str, keras: str, legacy: bool) -> str:
    if tensorflow not in TENSORFLOW_DATES:
        return ""
    if legacy:
        return f"t{tensorflow}" if _minor(keras) == _minor(tensorflow) else ""
    if not _has_keras_3(tensorflow):
        return tensorflow if _minor(keras or tensorflow) == _minor(tensorflow) else ""
    if keras == keras_of(tensorflow):
        return tensorflow
    return f"k{keras}" if keras in KERAS_DATES and tensorflow_of(keras) == tensorflow else ""


def _nightly(tensorflow: str, keras: str) -> str:
    days = [_build_day(version) for version in (tensorflow, keras)]
    return f"n{days[0][2:].replace('-', '')}" if days[0] and days[0] == days[1] else ""


def _build_day(version: str) -> str:
    built = re.search(r"dev(20\d\d)(\d\d)(\d\d)", version)
    return "-".join(built.groups()) if built else ""


def _pair(tensorflow: str, keras: str) -> str:
    ours = re.fullmatch(r"2\.(\d\d)\.(\d|0rc\d)", tensorflow)
    theirs = re.fullmatch(r"3\.(\d\d?)\.(\d)", keras)
    if not ours or not theirs:
        return ""
    return f"{ours[1]}{ours[2].replace('0rc', 'r')}k{theirs[1]:0>2}{theirs[2]}"


def _digest(title: str) -> str:
    return "x" + hashlib.sha256(title.encode()).hexdigest()[:7]


def _date(tensorflow: str, keras: str, legacy: bool) -> str:
    ours = TENSORFLOW_DATES.get(tensorflow) or _build_day(tensorflow)
    if not ours or legacy or not _has_keras_3(tensorflow):
        return ours
    theirs = KERAS_DATES.get(keras) or _build_day(keras)
    return theirs and max(ours, theirs)


def _has_keras_3(tensorflow: str) -> bool:
    return release_key(tensorflow) >= release_key(FIRST_WITH_KERAS_3)


def _highest(dates: dict[str, str], day: str) -> str:
    return max((version for version, date in dates.items() if date <= day), key=release_key)


def release_key(version: str) -> tuple[int, ...]:
    """Return what versions are ordered by."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _all() -> list[Release]:
    pairs = [(tensorflow, keras_of(tensorflow)) for tensorflow in TENSORFLOW_DATES]
    pairs += [(tensorflow_of(keras), keras) for keras in KERAS_DATES if _has_keras_3(tensorflow_of(keras))]
    legacy = [
        identify(tensorflow, _minor(tensorflow), legacy=True)
        for tensorflow in TENSORFLOW_DATES
        if _has_keras_3(tensorflow)
    ]
    return [*(identify(*pair) for pair in pairs), *legacy]


RELEASES = {release.id: release for release in _all()}


def age(name: str) -> tuple[str, int]:
    """Return what ids are ordered by: date, then place in the catalogue; unknown ones are last."""
    release = RELEASES.get(name)
    if release:
        return release.date, list(RELEASES).index(name)
    return KERAS_DATES.get(name[1:], "9") if name.startswith("k") else "9", 0


def oldest_first(parts: Iterable[Takes]) -> tuple[Takes, ...]:
    """Return the takes of each machine in order of their releases' dates; machines stay in the order they come in."""
    known = list(parts)
    machines = list(dict.fromkeys(part.machine for part in known))

    def place(part: Takes) -> tuple[object, ...]:
        released = age(part.release) if part.release in RELEASES else (part.records[0].started, 0)
        return machines.index(part.machine), released, part.environment

    return tuple(sorted(known, key=place))
