"""Batches that reached the training step, counted epoch by epoch against a reference."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Sequence

# Offending samples that are named.
NAMED = 5


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
    samples: dict[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """What an epoch should deliver, from serial passes.

    Attributes:
        states: one list per state between the epoch hooks: [keys, contents] of each batch.
        keyed: the keys of an epoch are the same in each pass.
        reproducible: so are its contents.
        ordered: so is their order.
        addressed: batch i is asked for by its index, so that the place tells which samples it should hold.
        named: keys are ids or labels, not hashes of the content.
    """

    states: list[list[list[list[int]]]]
    keyed: bool
    reproducible: bool
    ordered: bool
    addressed: bool
    named: bool

    @property
    def batches(self) -> int:
        """In an epoch."""
        return len(self.states[0]) if self.states else 0


def count(batches: Sequence[dict[str, Any]], reference: Reference, reads: int | None) -> Epoch:
    """Count an epoch.

    Args:
        batches: "batch" events of its journal, in order of delivery.
        reference: what was due.
        reads: batches asked for meanwhile.
    """
    keys = [key for batch in batches for key in batch["keys"]]
    stamps = [stamp for batch in batches for stamp in batch.get("stamps", ())]
    stale = None
    if stamps and stamps[0] >= 0:
        own = Counter(stamps).most_common(1)[0][0]
        stale = sum(stamp != own for stamp in stamps)
    if not reference.keyed:
        return Epoch(len(keys), None, None, None, None, stale, reads)
    due = _nearest(Counter(keys), reference)
    by_key = _by_key(batches, keys, due, reference, stale, reads)
    if not reference.addressed or not reference.ordered or reference.named:
        return by_key
    # One batch lost at the front shifts all others: what explains it with fewer faults is believed.
    by_place = _by_place(batches, reference, reads)
    return min(by_place, by_key, key=_faults)


def _faults(epoch: Epoch) -> int:
    return sum(filter(None, (epoch.missing, epoch.duplicated, epoch.corrupt)))


def _nearest(keys: Counter[int], reference: Reference) -> list[list[list[int]]]:
    """The state whose samples they are: Keras calls hooks a different number of times, by release."""
    return max(
        reference.states, key=lambda state: sum((keys & Counter(key for part, _ in state for key in part)).values())
    )


def _by_key(
    batches: Sequence[dict[str, Any]],
    keys: list[int],
    due: list[list[list[int]]],
    reference: Reference,
    stale: int | None,
    reads: int | None,
) -> Epoch:
    expected = Counter(key for part, _ in due for key in part)
    now = Counter(keys)
    extra, missing = now - expected, expected - now
    right: dict[int, set[int]] = {}
    for state in reference.states:
        for part, contents in state:
            for key, content in zip(part, contents):
                right.setdefault(key, set()).add(content)
    corrupt: list[int] = []
    if reference.named and reference.reproducible:
        for batch in batches:
            pairs = zip(batch["keys"], batch.get("contents", batch["keys"]))
            corrupt += [key for key, content in pairs if key in right and content not in right[key]]
    else:
        corrupt = [key for key in extra.elements() if key not in expected]
    duplicated = Counter({key: times for key, times in extra.items() if key in expected})
    place = {key: number for number, key in enumerate(key for part, _ in due for key in part)}
    places = [place[key] for key in keys if key in place]
    return Epoch(
        delivered=len(keys),
        missing=max(0, sum(missing.values()) - (0 if reference.named else len(corrupt))),
        duplicated=sum(duplicated.values()),
        disordered=_inversions(places) if reference.ordered and len(place) == sum(expected.values()) else None,
        corrupt=len(corrupt) if reference.reproducible else None,
        stale=stale,
        reads=reads,
        samples=_some(missing=list(missing), duplicated=list(duplicated), corrupt=corrupt),
    )


def _by_place(batches: Sequence[dict[str, Any]], reference: Reference, reads: int | None) -> Epoch:
    """Batch i of the epoch is due at place i; one that arrives at another place whole is out of order."""
    now = [tuple(batch["keys"]) for batch in batches]
    due = max(
        ([tuple(keys) for keys, _ in state] for state in reference.states),
        key=lambda state: sum(a == b for a, b in zip(now, state)),
    )
    missing = [key for part in due[len(now) :] for key in part]
    duplicated = [key for part in now[len(due) :] for key in part]
    corrupt, disordered = [], 0
    if now != due and sorted(now) == sorted(due):
        place = {part: number for number, part in enumerate(due)}
        disordered = _inversions([place[part] for part in now for _ in part])
    else:
        for part, expected in zip(now, due):
            corrupt += [key for key, right in zip(part, expected) if key != right]
            missing += list(expected[len(part) :])
            duplicated += list(part[len(expected) :])
    return Epoch(
        delivered=sum(map(len, now)),
        missing=len(missing),
        duplicated=len(duplicated),
        disordered=disordered,
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


def _some(**samples: list[int]) -> dict[str, list[int]]:
    return {name: found[:NAMED] for name, found in samples.items() if found}
