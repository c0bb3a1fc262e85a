"""What is wrong with a pattern."""

from __future__ import annotations

_SHOWN = 40


class PatternError(ValueError):
    """Go does not compile the pattern; the message says why, in one line."""


def show(text: str) -> str:
    """Return a part of a pattern for a message, cut where it is long."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
