"""Causes by name: what each means, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """A cause that the audit can name.

    Attributes:
        name: as it is printed and written.
        meaning: what goes wrong, in a sentence.
        advice: what to do about it.
        loses: samples are lost, repeated or spoilt by it; if not, delivery is right and something else is wrong.
        race: it depends on what workers do at the same time.
    """

    name: str
    meaning: str
    advice: str
    loses: bool = True
    race: bool = False


CAUSES = (
    Cause(
        "shared-handle",
        "Several workers use one open file: between seek and read another one moves the position.",
        "Hold one lock from the seek to the end of the read; or give each thread its own handle (threading.local), "
        "opened in the worker and not before the fork; or read with os.pread(fd, size, offset), or np.memmap, which "
        "have no position.",
        race=True,
    ),
    Cause(
        "call-lock",
        "The lock is new in each call, so nobody ever waits for it: it excludes no one.",
        "Make the lock once, in __init__, and leave it out of the pickled state (__getstate__) where workers are "
        "processes.",
        race=True,
    ),
    Cause(
        "reused-buffer",
        "A returned array is written again by a later call, while Keras still has it in its queue.",
        "Return a new array from each call, or a copy: buffer.copy().",
        race=True,
    ),
    Cause(
        "shared-state",
        "A call keeps its progress where other calls can change it.",
        "Keep it in local variables; where it must be shared, hold one lock, made in __init__, over all lines that "
        "read or write it.",
        race=True,
    ),
    Cause(
        "generator-shared",
        "A generator can be in one thread at a time; a second one that asks gets ValueError.",
        "Put a lock around next(): threading.serialize_iterator (Python 3.15), more_itertools.serialize; or make it a "
        "Sequence/PyDataset, whose batches are independent.",
        race=True,
    ),
    Cause(
        "copied-generator",
        "Each worker process has its own copy of the iterator and starts from the same place.",
        "Make it a Sequence/PyDataset, whose workers are told which batch to make.",
        race=True,
    ),
    Cause(
        "same-random-numbers",
        "Worker processes are copies of one process and go on from the same random state: they draw the same numbers, "
        "and the same again in the next epoch where they are forked anew.",
        "Make the generator in the call: np.random.default_rng([seed, epoch, index]); it is unique and reproducible.",
        loses=False,
    ),
    Cause(
        "not-picklable",
        "A process that is spawned gets the loader pickled, and a part of it can't be.",
        "Leave it out in __getstate__ and make it again in __setstate__; or open it at its first use in the worker.",
    ),
    Cause(
        "hook-reorders",
        "A hook between epochs changes the order of the data while workers already read the new epoch.",
        "Draw the order in on_epoch_end, which Keras 3 calls after its workers have stopped; or derive it from "
        "(seed, epoch) in the call.",
        race=True,
    ),
    Cause(
        "length-too-long",
        "The length counts batches that are not there.",
        "Return math.ceil(samples / batch_size).",
    ),
    Cause(
        "last-batch-lost",
        "The length leaves out the last, short batch: its samples are never reached.",
        "Return math.ceil(samples / batch_size) instead of samples // batch_size.",
    ),
    Cause(
        "length-too-short",
        "There are batches beyond the length, which nobody ever asks for.",
        "Return math.ceil(samples / batch_size).",
    ),
    Cause(
        "grows-memory",
        "It holds more memory after each epoch.",
        "Do not keep what was read; bound what is kept.",
        loses=False,
    ),
    Cause(
        "grows-threads",
        "Each epoch leaves threads behind.",
        "Start them once, or end them (an event, a sentinel in their queue, join) when the epoch ends.",
        loses=False,
    ),
    Cause(
        "grows-processes",
        "Each epoch leaves child processes behind.",
        "Start them once, or end and join them when the epoch ends.",
        loses=False,
    ),
    Cause(
        "grows-files",
        "Each epoch leaves files open.",
        "Open them in a with statement, or once.",
        loses=False,
    ),
    Cause(
        "ends-early",
        "It ends before the epochs asked for have their batches.",
        "Put its body into `while True:` and pass steps_per_epoch; or train for one epoch on it (--epochs 1).",
    ),
    Cause(
        "consumed",
        "It was pulled from before it was handed to fit(): what came first is lost.",
        "Hand over a function that makes a new one.",
    ),
    Cause(
        "super-not-called",
        "Its __init__ does not call super().__init__(), so Keras takes it to have one worker.",
        "Call super().__init__(workers=..., use_multiprocessing=..., max_queue_size=...).",
        loses=False,
    ),
    Cause(
        "hangs-at-epoch-end",
        "All batches of the epoch were delivered, or all but the last, and then nothing went on.",
        "See where its threads wait, below.",
    ),
    Cause(
        "keras-hangs",
        "This release of Keras hangs with any loader of several workers.",
        "Use another release of Keras, or workers=1.",
    ),
    Cause(
        "keras-misdelivers",
        "This release of Keras loses or repeats batches of any loader used like this.",
        "Use another release of Keras, or workers=1.",
    ),
    Cause("hangs", "No batch came any more.", "See where its threads wait, below."),
    Cause("raises", "It raises an exception.", "See the line, below."),
    Cause("exits", "It ends the process it runs in.", "Raise an exception instead of calling os._exit or sys.exit."),
    Cause("killed", "The process it runs in was ended by a signal.", "See the last line of its code, below."),
    Cause(
        "memory-limit",
        "It holds more memory than half of what was free when the audit began.",
        "Do not keep what was read; bound what is kept.",
    ),
    Cause(
        "overlapping-shards",
        "The generators that are interleaved yield the same samples.",
        "Give each its own part: range(number, batches, shards), or Dataset.shard.",
    ),
    Cause(
        "epoch-leak",
        "Workers run on into the next epoch, and hand over in the order in which they come back.",
        "Make it a Sequence/PyDataset; or pull it through one worker.",
        race=True,
    ),
    Cause(
        "refused-by-keras",
        "Keras does not take this kind of object, or not with these arguments.",
        "Wrap it: a generator function for one thread, a Sequence/PyDataset for several.",
    ),
    Cause(
        "unexplained",
        "Samples are lost, repeated or changed, and the lines that do it were not found.",
        "Give it more time (--seconds), or audit its parts.",
    ),
)


def cause(name: str) -> Cause:
    """Return the cause of that name."""
    return next(row for row in CAUSES if row.name == name)


# What Keras, TensorFlow and Python say, by a part of the text, and what it means.
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
