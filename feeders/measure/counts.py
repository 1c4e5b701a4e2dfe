"""Batches that reached the training step, counted epoch by epoch against a reference."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Iterable, Sequence

from .identity import Columns

State = Sequence[Columns]

# Offending samples that are named.
NAMED = 5

# Different keys in an epoch, as a share of its samples, that tell them apart: keys or labels that are named, and
# contents, which may be held twenty times by a loader that draws rare samples more often.
FEWEST_NAMED, FEWEST_CONTENTS = 0.5, 0.05


@dataclass(frozen=True)
class Epoch:
    """Counts of one epoch of a ``fit()``, in samples.

    Attributes:
        delivered: samples that reached the training step.
        missing, duplicated: against one serial pass; None where samples can't be told apart.
        disordered: that came after one which is later in the serial pass; None where the order is new each time.
        corrupt: with other content than in the serial pass; None where content is not reproducible.
        stale: stamped for another epoch; None where samples carry no stamp.
        reads: batches that were asked for, delivered or not; None where that can't be seen.
        samples: the first few of them by key, under "missing", "duplicated", "corrupt".
    """

    delivered: int
    missing: int | None
    duplicated: int | None
    disordered: int | None
    corrupt: int | None
    stale: int | None
    reads: int | None = None
    samples: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def faults(self) -> int:
        """Samples that are missing, duplicated or corrupt."""
        return sum(filter(None, (self.missing, self.duplicated, self.corrupt)))


@dataclass(frozen=True)
class Reference:
    """What an epoch should deliver, from serial passes.

    Attributes:
        states: the batches of each state between the epoch hooks.
        keyed: the keys of an epoch are the same in each pass.
        reproducible: so are its contents.
        ordered: so is their order.
        addressed: batch i is asked for by its index, so that the place tells which samples it should hold.
        named: keys are ids or labels, not hashes of the content.
        through: epochs of ``fit()`` are parts of one pass: all of them together are counted.
    """

    states: tuple[State, ...]
    keyed: bool
    reproducible: bool
    ordered: bool
    addressed: bool
    named: bool
    through: bool = False

    @property
    def tells(self) -> bool:
        """Whether its keys tell samples apart, so that to count them says something.

        A loader may hold a sample several times; two labels for a thousand samples tell nothing.
        """
        keys = _keys(self.states[0]) if self.states and self.keyed else []
        return len(set(keys)) > len(keys) * (FEWEST_NAMED if self.named else FEWEST_CONTENTS)

    @property
    def batches(self) -> int:
        """In an epoch."""
        return len(self.states[0]) if self.states else 0


def count(batches: Sequence[Columns], reference: Reference, reads: int | None) -> Epoch:
    """Count an epoch.

    Args:
        batches: that reached the training step, in order of delivery.
        reference: what was due.
        reads: batches asked for meanwhile.
    """
    keys = [key for batch in batches for key in batch.keys]
    stale = _stale([stamp for batch in batches for stamp in batch.stamps or ()])
    if not reference.keyed:
        return Epoch(len(keys), None, None, None, None, stale, reads)
    by_key = _by_key(batches, keys, reference, stale, reads)
    if not reference.addressed or not reference.ordered or reference.named or reference.through:
        return by_key
    # One batch lost at the front shifts all others: what explains it with fewer faults is believed.
    return min(_by_place(batches, reference, reads), by_key, key=lambda epoch: epoch.faults)


def _stale(stamps: Sequence[int]) -> int | None:
    if not stamps or stamps[0] < 0:
        return None
    own = Counter(stamps).most_common(1)[0][0]
    return sum(stamp != own for stamp in stamps)


def _nearest(keys: Counter[int], reference: Reference) -> State:
    """The state whose samples they are: Keras calls hooks a different number of times, by release."""

    def differ(state: State) -> int:
        due = Counter(_keys(state))
        return sum((keys - due).values()) + sum((due - keys).values())

    return min(reference.states, key=differ)


def _keys(state: State) -> list[int]:
    return [key for batch in state for key in batch.keys]


def _by_key(
    batches: Sequence[Columns], keys: list[int], reference: Reference, stale: int | None, reads: int | None
) -> Epoch:
    due = _keys(_nearest(Counter(keys), reference))
    expected, now = Counter(due), Counter(keys)
    extra, missing = now - expected, expected - now
    known = {key for state in reference.states for key in _keys(state)}
    if reference.named and reference.reproducible:
        corrupt = _of_other_content(batches, reference)
    else:
        corrupt = [key for key in extra.elements() if key not in known]
    duplicated = Counter({key: times for key, times in extra.items() if key in known})
    place = {key: number for number, key in enumerate(due)}
    places = [place[key] for key in keys if key in place]
    return Epoch(
        delivered=len(keys),
        missing=max(0, sum(missing.values()) - (0 if reference.named else len(corrupt))),
        duplicated=sum(duplicated.values()),
        disordered=_inversions(places) if reference.ordered and len(place) == len(due) else None,
        corrupt=len(corrupt) if reference.reproducible else None,
        stale=stale,
        reads=reads,
        samples=_some(missing=missing, duplicated=duplicated, corrupt=corrupt),
    )


def _of_other_content(batches: Sequence[Columns], reference: Reference) -> list[int]:
    """Keys of samples whose content is none that the key has in the reference."""
    right: dict[int, set[int]] = {}
    for state in reference.states:
        for batch in state:
            for key, content in zip(batch.keys, batch.contents):
                right.setdefault(key, set()).add(content)
    pairs = [pair for batch in batches for pair in zip(batch.keys, batch.contents)]
    return [key for key, content in pairs if key in right and content not in right[key]]


def _by_place(batches: Sequence[Columns], reference: Reference, reads: int | None) -> Epoch:
    """Batch i of the epoch is due at place i; one that arrives at another place whole is out of order."""
    now = [batch.keys for batch in batches]
    due = max(
        ([batch.keys for batch in state] for state in reference.states),
        key=lambda state: sum(a == b for a, b in zip(now, state)),
    )
    if now != due and sorted(now) == sorted(due):
        place = {part: number for number, part in enumerate(due)}
        late = _inversions([place[part] for part in now for _ in part])
        return Epoch(sum(map(len, now)), 0, 0, late, 0, None, reads)
    pairs = list(zip(now, due))
    missing = [key for part in due[len(now) :] for key in part]
    missing += [key for part, expected in pairs for key in expected[len(part) :]]
    duplicated = [key for part in now[len(due) :] for key in part]
    duplicated += [key for part, expected in pairs for key in part[len(expected) :]]
    corrupt = [key for part, expected in pairs for key, right in zip(part, expected) if key != right]
    return Epoch(
        delivered=sum(map(len, now)),
        missing=len(missing),
        duplicated=len(duplicated),
        disordered=0,
        corrupt=len(corrupt),
        stale=None,
        reads=reads,
        samples=_some(missing=missing, duplicated=duplicated, corrupt=corrupt),
    )


def _inversions(places: list[int]) -> int:
    highest, late = -1, 0
    for place in places:
        late += place < highest
        highest = max(highest, place)
    return late


def _some(**samples: Iterable[int]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(found)[:NAMED] for name, found in samples.items() if found}
