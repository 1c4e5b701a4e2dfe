"""What to change: a person's loader, their model, this host; the answer, and the lines to copy."""

from __future__ import annotations

from .advice import Advice
from .advise import advise
from .answer import Answer
from .request import AdviseRequest

__all__ = ["Advice", "AdviseRequest", "Answer", "advise"]
