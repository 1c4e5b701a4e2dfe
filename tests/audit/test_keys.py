"""What could tell samples apart whose content is random."""

from __future__ import annotations

import numpy as np
import pytest

from feeders.audit.keys import _rows

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
