"""Bounds of numbers, written so that the API server compares as Python does.

The API server reads a bound as a float of 64 bits. When it compares a whole number it drops the fraction of the bound,
also if the type is a number, and it rejects every value of an integer field whose bound is not an integer of the
field's format: a ``maximum`` of 2**63 - 1, which becomes 2**63, and even a ``minimum`` of -2**63. Bounds whose meaning
would change are written as CEL rules, which compare exactly, and bounds that the format implies are left out.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
"""

from __future__ import annotations

import math
from typing import Any

from kaiwu_runtime.api._json_limits import INT64_MAX, INT64_MIN
from kaiwu_runtime.api._markers import Format
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._annotations import Facts
from kaiwu_runtime.generator._limit_rules import bound_rule
from kaiwu_runtime.generator._schema import Schema

_INT32 = (-(2**31), 2**31 - 1)
_WORDS = {">=": "at least", ">": "above", "<=": "at most", "<": "below"}


def apply_bounds(schema: Schema, facts: Facts, where: str) -> None:
    """Write the bounds of a number, an integer or an int-or-string.

    Args:
        schema: Has its type already.
        facts: The bounds.
        where: ``Model.field``, for messages.

    Raises:
        DefinitionError: The API server cannot check `multiple_of`, or no value fits a bound.
    """
    number = schema.get("type") == "number"
    for word, bound in (("minimum", facts.minimum), ("maximum", facts.maximum)):
        if bound is None:
            continue
        if number:
            _bound_number(schema, word, *bound)
        else:
            _bound_integer(schema, word, bound, _range(facts), where)
    if facts.multiple_of is not None:
        schema["multipleOf"] = _step(facts.multiple_of, where)


def _range(facts: Facts) -> tuple[int, int]:
    declared = facts.find(Format)
    return _INT32 if declared is not None and declared.format == "int32" else (INT64_MIN, INT64_MAX)


def _bound_integer(schema: Schema, word: str, limit: tuple[float, bool], range_: tuple[int, int], where: str) -> None:
    bound, exclusive = limit
    lower = word == "minimum"
    if isinstance(bound, float):
        bound, exclusive = math.ceil(bound) if lower else math.floor(bound), False
    inclusive = bound + (1 if lower else -1) if exclusive else bound
    if not (inclusive <= range_[1] if lower else inclusive >= range_[0]):
        raise DefinitionError(f"{where}: its {word} leaves no integer of {32 if range_ == _INT32 else 64} bits")
    implied = inclusive <= INT64_MIN or inclusive < range_[0] if lower else inclusive >= min(INT64_MAX, range_[1] + 1)
    if implied:
        return
    if not range_[0] <= bound <= range_[1]:
        bound, exclusive = inclusive, False
    if INT64_MIN < bound <= INT64_MAX and _same(bound):
        _write(schema, word, bound, exclusive=exclusive)
        return
    operator = ">=" if lower else "<="
    rule = bound_rule(operator, inclusive, strings=bool(schema.get("x-kubernetes-int-or-string")))
    _add_rule(schema, rule, f"must be {_WORDS[operator]} {inclusive}")


def _bound_number(schema: Schema, word: str, bound: float, exclusive: bool) -> None:
    if isinstance(bound, int) and abs(bound) <= INT64_MAX and _same(bound):
        _write(schema, word, bound, exclusive=exclusive)
        return
    nearest = float(bound)
    if abs(nearest) < INT64_MAX:
        # When the server compares a whole number, this bound accepts at least the values that the rule accepts.
        _write(schema, word, nearest, exclusive=False)
    operator = (">" if word == "minimum" else "<") + ("" if exclusive else "=")
    _add_rule(schema, bound_rule(operator, nearest), f"must be {_WORDS[operator]} {nearest!r}")


def _step(step: float, where: str) -> int:
    if not isinstance(step, int):
        raise DefinitionError(
            f"{where}: multiple_of={step!r} is not valid: the API server drops its fraction beside whole numbers: "
            "use a whole number, or a smaller unit"
        )
    if step > INT64_MAX or not _same(step):
        raise DefinitionError(f"{where}: multiple_of={step!r} is not valid: the API server rounds it to {float(step)}")
    return step


def _same(bound: int) -> bool:
    """Return whether a bound stays the same integer of 64 bits when it is read as a float."""
    return int(float(bound)) == bound


def _write(schema: Schema, word: str, bound: float, *, exclusive: bool) -> None:
    schema[word] = bound
    if exclusive:
        schema[f"exclusive{word.capitalize()}"] = True


def _add_rule(schema: Schema, rule: str, message: str) -> None:
    rules: list[dict[str, Any]] = schema.setdefault("x-kubernetes-validations", [])
    rules.append({"rule": rule, "message": message})
