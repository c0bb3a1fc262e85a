"""Schemas of the types that are neither models nor containers."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import math
import pathlib
import re
import uuid
from typing import Any, Literal, Union, cast, get_args, get_origin

from pydantic import AwareDatetime, SecretBytes, SecretStr, Strict, StrictInt, StrictStr

from kaiwu_runtime.api._duration import DURATION_PATTERN, DurationType
from kaiwu_runtime.api._json_limits import INT64_MAX, INT64_MIN
from kaiwu_runtime.api._markers import AllowFloat, Format, SchemaType
from kaiwu_runtime.api._quantity import QUANTITY_PATTERN
from kaiwu_runtime.api._scalars import BytesType
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._annotations import Facts, members, unwrap_annotation
from kaiwu_runtime.generator._schema import Schema

_FORMATS: dict[object, str] = {
    AwareDatetime: "date-time",
    dt.date: "date",
    uuid.UUID: "uuid",
    ipaddress.IPv4Address: "ipv4",
    ipaddress.IPv6Address: "ipv6",
}

_ENUMERATED: dict[type, str] = {bool: "boolean", str: "string", int: "integer", float: "number"}
"""JSON types of the values an enumeration may have; bool first, since it is an int in Python."""

_INSTEAD: dict[object, str] = {
    bytes: "Base64Bytes",
    dt.datetime: "Time, which has a time zone",
    dt.timedelta: "Duration",
    dt.time: "a str with Field(pattern=...)",
    decimal.Decimal: "Quantity",
    pathlib.Path: "str",
    SecretStr: "a reference to a Secret; a secret does not belong in a custom resource",
    SecretBytes: "a reference to a Secret; a secret does not belong in a custom resource",
    set: 'Annotated[list[...], ListType("set")]',
    frozenset: 'Annotated[list[...], ListType("set")]',
    tuple: "list[...]",
    object: "Any",
}


def quantity() -> Schema:
    """Return the schema of an amount such as ``10Gi`` or ``2``."""
    return Schema(int_or_string() | {"pattern": QUANTITY_PATTERN})


def base64_text() -> Schema:
    """Return the schema of bytes in base64; with ``format: byte`` alone the API server would reject an empty string."""
    return Schema({"type": "string", "anyOf": [{"format": "byte"}, {"maxLength": 0}]})


def int_or_string() -> Schema:
    """Return the schema of a number or a string, in the only form that the API server accepts."""
    return Schema({"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True})


def scalar_schema(bare: object, facts: Facts, where: str) -> Schema:
    """Return the schema of a scalar, an enumeration, or ``Any``.

    Raises:
        DefinitionError: The type has no schema; the message says what to write instead.
    """
    override = facts.find(SchemaType)
    if override is not None:
        return _overridden(override)
    if facts.carries(DurationType):
        return Schema({"type": "string", "format": "duration", "pattern": DURATION_PATTERN})
    if facts.carries(BytesType):
        return base64_text()
    if bare is Any:
        return Schema({"x-kubernetes-preserve-unknown-fields": True})
    if bare is bool:
        return Schema({"type": "boolean"})
    if bare is str or bare is StrictStr:
        return Schema({"type": "string"})
    if bare is int or bare is StrictInt:
        return Schema({"type": "integer", "format": "int64"})
    if bare is float:
        return _number(facts, where)
    if bare in _FORMATS:
        return Schema({"type": "string", "format": _FORMATS[bare]})
    if get_origin(bare) is Literal:
        return _enumeration(_literals(bare), where)
    if isinstance(bare, type) and issubclass(bare, enum.Enum):
        return _enumeration(_enum_values(bare, where), where)
    if get_origin(bare) is Union:
        return _union(bare, facts, where)
    raise DefinitionError(f"{where}: {_spell(bare)} has no schema: {_advice(bare)}")


def _overridden(override: SchemaType) -> Schema:
    if override.type == "object":
        return Schema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    if override.type == "array":
        return Schema({"type": "array", "items": Schema({"x-kubernetes-preserve-unknown-fields": True})})
    return Schema({"type": override.type})


def _number(facts: Facts, where: str) -> Schema:
    if facts.find(AllowFloat) is None:
        raise DefinitionError(
            f"{where}: a float may be rounded by other clients: use int, Quantity, or Float if you mean it"
        )
    return Schema({"type": "number"})


def _literals(bare: object) -> list[object]:
    values: list[object] = []
    for argument in get_args(bare):
        values += _literals(argument) if get_origin(argument) is Literal else [argument]
    return [value.value if isinstance(value, enum.Enum) else value for value in values]


def _enum_values(kind: type[enum.Enum], where: str) -> list[object]:
    if issubclass(kind, enum.Flag):
        raise DefinitionError(
            f"{where}: {kind.__name__} is a Flag, whose combinations are values too and in no enumeration: "
            f'use a list of names, Annotated[list[Literal[...]], ListType("set")]'
        )
    return [member.value for member in kind]


def _is_enumeration(bare: object) -> bool:
    return get_origin(bare) is Literal or (isinstance(bare, type) and issubclass(bare, enum.Enum))


def _values(bare: object, where: str) -> list[object]:
    return _literals(bare) if get_origin(bare) is Literal else _enum_values(cast("type[enum.Enum]", bare), where)


def _enumeration(values: list[object], where: str) -> Schema:
    kinds = {type(value) if type(value) in _ENUMERATED else _scalar_base(value) for value in values}
    if not kinds or None in kinds or not all(_is_storable(value) for value in values):
        raise DefinitionError(
            f"{where}: the values of an enumeration must be strings, booleans, integers of 64 bits, or floats with a "
            "fraction"
        )
    listed = list({(type(value) is bool, value): value for value in values}.values())
    if kinds == {int, str}:
        return Schema(int_or_string() | {"enum": listed})
    if len(kinds) == 1 or kinds == {int, float}:
        kind = kinds.pop() if len(kinds) == 1 else float
        return Schema({"type": _ENUMERATED[cast("type", kind)], "enum": listed})
    return Schema({"x-kubernetes-preserve-unknown-fields": True, "enum": listed})


def _scalar_base(value: object) -> type | None:
    """Return the JSON scalar of a value of a custom class, or None if it is not a scalar."""
    return next((kind for kind in _ENUMERATED if isinstance(value, kind)), None)


def _is_storable(value: object) -> bool:
    if isinstance(value, float):
        # The API server stores 2.0 as 2, an integer, which Python would write otherwise.
        return math.isfinite(value) and not (value.is_integer() and abs(value) < -INT64_MIN)
    return not isinstance(value, int) or INT64_MIN <= value <= INT64_MAX


def _union(bare: object, facts: Facts, where: str) -> Schema:
    """Return the schema of a union of integers and strings, or of enumerations; the field gets its members' limits."""
    parts = [unwrap_annotation(member) for member in members(bare)]
    if all(_is_enumeration(kind) for kind, _ in parts):
        return _enumeration([value for kind, _ in parts for value in _values(kind, where)], where)
    numbers = [inner for kind, inner in parts if kind is int]
    texts = [inner for kind, inner in parts if kind is str]
    words = [value for kind, _ in parts if _is_enumeration(kind) for value in _values(kind, where)]
    one_each = len(numbers) == 1 and len(texts) + bool(words) == 1 and all(isinstance(word, str) for word in words)
    if one_each and all(_only_limits(inner) for _, inner in parts):
        for inner in (*numbers, *texts):
            facts.absorb(inner)
        if words:
            facts.patterns.append(f"^({'|'.join(_quote(str(word)) for word in words)})$")
        return int_or_string()
    raise DefinitionError(
        f"{where}: {_spell(bare)} has no schema: a CRD supports only unions of integers and strings; "
        "use a model of optional fields with ExactlyOneOf(...), or Any with PreserveUnknownFields()"
    )


def _only_limits(facts: Facts) -> bool:
    """Return whether the metadata of a member of a union can apply to the whole union."""
    return all(isinstance(item, Format) for item in facts.markers) and all(isinstance(o, Strict) for o in facts.other)


def _quote(text: str) -> str:
    """Return a pattern that matches a text, for Go as well as for Python."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", lambda match: f"\\{match[0]}", text)


def _spell(bare: object) -> str:
    return bare.__name__ if isinstance(bare, type) and not get_args(bare) else str(bare).replace("typing.", "")


def _advice(bare: object) -> str:
    instead = _INSTEAD.get(get_origin(bare) or bare)
    if instead is None and isinstance(bare, type):
        instead = next((text for kind, text in _INSTEAD.items() if kind is not object and _derived(bare, kind)), None)
    if instead is not None:
        return f"use {instead}"
    if "Url" in _spell(bare):
        return 'use Annotated[str, Format("uri")]; pydantic rewrites URLs it reads'
    return "use a scalar, a list, a dict, an APIModel or Kube[...], or set its JSON type with SchemaType(...)"


def _derived(bare: type, kind: object) -> bool:
    return isinstance(kind, type) and issubclass(bare, kind)
