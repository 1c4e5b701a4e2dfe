from __future__ import annotations

import numpy as np
import pytest

from feeders.loaders import WORKLOADS
from feeders.measure.models import MODELS, build

tf = pytest.importorskip("tensorflow")

pytestmark = pytest.mark.forked


@pytest.mark.parametrize(
    ("name", "size"), [*((row.name, None) for row in WORKLOADS if row.name != "remote"), ("jpeg", 64), ("text", 64)]
)
def test_native_is_bit_for_bit_what_prepare_returns(name, size, opened):
    """Built inside a graph, as feeders do, over two epochs."""
    material = opened(name, size)
    dataset = tf.data.Dataset.range(4, 6).flat_map(lambda epoch: material.native(2, epoch))
    assert dataset.element_spec[0].shape[1:] == material.x_shape
    batches = list(dataset.as_numpy_iterator())
    assert len(batches) == 2 * len(material)
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


@pytest.mark.parametrize(
    "model", [pytest.param(name, marks=pytest.mark.slow if name in DEEP else ()) for name in MODELS.names]
)
@pytest.mark.parametrize("row", WORKLOADS, ids=lambda row: row.name)
def test_each_workload_trains_each_model(row, model, opened):
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
