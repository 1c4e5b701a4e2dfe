"""Metrics are printed in the units that people say, and never as a power of ten."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeders.measure import METRICS
from feeders.measure.metrics import SPOKEN

UNITS = {metric.unit: metric for metric in METRICS}


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("wait_mean", 0.00345319, "3.45 ms"),
        ("wait_mean", 0.000042, "42 µs"),
        ("wait_mean", 0.00099996, "1 ms"),
        ("wait_mean", 0.0, "0 s"),
        ("epoch", 5.204, "5.2 s"),
        ("epoch", 1234.0, "1,230 s"),
        ("cpu", 0.0973394, "97.3 ms per 1,000 samples"),
        ("memory", 1.8e9, "1.8 GB"),
        ("memory", 167_116_000.0, "167 MB"),
        ("growth", -807_936.0, "-808 kB per epoch"),
        ("throughput", 12_430.4, "12,400 samples/s"),
        ("stall", 61.2, "61 %"),
        ("stall", 0.43, "0.43 %"),
        ("reads", 1.02062, "1.02 read per batch delivered"),
        ("left", 4, "4 threads + processes"),
        ("disordered", 3082.0, "3,082 samples"),
        ("corrupt", 0.5, "0.5 samples"),
    ],
)
def test_a_value_is_told_as_a_person_would(name, value, text):
    assert METRICS.named(name).format(value) == text


@pytest.mark.parametrize("unknown", [None, math.nan, math.inf])
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_unknown_is_empty(metric, unknown):
    assert metric.format(unknown) == ""


@given(st.sampled_from(sorted(SPOKEN)), st.floats(1e-9, 1e15))
def test_three_digits_are_within_half_a_per_cent_of_the_value_and_in_its_size(unit, value):
    text = UNITS[unit].format(value)
    assert "e" not in text.split()[0]
    number, name = float(text.split()[0].replace(",", "")), text.split()[1] if len(text.split()) > 1 else ""
    size = next((size for said, size in SPOKEN[unit].units if said.strip() == name), 1.0)
    assert number * size == pytest.approx(value, rel=0.051 if unit in ("%", "share") else 0.0051, abs=1e-8)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_column_has_one_unit_whose_factor_fits_it(metric):
    unit, factor = metric.in_column()
    sizes = {said.strip(): size for said, size in SPOKEN[metric.unit].units} if metric.unit in SPOKEN else {}
    assert factor == pytest.approx(1 / sizes[unit.partition("/")[0]] if metric.column else 1.0)
