"""The audit of feeders of the catalogue, whose answers are known, on either generation of Keras."""

from __future__ import annotations

import json
import os

import pytest

from feeders import cli
from feeders.strategies import generation

# A short look is enough for what shows in every epoch.
SECONDS = "4"

BOTH = [
    ("sequence", "records", "exactly-once", "corrupt", {"shared-handle"}),
    ("sequence-call-lock", "records", "exactly-once", "corrupt", {"call-lock", "shared-handle"}),
    ("sequence-lock", "records", "exactly-once", "whole", set()),
    ("sequence-picklable-lock", "records", "exactly-once", "whole", set()),
    ("sequence", "window", "exactly-once", "whole", set()),
    ("sequence-call-lock", "window", "exactly-once", "whole", set()),
    ("tfdata-map", "window", "exactly-once", "whole", set()),
]

KERAS_2 = [
    ("generator", "window", "failed", "not compared", {"generator-shared"}),
    ("generator-processes", "window", "none", "whole", {"copied-generator"}),
]

KERAS_3 = [
    ("generator", "window", "exactly-once", "whole", set()),
    ("generator-locked", "window", "refused", "not compared", {"refused-by-keras"}),
]


@pytest.mark.parametrize(
    ("keras", "feeder", "workload", "word", "content", "causes"),
    [
        pytest.param(keras, *row, id=f"{row[0]} on {row[1]}, Keras {keras or 'of either generation'}")
        for keras, rows in ((None, BOTH), (2, KERAS_2), (3, KERAS_3))
        for row in rows
    ],
)
def test_a_feeder_gets_its_known_verdict(loaded, tmp_path, capsys, keras, feeder, workload, word, content, causes):
    if keras not in (None, generation()):
        pytest.skip(f"an answer of Keras {keras}")
    answer = tmp_path / "answer.json"
    status = cli.main(["audit", feeder, "--workload", workload, "--seconds", SECONDS, "--json", os.fspath(answer)])
    printed = capsys.readouterr().out
    found = json.loads(answer.read_text())
    assert (found["verdict"], found["content"]) == (word, content), printed
    assert {fault["cause"] for fault in found["faults"]} == causes, printed
    assert status == bool(causes)
