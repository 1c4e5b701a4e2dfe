"""Is what arrived what was asked for: delivery, races, verdict words."""

from .audit import audit
from .matrix import audit_all
from .request import AuditRequest
from .result import Audit
from .show import to_text

__all__ = ["Audit", "AuditRequest", "audit", "audit_all", "to_text"]
