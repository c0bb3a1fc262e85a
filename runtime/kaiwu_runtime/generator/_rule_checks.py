"""Reject rules in CEL that the API server would reject: their form, what they may read, and what they cost.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from kaiwu_runtime.generator._cel_checks import expression_error, is_typed
from kaiwu_runtime.generator._cel_cost import budget_error
from kaiwu_runtime.generator._cel_evaluation import broken
from kaiwu_runtime.generator._paths import PathError, resolve
from kaiwu_runtime.generator._schema import Schema, is_text, schema_error, shown

_REASONS = {"FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"}
_ROOT_METADATA = re.compile(r"\bself\.metadata\.(?!name\b|generateName\b)(\w+)")
_OLD_SELF = re.compile(r"\boldSelf\b")
_STRING_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a value in an object.

    Attributes:
        uncorrelated: The surrounding list whose items cannot be matched with the old ones; empty if there is none.
        cardinality: Maximum number of such values in an object; None without a maximum.
        within: The innermost surrounding list or mapping; the one without a maximum if there is one.
    """

    uncorrelated: str = ""
    cardinality: int | None = 1
    within: str = ""

    def inside(self, schema: Schema, maximum: str, *, uncorrelated: str = "") -> Place:
        """Return the place of the parts of a list or mapping."""
        most = schema.get(maximum)
        if self.cardinality is None or most is None:
            within = self.within if self.cardinality is None else schema.origin
            return Place(self.uncorrelated or uncorrelated, None, within)
        return Place(self.uncorrelated or uncorrelated, self.cardinality * most, schema.origin)


def check_metadata_rules(schema: Schema) -> None:
    """Reject rules of a kind that read what of its metadata is not visible to them.

    Args:
        schema: The schema of the kind.

    Raises:
        DefinitionError: There is one.
    """
    for rule in schema.get("x-kubernetes-validations", ()):
        hidden = _ROOT_METADATA.search(_without_strings(rule["rule"]))
        if hidden:
            raise schema_error(
                schema, f"rule {rule['rule']!r}: of metadata only name and generateName are visible to rules"
            )


def check_rules(schema: Schema, place: Place) -> None:
    """Reject the rules of a value that the API server would reject.

    Args:
        schema: The schema of the value.
        place: Where the value is.

    Raises:
        DefinitionError: The message names the first such rule.
    """
    rules = schema.get("x-kubernetes-validations", ())
    if rules and not is_typed(schema):
        raise schema_error(
            schema,
            f"rule {rules[0]['rule']!r} needs a type, and this may be anything: use a type that CEL knows, such as "
            "dict[str, Any] or IntOrString, and drop Immutable() or CEL(...) otherwise",
        )
    for rule in rules:
        _check_rule(schema, rule)
        uses_old = _OLD_SELF.search(_without_strings(rule["rule"])) is not None
        if uses_old and place.uncorrelated:
            raise schema_error(
                schema,
                f"rule {rule['rule']!r} compares with oldSelf inside {place.uncorrelated}, whose parts cannot be "
                "matched with the old ones: give the list ListMapKeys(...), or put the rule on the list",
            )
        if rule.get("optionalOldSelf") and not uses_old:
            raise schema_error(schema, f"rule {rule['rule']!r} has optional_old_self but does not use oldSelf")
        wrong = budget_error(rule["rule"], schema, place.cardinality, place.within)
        if wrong:
            raise schema_error(schema, f"rule {rule['rule']!r} {wrong}")


def _check_rule(schema: Schema, rule: dict[str, Any]) -> None:
    text, message = rule["rule"].strip(), rule.get("message", "")
    if not text:
        raise schema_error(schema, "CEL(...) has an empty rule")
    for written in (text, message, rule.get("messageExpression", "")):
        if not is_text(written):
            raise schema_error(schema, f"{written!r} of a rule has half of a surrogate pair")
    if "message" in rule and not message.strip():
        raise schema_error(schema, f"rule {text!r} has an empty message")
    if "\n" in message.strip() or "\r" in message.strip():
        raise schema_error(schema, f"the message of rule {text!r} must be one line")
    if "\n" in text and not message:
        raise schema_error(schema, f"rule {text!r} has several lines, so it needs a message")
    if "messageExpression" in rule and not rule["messageExpression"].strip():
        raise schema_error(schema, f"rule {text!r} has an empty message_expression")
    if "reason" in rule and rule["reason"] not in _REASONS:
        raise schema_error(
            schema, f"reason {rule['reason']!r} of rule {text!r} is not one of {', '.join(sorted(_REASONS))}"
        )
    if "fieldPath" in rule:
        try:
            resolve(schema, rule["fieldPath"])
        except PathError as error:
            raise schema_error(schema, f"field_path {rule['fieldPath']!r} of rule {text!r}: {error}") from None
    for argument, expression in (("rule", text), ("message_expression", rule.get("messageExpression", ""))):
        wrong = expression and expression_error(expression, schema, optional_old=bool(rule.get("optionalOldSelf")))
        if wrong:
            raise schema_error(schema, f"{argument} {expression!r} {wrong}")


def broken_rule(value: object, schema: Schema) -> str:
    """Return the first rule that a default violates, as far as it can be known; the API server evaluates all rules."""
    if value is None:
        return ""  # the API server evaluates no rule on null
    for rule in schema.get("x-kubernetes-validations", ()):
        reason = broken(rule["rule"], value, schema, optional_old=bool(rule.get("optionalOldSelf")))
        if reason is not None:
            said = rule.get("message", "").strip() or f"it violates the rule {shown(rule['rule'])}"
            return f"{said}: {reason}" if reason else said
    parts: list[tuple[object, Schema | None]] = []
    if isinstance(value, dict):
        parts = [(part, schema.properties.get(name) or schema.values_schema) for name, part in value.items()]
    elif isinstance(value, list):
        parts = [(part, schema.items_schema) for part in value]
    return next((found for part, child in parts if child is not None and (found := broken_rule(part, child))), "")


def _without_strings(rule: str) -> str:
    return _STRING_LITERAL.sub("''", rule)
