"""Limits as CEL rules, where the keywords of a schema cannot express them, and what the rules say of a value."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_BOUND = re.compile(
    r"(?P<guard>type\(self\) == string \|\| )?self (?P<operator>[<>]=?) (?P<bound>-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
)
_BYTES = re.compile(
    r"size\(self\) (?P<operator>[<>]) (?P<size>\d+) \|\| (?P<not>!?)self\.endsWith\('(?P<padding>={1,2})'\)"
)


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


def keeps_limit(rule: str, value: object) -> bool | None:
    """Return whether a value keeps to a rule of one of these forms; None for another rule, or another value."""
    if isinstance(value, str) and (found := _BYTES.fullmatch(rule)):
        if _OPERATORS[found["operator"]](len(value), int(found["size"])):
            return True
        return value.endswith(found["padding"]) is not bool(found["not"])
    found = _BOUND.fullmatch(rule)
    if found is None:
        return None
    if isinstance(value, str) and found["guard"]:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    text = found["bound"]
    bound = int(text) if text.lstrip("-").isdigit() else float(text)
    return _OPERATORS[found["operator"]](value, bound)
