"""Reject schemas that the API server would reject, and name model and field.

Each rule is one of the API server's own (validation of structural schemas and of CustomResourceDefinitions);
a test shows for each that a real API server rejects the same schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._cel_checks import expression_error, is_typed
from kaiwu_runtime.generator._cel_cost import budget_error, holds
from kaiwu_runtime.generator._json_validation import violations
from kaiwu_runtime.generator._paths import PathError, resolve
from kaiwu_runtime.generator._schema import Schema, walk
from kaiwu_runtime.regexp import PatternError, parse

_REASONS = {"FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"}
_ROOT_METADATA = re.compile(r"\bself\.metadata\.(?!name\b|generateName\b)(\w+)")
_OLD_SELF = re.compile(r"\boldSelf\b")
_STRING_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
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
        raise _error(schema, "the kind itself cannot be nullable")
    for word, marker in _NOT_AT_ROOT.items():
        if status and word in schema:
            raise _error(schema, f"{marker} is not allowed on a kind with a status subresource: put it on the spec")
    for rule in schema.get("x-kubernetes-validations", ()):
        hidden = _ROOT_METADATA.search(_without_strings(rule["rule"]))
        if hidden:
            raise _error(schema, f"rule {rule['rule']!r}: of metadata only name and generateName are visible to rules")
    _check(schema, _Place())
    return [
        f"{node.origin}: pattern {pattern!r}: {note}"
        for _, node in walk(schema)
        for pattern in _patterns(node)
        for note in parse(pattern).notes
    ]


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of a value in an object.

    Attributes:
        uncorrelated: The surrounding list whose items cannot be matched with the old ones; empty if there is none.
        cardinality: Maximum number of such values in an object; None without a maximum.
        within: The innermost surrounding list or mapping; the one without a maximum if there is one.
    """

    uncorrelated: str = ""
    cardinality: int | None = 1
    within: str = ""

    def inside(self, schema: Schema, maximum: str, *, uncorrelated: str = "") -> _Place:
        """Return the place of the parts of a list or mapping."""
        most = schema.get(maximum)
        if self.cardinality is None or most is None:
            within = self.within if self.cardinality is None else schema.origin
            return _Place(self.uncorrelated or uncorrelated, None, within)
        return _Place(self.uncorrelated or uncorrelated, self.cardinality * most, schema.origin)


def _check(schema: Schema, place: _Place) -> None:
    for check in _CHECKS:
        check(schema)
    _check_rules(schema, place)
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
        raise _error(schema, "it has no type: add SchemaType(...) or PreserveUnknownFields() beside Schemaless()")


def _check_structure(schema: Schema) -> None:
    if schema.properties and schema.get("additionalProperties") is not None:
        raise _error(schema, "properties and additionalProperties exclude each other")
    if schema.get("type") == "array" and schema.items_schema is None:
        raise _error(schema, "a list needs the type of its items")
    if schema.get("uniqueItems"):
        raise _error(schema, 'uniqueItems is not allowed: use ListType("set")')
    if schema.get("x-kubernetes-list-map-keys") and schema.get("x-kubernetes-list-type") != "map":
        raise _error(schema, "x-kubernetes-list-map-keys needs the list type map")


def _check_int_or_string(schema: Schema) -> None:
    if not schema.get("x-kubernetes-int-or-string"):
        return
    if schema.preserves_unknown:
        raise _error(schema, "an int-or-string cannot preserve unknown fields")
    if schema.get("x-kubernetes-embedded-resource"):
        raise _error(schema, "an int-or-string cannot be an embedded resource")
    if schema.get("type"):
        raise _error(schema, "an int-or-string cannot have a type of its own: drop SchemaType(...)")


def _check_embedded(schema: Schema) -> None:
    if not schema.get("x-kubernetes-embedded-resource"):
        return
    if schema.get("type") != "object":
        raise _error(schema, "an embedded resource must be an object: use dict[str, Any]")
    if schema.values_schema is not None:
        raise _error(schema, "an embedded resource cannot be a mapping with typed values: use dict[str, Any]")
    if not schema.preserves_unknown and not schema.properties:
        raise _error(schema, "an embedded resource without fields needs PreserveUnknownFields()")
    for name in ("apiVersion", "kind"):
        if name in schema.properties and schema.properties[name].get("type") != "string":
            raise _error(schema, f"the {name} of an embedded resource must be a string")
    if "metadata" in schema.properties and schema.properties["metadata"].get("type") != "object":
        raise _error(schema, "the metadata of an embedded resource must be an object")


def _check_list(schema: Schema) -> None:
    kind = schema.get("x-kubernetes-list-type")
    if kind is None:
        return
    if kind not in {"atomic", "set", "map"}:
        raise _error(schema, f"list type {kind!r} is not one of atomic, set, map")
    if schema.get("type") != "array":
        raise _error(schema, "ListType and ListMapKeys belong on a list")
    items = schema.items_schema or Schema()
    if kind in {"set", "map"} and items.get("nullable"):
        raise _error(schema, f"the items of a list of type {kind} cannot be nullable")
    if kind == "set":
        atomic = {
            "array": items.get("x-kubernetes-list-type", "atomic"),
            "object": items.get("x-kubernetes-map-type"),
        }
        if atomic.get(items.get("type", ""), "atomic") != "atomic":
            raise _error(schema, 'the items of a list of type set must be scalars, or models with StructType("atomic")')
    if kind == "map":
        _check_map_keys(schema, items)


