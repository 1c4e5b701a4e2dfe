"""All that comparisons have shown: what was asked, the pairs, and verdicts that hold together."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Mapping

from feeders.measure import Settings
from feeders.measure.delivery import has_faults
from feeders.measure.stack import describe_host
from feeders.results.changes import SpeedVerdict

from .request import CellPair, ComparisonRequest
from .sampling import Comparison
from .verdict import SLOWER, holm

# Of the layout of `ComparisonEvidence.to_json`.
SCHEMA = 1


@dataclass(frozen=True)
class ComparisonEvidence:
    """What the comparisons of a request have shown.

    Attributes:
        request: what was to be compared.
        comparisons: of the cells that were compared; the verdicts hold for the family of all cells of the request.
    """

    request: ComparisonRequest
    comparisons: Mapping[CellPair, Comparison]

    @property
    def by_name(self) -> dict[str, Comparison]:
        """The comparisons by name: of the workload, or of the cell where two releases were compared."""
        return {cells.name: each for cells, each in self.comparisons.items()}

    def __str__(self) -> str:
        from .show import comparison_text

        return comparison_text(self)

    @property
    def not_compared(self) -> list[str]:
        """Names of the cells that were to be compared and were not."""
        return [cells.name for cells in self.request.cell_pairs if cells not in self.comparisons]

    @property
    def is_bad(self) -> bool:
        """Whether B is slower somewhere, breaks, or does not deliver every sample once and whole."""
        return any(
            each.verdict.word == SLOWER if each.verdict else any(broken.side == "b" for broken in each.broken)
            for each in self.comparisons.values()
        ) or any(has_faults(take) for take in self.request.takes[1:])

    def to_json(self) -> dict[str, Any]:
        """Return all of it, as JSON keeps it."""
        asked = self.request
        return {
            "schema": SCHEMA,
            **{name: getattr(asked, name) for name in ("a", "b", "release_a", "release_b")},
            "settings": dataclasses.asdict(asked.settings or Settings.from_environment()),
            "host": describe_host(),
            "packages": list(asked.packages),
            "takes": [dataclasses.asdict(take) for take in asked.takes],
            "unanswered": self.not_compared,
            "comparisons": [_to_json(cells, each) for cells, each in self.comparisons.items()],
        }


def _to_json(cells: CellPair, comparison: Comparison) -> dict[str, Any]:
    return {
        "name": cells.name,
        "a": dataclasses.asdict(cells.a),
        "b": dataclasses.asdict(cells.b),
        "verdict": dataclasses.asdict(comparison.verdict) if comparison.verdict else None,
        "broken": [dataclasses.asdict(broken) for broken in comparison.broken],
        "pairs": [dataclasses.asdict(pair) for pair in comparison.pairs],
    }


def evidence(request: ComparisonRequest, comparisons: Mapping[CellPair, Comparison]) -> ComparisonEvidence:
    """Return what was seen, judged together.

    Args:
        request: what was to be compared.
        comparisons: of the cells that were compared.
    """
    pairs = {cells: [pair.log_ratio for pair in each.pairs] for cells, each in comparisons.items()}
    family = holm({**{cells: [] for cells in request.cell_pairs}, **pairs})
    judged = {cells: _judged(each, family[cells]) for cells, each in comparisons.items()}
    return ComparisonEvidence(request, judged)


def _judged(comparison: Comparison, verdict: SpeedVerdict) -> Comparison:
    return dataclasses.replace(comparison, verdict=verdict if comparison.verdict else None)
