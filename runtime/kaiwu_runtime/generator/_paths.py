"""Paths into an object, in the notation of printer columns, scale, selectable fields and CEL rules."""

from __future__ import annotations

import re

from kaiwu_runtime.generator._schema import Schema

_FIELD_PATH = re.compile(r"(\.(?:[^.\[\]\\]|\\.)+|\['(?:[^'\\]|\\.)*'\])+")
_TOKEN = re.compile(r"\.((?:[^.\[\]\\]|\\.)+)|\['((?:[^'\\]|\\.)*)'\]")


class PathError(ValueError):
    """A path does not lead to a field; the message names the part that does not exist."""


def resolve(schema: Schema, path: str) -> Schema:
    """Return the schema a path such as ``.spec.replicas`` or ``.labels['app']`` leads to.

    Inside preserved unknown fields the result is a schema without a type.

    Raises:
        PathError: It is not a path, or a field on it does not exist.
    """
    if not _FIELD_PATH.fullmatch(path):
        raise PathError("is not a field path: write .field.field, and \\. for a dot inside a name")
    current = schema
    walked = ""
    for token in _TOKEN.finditer(path):
        name = re.sub(r"\\(.)", r"\1", token[1] if token[1] is not None else token[2])
        current = _step(current, name, walked)
        walked += token[0]
    return current


def _step(schema: Schema, name: str, walked: str) -> Schema:
    if name in schema.properties:
        return schema.properties[name]
    if schema.values_schema is not None:
        return schema.values_schema
    if schema.preserves_unknown:
        return Schema({"x-kubernetes-preserve-unknown-fields": True})
    known = ", ".join(sorted(schema.properties))
    raise PathError(f"{walked or 'the object'} has no field {name!r}" + (f" (it has {known})" if known else ""))


def plain_prefix(path: str) -> str:
    """Return the part of a JSON path before its first bracket: ``.status.conditions`` of a filter in it."""
    return path.partition("[")[0]
