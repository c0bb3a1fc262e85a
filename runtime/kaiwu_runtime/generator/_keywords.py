"""The JSON types of a schema's keywords, for those that a person writes.

See https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/#JSONSchemaProps
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaiwu_runtime.errors import DefinitionError

_TYPES = ("string", "integer", "number", "boolean", "object", "array")
_STRING, _BOOLEAN, _NUMBER, _COUNT = "a string", "true or false", "a number", "a whole number of at least 0"
_LIST, _STRINGS, _SCHEMA = "a list", "a list of strings", "a schema"
_SCHEMAS, _NAMED_SCHEMAS, _OBJECTS = "a list of schemas", "an object of schemas", "a list of objects"
_EXPECTED = {
    **dict.fromkeys(("type", "format", "pattern", "title", "description"), _STRING),
    **dict.fromkeys(("x-kubernetes-list-type", "x-kubernetes-map-type"), _STRING),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _COUNT),
    **dict.fromkeys(("minimum", "maximum", "multipleOf"), _NUMBER),
    **dict.fromkeys(("nullable", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum"), _BOOLEAN),
    **dict.fromkeys(("x-kubernetes-int-or-string", "x-kubernetes-embedded-resource"), _BOOLEAN),
    "x-kubernetes-preserve-unknown-fields": _BOOLEAN,
    "enum": _LIST,
    **dict.fromkeys(("required", "x-kubernetes-list-map-keys"), _STRINGS),
    **dict.fromkeys(("items", "not"), _SCHEMA),
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), _SCHEMAS),
    "properties": _NAMED_SCHEMAS,
    "x-kubernetes-validations": _OBJECTS,
}


def check_keywords(keywords: Mapping[str, Any], where: str) -> None:
    """Check that the values of a schema's keywords have the types that the API server reads, at any depth.

    Args:
        keywords: A schema, or a part of one. None stands for a keyword that is removed.
        where: What it is part of, for messages.

    Raises:
        DefinitionError: Names the keyword.
    """
    for keyword, value in keywords.items():
        expected = _EXPECTED.get(keyword)
        if value is None:
            continue
        if keyword == "additionalProperties" and not isinstance(value, bool | Mapping):
            expected = _SCHEMA
        if expected is not None and not _is(value, expected):
            raise DefinitionError(f"{where}: {keyword} must be {expected}, not {value!r}")
        if keyword == "type" and value not in _TYPES:
            raise DefinitionError(f"{where}: type must be one of {', '.join(_TYPES)}, not {value!r}")
        if keyword == "multipleOf" and value <= 0:
            raise DefinitionError(f"{where}: multipleOf must be greater than 0, not {value!r}")
        for part in _parts(keyword, value):
            check_keywords(part, where)


def _parts(keyword: str, value: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - JSON
    """Return the schemas in the value of a keyword."""
    if keyword in {"items", "not", "additionalProperties"}:
        return [value] if isinstance(value, Mapping) else []
    if keyword in {"allOf", "anyOf", "oneOf"}:
        return list(value)
    return [each for each in value.values() if each is not None] if keyword == "properties" else []


def _is(value: Any, expected: str) -> bool:  # noqa: ANN401 - JSON
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {
        _STRING: isinstance(value, str),
        _BOOLEAN: isinstance(value, bool),
        _NUMBER: number,
        _COUNT: number and value >= 0 and value == int(value),
        _LIST: isinstance(value, list),
        _STRINGS: isinstance(value, list) and all(isinstance(each, str) for each in value),
        _SCHEMA: isinstance(value, Mapping),
        _SCHEMAS: isinstance(value, list) and all(isinstance(each, Mapping) for each in value),
        _OBJECTS: isinstance(value, list) and all(isinstance(each, Mapping) for each in value),
        _NAMED_SCHEMAS: isinstance(value, Mapping) and all(isinstance(each, Mapping | None) for each in value.values()),
    }[expected]
