"""Messages made of what other programs said."""

from __future__ import annotations

import re

# A TensorFlow error carries a whole graph; its head names the error, its tail the cause.
MESSAGE_LIMIT = 1600


def message_of(error: Exception) -> str:
    """Type and text of an exception; for one that carries a traceback in its text, the errors named there first."""
    text = f"{type(error).__name__}: {error}"
    causes = dict.fromkeys(re.findall(r"^(?:\w+\.)*\w*(?:Error|Exception): .+$", str(error), re.MULTILINE))
    return shorten(" <- ".join([*causes, text]))


def shorten(text: str) -> str:
    """Keep head and tail of a long text."""
    text = text.strip()
    half = MESSAGE_LIMIT // 2
    return text if len(text) <= MESSAGE_LIMIT else f"{text[:half]} [...] {text[-half:]}"
