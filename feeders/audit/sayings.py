"""What Keras, TensorFlow and Python say, and what it means."""

from __future__ import annotations

# By a part of the text.
SAYINGS = (
    ("should call `super().__init__", "the loader's own number of workers is not known; it is fed by one thread"),
    ("ran out of data", "there were fewer batches than epochs x steps; Keras stopped training early, without an error"),
    ("generator already executing", "two threads were in one generator"),
    ("NOT thread-safe", "two threads were in one generator"),
    ("Unrecognized data type", "this Keras takes no such object"),
    ("cannot pickle", "worker processes that are spawned get a pickled copy"),
    (
        "may lead to deadlocks in the child",
        "a process with threads was forked; locks held by other threads stay locked",
    ),
    ("Iterator called after `on_epoch_end`", "Keras' own queue was closed while a reader waited"),
    ("unexpected keyword argument 'workers'", "since Keras 3 workers belong to the PyDataset, not to fit()"),
)


def meaning_of(text: str) -> str:
    """Return what a message of Keras, TensorFlow or Python means, or nothing."""
    return next((meaning for part, meaning in SAYINGS if part in text), "")
