"""Limits as CEL rules, where the keywords of a schema cannot express them."""

from __future__ import annotations


def bound_rule(sign: str, bound: float, *, strings: bool = False) -> str:
    """Return a rule for a number.

    Args:
        sign: ``<``, ``<=``, ``>`` or ``>=``.
        bound: What it is compared with.
        strings: Whether the value may be a string, to which the bound does not apply.
    """
    guard = "type(self) == string || " if strings else ""
    return f"{guard}self {sign} {bound!r}"


def least_bytes_rule(characters: int, padding: str) -> str:
    """Return a rule for a base64 text: as long as it has no more characters, it does not end in the padding."""
    return f"size(self) > {characters} || !self.endsWith('{padding}')"


def most_bytes_rule(characters: int, padding: str) -> str:
    """Return a rule for a base64 text: when it has as many characters, it ends in the padding."""
    return f"size(self) < {characters} || self.endsWith('{padding}')"
