"""Shelves of stacks, as the tests of releases make them."""

from __future__ import annotations

from tests.releases.conftest import cache, planted_uv, shelf, stack

__all__ = ["cache", "planted_uv", "shelf", "stack"]
