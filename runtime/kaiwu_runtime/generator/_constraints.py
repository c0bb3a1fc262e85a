"""Limits, markers and CEL rules, written into a schema with the API server's keywords."""

from __future__ import annotations

from typing import Any

from kaiwu_runtime.api._markers import (
    CEL,
    AtLeastOneOf,
    AtMostOneOf,
    EmbeddedResource,
    ExactlyOneOf,
    Example,
    ExternalDocs,
    Format,
    Immutable,
    ListMapKeys,
    ListType,
    MapType,
    Marker,
    MaxProperties,
    MinProperties,
    Nullable,
    PreserveUnknownFields,
    StructType,
    Title,
)
from kaiwu_runtime.api._scalars import BytesType
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._annotations import Facts
from kaiwu_runtime.generator._bounds import apply_bounds
from kaiwu_runtime.generator._cel_names import cel_name
from kaiwu_runtime.generator._limits import apply_byte_lengths
from kaiwu_runtime.generator._marker_checks import check_markers
from kaiwu_runtime.generator._schema import Schema, shown
from kaiwu_runtime.regexp import PatternError, go_source

_PAIRWISE = 12
_LENGTHS = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}


def apply_limits(schema: Schema, facts: Facts, where: str) -> None:
    """Write bounds, lengths and patterns.

    Raises:
        DefinitionError: A limit that does not apply to values of this type.
    """
    kind = schema.get("type", "")
    numeric = facts.minimum is not None or facts.maximum is not None or facts.multiple_of is not None
    if numeric and kind not in {"integer", "number"} and not schema.get("x-kubernetes-int-or-string"):
        raise DefinitionError(f"{where}: ge, gt, le, lt and multiple_of apply to numbers, and this is {_spell(schema)}")
    if numeric:
        apply_bounds(schema, facts, where)
    if facts.carries(BytesType):
        apply_byte_lengths(schema, facts)
    elif facts.min_length is not None or facts.max_length is not None:
        if schema.get("x-kubernetes-int-or-string"):
            kind = "string"
        if kind not in _LENGTHS:
            raise DefinitionError(f"{where}: min_length and max_length do not apply to {_spell(schema)}")
        least, most = _LENGTHS[kind]
        if facts.min_length is not None:
            schema[least] = facts.min_length
        if facts.max_length is not None:
            schema[most] = facts.max_length
    _apply_patterns(schema, facts, where)


def _apply_patterns(schema: Schema, facts: Facts, where: str) -> None:
    if not facts.patterns:
        return
    if schema.get("type") != "string" and not schema.get("x-kubernetes-int-or-string"):
        raise DefinitionError(f"{where}: a pattern applies to strings, and this is {_spell(schema)}")
    patterns = [schema["pattern"]] if "pattern" in schema else []
    for pattern in facts.patterns:
        try:
            patterns.append(go_source(pattern))
        except PatternError as error:
            raise DefinitionError(f"{where}: pattern {getattr(pattern, 'pattern', pattern)!r}: {error}") from None
    schema["pattern"] = patterns[0]
    if len(patterns) > 1:
        schema["allOf"] = [{"pattern": pattern} for pattern in patterns[1:]]


def apply_markers(schema: Schema, facts: Facts, where: str) -> None:
    """Write all markers except the rules.

    Raises:
        DefinitionError: Two markers contradict each other.
    """
    check_markers([*facts.markers, *facts.other], where)
    keys = facts.find(ListMapKeys)
    list_type = facts.find(ListType)
    if keys is not None:
        if list_type is not None and list_type.type != "map":
            raise DefinitionError(f'{where}: ListMapKeys needs list type "map", not {list_type.type!r}')
        schema["x-kubernetes-list-type"] = "map"
        schema["x-kubernetes-list-map-keys"] = list(keys.keys)
    elif list_type is not None:
        schema["x-kubernetes-list-type"] = list_type.type
    map_type = facts.find(MapType) or facts.find(StructType)
    if map_type is not None:
        schema["x-kubernetes-map-type"] = map_type.type
    for marker in facts.markers:
        _apply_marker(schema, marker)
    if facts.find(EmbeddedResource) is not None:
        schema["x-kubernetes-embedded-resource"] = True


def _apply_marker(schema: Schema, marker: Marker) -> None:
    match marker:
        case Format(format=name):
            schema["format"] = name
        case Nullable():
            schema["nullable"] = True
        case PreserveUnknownFields():
            schema["x-kubernetes-preserve-unknown-fields"] = True
        case MinProperties(count=count):
            schema["minProperties"] = count
        case MaxProperties(count=count):
            schema["maxProperties"] = count
        case Title(title=title):
            schema["title"] = title
        case Example(value=value):
            schema["example"] = value
        case ExternalDocs(url=url, description=description):
            schema["externalDocs"] = {"url": url} | ({"description": description} if description else {})
        case _:
            pass


