"""The limits that a type can have: those with the same meaning in Python and in the object."""

from __future__ import annotations

import datetime as dt
import enum
import math
from typing import Any, Literal, get_args, get_origin

from pydantic import AwareDatetime

from kaiwu_runtime.api._duration import DurationType
from kaiwu_runtime.api._json_limits import INT64_MAX
from kaiwu_runtime.api._kube import KubeModel, is_kube_model
from kaiwu_runtime.api._markers import Schemaless, SchemaType
from kaiwu_runtime.api._quantity import QuantityType
from kaiwu_runtime.api._scalars import BytesType
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._annotations import Facts
from kaiwu_runtime.generator._json_values import is_finite
from kaiwu_runtime.generator._limit_rules import least_bytes_rule, most_bytes_rule
from kaiwu_runtime.generator._schema import Schema, shown

_NUMERIC, _LENGTH, _PATTERN = "ge, gt, le, lt and multiple_of", "min_length and max_length", "pattern"
_TIMESTAMP = "CEL(\"self >= timestamp('2024-01-01T00:00:00Z')\")"
_INSTEAD: dict[object, str] = {AwareDatetime: _TIMESTAMP, dt.date: _TIMESTAMP}
_PLAIN: set[object] = {int, float, str, bool, list, dict, Any}
"""Types whose Python values are the JSON values; the type of the schema says which limits they have."""


def check_limits(bare: object, facts: Facts, where: str) -> None:
    """Check that the limits on a value can be limits of its type.

    Raises:
        DefinitionError: pydantic would apply a limit to the Python value where the API server sees another one, or
            the limit is not a number.
    """
    _check_numbers(facts, where)
    allowed = _allowed(bare, facts)
    for words, given in _given(facts).items():
        if given and allowed is not None and words not in allowed:
            raise DefinitionError(f"{where}: {_refusal(bare, facts, words)}")
    for name, bound in _bounds(facts):
        if not isinstance(bound, int | float):
            raise DefinitionError(f"{where}: the {name} {bound!r} is not valid: use a number")


def _given(facts: Facts) -> dict[str, bool]:
    bounds = (facts.minimum, facts.maximum, facts.multiple_of)
    return {
        _NUMERIC: any(bound is not None for bound in bounds),
        _LENGTH: facts.min_length is not None or facts.max_length is not None,
        _PATTERN: bool(facts.patterns),
    }


def _allowed(bare: object, facts: Facts) -> frozenset[str] | None:
    """Return which limits a type can have; None leaves the decision to the type of the schema."""
    if facts.carries(QuantityType) or facts.carries(DurationType):
        return frozenset({_LENGTH, _PATTERN})
    if facts.carries(BytesType):
        return frozenset({_LENGTH})
    if facts.find(SchemaType) is not None or facts.find(Schemaless) is not None:
        return None
    if facts.carries(KubeModel) or is_kube_model(bare):
        return frozenset()
    if isinstance(bare, type) and issubclass(bare, enum.Enum):
        return frozenset({_NUMERIC}) if issubclass(bare, int) else frozenset()
    if get_origin(bare) is Literal:
        return None if len({type(value) for value in get_args(bare)}) == 1 else frozenset()
    if isinstance(bare, type) and get_origin(bare) is None and bare not in _PLAIN:
        return frozenset()
    return None


def _refusal(bare: object, facts: Facts, words: str) -> str:
    if facts.carries(QuantityType):
        return (
            f"{words} compare numbers, and a Quantity is an amount with a suffix: use "
            "CEL(\"quantity(string(self)).compareTo(quantity('1Gi')) >= 0\")"
        )
    if facts.carries(DurationType):
        instead = "CEL(\"duration(self) >= duration('1s')\")"
        return f"{words} compare numbers, and a Duration is a string such as 1h30m: use {instead}"
    if facts.carries(BytesType):
        return f"{words} cannot limit Base64Bytes: the API server sees the base64 text"
    if get_origin(bare) is Literal or (isinstance(bare, type) and issubclass(bare, enum.Enum)):
        return f"{words} cannot limit an enumeration: list the values that are allowed"
    name = bare.__name__ if isinstance(bare, type) else str(bare).replace("typing.", "")
    if facts.carries(KubeModel) or is_kube_model(bare) or hasattr(bare, "model_fields"):
        instead = "MinProperties(...) and MaxProperties(...)" if words == _LENGTH else "a CEL(...) rule"
        return f"{words} cannot limit {name}, an object: use {instead}"
    instead = _INSTEAD.get(bare, "a CEL(...) rule")
    return f"{words} cannot limit {name}, which the API server sees as a string: use {instead}"


def _check_numbers(facts: Facts, where: str) -> None:
    for name, bound in _bounds(facts):
        if isinstance(bound, float) and not math.isfinite(bound):
            raise DefinitionError(f"{where}: the {name} {bound!r} is not valid: use a finite number")
    step = facts.multiple_of
    if step is not None and not (_is_number(step) and step > 0):
        raise DefinitionError(f"{where}: multiple_of={shown(step)} is not valid: use a number above 0")
    for name, length in (("min_length", facts.min_length), ("max_length", facts.max_length)):
        if length is not None and (type(length) is not int or not 0 <= length <= INT64_MAX):
            raise DefinitionError(f"{where}: {name}={length!r} is not valid: use an integer from 0 to 2**63 - 1")


def _bounds(facts: Facts) -> list[tuple[str, object]]:
    given = (("minimum", facts.minimum), ("maximum", facts.maximum))
    return [(name, bound[0]) for name, bound in given if bound is not None]


def _is_number(bound: object) -> bool:
    return isinstance(bound, int | float) and is_finite(bound)


def apply_byte_lengths(schema: Schema, facts: Facts) -> None:
    """Convert limits in bytes to limits of the base64 text, which has four characters per three bytes, rounded up."""
    rules: list[dict[str, Any]] = []
    least, most = facts.min_length, facts.max_length
    if least:
        schema["minLength"] = characters = -(-least // 3) * 4
        if least % 3 != 1:
            padding = "==" if least % 3 == 2 else "="
            rule = least_bytes_rule(characters, padding)
            rules.append({"rule": rule, "message": f"must have at least {least} bytes"})
    if most is not None:
        schema["maxLength"] = characters = -(-most // 3) * 4
        if most % 3:
            padding = "==" if most % 3 == 1 else "="
            rule = most_bytes_rule(characters, padding)
            rules.append({"rule": rule, "message": f"must have at most {most} bytes"})
    if rules:
        schema["x-kubernetes-validations"] = rules
