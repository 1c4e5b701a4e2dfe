"""The planted loaders, and what the audit has to say of each.

An answer is what real `fit()` does with the loader on Keras 3, or what it can do: some of these races are seen once in
thousands of batches, and the audit has to provoke them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

LOADERS = Path(__file__).parent / "loaders"

THREADS = ("--workers", "4")
FORKED = ("--workers", "4", "--processes", "--start-method", "fork")
SPAWNED = ("--workers", "4", "--processes", "--start-method", "spawn")
# Spawned workers import TensorFlow again, for each epoch: two of them, one epoch, or an audit takes minutes.
FEW_SPAWNED = ("--workers", "2", "--epochs", "1", "--processes", "--start-method", "spawn")
BY_LABEL = ("--key", "labels")

# Where the order or the numbers are new in each epoch there is nothing to compare an index with, but an audit may
# compare the samples: both are right, "corrupt" is not.
NOT_CORRUPT = ("whole", "not compared")


@dataclass(frozen=True)
class Row:
    """One loader and its known answer.

    Attributes:
        name: unique.
        loader: file in `loaders` and the name in it.
        options: of the command.
        verdict: the word, or the words that are right where the outcome honestly varies.
        content: likewise.
        causes: what has to be named, all of it and nothing else; of a safe one nothing.
        protects: what this row guards the audit against.
    """

    name: str
    loader: str
    options: tuple[str, ...]
    verdict: str | tuple[str, ...]
    content: str | tuple[str, ...]
    causes: tuple[str, ...]
    protects: str

    @property
    def safe(self) -> bool:
        """Whether the audit must call it safe and end with 0."""
        return not self.causes and self.verdict != "not-counted"

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The words that are right, also of a single one."""
        return (self.verdict,) if isinstance(self.verdict, str) else self.verdict

    @property
    def contents(self) -> tuple[str, ...]:
        """Likewise."""
        return (self.content,) if isinstance(self.content, str) else self.content


def _safe(name, loader, protects, options=THREADS, content="whole"):
    return Row(name, loader, options, "exactly-once", content, (), protects)


def _harmless(name, loader, cause, protects, options=THREADS, content="whole"):
    """Loses and spoils nothing, and is a fault all the same."""
    return Row(name, loader, options, "exactly-once", content, (cause,), protects)


def _corrupt(name, loader, causes, protects, options=THREADS):
    return Row(name, loader, options, "exactly-once", "corrupt", causes, protects)


def _ends(name, loader, verdict, causes, protects, options=THREADS):
    """`fit()` doesn't come to its end; what arrived before was whole, if anybody looks."""
    return Row(name, loader, options, verdict, NOT_CORRUPT, causes, protects)


