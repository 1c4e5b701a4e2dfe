"""What could tell samples apart whose content is random."""

from __future__ import annotations

import numpy as np
import pytest

from feeders.audit.journal import Journal
from feeders.audit.keys import _rows, find_key
from feeders.audit.request import AuditRequest

WORDS = ["a.png", "b.png", "a.png"]


@pytest.mark.parametrize("kind", [object, str, bytes])
def test_paths_tell_samples_apart_however_they_are_held(kind):
    first, second = (_rows(np.array(WORDS).astype(kind)) for _ in range(2))
    assert first == second
    assert (first[0] == first[2], first[0] == first[1]) == (True, False)


@pytest.mark.parametrize("kind", [object, str, bytes])
def test_a_path_is_the_same_beside_a_longer_one(kind):
    (short,), (also, _) = (_rows(np.array(words).astype(kind)) for words in (["a.png"], ["a.png", "folder/b.png"]))
    assert short == also


def test_a_large_row_is_held_as_a_few_bytes():
    first, other = np.zeros((2, 1000)), np.zeros((2, 1000))
    other[1, 999] = 1
    assert [len(row) for row in _rows(first)] == [16, 16]
    assert [one == two for one, two in zip(_rows(first), _rows(other))] == [True, False]


# Draws from a generator of its own, which begins alike in each process.
NOISY = """\
import numpy as np

from feeders.keras_api import sequence_base


class Noisy(sequence_base()):
    def __init__(self):
        super().__init__()
        self.random = np.random.default_rng(4)

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return 10 * index + self.random.random((4, 3)), np.arange(4) % 2


class Numbered(Noisy):
    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        x[:, 1] = np.arange(4 * index, 4 * index + 4)
        return x, y
"""


@pytest.mark.parametrize(("name", "key"), [("Noisy", ""), ("Numbered", "x[:, 1]")])
def test_numbers_that_are_drawn_in_turn_are_no_key(in_child, tmp_path, name, key):
    path = tmp_path / "noisy.py"
    path.write_text(NOISY)
    request = AuditRequest(f"{path}:{name}")
    assert in_child(lambda: find_key(request, 3, Journal()).expression) == key
