"""What is fed: loaders, a person's own or built in.

Order here is the order of every table, plot and asv parameter.
"""

from __future__ import annotations

from feeders.catalogue import Catalogue

from ._loader import INDEX, ITERATOR, MISSING, OPS, STATIC_EPOCH, Leaf, Loader
from ._material import Material
from ._repeated import Repeated
from ._stamped import CHECKSUM, EPOCH, ID, LABEL, Batch, Stamped
from ._workload import BATCH_SIZES, Workload
from .jpeg import Jpeg
from .records import Records, RecordsHandles, RecordsNarrow, RecordsPread
from .remote import Remote
from .text import Text
from .window import Window

__all__ = [
    "BATCH_SIZES",
    "CHECKSUM",
    "EPOCH",
    "ID",
    "INDEX",
    "ITERATOR",
    "LABEL",
    "MISSING",
    "OPS",
    "STATIC_EPOCH",
    "WORKLOADS",
    "Batch",
    "Leaf",
    "Loader",
    "Material",
    "Repeated",
    "Stamped",
    "Workload",
    "workload",
]

_ROWS = (
    Workload(
        "window",
        "sliding windows over a long series in memory (the forecasting case)",
        gil="short",
        source="series in a .npy",
        kind=Window,
    ),
    Workload(
        "text",
        "parse CSV lines into features in pure Python",
        gil="held",
        source="text files on disk",
        kind=Text,
    ),
    Workload(
        "jpeg",
        "read, decode, crop and normalise photographs",
        gil="released",
        source="JPEG files on disk; FEEDERS_IMAGES=DIR uses your own",
        kind=Jpeg,
    ),
    Workload(
        "records",
        "seek and read fixed-size records through one shared open file",
        gil="released",
        source="one binary file",
        kind=Records,
    ),
    Workload(
        "remote",
        "wait 5 ms as for a network store, then take a slice",
        gil="released",
        source="rows in memory",
        kind=Remote,
    ),
    Workload(
        "records-handles",
        "the same records; each thread has a handle of its own",
        gil="released",
        source="the file of records",
        kind=RecordsHandles,
    ),
    Workload(
        "records-pread",
        "the same records by positional reads, which share no position",
        gil="released",
        source="the file of records",
        kind=RecordsPread,
    ),
    Workload(
        "records-narrow",
        "the same records; a lock around seek and read alone",
        gil="released",
        source="the file of records",
        kind=RecordsNarrow,
    ),
)

WORKLOADS = Catalogue("a workload", _ROWS, hint="feeders list")


def workload(name: str) -> Workload:
    """Return the workload of that name.

    Raises:
        FeedersError: there is none; the text names the nearest.
    """
    return WORKLOADS.named(name)
