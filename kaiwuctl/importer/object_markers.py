"""The markers of a class that are about the whole object, and the rules of a value."""

from __future__ import annotations

from typing import Final

from kaiwuctl.importer.expressions import Call, Model
from kaiwuctl.importer.schema_difference import Schema
from kaiwuctl.importer.vocabulary import MAP_TYPE, PRESERVE, RULES

_RULE_WORDS: Final = {
    "message": "message",
    "messageExpression": "message_expression",
    "reason": "reason",
    "fieldPath": "field_path",
    "optionalOldSelf": "optional_old_self",
}


def add_model_markers(model: Model, schema: Schema, expected: Schema) -> None:
    """Add the markers that are about a whole object, and what is left of its schema, to its class."""
    if PRESERVE in schema:
        model.markers.append(Call("PreserveUnknownFields"))
        expected[PRESERVE] = True
    if MAP_TYPE in schema:
        model.markers.append(Call("StructType", (schema[MAP_TYPE],)))
        expected[MAP_TYPE] = schema[MAP_TYPE]
    for word, marker in (("minProperties", "MinProperties"), ("maxProperties", "MaxProperties")):
        if type(schema.get(word)) is int:
            model.markers.append(Call(marker, (schema[word],)))
            expected[word] = schema[word]
    add_rules(model.markers, schema, expected)


def add_rules(markers: list[Call], schema: Schema, expected: Schema) -> None:
    """Add the CEL rules of a schema to the markers of a class or a field."""
    rules = schema.get(RULES)
    if not isinstance(rules, list):
        return
    for rule in rules:
        words = tuple((_RULE_WORDS[word], rule[word]) for word in _RULE_WORDS if rule.get(word))
        markers.append(Call("CEL", (rule.get("rule", ""),), words))
    expected[RULES] = [{word: rule[word] for word in ("rule", *_RULE_WORDS) if rule.get(word)} for rule in rules]
