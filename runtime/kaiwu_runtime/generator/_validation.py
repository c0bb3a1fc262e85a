"""Reject schemas that the API server would reject, and name model and field.

Each rule is one of the API server's own (validation of structural schemas and of CustomResourceDefinitions);
a test shows for each that a real API server rejects the same schema.
"""

from __future__ import annotations

from collections.abc import Callable

from kaiwu_runtime.generator._json_validation import violations
from kaiwu_runtime.generator._rule_checks import (
    Place,
    broken_rule,
    check_metadata_rules,
    check_rules,
)
from kaiwu_runtime.generator._schema import Schema, schema_error, shown, walk
from kaiwu_runtime.regexp import PatternError, parse

_BOUNDS = {
    "minimum": "maximum",
    "minLength": "maxLength",
    "minItems": "maxItems",
    "minProperties": "maxProperties",
}
_NOT_AT_ROOT = {
    "x-kubernetes-map-type": "StructType",
    "x-kubernetes-embedded-resource": "EmbeddedResource",
    "minProperties": "MinProperties",
    "maxProperties": "MaxProperties",
}


def check_resource(schema: Schema, *, status: bool) -> list[str]:
    """Check the schema of a kind.

    Args:
        schema: The whole schema.
        status: Whether the status subresource is on.

    Returns:
        Warnings about definitions that the API server accepts but that may not mean what they seem to mean.

    Raises:
        DefinitionError: The API server would reject the schema; the message names the first reason.
    """
    if schema.get("nullable"):
        raise schema_error(schema, "the kind itself cannot be nullable")
    for word, marker in _NOT_AT_ROOT.items():
        if status and word in schema:
            raise schema_error(
                schema, f"{marker} is not allowed on a kind with a status subresource: put it on the spec"
            )
    check_metadata_rules(schema)
    _check(schema, Place())
    return [
        f"{node.origin}: pattern {pattern!r}: {note}"
        for _, node in walk(schema)
        for pattern in _patterns(node)
        for note in parse(pattern).notes
    ]


def _check(schema: Schema, place: Place) -> None:
    for check in _CHECKS:
        check(schema)
    check_rules(schema, place)
    _check_default(schema)
    for child in schema.properties.values():
        _check(child, place)
    if schema.values_schema is not None:
        _check(schema.values_schema, place.inside(schema, "maxProperties"))
    if schema.items_schema is not None:
        apart = "" if schema.get("x-kubernetes-list-type") == "map" else schema.origin
        _check(schema.items_schema, place.inside(schema, "maxItems", uncorrelated=apart))


def _check_type(schema: Schema) -> None:
    typed = schema.get("type") or schema.get("x-kubernetes-int-or-string") or schema.preserves_unknown
    if not typed:
        raise schema_error(schema, "it has no type: add SchemaType(...) or PreserveUnknownFields() beside Schemaless()")


def _check_structure(schema: Schema) -> None:
    if schema.properties and schema.get("additionalProperties") is not None:
        raise schema_error(schema, "properties and additionalProperties exclude each other")
    if schema.get("type") == "array" and schema.items_schema is None:
        raise schema_error(schema, "a list needs the type of its items")
    if schema.get("uniqueItems"):
        raise schema_error(schema, 'uniqueItems is not allowed: use ListType("set")')
    if schema.get("x-kubernetes-list-map-keys") and schema.get("x-kubernetes-list-type") != "map":
        raise schema_error(schema, "x-kubernetes-list-map-keys needs the list type map")


def _check_int_or_string(schema: Schema) -> None:
    if not schema.get("x-kubernetes-int-or-string"):
        return
    if schema.preserves_unknown:
        raise schema_error(schema, "an int-or-string cannot preserve unknown fields")
    if schema.get("x-kubernetes-embedded-resource"):
        raise schema_error(schema, "an int-or-string cannot be an embedded resource")
    if schema.get("type"):
        raise schema_error(schema, "an int-or-string cannot have a type of its own: drop SchemaType(...)")


