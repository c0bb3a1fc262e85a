"""Check a JSON value against a structural schema, as the API server does for defaults and objects.

Only the keywords of generated schemas are supported, and the formats of this package's types. The API server checks CEL
rules.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime.api._json_limits import INT64_MAX, INT64_MIN
from kaiwu_runtime.api._whole_numbers import whole_numbers
from kaiwu_runtime.generator._formats import fits
from kaiwu_runtime.generator._schema import Schema, enumerated, is_base64, shortened, shown
from kaiwu_runtime.regexp import PatternError, matches

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1
_FLOAT_MAX = 3.4028234663852886e38
"""The largest number of 32 bits."""

_LARGEST_QUOTIENT = 2**53 - 1


def violations(value: Any, schema: Schema, path: str = "") -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield a clause for each mistake in a value; it begins with the path inside the value."""
    at = f"{path}: " if path else ""
    if value is None:
        if not schema.get("nullable") and not (schema.preserves_unknown and "type" not in schema):
            yield f"{at}null is not allowed: mark the field Nullable()"
        return
    if schema.get("x-kubernetes-int-or-string"):
        if isinstance(value, bool) or not isinstance(value, int | str):
            yield f"{at}it is neither an integer nor a string"
            return
    elif "type" in schema and not _is(value, schema["type"]):
        yield f"{at}it is not of type {schema['type']}"
        return
    allowed = enumerated(schema)
    if allowed is not None and not any(json_equal(value, one) for one in allowed):
        yield f"{at}it is not one of {shortened(', '.join(repr(one) for one in allowed))}"
    if isinstance(value, str):
        yield from _string(value, schema, at)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(value, schema, at)
    elif isinstance(value, list):
        yield from _array(value, schema, path, at)
    elif isinstance(value, dict):
        yield from _object(value, schema, path, at)


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _string(value: str, schema: Schema, at: str) -> Iterator[str]:
    if len(value) < schema.get("minLength", 0):
        yield f"{at}it is shorter than {schema['minLength']}"
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield f"{at}it is longer than {schema['maxLength']}"
    name = schema.get("format", "byte" if value and is_base64(schema) else "")
    if not fits(name, value):
        yield f"{at}{shown(value)} is not a valid {name}"
    patterns = [schema["pattern"]] if "pattern" in schema else []
    patterns += [part["pattern"] for part in schema.get("allOf", ()) if "pattern" in part]
    for pattern in patterns:
        if _matches(pattern, value) is False:
            yield f"{at}it does not match {pattern!r}"


def _matches(pattern: str, value: str) -> bool | None:
    try:
        return matches(pattern, value)
    except PatternError:
        return None  # reported about the pattern itself


def _number(value: float, schema: Schema, at: str) -> Iterator[str]:
    name = schema.get("format")
    if schema.get("type") == "integer" or schema.get("x-kubernetes-int-or-string"):
        # Of the formats of an integer the API server knows these two, and takes any other for 64 bits.
        lowest, highest = (_INT32_MIN, _INT32_MAX) if name == "int32" else (INT64_MIN, INT64_MAX)
        if not lowest <= value <= highest:
            yield f"{at}it is not an integer of {32 if name == 'int32' else 64} bits"
    elif name == "float" and abs(value) > _FLOAT_MAX:
        yield f"{at}it is not a number of 32 bits"
    if "minimum" in schema:
        if schema.get("exclusiveMinimum") and value <= schema["minimum"]:
            yield f"{at}it is not above {schema['minimum']}"
        elif value < schema["minimum"]:
            yield f"{at}it is below {schema['minimum']}"
    if "maximum" in schema:
        if schema.get("exclusiveMaximum") and value >= schema["maximum"]:
            yield f"{at}it is not below {schema['maximum']}"
        elif value > schema["maximum"]:
            yield f"{at}it is above {schema['maximum']}"
    if "multipleOf" in schema and not _is_multiple(
        value, schema["multipleOf"], floating=schema.get("type") == "number"
    ):
        yield f"{at}it is not a multiple of {schema['multipleOf']}"


def _is_multiple(value: float, step: float, *, floating: bool) -> bool:
    integer = isinstance(value, int) and INT64_MIN <= value <= INT64_MAX
    if integer or not floating or not float(step).is_integer():
        return _exact(value) % _exact(step) == 0
    # The API server divides floats, takes a quotient for whole that exceeds it by a billionth, and has a largest one.
    quotient = abs(float(value)) / step
    whole = math.trunc(quotient)
    return quotient <= _LARGEST_QUOTIENT and (quotient == whole or quotient - whole < (quotient + whole) * 1e-9)


def _exact(value: float) -> Fraction:
    """Return a number as it is written: 0.1 is a tenth. A Decimal would round it, and fail for many digits."""
    return Fraction(value) if isinstance(value, int) else Fraction(repr(value))


def _array(value: list[Any], schema: Schema, path: str, at: str) -> Iterator[str]:
    if len(value) < schema.get("minItems", 0):
        yield f"{at}it has fewer than {schema['minItems']} items"
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        yield f"{at}it has more than {schema['maxItems']} items"
    if schema.items_schema is not None:
        for index, item in enumerate(value):
            yield from violations(item, schema.items_schema, f"{path}[{index}]")
    if schema.get("x-kubernetes-list-type") == "set" and _repeats(value):
        yield f"{at}an item is duplicated"
    keys = schema.get("x-kubernetes-list-map-keys")
    if keys and _repeats([[item.get(key) for key in keys] for item in value if isinstance(item, dict)]):
        yield f"{at}two items have the same {', '.join(keys)}"


def _repeats(items: list[Any]) -> bool:
    written = [json.dumps(item, sort_keys=True) for item in whole_numbers(items)]
    return len(set(written)) < len(written)


def _object(value: dict[str, Any], schema: Schema, path: str, at: str) -> Iterator[str]:
    if len(value) < schema.get("minProperties", 0):
        yield f"{at}it has fewer than {schema['minProperties']} fields"
    if "maxProperties" in schema and len(value) > schema["maxProperties"]:
        yield f"{at}it has more than {schema['maxProperties']} fields"
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at}{name} is required"
    for name, item in value.items():
        child = schema.properties.get(name) or schema.values_schema
        if child is not None:
            yield from violations(item, child, f"{path}.{name}")
        elif not schema.preserves_unknown:
            yield f"{at}{name} is not a known field"
