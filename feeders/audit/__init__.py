"""Is what arrived what was asked for: delivery, races, verdict words."""

from .audit import Audit, audit
from .request import Request
from .show import headline, to_json, to_text

__all__ = ["Audit", "Request", "audit", "headline", "to_json", "to_text"]
