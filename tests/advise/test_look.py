"""The first look at a loader: what it says of one that gives nothing in its time."""

from __future__ import annotations

import pytest

from feeders.advise.look import look_at
from feeders.advise.request import AdviseRequest
from feeders.errors import FeedersError


def test_what_is_not_made_in_the_time_left_may_be_slow(tmp_path):
    """Nothing has hung for sure: the budget, and an import on a busy host, have left a second."""
    path = tmp_path / "slow.py"
    path.write_text("import threading\n\n\ndef train():\n    threading.Event().wait()\n")
    with pytest.raises(FeedersError) as error:
        look_at(AdviseRequest(f"{path}:train", seconds=60.0), 0.1, deadline=1)
    assert "no end after 1 s" in str(error.value)
    assert str(error.value).endswith("If it is slow and has not hung, try: --seconds 180")
