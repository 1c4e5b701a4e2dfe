"""Our changes to asv's site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asv.publishing import OutputPublisher

# As in asv 0.6.6, www/graphdisplay.js: the ids of a range that a link highlights. Ours have dots.
PLAIN, DOTTED = "/^([a-z0-9]+)-([a-z0-9]+)$/", "/^([a-z0-9.]+)-([a-z0-9.]+)$/"


class DottedRanges(OutputPublisher):  # type: ignore[misc]
    """Lets a link highlight a range of releases; asv copies its scripts anew each time before this runs."""

    name = "ranges"
    button_label = "Ranges of releases"
    description = "Highlight ranges of releases in graphs"

    @classmethod
    def publish(cls, conf: Any, *_: Any) -> None:
        """Put our expression into the published script in the place of asv's."""
        script = Path(conf.html_dir) / "graphdisplay.js"
        script.write_text(script.read_text(encoding="utf-8").replace(PLAIN, DOTTED), encoding="utf-8")
