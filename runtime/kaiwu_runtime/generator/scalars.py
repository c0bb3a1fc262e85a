"""Schemas of the types that are neither models nor containers."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import pathlib
import uuid
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, SecretBytes, SecretStr, StrictInt, StrictStr

from kaiwu_runtime.api.duration import DURATION_PATTERN, DurationType
from kaiwu_runtime.api.markers import AllowFloat, SchemaType
from kaiwu_runtime.api.quantity import QUANTITY_PATTERN
from kaiwu_runtime.api.scalars import BytesType
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator.annotations import Facts, members, take_apart
from kaiwu_runtime.generator.schema import Schema

_FORMATS: dict[object, str] = {
    AwareDatetime: "date-time",
    dt.date: "date",
    uuid.UUID: "uuid",
    ipaddress.IPv4Address: "ipv4",
    ipaddress.IPv6Address: "ipv6",
}

_INSTEAD: dict[object, str] = {
    bytes: "Base64Bytes",
    dt.datetime: "Time, which has a time zone",
    dt.timedelta: "Duration",
    dt.time: "a str with Field(pattern=...)",
    decimal.Decimal: "Quantity",
    pathlib.Path: "str",
    SecretStr: "a reference to a Secret; a secret does not belong into a custom resource",
    SecretBytes: "a reference to a Secret; a secret does not belong into a custom resource",
    set: 'Annotated[list[...], ListType("set")]',
    frozenset: 'Annotated[list[...], ListType("set")]',
    tuple: "list[...]",
    object: "Any",
}


def quantity() -> Schema:
    """Return the schema of an amount such as ``10Gi`` or ``2``."""
    return Schema(int_or_string() | {"pattern": QUANTITY_PATTERN})


def int_or_string() -> Schema:
    """Return the schema of a number or a string, in the one form the API server takes."""
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
        return Schema({"type": "string", "format": "byte"})
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
        return _enumeration([member.value for member in bare], where)
    if get_origin(bare) is Union:
        return _union(bare, where)
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


def _enumeration(values: list[object], where: str) -> Schema:
    kinds = {type(value) for value in values}
    if kinds == {str}:
        return Schema({"type": "string", "enum": list(values)})
    if kinds == {int}:
        return Schema({"type": "integer", "enum": list(values)})
    if kinds == {bool}:
        return Schema({"type": "boolean", "enum": list(values)})
    raise DefinitionError(f"{where}: the values of an enumeration must be all strings or all integers")


def _union(bare: object, where: str) -> Schema:
    kinds = {take_apart(member)[0] for member in members(bare)}
    if kinds == {int, str}:
        return int_or_string()
    if all(get_origin(kind) is Literal for kind in kinds):
        return _enumeration([value for member in members(bare) for value in _literals(take_apart(member)[0])], where)
    raise DefinitionError(
        f"{where}: {_spell(bare)} has no schema: a CRD knows no union but int | str; "
        "use a model of optional fields with ExactlyOneOf(...), or Any with PreserveUnknownFields()"
    )


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
    return "use a scalar, a list, a dict, an APIModel or Kube[...], or say its JSON type with SchemaType(...)"


def _derived(bare: type, kind: object) -> bool:
    return isinstance(kind, type) and issubclass(bare, kind)