def model_rules(facts: Facts, names: dict[str, str], schema: Schema) -> list[dict[str, Any]]:
    """Return the CEL rules of a model or a field.

    Args:
        facts: The metadata of the model or field.
        names: The model's fields, by Python name; empty for a field.
        schema: The schema of the model, with its fields, or of the field.

    Raises:
        DefinitionError: A rule names a field that does not exist, whose name CEL cannot write, or that is always set.
    """
    rules: list[dict[str, Any]] = []
    for marker in facts.markers:
        match marker:
            case CEL():
                rules.append(_cel(marker))
            case AtMostOneOf(fields=fields):
                rules.append(_one_of(fields, "at most one of", names, schema))
            case ExactlyOneOf(fields=fields):
                rules.append(_one_of(fields, "exactly one of", names, schema))
            case AtLeastOneOf(fields=fields):
                rules.append(_one_of(fields, "at least one of", names, schema))
            case _:
                pass
    return rules


def _cel(marker: CEL) -> dict[str, Any]:
    rule: dict[str, Any] = {"rule": marker.rule}
    if marker.message:
        rule["message"] = marker.message
    if marker.message_expression:
        rule["messageExpression"] = marker.message_expression
    if marker.reason:
        rule["reason"] = marker.reason
    if marker.field_path:
        rule["fieldPath"] = marker.field_path
    if marker.optional_old_self:
        rule["optionalOldSelf"] = True
    return rule


def _one_of(fields: tuple[str, ...], words: str, names: dict[str, str], schema: Schema) -> dict[str, Any]:
    where = schema.origin
    if not names:
        raise DefinitionError(f"{where}: {words} ... belongs on the model: @schema(...) above its class")
    if len(set(fields)) < 2:
        raise DefinitionError(f"{where}: {words} ... needs two fields or more")
    keys: list[str] = []
    for field in dict.fromkeys(fields):
        key = names.get(field) or (field if field in names.values() else "")
        if not key:
            raise DefinitionError(f"{where}: {words} ... names {field!r}, which is not a field of {where}")
        keys.append(key)
    if len(set(keys)) < len(keys):
        raise DefinitionError(f"{where}: {words} ... names a field by both of its names: {', '.join(fields)}")
    if words != "at least one of":
        for key in keys:
            _check_not_always_set(key, words, schema)
    return {
        "rule": _one_of_rule(words, [f"has(self.{_written(key, where, f'{words} ...')})" for key in keys]),
        "message": f"{words} the fields in [{' '.join(keys)}] must be set",
    }


def _check_not_always_set(key: str, words: str, schema: Schema) -> None:
    """Reject a field that is set in every object, because the other fields could then never be set."""
    child = schema.properties.get(key, Schema())
    reason = ""
    if child.get("default") is not None:
        reason = f"which always has a value, by default {shown(child['default'])}"
    elif key in schema.get("required", ()) and not child.get("nullable"):
        reason = "which is required and so always has a value"
    if reason:
        raise DefinitionError(f"{schema.origin}: {words} ... names {key!r}, {reason}: write '| None = None'")


def _one_of_rule(words: str, tests: list[str]) -> str:
    """Return the rule with the lowest cost: inside a list without a maximum a rule may name at most eight fields."""
    if words == "at least one of":
        return " || ".join(tests)
    exactly = words == "exactly one of"
    if len(tests) > _PAIRWISE:
        # Nested choices grow with the square of their number; outside of such a list counting is cheap enough.
        count = " + ".join(f"({test} ? 1 : 0)" for test in tests)
        return f"{count} {'==' if exactly else '<='} 1"
    rule = tests[-1] if exactly else "true"
    for position in range(len(tests) - 2, -1, -1):
        others = " || ".join(tests[position + 1 :])
        none = f"!({others})" if position < len(tests) - 2 else f"!{others}"
        rule = f"{tests[position]} ? {none} : {rule if position == len(tests) - 2 else f'({rule})'}"
    return rule


def immutability_rule(key: str, marker: Immutable) -> dict[str, Any]:
    """Return the rule, on the field, that keeps its value from being changed."""
    return {"rule": "self == oldSelf", "message": marker.message or f"{key} is immutable"}


def removal_rule(key: str, marker: Immutable, where: str) -> dict[str, Any]:
    """Return the rule, on the model, that keeps an optional immutable field from being removed.

    Raises:
        DefinitionError: CEL cannot write the field's name.
    """
    name = _written(key, where, "Immutable() on an optional field")
    return {
        "rule": f"!has(oldSelf.{name}) || has(self.{name})",
        "message": marker.message or f"{key} is immutable and cannot be removed",
    }


def _written(key: str, where: str, what: str) -> str:
    name = cel_name(key)
    if name is None:
        raise DefinitionError(
            f"{where}: {what} needs a name that CEL can write, and {key!r} is not one: use ASCII letters, digits, "
            "'_', '.', '-' and '/' in it, as in Field(alias='size'), or make the field required"
        )
    return name


def _spell(schema: Schema) -> str:
    kind = schema.get("type")
    return f"a value of type {kind}" if kind else "a value without a type"
