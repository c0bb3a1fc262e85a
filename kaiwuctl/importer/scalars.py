"""From a schema without parts to a Python type: strings, numbers, enumerations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from kaiwu_runtime.api._duration import DURATION_PATTERN
from kaiwu_runtime.api._quantity import QUANTITY_PATTERN
from kaiwuctl.importer.expressions import Call, Expression
from kaiwuctl.importer.vocabulary import INT32, INT64, INT_OR_STRING, PRESERVE

API: Final = "kaiwu_runtime.api"
Schema = dict[str, Any]

_ANY_OF_INT_OR_STRING: Final = [{"type": "integer"}, {"type": "string"}]
_BASE64: Final = [{"format": "byte"}, {"maxLength": 0}]


def scalar(schema: Schema) -> tuple[Expression, Schema]:
    """Return the type of a value that has no parts, and the schema that the generator makes of it."""
    if schema.get(INT_OR_STRING):
        return _int_or_string(schema)
    kind = schema.get("type")
    if "enum" in schema:
        found = _enumeration(kind, schema)
        if found is not None:
            return found
    make = _SCALARS.get(str(kind))
    if make is None:
        return Expression("Any", names=(("typing", "Any"),)), {PRESERVE: True}
    expression, expected = make(schema)
    return expression, expected


def _int_or_string(schema: Schema) -> tuple[Expression, Schema]:
    expected: Schema = {INT_OR_STRING: True, "anyOf": _ANY_OF_INT_OR_STRING}
    enum = schema.get("enum")
    if enum and {type(value) for value in enum} == {int, str} and _is_listable(enum):
        return _literal(enum), expected | _written_enum(schema)
    if schema.get("pattern") == QUANTITY_PATTERN:
        expression, expected = _api("Quantity"), expected | {"pattern": QUANTITY_PATTERN}
        _lengths(expression, schema, expected, "minLength", "maxLength")
        return expression, expected
    expression = _api("IntOrString")
    _text_limits(expression, schema, expected)
    _bounds(expression, schema, expected, INT64)
    return expression, expected


def _enumeration(kind: object, schema: Schema) -> tuple[Expression, Schema] | None:
    values = schema["enum"]
    python = {"string": str, "integer": int, "boolean": bool}.get(str(kind))
    if python is None or any(type(value) is not python for value in values) or not _is_listable(values):
        return None
    return _literal(values), {"type": kind, **_written_enum(schema)}


def _written_enum(schema: Schema) -> Schema:
    """Return where the generator writes the values: for a value that may be null, inside allOf."""
    values = schema["enum"]
    return {"allOf": [{"enum": values}]} if schema.get("nullable") else {"enum": values}


def _is_listable(values: list[Any]) -> bool:
    """Whether a Literal can have the values: each once, and integers of 64 bits but the lowest, which mypy rejects."""
    known = {(type(value), value) for value in values}
    return len(known) == len(values) and all(
        not isinstance(value, int) or INT64[0] < value <= INT64[1] for value in values
    )


def _literal(values: list[Any]) -> Expression:
    return Expression("Literal", arguments=tuple(values), names=(("typing", "Literal"),))


def _string(schema: Schema) -> tuple[Expression, Schema]:
    name = schema.get("format")
    limited = schema.keys() & {"enum", "minLength", "maxLength", "default", "pattern"}
    if name == "date-time" and not limited:
        return _api("Time"), {"type": "string", "format": "date-time"}
    if name == "duration" and schema.get("pattern") == DURATION_PATTERN and not limited - {"pattern", "default"}:
        return _api("Duration"), {"type": "string", "format": "duration", "pattern": DURATION_PATTERN}
    if schema.get("anyOf") == _BASE64 and not limited and name is None:
        return _api("Base64Bytes"), {"type": "string", "anyOf": _BASE64}
    expression, expected = Expression("str"), {"type": "string"}
    _format(expression, schema, expected)
    if "enum" not in schema:
        _text_limits(expression, schema, expected)
    return expression, expected


def _integer(schema: Schema) -> tuple[Expression, Schema]:
    name = schema.get("format")
    expected: Schema = {"type": "integer"}
    if name == "int64":
        expression, expected = Expression("int"), expected | {"format": "int64"}
    elif name == "int32":
        expression = Expression("int")
        _format(expression, schema, expected)
    else:
        expression = _api("Integer")
        _format(expression, schema, expected)
    _bounds(expression, schema, expected, INT32 if name == "int32" else INT64)
    return expression, expected


def _number(schema: Schema) -> tuple[Expression, Schema]:
    expression, expected = _api("Float"), {"type": "number"}
    _format(expression, schema, expected)
    _bounds(expression, schema, expected, (-(2**53), 2**53))
    return expression, expected


def _boolean(schema: Schema) -> tuple[Expression, Schema]:
    expression, expected = Expression("bool"), {"type": "boolean"}
    _format(expression, schema, expected)
    return expression, expected


def _api(name: str) -> Expression:
    return Expression(name, names=((API, name),))


def _format(expression: Expression, schema: Schema, expected: Schema) -> None:
    name = schema.get("format")
    if isinstance(name, str):
        expression.markers.append(Call("Format", (name,)))
        expected["format"] = name


def _text_limits(expression: Expression, schema: Schema, expected: Schema) -> None:
    _lengths(expression, schema, expected, "minLength", "maxLength")
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        expression.limits["pattern"] = pattern
        expected["pattern"] = pattern


def _lengths(expression: Expression, schema: Schema, expected: Schema, least: str, most: str) -> None:
    for word, argument in ((least, "min_length"), (most, "max_length")):
        length = schema.get(word)
        if type(length) is int and 0 <= length <= INT64[1]:
            expression.limits[argument] = length
            expected[word] = length


def container_lengths(expression: Expression, schema: Schema, expected: Schema, least: str, most: str) -> None:
    """Take over the minimum and maximum of the number of parts."""
    _lengths(expression, schema, expected, least, most)


def _bounds(expression: Expression, schema: Schema, expected: Schema, range_: tuple[int, int]) -> None:
    """Take over bounds that are whole numbers, and that the generator writes as they are."""
    for word, names in (("minimum", ("ge", "gt")), ("maximum", ("le", "lt"))):
        bound = _whole(schema.get(word))
        exclusive = bool(schema.get(f"exclusive{word.capitalize()}"))
        if bound is None or not range_[0] < bound < range_[1] or int(float(bound)) != bound:
            continue
        expression.limits[names[exclusive]] = bound
        expected[word] = bound
        if exclusive:
            expected[f"exclusive{word.capitalize()}"] = True
    step = _whole(schema.get("multipleOf"))
    if step is not None and 0 < step < INT64[1] and int(float(step)) == step:
        expression.limits["multiple_of"] = step
        expected["multipleOf"] = step


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if value == int(value) else None


_SCALARS: Final[dict[str, Callable[[Schema], tuple[Expression, Schema]]]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}
