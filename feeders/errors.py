"""Errors whose text is meant for a person."""

from __future__ import annotations


class FeedersError(Exception):
    """The call or the host is wrong; the text says what was seen, what was expected and what to try.

    Command lines print the text alone and exit with status 2.
    """


class Unsupported(FeedersError):  # noqa: N818  (an outcome, in the word that tables show)
    """The combination has no meaning here, so there is nothing to measure."""
