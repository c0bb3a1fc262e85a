"""Operators and functions of CEL that are common in rules.

See https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-cel-libraries
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from kaiwu_runtime.generator._cel_values import (
    UNKNOWN,
    Amount,
    EvaluationError,
    Fields,
    Merged,
    Moment,
    Span,
    Type,
    UnknownValueError,
    Unordered,
    amount,
    bounded,
    integer,
    moment,
    span,
)
from kaiwu_runtime.regexp import PatternError, matches

_ORDERED = (str, bool, Moment, Span, Amount)
_NAMES: dict[type, str] = {bool: "bool", int: "int", float: "double", str: "string", type(None): "null_type"}


def equal(left: object, right: object) -> bool:
    """Return whether two values are equal; values of different types are not, except numbers."""
    if left is UNKNOWN or right is UNKNOWN or isinstance(left, Merged) or isinstance(right, Merged):
        raise UnknownValueError
    if _is_number(left) and _is_number(right):
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(equal(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        if any(isinstance(one, Fields) and not one.complete for one in (left, right)):
            raise UnknownValueError
        return left.keys() == right.keys() and all(equal(item, right[key]) for key, item in left.items())
    return type(left) is type(right) and left == right


def contains(item: object, container: object) -> bool:
    """Return whether a list has an item, or a mapping a key."""
    if isinstance(container, list):
        return any(equal(item, one) for one in container)
    if isinstance(container, dict) and not isinstance(container, Fields) and isinstance(item, str):
        return item in container
    raise UnknownValueError


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _compare(compared: Callable[[Any, Any], bool], left: object, right: object) -> bool:
    same = type(left) is type(right) and isinstance(left, _ORDERED)
    if not (same or (_is_number(left) and _is_number(right))):
        raise EvaluationError(f"{_type_name(left)} and {_type_name(right)} cannot be compared")
    return compared(left, right)


def _type_name(value: object) -> str:
    return _NAMES.get(type(value), "another type")


def _type(value: object) -> Type:
    if isinstance(value, list):
        return Type("list")
    if isinstance(value, dict) and not isinstance(value, Fields):
        return Type("map")
    if type(value) not in _NAMES:
        raise UnknownValueError
    return Type(_NAMES[type(value)])


def _calculate(calculated: Callable[[Any, Any], Any], left: object, right: object) -> object:
    if type(left) is int and type(right) is int:
        return bounded(calculated(left, right))
    if isinstance(left, float) and isinstance(right, float):
        return calculated(left, right)
    raise UnknownValueError


def _add(left: object, right: object) -> object:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if type(left) is list and type(right) is list:
        return left + right
    return _calculate(operator.add, left, right)


def _divide(left: object, right: object) -> int:
    quotient, _ = _divided(left, right)
    return bounded(quotient)


def _remainder(left: object, right: object) -> int:
    quotient, remainder = _divided(left, right)
    bounded(quotient)
    return remainder


def _divided(left: object, right: object) -> tuple[int, int]:
    """Return quotient and remainder of integers, rounded towards zero as in Go."""
    if type(left) is not int or type(right) is not int:
        raise UnknownValueError
    if right == 0:
        raise EvaluationError("it divides by zero")
    quotient, remainder = divmod(abs(left), abs(right))
    return (quotient if (left < 0) == (right < 0) else -quotient), (-remainder if left < 0 else remainder)


def _negate(value: object) -> object:
    if type(value) is int:
        return bounded(-value)
    if isinstance(value, float):
        return -value
    raise UnknownValueError


def _not(value: object) -> bool:
    if not isinstance(value, bool):
        raise UnknownValueError
    return not value


def _size(value: object) -> int:
    if isinstance(value, str | list | dict) and not isinstance(value, Fields):
        return len(value)
    raise UnknownValueError


def _to_int(value: object) -> int:
    if isinstance(value, str):
        return integer(value)
    if type(value) is int:
        return value
    if isinstance(value, float) and math.isfinite(value) and abs(value) < 2**62:
        return int(value)
    raise UnknownValueError


def _to_double(value: object) -> float:
    if isinstance(value, float) or type(value) is int:
        return float(value)
    raise UnknownValueError


def _to_string(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise UnknownValueError


def _of_text(function: Callable[..., Any], *texts: object) -> Any:  # noqa: ANN401 - a value of CEL
    if not all(isinstance(text, str) for text in texts):
        raise UnknownValueError
    return function(*texts)


def _convert(function: Callable[[str], object], kind: type, value: object) -> object:
    return value if isinstance(value, kind) else _of_text(function, value)


def _matches(text: str, pattern: str) -> bool:
    try:
        found = matches(pattern, text)
    except PatternError:
        found = None  # the rule does not compile
    if found is None:
        raise UnknownValueError
    return found


def _lower(text: str) -> str:
    return "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in text)


def _upper(text: str) -> str:
    return "".join(chr(ord(letter) - 32) if "a" <= letter <= "z" else letter for letter in text)


def _compare_amounts(compared: Callable[[Amount, Amount], Any], left: object, right: object) -> Any:  # noqa: ANN401
    if not isinstance(left, Amount) or not isinstance(right, Amount):
        raise UnknownValueError
    return compared(left, right)


def _is_sorted(items: object) -> bool:
    if (
        not isinstance(items, list)
        or isinstance(items, Unordered)
        or (items and any(type(item) is not type(items[0]) for item in items))
    ):
        raise UnknownValueError
    return all(_compare(operator.le, one, other) for one, other in pairwise(items))


OPERATORS: dict[tuple[str, int], Callable[..., Any]] = {
    ("<", 2): partial(_compare, operator.lt),
    ("<=", 2): partial(_compare, operator.le),
    (">", 2): partial(_compare, operator.gt),
    (">=", 2): partial(_compare, operator.ge),
    ("+", 2): _add,
    ("-", 2): partial(_calculate, operator.sub),
    ("*", 2): partial(_calculate, operator.mul),
    ("/", 2): _divide,
    ("%", 2): _remainder,
    ("-", 1): _negate,
    ("!", 1): _not,
    ("in", 2): contains,
}
"""By name and number of operands; those whose operands need not all be evaluated are part of the evaluation."""

FUNCTIONS: dict[tuple[str, int, bool], Callable[..., Any]] = {
    ("size", 1, False): _size,
    ("size", 1, True): _size,
    ("type", 1, False): _type,
    ("int", 1, False): _to_int,
    ("double", 1, False): _to_double,
    ("string", 1, False): _to_string,
    ("timestamp", 1, False): partial(_convert, moment, Moment),
    ("duration", 1, False): partial(_convert, span, Span),
    ("quantity", 1, False): partial(_of_text, amount),
    ("startsWith", 2, True): partial(_of_text, str.startswith),
    ("endsWith", 2, True): partial(_of_text, str.endswith),
    ("contains", 2, True): partial(_of_text, str.__contains__),
    ("matches", 2, True): partial(_of_text, _matches),
    ("matches", 2, False): partial(_of_text, _matches),
    ("lowerAscii", 1, True): partial(_of_text, _lower),
    ("upperAscii", 1, True): partial(_of_text, _upper),
    ("indexOf", 2, True): partial(_of_text, str.find),
    ("isSorted", 1, True): _is_sorted,
    ("compareTo", 2, True): partial(_compare_amounts, lambda left, right: (left > right) - (left < right)),
    ("isGreaterThan", 2, True): partial(_compare_amounts, operator.gt),
    ("isLessThan", 2, True): partial(_compare_amounts, operator.lt),
}
"""By name, number of arguments with the target, and whether it has a target."""
