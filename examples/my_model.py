"""A model as people write it, for the loaders of my_data.py: a GPU has something to do, and a CPU can train it."""

import keras

COLUMNS, WIDTH = 256, 1024


def make():
    """Return it compiled."""
    layers = [keras.layers.Dense(WIDTH, activation="relu") for _ in range(3)]
    model = keras.Sequential([keras.Input((COLUMNS,)), *layers, keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="sgd", loss="binary_crossentropy")
    return model
