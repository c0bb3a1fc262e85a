"""Limits, markers and CEL rules, written into a schema in the API server's words."""

from __future__ import annotations

from typing import Any

from kaiwu_runtime.api.markers import (
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
from kaiwu_runtime.api.scalars import BytesType
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator.annotations import Facts
from kaiwu_runtime.generator.limits import apply_byte_lengths
from kaiwu_runtime.generator.schema import Schema
from kaiwu_runtime.regexp import PatternError, go_source

_CEL_RESERVED = frozenset(
    {
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
    }
)
_LENGTHS = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}


def apply_limits(schema: Schema, facts: Facts, where: str) -> None:
    """Write bounds, lengths and patterns.

    Raises:
        DefinitionError: A limit that says nothing about a value of this type.
    """
    kind = schema.get("type", "")
    numeric = facts.minimum is not None or facts.maximum is not None or facts.multiple_of is not None
    if numeric and kind not in {"integer", "number"} and not schema.get("x-kubernetes-int-or-string"):
        raise DefinitionError(f"{where}: ge, gt, le, lt and multiple_of limit numbers, and this is {_spell(schema)}")
    if facts.minimum is not None:
        schema["minimum"] = facts.minimum[0]
        if facts.minimum[1]:
            schema["exclusiveMinimum"] = True
    if facts.maximum is not None:
        schema["maximum"] = facts.maximum[0]
        if facts.maximum[1]:
            schema["exclusiveMaximum"] = True
    if facts.multiple_of is not None:
        schema["multipleOf"] = facts.multiple_of
    if facts.carries(BytesType):
        apply_byte_lengths(schema, facts)
    elif facts.min_length is not None or facts.max_length is not None:
        if schema.get("x-kubernetes-int-or-string"):
            kind = "string"
        if kind not in _LENGTHS:
            raise DefinitionError(f"{where}: min_length and max_length say nothing about {_spell(schema)}")
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
        raise DefinitionError(f"{where}: a pattern limits strings, and this is {_spell(schema)}")
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
    """Write every marker but the rules.

    Raises:
        DefinitionError: Two markers contradict each other.
    """
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


def model_rules(facts: Facts, names: dict[str, str], where: str) -> list[dict[str, Any]]:
    """Return the CEL rules of a model or a field.

    Args:
        facts: What is said about it.
        names: The model's fields, by Python name; empty for a field.
        where: The model, or the model and field.

    Raises:
        DefinitionError: A rule names a field that is not there.
    """
    rules: list[dict[str, Any]] = []
    for marker in facts.markers:
        match marker:
            case CEL():
                rules.append(_cel(marker))
            case AtMostOneOf(fields=fields):
                rules.append(_one_of(fields, "<= 1", "at most one of", names, where))
            case ExactlyOneOf(fields=fields):
                rules.append(_one_of(fields, "== 1", "exactly one of", names, where))
            case AtLeastOneOf(fields=fields):
                rules.append(_one_of(fields, ">= 1", "at least one of", names, where))
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


def _one_of(fields: tuple[str, ...], comparison: str, words: str, names: dict[str, str], where: str) -> dict[str, Any]:
    if not names:
        raise DefinitionError(f"{where}: {words} ... belongs on the model: @schema(...) above its class")
    if len(fields) < 2:
        raise DefinitionError(f"{where}: {words} ... needs two fields or more")
    keys: list[str] = []
    for field in fields:
        key = names.get(field) or (field if field in names.values() else "")
        if not key:
            raise DefinitionError(f"{where}: {words} ... names {field!r}, which is no field of {where}")
        keys.append(key)
    tests = ", ".join(f"has(self.{cel_name(key)})" for key in keys)
    return {
        "rule": f"[{tests}].filter(x, x == true).size() {comparison}",
        "message": f"{words} the fields in [{' '.join(keys)}] must be set",
    }


def immutability_rule(key: str, marker: Immutable) -> dict[str, Any]:
    """Return the rule, on the field, that keeps its value from being changed."""
    return {"rule": "self == oldSelf", "message": marker.message or f"{key} is immutable"}


def removal_rule(key: str, marker: Immutable) -> dict[str, Any]:
    """Return the rule, on the model, that keeps an optional immutable field from being removed."""
    name = cel_name(key)
    return {
        "rule": f"!has(oldSelf.{name}) || has(self.{name})",
        "message": marker.message or f"{key} is immutable and cannot be removed",
    }


def cel_name(key: str) -> str:
    """Return a field name as CEL writes it: characters and words it has other uses for are escaped.

    See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
    """
    if key in _CEL_RESERVED:
        return f"__{key}__"
    escaped = key.replace("__", "__underscores__")
    return escaped.replace(".", "__dot__").replace("-", "__dash__").replace("/", "__slash__")


def _spell(schema: Schema) -> str:
    kind = schema.get("type")
    return f"a value of type {kind}" if kind else "a value without a type"
