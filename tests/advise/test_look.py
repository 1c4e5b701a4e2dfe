"""The first look at a loader: what it says of one that gives nothing in its time."""

from __future__ import annotations

from pathlib import Path

import pytest

from feeders.advise.look import look_at
from feeders.advise.request import AdviseRequest
from feeders.errors import FeedersError
from feeders.keras_api import generation
from feeders.loaders.opening import Source, open_own

SMALL = Path(__file__).parent / "loaders" / "small.py"


def test_what_is_not_made_in_the_time_left_may_be_slow(tmp_path):
    """Nothing has hung for sure: the budget, and an import on a busy host, have left a second."""
    path = tmp_path / "slow.py"
    path.write_text("import threading\n\n\ndef train():\n    threading.Event().wait()\n")
    with pytest.raises(FeedersError) as error:
        look_at(AdviseRequest(f"{path}:train", seconds=60.0), 0.1, deadline=1)
    assert "no end after 1 s" in str(error.value)
    assert str(error.value).endswith("If it is slow and has not hung, try: --seconds 180")


def test_a_length_that_raises_is_told(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(
        "class Train:\n    def __len__(self):\n        raise OSError('no index file')\n\n"
        "    def __getitem__(self, index):\n        return index\n"
    )
    with pytest.raises(FeedersError, match="failed while it was read by one thread: OSError: no index file"):
        look_at(AdviseRequest(f"{path}:Train"), 0.1)


@pytest.mark.skipif(generation() == 2, reason="there workers are arguments of fit()")
def test_a_loader_that_asks_for_processes_is_read_by_threads_where_these_are_asked_for(in_child):
    found = look_at(AdviseRequest(f"{SMALL}:in_processes"), 0.01)
    assert (found.feeder, found.workers) == ("sequence-processes", 2)

    def opened(processes):
        made = open_own(Source(f"{SMALL}:in_processes", workers=4, processes=processes))
        return [made.workers, made.processes, made.x.use_multiprocessing]

    assert in_child(lambda: [opened(None), opened(False)]) == [[4, True, True], [4, False, False]]


@pytest.mark.skipif(generation() == 2, reason="there no loader is told that an epoch begins")
def test_the_lines_of_a_loader_are_looked_at_once_an_epoch_has_begun(tmp_path):
    """As of one that draws its order there, and can't be read before."""
    path = tmp_path / "drawn.py"
    path.write_text(
        "import keras\nimport numpy as np\n\n\nclass Train(keras.utils.PyDataset):\n"
        "    def __len__(self):\n        return 10\n\n"
        "    def on_epoch_begin(self):\n        self.order = list(range(10))\n\n"
        "    def __getitem__(self, index):\n        return np.full((4, self.order[index] + 1), 1.0), np.ones(4)\n"
    )
    found = look_at(AdviseRequest(f"{path}:Train"), 5.0)
    assert found.lines.batches == 9
    assert not found.alike