def _check_map_keys(schema: Schema, items: Schema) -> None:
    keys = schema.get("x-kubernetes-list-map-keys") or []
    if not keys:
        raise _error(schema, 'a list of type map needs keys: use ListMapKeys("name")')
    if items.get("type") != "object":
        raise _error(schema, "the items of a list of type map must be models")
    for key in keys:
        found = items.properties.get(key)
        if found is None:
            known = ", ".join(sorted(items.properties))
            raise _error(
                schema, f"list map key {key!r} is not a field of {items.model or 'its items'} (it has {known})"
            )
        if found.get("type") in {"array", "object"}:
            raise _error(schema, f"list map key {key!r} must be a scalar")
        if found.get("nullable"):
            raise _error(schema, f"list map key {key!r} cannot be nullable")
        if key not in items.get("required", ()) and found.get("default") is None:
            raise _error(schema, f"list map key {key!r} must be required or have a default in {items.model}")
    if len(set(keys)) != len(keys):
        raise _error(schema, "a list map key is named twice")


def _check_map(schema: Schema) -> None:
    kind = schema.get("x-kubernetes-map-type")
    if kind is None:
        return
    if kind not in {"granular", "atomic"}:
        raise _error(schema, f"map type {kind!r} is not one of granular, atomic")
    if schema.get("type") != "object":
        raise _error(schema, "MapType and StructType belong on a mapping or a model")


def _check_limits(schema: Schema) -> None:
    for least, most in _BOUNDS.items():
        if least in schema and most in schema and schema[least] > schema[most]:
            raise _error(schema, f"{least} {schema[least]} is above {most} {schema[most]}: no value fits")
    for pattern in _patterns(schema):
        try:
            parse(pattern)
        except PatternError as error:
            raise _error(schema, f"pattern {pattern!r}: {error}") from None


def _patterns(schema: Schema) -> list[str]:
    patterns = [schema["pattern"]] if "pattern" in schema else []
    return patterns + [part["pattern"] for part in schema.get("allOf", ()) if "pattern" in part]


def _check_rules(schema: Schema, place: _Place) -> None:
    rules = schema.get("x-kubernetes-validations", ())
    if rules and not is_typed(schema):
        raise _error(
            schema,
            f"rule {rules[0]['rule']!r} needs a type, and this may be anything: use a type that CEL knows, such as "
            "dict[str, Any] or IntOrString, and drop Immutable() or CEL(...) otherwise",
        )
    for rule in rules:
        _check_rule(schema, rule)
        uses_old = _OLD_SELF.search(_without_strings(rule["rule"])) is not None
        if uses_old and place.uncorrelated:
            raise _error(
                schema,
                f"rule {rule['rule']!r} compares with oldSelf inside {place.uncorrelated}, whose parts cannot be "
                "matched with the old ones: give the list ListMapKeys(...), or put the rule on the list",
            )
        if rule.get("optionalOldSelf") and not uses_old:
            raise _error(schema, f"rule {rule['rule']!r} has optional_old_self but does not use oldSelf")
        wrong = budget_error(rule["rule"], schema, place.cardinality, place.within)
        if wrong:
            raise _error(schema, f"rule {rule['rule']!r} {wrong}")


def _check_rule(schema: Schema, rule: dict[str, Any]) -> None:
    text, message = rule["rule"].strip(), rule.get("message", "")
    if not text:
        raise _error(schema, "CEL(...) has an empty rule")
    if "message" in rule and not message.strip():
        raise _error(schema, f"rule {text!r} has an empty message")
    if "\n" in message.strip() or "\r" in message.strip():
        raise _error(schema, f"the message of rule {text!r} must be one line")
    if "\n" in text and not message:
        raise _error(schema, f"rule {text!r} has several lines, so it needs a message")
    if "messageExpression" in rule and not rule["messageExpression"].strip():
        raise _error(schema, f"rule {text!r} has an empty message_expression")
    if "reason" in rule and rule["reason"] not in _REASONS:
        raise _error(schema, f"reason {rule['reason']!r} of rule {text!r} is not one of {', '.join(sorted(_REASONS))}")
    if "fieldPath" in rule:
        try:
            resolve(schema, rule["fieldPath"])
        except PathError as error:
            raise _error(schema, f"field_path {rule['fieldPath']!r} of rule {text!r}: {error}") from None
    for argument, expression in (("rule", text), ("message_expression", rule.get("messageExpression", ""))):
        wrong = expression and expression_error(expression, schema, optional_old=bool(rule.get("optionalOldSelf")))
        if wrong:
            raise _error(schema, f"{argument} {expression!r} {wrong}")


def _check_default(schema: Schema) -> None:
    if "default" not in schema:
        return
    found = next(iter(violations(schema["default"], schema)), "") or _broken_rule(schema["default"], schema)
    if found:
        raise _error(schema, f"default {schema['default']!r}: {found}")


def _broken_rule(value: object, schema: Schema) -> str:
    """Return the first rule that a default violates, as far as it can be known; the API server evaluates all rules."""
    for rule in schema.get("x-kubernetes-validations", ()):
        if holds(rule["rule"], value) is False:
            return str(rule.get("message") or f"it violates the rule {rule['rule']!r}")
    parts: list[tuple[object, Schema | None]] = []
    if isinstance(value, dict):
        parts = [(part, schema.properties.get(name) or schema.values_schema) for name, part in value.items()]
    elif isinstance(value, list):
        parts = [(part, schema.items_schema) for part in value]
    return next((found for part, child in parts if child is not None and (found := _broken_rule(part, child))), "")


def _without_strings(rule: str) -> str:
    return _STRING_LITERAL.sub("''", rule)


def _error(schema: Schema, what: str) -> DefinitionError:
    return DefinitionError(f"{schema.origin}: {what}")


_CHECKS: tuple[Callable[[Schema], None], ...] = (
    _check_type,
    _check_structure,
    _check_int_or_string,
    _check_embedded,
    _check_list,
    _check_map,
    _check_limits,
)
