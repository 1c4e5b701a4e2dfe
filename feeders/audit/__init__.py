"""Is what arrived what was asked for: delivery, races, verdict words."""

from .audit import Audit, audit
from .matrix import audit_all
from .request import Request
from .show import to_json, to_text

__all__ = ["Audit", "Request", "audit", "audit_all", "to_json", "to_text"]
