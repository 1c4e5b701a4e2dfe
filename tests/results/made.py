"""Findings and takes that are made up."""

from __future__ import annotations

from feeders.results.changes import BrokenPair, PairNumbers, ReleaseFinding, SpeedVerdict

PAIR = PairNumbers(0.2, 0.21, 0.1, 0.05, "ab", "a", False, 7, "2026-01-02T03:04:05+00:00", 8.5, 0.5)


def a_finding(before="2.15.1", after="2.16.2", cell="sequence/text/1", confirmed=True, ratio=1.25, **values):
    """A finding of ten pairs, one of which was repeated."""
    verdict = SpeedVerdict("slower", 10, ratio, ratio - 0.05, ratio + 0.05, 0.02, 1e-9, 0.04)
    fields = {
        **{"cell": cell, "before": before, "after": after, "step": 0.2, "by": "newest", "stacks": ("", "")},
        **{"confirmed": confirmed, "quantity": "whole epochs", "verdict": verdict},
        **{"broken": (BrokenPair("b", "hung", "no end after 60 s."),), "pairs": 10 * (PAIR,)},
        **{"changed": "keras 2.15.0 -> 3.4.1", "measured": "2026-01-02T03:05:00+00:00"},
    }
    return ReleaseFinding(**{**fields, **values})
