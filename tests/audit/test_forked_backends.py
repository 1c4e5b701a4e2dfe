"""A loader that computes with JAX, in processes that Keras on JAX forks: it hangs, and the audit says why."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

LOADER = """
import jax.numpy as jnp
import keras
import numpy as np


class Tensors(keras.utils.PyDataset):
    def __len__(self):
        return 31

    def __getitem__(self, index):
        x = np.arange(64 * index, 64 * index + 64, dtype="float32").reshape(8, 8)
        return np.asarray(jnp.sqrt(jnp.asarray(x))), np.arange(8)
"""


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("jax"), reason="jax is not installed")
def test_jax_in_forked_workers_is_named(tmp_path):
    (tmp_path / "mine.py").write_text(LOADER)
    options = ("--workers", "2", "--processes", "--start-method", "fork", "--seconds", "8", "--json", "answer.json")
    done = subprocess.run(
        [sys.executable, "-m", "feeders", "audit", "mine.py:Tensors", *options],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    found = json.loads((tmp_path / "answer.json").read_text())
    assert [fault["cause"] for fault in found["faults"]] == ["backend-forked"], done.stdout
    assert (found["verdict"], done.returncode) == ("hung", 1)