def _check_embedded(schema: Schema) -> None:
    if not schema.get("x-kubernetes-embedded-resource"):
        return
    if schema.get("type") != "object":
        raise schema_error(schema, "an embedded resource must be an object: use dict[str, Any]")
    if schema.values_schema is not None:
        raise schema_error(schema, "an embedded resource cannot be a mapping with typed values: use dict[str, Any]")
    if not schema.preserves_unknown and not schema.properties:
        raise schema_error(schema, "an embedded resource without fields needs PreserveUnknownFields()")
    for name in ("apiVersion", "kind"):
        if name in schema.properties and schema.properties[name].get("type") != "string":
            raise schema_error(schema, f"the {name} of an embedded resource must be a string")
    if "metadata" in schema.properties and schema.properties["metadata"].get("type") != "object":
        raise schema_error(schema, "the metadata of an embedded resource must be an object")


def _check_list(schema: Schema) -> None:
    kind = schema.get("x-kubernetes-list-type")
    if kind is None:
        return
    if kind not in {"atomic", "set", "map"}:
        raise schema_error(schema, f"list type {kind!r} is not one of atomic, set, map")
    if schema.get("type") != "array":
        raise schema_error(schema, "ListType and ListMapKeys belong on a list")
    items = schema.items_schema or Schema()
    if kind in {"set", "map"} and items.get("nullable"):
        raise schema_error(schema, f"the items of a list of type {kind} cannot be nullable")
    if kind == "set":
        atomic = {
            "array": items.get("x-kubernetes-list-type", "atomic"),
            "object": items.get("x-kubernetes-map-type"),
        }
        if atomic.get(items.get("type", ""), "atomic") != "atomic":
            raise schema_error(
                schema, 'the items of a list of type set must be scalars, or models with StructType("atomic")'
            )
    if kind == "map":
        _check_map_keys(schema, items)


def _check_map_keys(schema: Schema, items: Schema) -> None:
    keys = schema.get("x-kubernetes-list-map-keys") or []
    if not keys:
        raise schema_error(schema, 'a list of type map needs keys: use ListMapKeys("name")')
    if items.get("type") != "object":
        raise schema_error(schema, "the items of a list of type map must be models")
    for key in keys:
        found = items.properties.get(key)
        if found is None:
            known = ", ".join(sorted(items.properties))
            raise schema_error(
                schema, f"list map key {key!r} is not a field of {items.model or 'its items'} (it has {known})"
            )
        if found.get("type") in {"array", "object"}:
            raise schema_error(schema, f"list map key {key!r} must be a scalar")
        if found.get("nullable"):
            raise schema_error(schema, f"list map key {key!r} cannot be nullable")
        if key not in items.get("required", ()) and found.get("default") is None:
            raise schema_error(schema, f"list map key {key!r} must be required or have a default in {items.model}")
    if len(set(keys)) != len(keys):
        raise schema_error(schema, "a list map key is named twice")


def _check_map(schema: Schema) -> None:
    kind = schema.get("x-kubernetes-map-type")
    if kind is None:
        return
    if kind not in {"granular", "atomic"}:
        raise schema_error(schema, f"map type {kind!r} is not one of granular, atomic")
    if schema.get("type") != "object":
        raise schema_error(schema, "MapType and StructType belong on a mapping or a model")


def _check_limits(schema: Schema) -> None:
    for least, most in _BOUNDS.items():
        if least in schema and most in schema and schema[least] > schema[most]:
            raise schema_error(schema, f"{least} {schema[least]} is above {most} {schema[most]}: no value fits")
    for pattern in _patterns(schema):
        try:
            parse(pattern)
        except PatternError as error:
            raise schema_error(schema, f"pattern {pattern!r}: {error}") from None


def _patterns(schema: Schema) -> list[str]:
    patterns = [schema["pattern"]] if "pattern" in schema else []
    return patterns + [part["pattern"] for part in schema.get("allOf", ()) if "pattern" in part]


def _check_default(schema: Schema) -> None:
    if "default" not in schema:
        return
    found = next(iter(violations(schema["default"], schema)), "") or broken_rule(schema["default"], schema)
    if found:
        raise schema_error(schema, f"default {shown(schema['default'])}: {found}")


_CHECKS: tuple[Callable[[Schema], None], ...] = (
    _check_type,
    _check_structure,
    _check_int_or_string,
    _check_embedded,
    _check_list,
    _check_map,
    _check_limits,
)