ROWS = (
    # Safe: handles and locks.
    _safe("arrays", "state.py:Arrays", "the plainest dataset is safe"),
    _safe("pread", "handles.py:Pread", "a shared descriptor that has no position in use is no shared handle"),
    _safe("thread-local-handle", "handles.py:ThreadLocalHandle", "an attribute that differs by thread is not shared"),
    _safe("memmap", "handles.py:Memmap", "a memory map is no shared handle"),
    _safe("instance-lock", "locks.py:InstanceLock", "a lock in the instance protects the open file"),
    _safe("striped-locks", "locks.py:StripedLocks", "a lock and a file for each stripe of indexes are enough"),
    _safe("hdf5-threads", "handles.py:SharedHdf5", "h5py locks by itself"),
    _safe("zip-threads", "handles.py:SharedZip", "zipfile locks by itself"),
    _safe("picklable-lock", "locks.py:PicklableLock", "a lock that stays behind can be sent", FEW_SPAWNED),
    _safe("handle-per-process", "handles.py:HandlePerProcess", "a handle opened after the fork is not shared", FORKED),
    # HDF5 reads with pread where the system has it: a file opened before the fork has no position that workers share.
    _safe("hdf5-forked", "handles.py:SharedHdf5", "what holds a file need not read by its position", FORKED),
    # Safe: state, hooks and random numbers.
    _safe(
        "shuffled-once",
        "hooks.py:ShuffledOnce",
        "an order drawn by the constructor is the same for both of its instances",
        THREADS,
        NOT_CORRUPT,
    ),
    _safe("shuffled-at-end", "hooks.py:ShuffledAtEnd", "a new order each epoch is no corruption", THREADS, NOT_CORRUPT),
    _safe(
        "shuffled-slowly-at-end",
        "hooks.py:ShuffledSlowlyAtEnd",
        "the workers are joined before on_epoch_end",
        THREADS,
        NOT_CORRUPT,
    ),
    _safe(
        "seeded-by-index",
        "random_numbers.py:SeededByIndex",
        "content may change from epoch to epoch",
        (*THREADS, *BY_LABEL),
        NOT_CORRUPT,
    ),
    _safe(
        "global-random-threads",
        "random_numbers.py:GlobalRandom",
        "random content is not compared",
        (*THREADS, *BY_LABEL),
        "not compared",
    ),
    _safe(
        "reseeded-per-process",
        "random_numbers.py:ReseededPerProcess",
        "a generator made after the fork repeats nobody",
        (*FORKED, *BY_LABEL),
        "not compared",
    ),
    _safe("filling-cache", "state.py:FillingCache", "what grows in the first epoch only does not grow"),
    _safe("oversampled", "state.py:Oversampled", "a sample that the loader holds three times may arrive three times"),
    _safe("two-inputs", "state.py:TwoInputs", "dictionaries and weights are read"),
    _safe("slow-batches", "endings.py:SlowBatches", "slow is not hung"),
    _safe("chatty", "state.py:Chatty", "a megabyte of output neither blocks nor hides the verdict"),
    _safe("factory", "state.py:factory", "a function that returns a dataset is called"),
    _safe("spawned", "processes.py:Plain", "spawned workers can import the file of the loader", FEW_SPAWNED),
    # Safe: generators and tf.data.
    _safe(
        "endless-steps",
        "generators.py:endless",
        "an epoch of an endless generator is what --steps says",
        ("--steps", "34"),
    ),
    _safe("endless", "generators.py:endless", "the period of an endless generator is found from its content", ()),
    _safe("finite-once", "generators.py:finite", "a generator of one epoch is enough for one epoch", ("--epochs", "1")),
    _safe(
        "over-locked",
        "generators.py:over_locked",
        "a generator over a locked iterator is taken by Keras",
        ("--steps", "34"),
    ),
    _safe("prefetched", "generators.py:prefetched", "a thread that is made once does not grow", ("--steps", "34")),
    _safe("bridged", "generators.py:Bridged", "an index need not tell which batch it gets", THREADS, NOT_CORRUPT),
    Row(
        "bridged-slowly",
        "generators.py:BridgedSlowly",
        THREADS,
        "not-counted",
        NOT_CORRUPT,
        (),
        "an epoch that is cut short is not judged where the index does not tell the batch",
    ),
    _safe("two-arrays", "datasets.py:arrays", "Keras may shuffle arrays", (), NOT_CORRUPT),
    _safe("frame-and-series", "structures.py:pair", "what pandas holds is read by rows", (), NOT_CORRUPT),
    _safe("named-arrays", "structures.py:named", "arrays may have names", (), NOT_CORRUPT),
    _safe("listed-arrays", "structures.py:listed", "arrays may be several inputs in a row", (), NOT_CORRUPT),
    _safe("ragged-arrays", "structures.py:ragged", "a row of a ragged tensor is a sample", (), NOT_CORRUPT),
    _safe("ragged-batches", "structures.py:Ragged", "rows of different lengths are compared one by one"),
    _safe("tfdata-shuffled", "datasets.py:shuffled", "a shuffled dataset is whole in another order", (), NOT_CORRUPT),
    _safe(
        "tfdata-pure-map", "datasets.py:pure_map", "Python in a parallel map is not wrong by itself", (), NOT_CORRUPT
    ),
    _safe(
        "tfdata-generator",
        "datasets.py:from_generator",
        "a generator function starts again each epoch",
        (),
        NOT_CORRUPT,
    ),
    _safe(
        "tfdata-disjoint",
        "datasets.py:disjoint_shards",
        "interleave of disjoint shards repeats nothing",
        (),
        NOT_CORRUPT,
    ),
    _safe(
        "part-by-part",
        "lengths.py:Whole",
        "with one worker epochs go on through the sequence",
        ("--workers", "1", "--steps", "3"),
    ),
    _safe(
        "without-end",
        "lengths.py:WithoutEnd",
        "--steps is enough for a sequence without end",
        (*THREADS, "--steps", "9"),
    ),
    _safe("slowly-made", "lengths.py:SlowlyMade", "a loader that takes long to make is not hung"),
    _safe("integers-later", "passes.py:IntegersLater", "whole numbers become decimals without loss"),
    _safe(
        "tfdata-unordered",
        "datasets.py:unordered",
        "a pipeline that hands on what is ready first changes no batch",
        (),
        NOT_CORRUPT,
    ),
    _safe("tfdata-cached", "datasets.py:cached_on_disk", "no two probes share a file", (), NOT_CORRUPT),
    _safe("jittered", "uncounted.py:Jittered", "random content is counted once random numbers are fixed"),
    _safe(
        "jittered-and-shuffled", "uncounted.py:JitteredAndShuffled", "a random order is fixed with the random content"
    ),
    _safe(
        "used-otherwise",
        "state.py:Arrays",
        "evaluate, predict and validation get each sample once",
        (*THREADS, "--also", "evaluate,predict,validation_data"),
    ),
    # Neither safe nor unsafe.
    Row(
        "own-noise",
        "uncounted.py:OwnNoise",
        THREADS,
        "not-counted",
        NOT_CORRUPT,
        (),
        "where nothing tells samples apart, nothing is proven",
    ),
    _safe("tfdata-parts", "datasets.py:in_order", "an epoch goes on with what the last one left", ("--steps", "20")),
    _safe(
        "tfdata-parts-of-repeated",
        "datasets.py:in_order_repeated",
        "likewise without an end, across the end of a pass",
        ("--steps", "40"),
    ),
    # Unsafe: handles and locks.
    _corrupt("shared-handle", "handles.py:SharedHandle", ("shared-handle",), "a race that a plain run hardly shows"),
    _corrupt("two-handles", "handles.py:TwoHandles", ("shared-handle",), "half a handle each is shared too"),
    _corrupt("call-lock", "locks.py:CallLock", ("call-lock", "shared-handle"), "a lock inside the call locks nothing"),
    _corrupt(
        "instance-lock-forked",
        "locks.py:InstanceLock",
        ("shared-handle",),
        "forked workers share the position, and each has its own lock",
        FORKED,
    ),
    _ends(
        "zip-forked",
        "handles.py:SharedZip",
        "failed",
        ("shared-handle",),
        "forked workers share the position: what is read is no zip any more, and that exception has a cause",
        FORKED,
    ),
    _corrupt("one-connection", "handles.py:OneConnection", ("shared-handle",), "answers that another thread asked for"),
    _ends(
        "local-of-another",
        "handles.py:LocalOfAnother",
        "failed",
        ("thread-local-empty",),
        "an exception that several threads raise is no race of a handle",
    ),
    # Unsafe: state.
    _corrupt(
        "reused-buffer", "state.py:ReusedBuffer", ("reused-buffer",), "a buffer that is overwritten before it is used"
    ),
    _corrupt("in-place", "state.py:InPlace", ("reading-changes-data",), "data that each epoch changes, without a race"),
    _corrupt(
        "seeds-for-all", "random_numbers.py:SeedsForAll", ("shared-state",), "a generator that another thread seeds"
    ),
    _corrupt("shared-cursor", "state.py:SharedCursor", ("shared-state",), "an attribute used across lines"),
    _corrupt("subtle-cursor", "state.py:SubtleCursor", ("shared-state",), "a race of one in thousands of batches"),
    _corrupt(
        "jittered-by-attribute",
        "uncounted.py:JitteredByAttribute",
        ("shared-state",),
        "a race behind random content and labels that say nothing",
    ),
    _corrupt("global-cursor", "state.py:GlobalCursor", ("shared-state",), "a global used across lines"),
    _corrupt("last-shard", "state.py:LastShard", ("shared-state",), "a cache that is checked and then filled"),
    _corrupt(
        "swapped-descriptors", "state.py:SwappedDescriptors", ("shared-state",), "os.pread on the wrong one of two"
    ),
    _corrupt("ring-of-buffers", "passes.py:RingOfBuffers", ("reused-buffer",), "a buffer that is used again later"),
    # Unsafe: read by one thread.
    Row(
        "stands-in",
        "passes.py:StandsIn",
        THREADS,
        "none",
        "whole",
        ("same-batch-twice",),
        "a fault that a serial pass has too is no reference",
    ),
    Row(
        "generator-stands-in",
        "generators.py:stands_in",
        ("--steps", "34"),
        "none",
        "whole",
        ("same-batch-twice",),
        "likewise in a generator",
    ),
    _corrupt("decimals-later", "passes.py:DecimalsLater", ("dtype-changes",), "decimals that Keras cuts off silently"),
    Row(
        "drawn-anew",
        "passes.py:DrawnAnew",
        THREADS,
        ("none", "at-most-once"),
        NOT_CORRUPT,
        ("length-changes",),
        "a length that Keras 3 asks for once",
    ),
    Row(
        "tfdata-blurred",
        "datasets.py:repeated_and_shuffled",
        ("--steps", "55"),
        "none",
        NOT_CORRUPT,
        ("shuffle-after-repeat",),
        "epochs that run into each other",
    ),
    Row(
        "tfdata-split-off",
        "datasets.py:split_off",
        (),
        "at-most-once",
        NOT_CORRUPT,
        ("selection-changes",),
        "samples of validation that are trained on",
    ),
    _safe("tfdata-split-off-once", "datasets.py:split_off_once", "a part that stays the same is whole", ()),
    Row(
        "tfdata-rest-dropped",
        "datasets.py:rest_dropped",
        (),
        "at-most-once",
        NOT_CORRUPT,
        ("remainder-dropped",),
        "a short last batch that a pipeline leaves out",
    ),
    Row(
        "tfdata-shuffled-rest-dropped",
        "datasets.py:shuffled_rest_dropped",
        (),
        "at-most-once",
        NOT_CORRUPT,
        ("remainder-dropped",),
        "other samples that are left out in each pass",
    ),
    # Unsafe: processes.
    _harmless(
        "global-random-forked",
        "random_numbers.py:GlobalRandom",
        "same-random-numbers",
        "workers that draw the same numbers",
        (*FORKED, *BY_LABEL),
        "not compared",
    ),
    _harmless(
        "own-random-forked",
        "random_numbers.py:OwnRandom",
        "same-random-numbers",
        "likewise from a generator of the instance",
        (*FORKED, *BY_LABEL),
        "not compared",
    ),
    _ends("lock-spawned", "locks.py:LockedArrays", "failed", ("not-picklable",), "a lock can't be sent", SPAWNED),
    _ends("file-spawned", "processes.py:OpenFile", "failed", ("not-picklable",), "an open file can't be sent", SPAWNED),
    _ends("lambda-spawned", "processes.py:Lambda", "failed", ("not-picklable",), "a lambda can't be sent", SPAWNED),
    # Unsafe: hooks and use.
    Row(
        "shuffled-at-begin",
        "hooks.py:ShuffledAtBegin",
        THREADS,
        "none",
        NOT_CORRUPT,
        ("hook-reorders",),
        "a race between the hook and the workers that a plain run hardly shows",
    ),
    Row(
        "shuffled-slowly-at-begin",
        "hooks.py:ShuffledSlowlyAtBegin",
        THREADS,
        "none",
        NOT_CORRUPT,
        ("hook-reorders",),
        "the same, in every epoch",
    ),
    _harmless("forgets-super", "hooks.py:ForgetsSuper", "super-not-called", "workers that are silently ignored"),
    # Unsafe: lengths.
    _ends(
        "too-long-raises",
        "lengths.py:TooLongRaises",
        "failed",
        ("length-too-long",),
        "an IndexError of the length is not just an exception",
    ),
    Row(
        "too-long-empty",
        "lengths.py:TooLongEmpty",
        THREADS,
        "exactly-once",
        "whole",
        ("length-too-long",),
        "a batch without samples",
    ),
    # Whether what a loader holds twice by its own length is a repeat or its content is a matter of words.
    Row(
        "too-long-repeats",
        "lengths.py:TooLongRepeats",
        THREADS,
        ("at-least-once", "exactly-once"),
        "whole",
        ("length-too-long",),
        "the first batches come twice",
    ),
    Row(
        "parts-start-anew",
        "lengths.py:Whole",
        (*THREADS, "--steps", "9"),
        "none",
        NOT_CORRUPT,
        ("steps-restart",),
        "batches that Keras never comes to",
    ),
    Row(
        "floor-length",
        "lengths.py:FloorLength",
        THREADS,
        "at-most-once",
        "whole",
        ("last-batch-lost",),
        "a short last batch nobody asks for",
    ),
    Row(
        "shuffled-floor",
        "lengths.py:ShuffledFloor",
        THREADS,
        "at-most-once",
        NOT_CORRUPT,
        ("last-batch-lost",),
        "samples that each epoch leaves out, others in the next",
    ),
    Row(
        "half-length",
        "lengths.py:HalfLength",
        THREADS,
        "at-most-once",
        "whole",
        ("length-too-short",),
        "batches nobody asks for",
    ),
    # Unsafe: growth.
    _harmless("keeps-batches", "growth.py:KeepsBatches", "grows-memory", "memory that grows with every batch"),
    _harmless("thread-every-epoch", "growth.py:ThreadEveryEpoch", "grows-threads", "threads that nobody ends"),
    _harmless("process-every-epoch", "growth.py:ProcessEveryEpoch", "grows-processes", "processes that nobody ends"),
    _harmless("file-every-batch", "growth.py:FileEveryBatch", "grows-files", "files that nobody closes"),
    # Unsafe: generators and tf.data.
    Row(
        "finite-twice",
        "generators.py:finite",
        ("--epochs", "2"),
        "at-most-once",
        NOT_CORRUPT,
        ("ends-early",),
        "an epoch without batches",
    ),
    # A generator that exists already can't be read a second time: what it would have yielded before is known to its
    # owner alone, and whoever only sees the rest sees all of it once.
    Row(
        "looked-at",
        "generators.py:looked_at",
        ("--epochs", "1"),
        ("at-most-once", "exactly-once"),
        NOT_CORRUPT,
        ("consumed",),
        "a generator of which the first batch is gone",
    ),
    # Keras says ValueError where it chooses the adapter, as it does for what it doesn't accept.
    _ends(
        "counted",
        "generators.py:counted",
        ("refused", "failed"),
        ("consumed",),
        "a generator of which nothing is left",
        ("--epochs", "1"),
    ),
    _ends(
        "bare-locked-iterator",
        "generators.py:LockedIterator",
        "refused",
        ("refused-by-keras",),
        "what Keras does not accept",
        ("--steps", "34"),
    ),
    _ends(
        "next-of-generator",
        "generators.py:NextOfGenerator",
        "failed",
        ("generator-shared",),
        "one generator behind a Sequence",
    ),
    # By index every batch arrives once and holds another's content; by sample some repeat and some are missing.
    Row(
        "next-of-generator-forked",
        "generators.py:NextOfGenerator",
        FORKED,
        ("none", "exactly-once"),
        (*NOT_CORRUPT, "corrupt"),
        ("copied-generator",),
        "a copy of it in each process",
    ),
    # A record that stands in for another is a repeat, or a sample that nobody knows if its label is not the right one.
    Row(
        "tfdata-shared-handle",
        "datasets.py:shared_handle_map",
        (),
        ("exactly-once", "at-most-once", "none"),
        "corrupt",
        ("shared-handle",),
        "a parallel map over one open file",
    ),
    Row(
        "tfdata-overlapping",
        "datasets.py:overlapping_shards",
        (),
        "at-least-once",
        NOT_CORRUPT,
        ("overlapping-shards",),
        "shards that each hold everything",
    ),
    # Unsafe: where it is not trained on.
    _harmless(
        "predicted-in-no-order",
        "datasets.py:unordered",
        "predict-order",
        "a parallel map that gives up the order, which no fit() minds",
        ("--also", "predict"),
        NOT_CORRUPT,
    ),
    _harmless(
        "predicted-shuffled",
        "datasets.py:shuffled",
        "predict-order",
        "predictions for samples in an order that nobody knows",
        ("--also", "evaluate,predict"),
        NOT_CORRUPT,
    ),
    Row(
        "validated-by-generator",
        "generators.py:endless",
        ("--steps", "34", "--epochs", "6", "--also", "validation_data"),
        "none",
        NOT_CORRUPT,
        ("peeked-again",),
        "batches that Keras looks at before it validates",
    ),
    # Unsafe: endings.
    _ends(
        "hangs-at-the-last", "endings.py:HangsAtTheLast", "hung", ("hangs-at-epoch-end",), "an epoch that never ends"
    ),
    _ends(
        "pool-before-fork",
        "processes.py:PoolBeforeFork",
        "hung",
        ("threads-forked",),
        "a pool of threads that its parent has, and the worker process waits for",
        FORKED,
    ),
    _ends("blocks-at-once", "endings.py:BlocksAtOnce", "hung", ("hangs",), "a loader that gives nothing at all"),
    _ends("raises", "endings.py:RaisesAtSeven", "failed", ("raises",), "an exception, with its line"),
    _ends("leaves", "endings.py:LeavesAtSeven", "crashed", ("exits",), "os._exit in a batch"),
    _ends("segfaults", "endings.py:SegfaultsAtSeven", "crashed", ("killed",), "a signal in a batch"),
    _ends("eats-memory", "endings.py:EatsMemory", "crashed", ("memory-limit",), "memory without end"),
)
