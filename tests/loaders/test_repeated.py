"""A view of a loader with longer epochs: the same batches, again and again."""

from __future__ import annotations

import numpy as np
import pytest

from feeders.loaders import Repeated


def test_batches_come_again_in_order(tiny):
    loader = Repeated(tiny(), 3)
    assert len(loader) == 18
    ids = [int(y[0, 1]) for _, y in loader.batches(0)]
    assert ids == [*range(0, 24, 4)] * 3
    assert [int(loader.batch(index, 0)[1][0, 1]) for index in range(18)] == ids


def test_it_ends_where_its_epoch_ends(tiny):
    with pytest.raises(IndexError, match=r"tiny: batch 18 asked for; an epoch has 0 to 17"):
        Repeated(tiny(), 3).batch(18, 0)


def test_it_offers_what_the_loader_offers(tiny):
    loader = tiny()
    assert Repeated(loader, 2).offers == loader.offers
    assert Repeated(loader, 2).signature == loader.signature


def test_the_native_form_is_repeated_too(in_child, tiny):
    def ids():
        import tensorflow as tf

        dataset = Repeated(tiny(), 2).native(2, tf.constant(0, tf.int64))
        return np.concatenate([y.numpy()[:, 1] for _, y in dataset]).tolist()

    assert in_child(ids) == [*range(23)] * 2
