"""Whole numbers in texts from outside: a resourceVersion, an annotation, a header, an index.

See https://pkg.go.dev/strconv#ParseUint
"""

from __future__ import annotations

_LARGEST = 2**64 - 1
_DIGITS = len(str(_LARGEST))


def unsigned(text: str) -> int | None:
    """Return the number that a text is, as the API server reads it: ASCII digits, 64 bits; None for any other text.

    Args:
        text: The text; Python's own `int` takes digits of other scripts, and raises ValueError for too many of them.
    """
    if not (text.isascii() and text.isdigit()):
        return None
    if len(text) < _DIGITS:  # nearly every one
        return int(text)
    digits = text.lstrip("0")
    number = int(digits or "0") if len(digits) <= _DIGITS else _LARGEST + 1
    return number if number <= _LARGEST else None
