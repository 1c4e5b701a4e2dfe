"""Names of devices are short enough to read, on the whole page; links keep the long ones."""

from __future__ import annotations

import pytest

from feeders.report.devices import short_device
from feeders.report.payload import payload
from tests.report.conftest import some_takes, write_takes


@pytest.mark.parametrize(
    ("device", "short"),
    [
        ("CPU", "CPU"),
        ("CPU, KERAS_BACKEND=jax", "CPU, jax"),
        ("GPU, FEEDERS_MODEL=resnet, KERAS_BACKEND=torch", "GPU, model resnet, torch"),
        ("CPU, FEEDERS_IMAGES=_data_photos_of cats", "CPU, images _data_photos_of cats"),
        ("GPU, FEEDERS_DEVICE=gpu_1", "GPU, device gpu_1"),
    ],
)
def test_what_sets_series_apart_is_told_by_its_value(device, short):
    assert short_device(device) == short


def test_the_page_has_a_short_name_for_each_device(tmp_path):
    write_takes(tmp_path, some_takes())
    write_takes(tmp_path, some_takes(), environment="stack-KERAS_BACKENDjax")
    given = payload(tmp_path)
    assert given["names"] == {"CPU": "CPU", "CPU, KERAS_BACKEND=jax": "CPU, jax"}
    assert {subject["device"] for subject in given["subjects"]} == set(given["names"])
    assert any("(lab, 2.16.2, CPU, jax)" in text for text in given["tables"]["answers"]["columns"]["html"])
