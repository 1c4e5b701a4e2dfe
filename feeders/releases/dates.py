"""When TensorFlow and Keras 3 releases were published: the upload dates (UTC) of their wheels in the package index.

They are in dates.csv, which ``feeders releases add`` appends to. Post-releases are left out.
"""

from __future__ import annotations

import csv
from pathlib import Path

FILE = Path(__file__).with_name("dates.csv")


def read_dates(package: str) -> dict[str, str]:
    """Return the dates of a package's versions that the file has."""
    with FILE.open(newline="", encoding="utf-8") as file:
        return {row["version"]: row["published"] for row in csv.DictReader(file) if row["package"] == package}


TENSORFLOW_DATES, KERAS_DATES = read_dates("tensorflow"), read_dates("keras")
