"""Reading epoch after epoch, in a process of its own."""

from __future__ import annotations

from feeders.audit.probes import Probes
from feeders.audit.request import AuditRequest

# Leaves so many files open that in its fourth epoch there are too many.
LEAKS = """\
import errno
import numpy as np

from feeders.keras_api import sequence_base


class Leaks(sequence_base()):
    def __init__(self):
        super().__init__()
        self.read = 0

    def __len__(self):
        return 2

    def __getitem__(self, index):
        self.read += 1
        if self.read > 6:
            raise OSError(errno.EMFILE, "Too many open files")
        return np.full((4, 1), index, np.float32), np.zeros(4)
"""


def test_a_process_that_breaks_tells_how_and_after_how_many_epochs(loaded, tmp_path):
    path = tmp_path / "leaks.py"
    path.write_text(LEAKS)
    growth = Probes(AuditRequest(f"{path}:Leaks", workers=1)).growth(2, 5.0)
    assert (growth.broken.outcome, growth.read, growth.epochs) == ("failed", 3, ())
    assert "Too many open files" in growth.broken.message
