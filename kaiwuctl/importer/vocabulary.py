"""Words of structural schemas, and the schemas that the runtime's own types have."""

from __future__ import annotations

from typing import Any, Final

INT_OR_STRING: Final = "x-kubernetes-int-or-string"
PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
EMBEDDED: Final = "x-kubernetes-embedded-resource"
RULES: Final = "x-kubernetes-validations"
LIST_TYPE: Final = "x-kubernetes-list-type"
MAP_KEYS: Final = "x-kubernetes-list-map-keys"
MAP_TYPE: Final = "x-kubernetes-map-type"

INT64: Final = (-(2**63), 2**63 - 1)
INT32: Final = (-(2**31), 2**31 - 1)

# What Go leaves out of the JSON of a schema when it is empty or false, so that it means the same as nothing.
_EMPTY_IS_ABSENT: Final = frozenset(
    {
        "allOf",
        "anyOf",
        "definitions",
        "dependencies",
        "description",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "nullable",
        "oneOf",
        "pattern",
        "properties",
        "required",
        "title",
        "type",
        "uniqueItems",
        EMBEDDED,
        INT_OR_STRING,
        MAP_KEYS,
        RULES,
    }
)


def without_empty(schema: dict[str, Any]) -> dict[str, Any]:
    """Return one node of a schema without the keywords that say nothing: False, the empty list, the empty text."""
    found = {
        word: value
        for word, value in schema.items()
        if value is not None and not (word in _EMPTY_IS_ABSENT and (value is False or value in ("", [], {})))
    } | ({"default": None} if schema.get("default", "") is None else {})
    if isinstance(found.get(RULES), list):
        found[RULES] = [_rule_without_empty(rule) if isinstance(rule, dict) else rule for rule in found[RULES]]
    return found


def _rule_without_empty(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a CEL rule without texts that are empty, which the API server takes as absent; a reason it rejects."""
    return {word: value for word, value in rule.items() if value not in (None, "") or word == "reason"}
