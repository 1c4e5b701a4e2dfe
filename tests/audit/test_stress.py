"""Workers of our own that pull a loader at once."""

from __future__ import annotations

import random
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from feeders.audit import crews
from feeders.audit.findings import CONTENTS
from feeders.audit.probes import Probes
from feeders.audit.request import AuditRequest
from feeders.audit.stress import _Trials
from feeders.audit.stress_plan import StressPlan
from feeders.audit.switches import Place
from feeders.keras_api import generation
from feeders.measure.identity import ByContent

# Draws its order where Keras 3 says that an epoch begins; on JAX and torch nobody asks for a batch before.
BEGINS = """\
import numpy as np

from feeders.keras_api import sequence_base


class Begins(sequence_base()):
    def __init__(self):
        super().__init__()
        self.x = np.arange(24, dtype=np.float32).reshape(-1, 1)

    def __len__(self):
        return 6

    def on_epoch_begin(self):
        self.order = np.random.permutation(24)

    def __getitem__(self, index):
        rows = self.order[4 * index : 4 * index + 4]
        return self.x[rows], self.x[rows]
"""


def test_a_loader_is_pulled_as_an_epoch_has_begun(loaded, tmp_path):
    if generation() == 2:
        pytest.skip("Keras 2 has no such hook")
    path = tmp_path / "begins.py"
    path.write_text(BEGINS)
    probes = Probes(AuditRequest(f"{path}:Begins", workers=2))
    run = probes.stress(StressPlan(CONTENTS, ordered=False, steps=6, seed=1, seconds=0.3))
    assert (run.outcome, run.findings) == ("ended", ()), run.message
    assert run.answer.calls > 0


# Turns a batch or leaves it, by Python's own random numbers.
FLIPS = """\
import random

import numpy as np

from feeders.keras_api import sequence_base


class Flips(sequence_base()):
    def __init__(self):
        super().__init__()
        self.x = np.arange(24, dtype=np.float32).reshape(-1, 1)

    def __len__(self):
        return 6

    def __getitem__(self, index):
        scale = random.uniform(0.9, 1.1)
        x = self.x[4 * index : 4 * index + 4] * np.float32(scale)
        return (-x if random.random() < 0.5 else x), x
"""


def test_switches_do_not_change_the_random_numbers_of_a_loader(loaded, tmp_path):
    path = tmp_path / "flips.py"
    path.write_text(FLIPS)
    probes = Probes(AuditRequest(f"{path}:Flips", workers=2, fixed_random=True))
    run = probes.stress(StressPlan(CONTENTS, ordered=True, steps=6, seed=1, seconds=0.3))
    assert (run.outcome, run.findings) == ("ended", ()), run.message
    assert run.answer.calls > 0


# Keeps what it has made, so that the line that makes it runs once for each batch.
KEEPS = """\
import numpy as np

from feeders.keras_api import sequence_base


class Keeps(sequence_base()):
    def __init__(self):
        super().__init__()
        self.kept = {}

    def __len__(self):
        return 6

    def __getitem__(self, index):
        if index not in self.kept:
            self.kept[index] = np.full((4, 1), index, np.float32)
        return self.kept[index], self.kept[index]
"""

FORKED = {"processes": True, "start_method": "fork"}


# Processes are forked from one that has kept next to nothing.
@pytest.mark.parametrize(("options", "alone"), [({}, [16]), (FORKED, [])], ids=["threads", "processes"])
def test_a_line_that_runs_in_no_trial_is_told(loaded, tmp_path, options, alone):
    path = tmp_path / "keeps.py"
    path.write_text(KEEPS)
    probes = Probes(AuditRequest(f"{path}:Keeps", workers=2, **options))
    run = probes.stress(StressPlan(CONTENTS, ordered=True, steps=6, seed=1, seconds=0.3))
    assert (run.outcome, run.findings) == ("ended", ()), run.message
    assert run.answer.alone == tuple((str(path), line) for line in alone)


@pytest.mark.parametrize("held", [True, False])
def test_nobody_is_said_to_be_held_where_switches_do_not_reach(held):
    called = []
    switches = SimpleNamespace(
        hold=lambda *place, **how: called.append("held"), noise=lambda *how: called.append("noise")
    )
    crew = SimpleNamespace(can_be_held=held, slowest=0.0)
    plan = StressPlan(CONTENTS, ordered=True, steps=6, seed=1, seconds=0.3)
    place = Place("mine.py", "f", 15)
    arranged = _Trials(crew, plan, random.Random(1), switches, None)._arrange(iter([(None, place)]))
    assert (arranged, called) == ((place, ["held"]) if held else (None, ["noise"]))


# Gives how many batches had been made when its process began.
COUNTS = """\
import os

import numpy as np

from feeders.keras_api import sequence_base


class Counts(sequence_base()):
    def __init__(self):
        super().__init__()
        self.made, self.owner, self.before = set(), None, None

    def __len__(self):
        return 6

    def __getitem__(self, index):
        if self.owner != os.getpid():
            self.owner, self.before = os.getpid(), len(self.made)
        self.made.add(index)
        return np.full((4, 1), self.before, np.float32), np.zeros(4, np.float32)
"""


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_workers_are_forked_from_who_has_made_as_many_batches_as_keras_has(loaded, tmp_path, monkeypatch, backend):
    """None on torch, so that what a worker opens at its first use is its own there."""
    if generation() == 2:
        pytest.skip("it has one backend")
    monkeypatch.setattr(crews, "asked_backend", lambda: backend)
    path = tmp_path / "counts.py"
    path.write_text(COUNTS)
    probes = Probes(AuditRequest(f"{path}:Counts", workers=2, **FORKED))
    run = probes.stress(StressPlan(CONTENTS, ordered=True, steps=6, seed=1, seconds=0.3))
    assert (run.outcome, run.findings) == ("ended", ()), run.message
    assert sorted(line for file, line in run.lines if file == str(path)) == [17, 18, 19, 20]  # whoever ran them
    can_be_held = backend == "tensorflow" and sys.version_info >= (3, 12)
    assert (run.answer.places > 0) is can_be_held


def test_where_each_index_is_known_workers_make_what_is_kept(loaded, tmp_path):
    path = tmp_path / "keeps.py"
    path.write_text(KEEPS)
    known = tuple(ByContent().columns((np.full((4, 1), index, np.float32),) * 2) for index in range(6))
    probes = Probes(AuditRequest(f"{path}:Keeps", workers=2))
    run = probes.stress(StressPlan(CONTENTS, ordered=True, steps=6, seed=1, seconds=0.3, right=known))
    assert (run.outcome, run.findings) == ("ended", ()), run.message
    assert run.answer.alone == ()
