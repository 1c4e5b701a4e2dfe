"""Change points: what the machine did to all releases is no change; a large step is found."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from feeders.compare.screen import scan, suspects, without_rounds

LEVELS = st.lists(st.floats(-1, 1), min_size=4, max_size=16)
NOISE = st.floats(-0.002, 0.002)


@given(LEVELS, st.floats(-5, 5))
def test_a_faster_machine_is_no_change(levels, shift):
    """Log-times move together when everything takes half as long."""
    moved = scan([level + shift for level in levels])
    found = scan(levels)
    assert moved.keys() == found.keys()
    assert all(math.isclose(moved[place], found[place], abs_tol=1e-6) for place in found)


@given(st.integers(4, 12), st.data())
def test_a_large_step_in_quiet_takes_is_always_found(count, data):
    """Half as long again from one release on, noise of a fifth of a percent: never held back."""
    place = data.draw(st.integers(1, count - 1))
    size = data.draw(st.sampled_from((0.4, -0.4)))
    rounds = [str(number) for number in range(5)]
    history = {
        f"r{release}": [(key, size * (release >= place) + data.draw(NOISE)) for key in rounds]
        for release in range(count)
    }
    assert f"r{place}" in {suspect.after for suspect in suspects(history)}


@given(st.lists(st.lists(st.floats(-1, 1), min_size=5, max_size=5), min_size=3, max_size=8), st.data())
def test_what_a_round_has_in_common_does_not_move_a_release(values, data):
    """A slow minute hits the whole round: taken off, up to what it is known by."""
    slow = [data.draw(st.floats(0, 3)) for _ in range(5)]
    plain = {f"r{n}": [(str(k), value) for k, value in enumerate(own)] for n, own in enumerate(values)}
    hit = {name: [(key, value + slow[int(key)]) for key, value in takes] for name, takes in plain.items()}
    before, after = without_rounds(plain), without_rounds(hit)
    first = next(iter(before))
    for name in before:
        for place in range(5):
            difference = (after[name][place] - after[first][place]) - (before[name][place] - before[first][place])
            assert abs(difference) < 1e-6
