"""Is what arrived what was asked for: delivery, races, verdict words."""

from .audit import Audit, audit
from .matrix import audit_all, matrix, to_lines
from .request import Request
from .show import to_json, to_text

__all__ = ["Audit", "Request", "audit", "audit_all", "matrix", "to_json", "to_lines", "to_text"]
