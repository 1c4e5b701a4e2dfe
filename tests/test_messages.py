"""Long messages are shortened in one place, and the errors that a message carries come first."""

from __future__ import annotations

from feeders.messages import MESSAGE_LIMIT, message_of, shorten


def test_a_short_text_stays():
    assert shorten("  seen \n") == "seen"


def test_a_long_text_keeps_head_and_tail():
    """The head names the error, the tail its cause."""
    text = shorten("head " + "x" * 10 * MESSAGE_LIMIT + " tail")
    assert text.startswith("head ") and text.endswith(" tail")
    assert " [...] " in text
    assert len(text) < MESSAGE_LIMIT + 10


def test_an_error_is_its_type_and_its_text():
    assert message_of(LookupError("planted")) == "LookupError: planted"


def test_errors_that_a_text_carries_come_first():
    """TensorFlow puts the traceback of what it called into its own text."""
    error = RuntimeError("in op\nTraceback:\n  File ...\nmy.KeyError: 'a'\nmy.KeyError: 'a'\n")
    assert message_of(error).startswith("my.KeyError: 'a' <- RuntimeError: in op")
