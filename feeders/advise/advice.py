"""Finished advice, and the JSON that it is written as."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from .answer import Answer
from .choice import UNSAFE
from .evidence import Evidence, Tried
from .show import to_text

# Of the layout of `Advice.to_json`.
SCHEMA = 1


@dataclass(frozen=True)
class Advice:
    """Finished advice.

    Attributes:
        evidence: all that was seen.
        answer: what follows from it.
    """

    evidence: Evidence
    answer: Answer

    @property
    def safe(self) -> bool:
        """Whether the loader is safe as it is used now, as far as was seen."""
        return self.answer.kind != UNSAFE

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self, width: int = 110) -> str:
        """Return what the command prints, the answer first.

        Args:
            width: columns of the terminal.
        """
        return to_text(self.evidence, self.answer, width)

    def to_html(self) -> str:
        """Return a page with charts that needs nothing else."""
        from .page import html  # templates and charts take a second to import

        return html(self.evidence, self.answer)

    def to_json(self) -> dict[str, Any]:
        """Return the whole evidence: the object that ``--json`` writes."""
        seen = self.evidence
        audits = {**seen.audits, "today": seen.used}
        return {
            "schema": SCHEMA,
            "loader": seen.request.loader,
            "answer": dataclasses.asdict(self.answer),
            "request": dataclasses.asdict(seen.request),
            "trains": seen.request.trains(),
            "today": dataclasses.asdict(seen.today),
            "look": {**dataclasses.asdict(seen.look), "lines": dataclasses.asdict(seen.look.lines)},
            "limit": {**dataclasses.asdict(seen.limit), "samples": seen.limit.samples} if seen.limit else None,
            "tried": [_tried(each, seen) for each in seen.tried],
            "dropped": [dataclasses.asdict(each) for each in seen.dropped],
            "pairs": [
                {**dataclasses.asdict(duel), "ratio": duel.ratio, "interval": duel.interval} for duel in seen.duels
            ],
            "audits": {use: audit.to_json() for use, audit in audits.items() if audit},
            "interrupted": seen.interrupted,
            "seconds": round(seen.seconds, 1),
            "stack": dict(seen.stack),
            "host": {**seen.host, "usable_cores": seen.cores, "given_cores": seen.given_cores},
        }


def _tried(each: Tried, evidence: Evidence) -> dict[str, Any]:
    return {
        **dataclasses.asdict(each.cell),
        "speed": each.speed,
        "unsafe": evidence.unsafe(each),
        "takes": [dataclasses.asdict(take) for take in each.takes],
    }
