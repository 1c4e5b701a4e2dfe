from __future__ import annotations

import numpy as np
import pytest

from feeders.loaders import WORKLOADS
from feeders.measure.models import MODELS, build

tf = pytest.importorskip("tensorflow")

pytestmark = pytest.mark.forked


# The repairs of `records` have its native form, and one file with it; test_workload_contract.py checks their content.
NATIVE = [row.name for row in WORKLOADS if "native" in vars(row.kind)]


@pytest.mark.parametrize(
    ("name", "size", "epochs"), [*((name, None, 2) for name in NATIVE), ("jpeg", 64, 1), ("text", 64, 1)]
)
def test_native_is_bit_for_bit_what_prepare_returns(name, size, epochs, opened):
    """Built inside a graph, as feeders do."""
    material = opened(name, size)
    dataset = tf.data.Dataset.range(4, 4 + epochs).flat_map(lambda epoch: material.native(2, epoch))
    assert dataset.element_spec[0].shape[1:] == material.x_shape
    batches = list(dataset.as_numpy_iterator())
    assert len(batches) == epochs * len(material)
    for number, (x, y) in enumerate(batches):
        epoch, index = divmod(number, len(material))
        expected_x, expected_y = material.batch(index, 4 + epoch)
        assert x.dtype == np.float32
        assert x.tobytes() == expected_x.tobytes()
        np.testing.assert_array_equal(y, expected_y)


def test_native_decodes_a_persons_grey_and_odd_sized_photographs_alike(own_images, opened):
    material = opened("jpeg")
    for index, (x, y) in enumerate(material.native(2, tf.constant(1, tf.int64)).as_numpy_iterator()):
        expected_x, expected_y = material.batch(index, 1)
        assert x.tobytes() == expected_x.tobytes()
        np.testing.assert_array_equal(y, expected_y)


# Deep models take seconds for a step of a few cores.
DEEP = ("resnet", "transformer")

# One workload of each shape, on which all of a model but its last layer depends.
SHAPES = {row.kind.x_shape: row for row in reversed(WORKLOADS)}


@pytest.mark.parametrize(
    "model", [pytest.param(name, marks=pytest.mark.slow if name in DEEP else ()) for name in MODELS.names]
)
@pytest.mark.parametrize("row", SHAPES.values(), ids=lambda row: row.name)
def test_each_shape_trains_each_model(row, model, opened):
    """Full and short batches; probabilities over the classes come out."""
    material = opened(row)
    net = build(model, material.x_shape, material.classes)
    net.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", jit_compile=False)
    for index in (0, len(material) - 1):
        x, y = material.batch(index, 0)
        assert np.isfinite(net.train_on_batch(x, y[:, 0]))
    predicted = net(x).numpy()
    assert predicted.shape == (len(x), material.classes)
    np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-4)
