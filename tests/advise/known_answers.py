"""The loaders whose advice is known beforehand, and what it has to be; `studies/advise.py` measures the rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "loaders" / "known.py"

# Kinds of an answer that are right where a faster way may or may not be had on a host.
ANY_SAFE = ("change", "leave", "preparation")


@dataclass(frozen=True)
class Known:
    """A loader and its advice.

    Attributes:
        name: in `FILE`.
        kinds: of the answer that are right.
        options: of the command.
        unsafe: feeders with several workers that must not be advised.
    """

    name: str
    kinds: tuple[str, ...] = ("change",)
    options: tuple[str, ...] = ()
    unsafe: tuple[str, ...] = ()


OF_THREADS = ("sequence", "tfdata-map", "lookahead-threads", "queue-threads")
OF_PROCESSES = ("sequence-processes", "lookahead-processes")

KNOWN = (
    Known("HoldsTheGil"),
    Known("Waits"),
    Known("Decodes"),
    Known("LargeBatches", ANY_SAFE),
    Known("TinyBatches", ANY_SAFE),
    Known("Fed", ("leave",), ("--step-ms", "20")),
    Known("OneSlowInFifty", ("change",), ("--step-ms", "8")),
    Known("generator", ("preparation", "leave", "change")),
    Known("pipeline", ("preparation",)),
    Known("UnsafeWithThreads", ("unsafe",), (), OF_THREADS),
    Known("UnsafeEverywhere", ("unsafe",), (), (*OF_THREADS, *OF_PROCESSES)),
    Known("FastOnlyBecauseItIsWrong", ("change", "leave", "preparation"), (), OF_THREADS),
    Known("RandomContent", ANY_SAFE),
    Known("NamedWithWeights"),
    Known("TenSecondsToMake", ("change", "leave")),
    Known("GrowsMemory", ("unsafe",), (), (*OF_THREADS, *OF_PROCESSES)),
)
